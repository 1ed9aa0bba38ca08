"""The CSV files of MediSoft, and those of services and their needs: columns, and their checks."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from openslot.core.fields import (
    Email,
    Line,
    Name,
    OptionalLine,
    OptionalName,
    OptionalText,
    OptionalWebAddress,
    OptionalZone,
)
from openslot.core.fields import problems as refusals
from openslot.core.spreadsheets import as_meant
from openslot.directory.details import Latitude, Longitude
from openslot.importers import columns
from openslot.importers.cells import (
    Bookers,
    CentreKind,
    Clock,
    GenderWord,
    HowItTakesPlace,
    Length,
    Number,
    Password,
    Period,
    Periods,
    Phone,
    ResourceKind,
    Whole,
)
from openslot.importers.problems import Problems
from openslot.importers.reading import Row, Table
from openslot.resources.commands import MOST_NEEDS
from openslot.resources.errors import BadNeed, NeedOfNetwork
from openslot.schedules.availability import Weekly
from openslot.schedules.errors import BadHours, HoursOverlap, LongNight
from openslot.schedules.rules import check_hours

LONGEST_NAME = 200


def folded(text: str) -> str:
    """Return a name for comparison, without differences of case and spacing."""
    return " ".join(text.casefold().split())


def name_from_email(email: str) -> str:
    """Return a name made from an email address: jo.van-doe9@… gives Jo Van Doe."""
    local = email.partition("@")[0]
    words = re.findall(r"[^\W\d_]+", local)
    return " ".join(word.capitalize() for word in words) or local


class TableRow(BaseModel):
    """A checked row. Fields have the names of their columns; None is an empty cell."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class PersonRow(TableRow):
    """The fields that patients and providers have in common."""

    first_name: OptionalLine = None
    last_name: OptionalLine = None
    full_name: OptionalName = Field(None, alias="name")
    phone: Phone = None
    password: Password | None = None

    @property
    def name(self) -> str | None:
        """First and last name, else the whole one; None if all are empty."""
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.full_name


class PatientRow(PersonRow):
    """A patient."""

    email: Email = Field(alias="patient_email")
    medicare: Number = None


class ProviderRow(PersonRow):
    """A practitioner; the working hours apply to every day of the week."""

    email: Email = Field(alias="provider_email")
    profession: Line = Field(alias="provider_type")
    provider_number: Number = Field(None, alias="providerNum")
    periods: Periods = Field(None, alias="workingHours")
    starts: Clock = Field(None, alias="startWorkingHours")
    ends: Clock = Field(None, alias="endWorkingHours")
    expertise: OptionalLine = None
    gender: GenderWord | None = None

    @property
    def hours(self) -> tuple[Period, ...]:
        """The periods of each day; none if they are not given."""
        if self.starts is None or self.ends is None:
            return self.periods or ()
        return ((self.starts, self.ends),)

    @property
    def weekly(self) -> tuple[Weekly, ...]:
        """The hours of the week. Raises BadHours, LongNight and HoursOverlap."""
        return check_hours(Weekly(day, *period) for day in range(7) for period in self.hours)


class CentreRow(TableRow):
    """A centre."""

    type: CentreKind = Field(alias="centre_type")
    number: Number = Field(None, alias="abn")
    name: Name
    phone: Phone = None
    suburb: Line
    time_zone: OptionalZone = None
    address: OptionalName = None
    latitude: Latitude = None
    longitude: Longitude = None


class LinkRow(TableRow):
    """A practitioner's place of work."""

    email: Email = Field(alias="provider_email")
    centre: Name = Field(alias="health_centre_name")


class CatalogueRow(TableRow):
    """A row of a file that the export writes too, whose cells no spreadsheet runs."""

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, cells: dict[str, Any]) -> dict[str, Any]:
        return {name: as_meant(cell) for name, cell in cells.items()}


