"""The contents of the files to import: rows and documents, each field checked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from openslot.importers.documents import (
    DepartmentDocument,
    FacilityDocument,
    UserDocument,
    check_document,
    kind_of_document,
)
from openslot.importers.problems import Problems, Source, printable
from openslot.importers.progress import Progress
from openslot.importers.reading import Table, is_documents, read_documents, read_table
from openslot.importers.tables import (
    PatientRow,
    ProviderRow,
    check_row,
    folded,
    kind_of,
    raw,
    unknown_columns,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_NAMES = ("patient_email", "provider_email", "name")
"""The columns by which other rows refer to a row."""


class Person(Protocol):
    """A person who gets an account, with a password or its hash."""

    @property
    def email(self) -> str:
        """The e-mail address for signing in, in lower case."""

    @property
    def password(self) -> str | None:
        """The password, or its hash in documents; None if there is none."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T_co]):
    """A checked row or document with its source."""

    source: Source
    row: T_co


@dataclass(slots=True)
class Batch:
    """The rows and documents to import, in the order of the files.

    ``mentioned`` are e-mail addresses and names of refused rows, so that no problem is reported for
    rows that refer to them. ``notices`` say what is left out.
    """

    mentioned: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    _found: dict[type, list[Found[Any]]] = field(default_factory=dict)

    def add(self, source: Source, row: object) -> None:
        """Add a checked row under its type."""
        self._found.setdefault(type(row), []).append(Found(source, row))

    def of(self, kind: type[T]) -> list[Found[T]]:
        """Return the rows of one type."""
        return self._found.get(kind, [])

    def people(self) -> list[Found[Person]]:
        """Return all rows of people who get an account."""
        return [*self.of(PatientRow), *self.of(ProviderRow), *self.of(UserDocument)]

    def put(self, kind: type[T], found: list[Found[T]]) -> None:
        """Replace the rows of one type."""
        self._found[kind] = found


def read_batch(files: Iterable[tuple[str, bytes]], problems: Problems, progress: Progress) -> Batch:
    """Return all rows of the files, given as names and contents; add problems to ``problems``."""
    batch = Batch()
    for name, data in files:
        if is_documents(name, data):
            _add_documents(batch, name, data, problems)
        elif table := read_table(name, data, problems):
            _add_table(batch, name, table, problems, progress)
    return batch


def _add_table(
    batch: Batch, name: str, table: Table, problems: Problems, progress: Progress
) -> None:
    kind = kind_of(table, problems)
    if kind is None:
        return
    batch.notices += [
        printable(f"{name}: column {column} is unknown and was ignored.")
        for column in unknown_columns(table, kind)
    ]
    for row in progress.track(f"Reading {name}", table.rows, len(table.rows)):
        checked = check_row(row, kind, problems)
        if checked is None:
            batch.mentioned |= {folded(raw(row, column)) for column in _NAMES}
        else:
            batch.add(row.source, checked)


def _add_documents(batch: Batch, name: str, data: bytes, problems: Problems) -> None:
    for document in read_documents(name, data, problems):
        checked = check_document(document, problems)
        if checked is not None:
            batch.add(document.source, checked)
        elif kind_of_document(document) in (FacilityDocument, DepartmentDocument):
            names = (document.fields.get("site_name"), document.fields.get("dept_name"))
            batch.mentioned |= {folded(text) for text in names if isinstance(text, str)}
