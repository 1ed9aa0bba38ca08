"""The four CSV files of MediSoft: which columns they have, and what may stand in them."""

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
from openslot.core.fields import (
    problems as refusals,
)
from openslot.directory.models import CentreType, Profession
from openslot.exchange.problems import Problems
from openslot.exchange.reading import Row, Table
from openslot.identity.passwords import LONGEST as LONGEST_PASSWORD
from openslot.schedules.errors import BadHours
from openslot.schedules.rules import parse_clock

LONGEST_NAME = 200


def folded(text: str) -> str:
    """How names are compared: case and runs of blanks do not matter."""
    return " ".join(text.casefold().split())


def name_from_email(email: str) -> str:
    """A name for somebody of whom only the e-mail is known: jo.van-doe9@… is Jo Van Doe."""
    local = email.partition("@")[0]
    words = re.findall(r"[^\W\d_]+", local)
    return " ".join(word.capitalize() for word in words) or local


def _one_of(kinds: type[CentreType] | type[Profession], examples: str) -> BeforeValidator:
    """Reads a member of an enumeration however it is spaced and capitalised."""
    known = {_squeezed(kind.value): kind for kind in kinds}

    def read(value: str) -> CentreType | Profession:
        if _squeezed(value) not in known:
            raise refuse(f"Enter one of {examples}.")
        return known[_squeezed(value)]

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
        raise refuse("Take out characters that cannot be seen, such as tabs.")
    return value


Password = Annotated[str, AfterValidator(_password)]
Clock = Annotated[int | None, BeforeValidator(_clock)]
CentreKind = Annotated[CentreType, _one_of(CentreType, ", ".join(CentreType))]
Occupation = Annotated[Profession, _one_of(Profession, ", ".join(Profession))]


class TableRow(BaseModel):
    """A checked line. Fields bear the names of their columns; None is an empty cell."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PersonRow(TableRow):
    """What patients and providers have in common."""

    first_name: OptionalLine = None
    last_name: OptionalLine = None
    phone: OptionalPhone = None
    password: Password | None = None

    @property
    def name(self) -> str | None:
        """First and last name, as far as they are given."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or None


class PatientRow(PersonRow):
    """A patient."""

    email: Email = Field(alias="patient_email")
    medicare: OptionalShortLine = None


class ProviderRow(PersonRow):
    """A practitioner; the working hours hold on every day of the week."""

    email: Email = Field(alias="provider_email")
    profession: Occupation = Field(alias="provider_type")
    provider_number: OptionalShortLine = Field(None, alias="providerNum")
    starts: Clock = Field(None, alias="startWorkingHours")
    ends: Clock = Field(None, alias="endWorkingHours")
    expertise: OptionalLine = None

    @property
    def hours(self) -> tuple[int, int] | None:
        """Start and end in minutes after midnight, where they are given."""
        return None if self.starts is None or self.ends is None else (self.starts, self.ends)


class CentreRow(TableRow):
    """A centre."""

    type: CentreKind = Field(alias="centre_type")
    number: OptionalShortLine = Field(None, alias="abn")
    name: Name
    phone: OptionalPhone = None
    suburb: Line


class LinkRow(TableRow):
    """Says that a practitioner works at a centre."""

    email: Email = Field(alias="provider_email")
    centre: Name = Field(alias="health_centre_name")


KINDS: Mapping[str, type[TableRow]] = {
    "patient_email": PatientRow,
    "health_centre_name": LinkRow,
    "provider_email": ProviderRow,
    "centre_type": CentreRow,
}
"""The column by which each file is known; the first that is there decides."""

T = TypeVar("T", bound=TableRow)


def kind_of(table: Table, problems: Problems) -> type[TableRow] | None:
    """What a table holds, by its header; None, with the problem noted, where that is unclear."""
    columns = [column.casefold() for column in table.columns]
    kind = next((KINDS[column] for column in KINDS if column in columns), None)
    if kind is None:
        sentence = (
            "This is none of the files that can be imported. The first line must name the "
            f"columns, one of them {', '.join(KINDS)}, with commas between them."
        )
        problems.add(table.source, None, sentence)
        return None
    known = _columns(kind)
    for column, name in known.items():
        if columns.count(column) > 1:
            problems.add(table.source, name, "This column occurs twice.")
        if column not in columns and _is_required(kind, name):
            problems.add(table.source, name, "This column is missing.")
    missing = any(problem.source == table.source for problem in problems.found)
    return None if missing else kind


def unknown_columns(table: Table, kind: type[TableRow]) -> list[str]:
    """Columns that hold nothing we know."""
    known = _columns(kind)
    return [column for column in table.columns if column and column.casefold() not in known]


def check_row(row: Row, kind: type[T], problems: Problems) -> T | None:
    """The row with all fields checked; None, with the problems noted, where one is wrong."""
    known = _columns(kind)
    cells = {
        known[column.casefold()]: cell
        for column, cell in row.cells.items()
        if column.casefold() in known
    }
    try:
        checked = kind.model_validate(cells)
    except ValidationError as error:
        for column, sentence in refusals(error):
            problems.add(row.source, column, sentence)
        return None
    wrong = list(_across(checked))
    for column, sentence in wrong:
        problems.add(row.source, column, sentence)
    return None if wrong else checked


def _across(row: TableRow) -> Iterator[tuple[str, str]]:
    """What is wrong between the fields of a row: (column, sentence)."""
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
    """The columns of a file: names as they are compared, and as they are written."""
    names = (field.alias or name for name, field in kind.model_fields.items())
    return {name.casefold(): name for name in names}


def _is_required(kind: type[TableRow], column: str) -> bool:
    return any(
        field.is_required() and (field.alias or name) == column
        for name, field in kind.model_fields.items()
    )


def raw(row: Row, column: str) -> str:
    """A cell as it stands, whether or not it is good."""
    cells = {name.casefold(): cell for name, cell in row.cells.items()}
    return cells.get(column.casefold(), "")