class ServiceRow(CatalogueRow):
    """A service of a centre, or of the network without one."""

    name: Name = Field(alias="service_name")
    centre: OptionalName = Field(None, alias="health_centre_name")
    category: OptionalLine = None
    minutes: Length
    minutes_before: Whole | None = None
    minutes_after: Whole | None = None
    mode: HowItTakesPlace | None = None
    video_url: OptionalWebAddress = None
    bookable_by: Bookers | None = None
    notice_minutes: Whole | None = None
    horizon_days: Whole | None = None
    places: Whole | None = None
    cancel_hours: Whole | None = None
    most_a_day: Whole | None = None
    most_ahead: Whole | None = None
    instructions: OptionalText = None
    price: OptionalLine = None
    description: OptionalText = None


class OfferRow(CatalogueRow):
    """A service that a practitioner offers, at one centre or at all of theirs."""

    email: Email = Field(alias="provider_email")
    service: Name = Field(alias="service_name")
    centre: OptionalName = Field(None, alias="health_centre_name")
    minutes: Length | None = None


class ResourceRow(CatalogueRow):
    """A room or machine of a centre, in one of its groups if it is in any; a row for each group."""

    name: Line = Field(alias="resource_name")
    centre: Name = Field(alias="health_centre_name")
    kind: ResourceKind | None = Field(None, alias="resource_kind")
    group: OptionalLine = Field(None, alias="resource_group")


class NeedRow(CatalogueRow):
    """What a service needs besides its schedule: one of a room or machine, a group, or a
    profession."""

    service: Name = Field(alias="service_name")
    centre: OptionalName = Field(None, alias="health_centre_name")
    department: OptionalName = Field(None, alias="department_name")
    resource: OptionalLine = Field(None, alias="needs_resource")
    group: OptionalLine = Field(None, alias="needs_group")
    profession: OptionalLine = Field(None, alias="needs_profession")
    number: Whole = Field(1, alias="needs_number")


KINDS: Mapping[tuple[str, ...], type[TableRow]] = {
    ("patient_email",): PatientRow,
    ("provider_email", "service_name"): OfferRow,
    ("service_name", "needs_resource"): NeedRow,
    ("service_name", "needs_group"): NeedRow,
    ("service_name", "needs_profession"): NeedRow,
    ("service_name",): ServiceRow,
    ("resource_name",): ResourceRow,
    ("health_centre_name",): LinkRow,
    ("provider_email",): ProviderRow,
    ("centre_type",): CentreRow,
}
"""The columns that identify each file; the first that are there decide."""

_IDENTIFYING = tuple(columns_[0] for columns_ in KINDS if len(columns_) == 1)

_NAMES: Mapping[type[TableRow], str] = {
    PatientRow: "patients",
    OfferRow: "offers",
    NeedRow: "needs",
    ServiceRow: "services",
    ResourceRow: "resources",
    LinkRow: "links",
    ProviderRow: "providers",
    CentreRow: "centres",
}

_OWN: Mapping[type[TableRow], tuple[str, ...]] = {
    OfferRow: ("service_name",),
    NeedRow: ("needs_resource", "needs_group", "needs_profession"),
    ServiceRow: ("service_name",),
    PatientRow: ("patient_email", "medicare"),
    ProviderRow: ("provider_email", "provider_type", "providerNum"),
    ResourceRow: ("resource_name",),
    LinkRow: ("health_centre_name",),
    CentreRow: ("centre_type", "abn"),
}
"""The columns that other files do not have, by which a file with other spellings is known."""

T = TypeVar("T", bound=TableRow)


@dataclass(frozen=True, slots=True)
class Heading:
    """The kind of rows of a table, and the column of each of its cells; None if unknown."""

    kind: type[TableRow]
    names: tuple[str | None, ...]


