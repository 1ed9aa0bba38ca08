"""The contents of the files to import: rows and documents, each field checked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from openslot.importers.cells import shorter_by_a_zero, with_first_zero
from openslot.importers.documents import (
    DepartmentDocument,
    FacilityDocument,
    UserDocument,
    check_document,
    kind_of_document,
)
from openslot.importers.origins import Collection, Content
from openslot.importers.problems import Problems, Source, numbered
from openslot.importers.progress import Progress
from openslot.importers.reading import (
    Document,
    Row,
    Table,
    read_documents,
    read_table,
    rows,
)
from openslot.importers.tables import (
    CentreRow,
    PatientRow,
    ProviderRow,
    ResourceRow,
    ServiceRow,
    TableRow,
    check_row,
    folded,
    heading_of,
    unknown_columns,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_NAMES: Mapping[type[TableRow], tuple[str, ...]] = {
    PatientRow: ("patient_email",),
    ProviderRow: ("provider_email",),
    CentreRow: ("name",),
    ServiceRow: ("service_name",),
    ResourceRow: ("resource_name", "resource_group"),
}
"""The columns by which other rows refer to a row."""

_NUMBERS = ("medicare", "providerNum", "abn")
"""The columns of numbers that identify somebody."""


class Person(Protocol):
    """A person who gets an account, with a password or its hash."""

    @property
    def email(self) -> str:
        """The email address for signing in, in lower case."""

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

    ``mentioned`` are email addresses and names of refused rows, so that no problem is reported for
    rows that refer to them. ``zones`` are the time zones of new centres, by file.
    """

    mentioned: set[str] = field(default_factory=set)
    zones: dict[str, str] = field(default_factory=dict)
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


def read_batch(
    contents: Iterable[Content | Collection], problems: Problems, progress: Progress
) -> Batch:
    """Return all rows and documents; add problems to ``problems``."""
    batch = Batch()
    for content in contents:
        batch.zones[content.name] = content.zone
        if isinstance(content, Collection):
            _add_collection(batch, content, problems)
        elif content.is_documents:
            _add_documents(batch, read_documents(content.name, content.data, problems), problems)
        elif table := read_table(content.name, content.data, problems):
            _add_table(batch, content, table, problems, progress)
    return batch


def _add_table(
    batch: Batch, content: Content, table: Table, problems: Problems, progress: Progress
) -> None:
    heading = heading_of(table, problems)
    if heading is None:
        return
    for column in unknown_columns(table, heading):
        problems.note(f"{content.name}: column {column} is unknown and was ignored.")
    all_rows = list(rows(table, heading.names, problems))
    names = _NAMES.get(heading.kind, ())
    for row in progress.track(f"Reading {content.name}", all_rows, len(all_rows)):
        checked = check_row(row, heading.kind, problems)
        if checked is None or _has_lost_a_zero(row.source, checked, content.zone, problems):
            batch.mentioned |= {folded(row.cells.get(column, "")) for column in names}
        else:
            batch.add(row.source, checked)
    _note_short_numbers(all_rows, problems)


def _has_lost_a_zero(source: Source, row: TableRow, zone: str, problems: Problems) -> bool:
    """Return True after adding a problem if the telephone number lacks its first zero."""
    phone: str | None = getattr(row, "phone", None)
    whole = with_first_zero(phone, zone) if phone else None
    if whole:
        sentence = (
            "A spreadsheet removed the first zero of this telephone number. Format the column as "
            "text, and enter numbers such as 02 9382 1111."
        )
        problems.add(source, "phone", sentence)
    return whole is not None


def _note_short_numbers(all_rows: Sequence[Row], problems: Problems) -> None:
    """Note numbers that identify somebody and may have lost a first zero."""
    for column in _NUMBERS:
        found = [(row, row.cells[column]) for row in all_rows if column in row.cells]
        short = shorter_by_a_zero(number for _, number in found)
        lines = [row.source.line for row, number in found if number in short]
        if lines:
            file = found[0][0].source.file
            spelling = problems.spellings.get((file, column), column)
            problems.note(
                f"{file}, column {spelling}: numbers with one digit fewer than the others, in line "
                f"{numbered(lines)}. Check whether a spreadsheet removed a first zero."
            )


def _add_documents(batch: Batch, documents: Iterable[Document], problems: Problems) -> None:
    for document in documents:
        checked = check_document(document, problems)
        if checked is not None:
            batch.add(document.source, checked)
        elif kind_of_document(document) in (FacilityDocument, DepartmentDocument):
            names = (document.fields.get("site_name"), document.fields.get("dept_name"))
            batch.mentioned |= {folded(text) for text in names if isinstance(text, str)}


def _add_collection(batch: Batch, collection: Collection, problems: Problems) -> None:
    """Add the documents of a collection; a collection of other documents is left out."""
    documents = [
        Document(Source(collection.name, number, "document"), dict(fields))
        for number, fields in enumerate(collection.documents, 1)
    ]
    if any(kind_of_document(document) for document in documents):
        _add_documents(batch, documents, problems)
    elif documents:
        problems.note(f"{collection.name}: none of these documents can be imported; ignored.")
