"""The four CSV files of MediSoft: their columns, and the checks of their cells."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from openslot.core.fields import (
    Email,
    Line,
    Name,
    OptionalLine,
    OptionalPhone,
    OptionalShortLine,
    refuse,
)
from openslot.core.fields import problems as refusals
from openslot.directory.models import CentreType, Profession
from openslot.identity.passwords import LONGEST as LONGEST_PASSWORD
from openslot.importers.problems import Problems
from openslot.importers.reading import Row, Table
from openslot.schedules.errors import BadHours
from openslot.schedules.rules import parse_clock

LONGEST_NAME = 200


def folded(text: str) -> str:
    """Return a name for comparison, without differences of case and spacing."""
    return " ".join(text.casefold().split())


def name_from_email(email: str) -> str:
    """Return a name made from an e-mail address: jo.van-doe9@… gives Jo Van Doe."""
    local = email.partition("@")[0]
    words = re.findall(r"[^\W\d_]+", local)
    return " ".join(word.capitalize() for word in words) or local


def _one_of(kinds: type[CentreType] | type[Profession], examples: str) -> BeforeValidator:
    """Return a validator for an enumeration that ignores case and spacing."""
    kinds_by_name = {_squeezed(kind.value): kind for kind in kinds}

    def read(value: str) -> CentreType | Profession:
        if _squeezed(value) not in kinds_by_name:
            raise refuse(f"Enter one of {examples}.")
        return kinds_by_name[_squeezed(value)]

    return BeforeValidator(read)


def _squeezed(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).casefold()


def _clock(value: str) -> int:
    try:
        return parse_clock(value)
    except BadHours:
        raise refuse("Enter a time such as 09:00, in steps of 5 minutes.") from None


def _password(value: str) -> str:
    if len(value) > LONGEST_PASSWORD:
        raise refuse(f"Shorten this to {LONGEST_PASSWORD} characters.")
    if not value.isprintable():
        raise refuse("Remove characters that cannot be seen, such as tabs.")
    return value


Password = Annotated[str, AfterValidator(_password)]
Clock = Annotated[int | None, BeforeValidator(_clock)]
CentreKind = Annotated[CentreType, _one_of(CentreType, ", ".join(CentreType))]
Occupation = Annotated[Profession, _one_of(Profession, ", ".join(Profession))]


class TableRow(BaseModel):
    """A checked row. Fields have the names of their columns; None is an empty cell."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PersonRow(TableRow):
    """The fields that patients and providers have in common."""

    first_name: OptionalLine = None
    last_name: OptionalLine = None
    phone: OptionalPhone = None
    password: Password | None = None

    @property
    def name(self) -> str | None:
        """First and last name; None if both are empty."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or None


class PatientRow(PersonRow):
    """A patient."""

    email: Email = Field(alias="patient_email")
    medicare: OptionalShortLine = None


class ProviderRow(PersonRow):
    """A practitioner; the working hours apply to every day of the week."""

    email: Email = Field(alias="provider_email")
    profession: Occupation = Field(alias="provider_type")
    provider_number: OptionalShortLine = Field(None, alias="providerNum")
    starts: Clock = Field(None, alias="startWorkingHours")
    ends: Clock = Field(None, alias="endWorkingHours")
    expertise: OptionalLine = None

    @property
    def hours(self) -> tuple[int, int] | None:
        """Start and end in minutes after midnight; None if they are not given."""
        return None if self.starts is None or self.ends is None else (self.starts, self.ends)


class CentreRow(TableRow):
    """A centre."""

    type: CentreKind = Field(alias="centre_type")
    number: OptionalShortLine = Field(None, alias="abn")
    name: Name
    phone: OptionalPhone = None
    suburb: Line


class LinkRow(TableRow):
    """A practitioner's place of work."""

    email: Email = Field(alias="provider_email")
    centre: Name = Field(alias="health_centre_name")


KINDS: Mapping[str, type[TableRow]] = {
    "patient_email": PatientRow,
    "health_centre_name": LinkRow,
    "provider_email": ProviderRow,
    "centre_type": CentreRow,
}
"""The columns that identify each file; the first that is there decides."""

T = TypeVar("T", bound=TableRow)


def kind_of(table: Table, problems: Problems) -> type[TableRow] | None:
    """Return the type of a table's rows, or None after adding a problem."""
    columns = [column.casefold() for column in table.columns]
    kind = next((KINDS[column] for column in KINDS if column in columns), None)
    if kind is None:
        sentence = (
            "This file can't be imported. The first line must name the columns, separated by "
            f"commas, and include one of {', '.join(KINDS)}."
        )
        problems.add(table.source, None, sentence)
        return None
    names_by_column = _columns(kind)
    for column, name in names_by_column.items():
        if columns.count(column) > 1:
            problems.add(table.source, name, "This column appears twice.")
        if column not in columns and _is_required(kind, name):
            problems.add(table.source, name, "This column is missing.")
    missing = any(problem.source == table.source for problem in problems.found)
    return None if missing else kind


def unknown_columns(table: Table, kind: type[TableRow]) -> list[str]:
    """Return the columns that are not imported."""
    names_by_column = _columns(kind)
    return [
        column for column in table.columns if column and column.casefold() not in names_by_column
    ]


def check_row(row: Row, kind: type[T], problems: Problems) -> T | None:
    """Return the checked row, or None after adding its problems."""
    names_by_column = _columns(kind)
    cells = {
        names_by_column[column.casefold()]: cell
        for column, cell in row.cells.items()
        if column.casefold() in names_by_column
    }
    try:
        checked = kind.model_validate(cells)
    except ValidationError as error:
        for column, sentence in refusals(error):
            problems.add(row.source, column, sentence)
        return None
    problems_across = list(_check_fields_together(checked))
    for column, sentence in problems_across:
        problems.add(row.source, column, sentence)
    return None if problems_across else checked


def _check_fields_together(row: TableRow) -> Iterator[tuple[str, str]]:
    """Yield (column, sentence) for each contradiction between fields."""
    if isinstance(row, PersonRow) and len(row.name or "") > LONGEST_NAME:
        yield "last_name", f"Shorten both names to {LONGEST_NAME} characters."
    if not isinstance(row, ProviderRow):
        return
    if (row.starts is None) != (row.ends is None):
        missing = "startWorkingHours" if row.starts is None else "endWorkingHours"
        yield missing, "Enter both the start and the end of the working hours, or neither."
    if row.hours and row.hours[1] <= row.hours[0]:
        yield "endWorkingHours", "Enter an end that is after the start."
    if row.profession is Profession.SPECIALIST and not row.expertise:
        yield "expertise", "Enter the area of expertise of a specialist."


def _columns(kind: type[TableRow]) -> dict[str, str]:
    """Return the columns of a file: spelling as written by name for comparison."""
    names = (field.alias or name for name, field in kind.model_fields.items())
    return {name.casefold(): name for name in names}


def _is_required(kind: type[TableRow], column: str) -> bool:
    return any(
        field.is_required() and (field.alias or name) == column
        for name, field in kind.model_fields.items()
    )


def raw(row: Row, column: str) -> str:
    """Return a cell without checking it."""
    cells = {name.casefold(): cell for name, cell in row.cells.items()}
    return cells.get(column.casefold(), "")