def heading_of(table: Table, problems: Problems) -> Heading | None:
    """Return what the first line says, or None after adding a problem."""
    kind = _kind(table)
    if kind is None:
        problems.add(table.source, None, _no_heading(table))
        return None
    names = columns.named(table.columns, _NAMES[kind])
    is_bad = False
    for place, name in enumerate(names):
        if name is not None:
            problems.spellings[table.source.file, name] = table.columns[place]
            if columns.is_repeated(table.columns, place):
                problems.add(table.source, name, "This column appears twice.")
                is_bad = True
    for column in _required(kind) - set(names):
        problems.add(table.source, column, "This column is missing.")
        is_bad = True
    return None if is_bad else Heading(kind, tuple(names))


def _kind(table: Table) -> type[TableRow] | None:
    """Return the kind of a table: by a column that identifies it, else by the spellings of one
    that has all it needs."""
    cells = {columns.squeezed(cell) for cell in table.columns}
    sure = (kind for names, kind in KINDS.items() if {*map(columns.squeezed, names)} <= cells)
    complete = (kind for kind in _OWN if _is_complete(table, kind))
    return next(sure, None) or next(complete, None)


def _is_complete(table: Table, kind: type[TableRow]) -> bool:
    """Return True if all required columns are there, and one that only this kind has."""
    names = columns.named(table.columns, _NAMES[kind])
    own = {
        name
        for name, cell in zip(names, table.columns, strict=True)
        if name in _OWN[kind] and columns.squeezed(cell) not in columns.SHARED
    }
    return bool(own) and _required(kind) <= set(names)


def _no_heading(table: Table) -> str:
    names = f"one of {', '.join(_IDENTIFYING)}"
    if any("@" in cell or re.search(r"\d{4}", cell) for cell in table.columns):
        return f"This file has no line with the names of its columns. Add it, with {names}."
    return f"This file can't be imported. The first line must name the columns, with {names}."


def unknown_columns(table: Table, heading: Heading) -> list[str]:
    """Return the columns that are not imported."""
    pairs = zip(table.columns, heading.names, strict=True)
    return [column for column, name in pairs if column and name is None]


def check_row(row: Row, kind: type[T], problems: Problems) -> T | None:
    """Return the checked row, or None after adding its problems."""
    try:
        checked = kind.model_validate(row.cells)
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
    if isinstance(row, ProviderRow):
        yield from _check_hours(row)
    if isinstance(row, NeedRow):
        yield from _check_need(row)


def _check_need(row: NeedRow) -> Iterator[tuple[str, str]]:
    """Yield why the row does not name one thing that the service can need."""
    if sum(name is not None for name in (row.resource, row.group, row.profession)) != 1:
        yield "needs_group", str(BadNeed())
    if not 1 <= row.number <= MOST_NEEDS or (row.resource and row.number > 1):
        most = 1 if row.resource else MOST_NEEDS
        yield "needs_number", f"Enter a number from 1 to {most}."
    if row.centre is None and row.department:
        yield "health_centre_name", "Enter the centre of the department."
    elif row.centre is None and row.resource:
        yield "needs_resource", str(NeedOfNetwork())


def _check_hours(row: ProviderRow) -> Iterator[tuple[str, str]]:
    """Yield the contradictions of the hours, by the rule of the schedules: an end before the
    start is on the next day."""
    column = "workingHours" if row.starts is None else "endWorkingHours"
    if (row.starts is None) != (row.ends is None):
        missing = "startWorkingHours" if row.starts is None else "endWorkingHours"
        yield missing, "Enter both the start and the end of the working hours, or neither."
    elif row.periods and row.starts is not None and row.periods != row.hours:
        yield "workingHours", "This contradicts the start and end of the working hours."
    try:
        _ = row.weekly
    except BadHours:
        yield column, "Enter a start before 24:00 and another end. A whole day is 00:00 to 24:00."
    except (HoursOverlap, LongNight) as error:
        yield column, str(error)


def _required(kind: type[TableRow]) -> set[str]:
    """Return the columns that a file must have."""
    fields = kind.model_fields.items()
    return {field.alias or name for name, field in fields if field.is_required()}
