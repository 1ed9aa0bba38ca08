"""Operations on schedules and their hours."""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from sqlalchemy.orm import Session

from openslot.core.errors import DomainError, Invalid, NotFound
from openslot.core.fields import Day, refuse
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Mode
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial
from openslot.entrypoints.api.shapes import (
    CentreRef,
    Id,
    PractitionerRef,
    ServiceRef,
    centre_ref,
    practitioner_ref,
    service_ref,
)
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.schedules import commands, queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import Schedule as ScheduleRow
from openslot.schedules.models import StartsFrom
from openslot.schedules.rules import Place, clock_text, parse_clock
from openslot.usecases.deactivation import deactivate_schedule

service = Service(
    "schedules",
    "Schedules",
    "Practitioners and services that can be booked at a centre, and their hours.",
)

PATH = "/api/v1/schedules"
ONE = f"{PATH}/<int:schedule_id>"


def _clock(text: str) -> str:
    try:
        return clock_text(parse_clock(text))
    except DomainError:
        raise refuse("Write a time like 09:00. The end of the day is 24:00.") from None


Clock = Annotated[
    str,
    AfterValidator(_clock),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(([01][0-9]|2[0-3]):[0-5][05]|24:00)$",
            "description": "For example 09:00.",
        }
    ),
]


class Hours(Given):
    """A period in the centre's local time; an end before the start is on the next day.

    Give a weekday, a `rule`, or the same day as `valid_from` and `valid_until` for a single date.
    """

    weekday: Annotated[int | None, Field(ge=0, le=6, description="0 is Monday.")] = None
    starts: Clock
    ends: Clock
    valid_from: Day | None = None
    valid_until: Day | None = None
    rule: Annotated[
        str | None,
        Field(
            max_length=200,
            description="How the period recurs, by RFC 5545: FREQ=DAILY, WEEKLY or MONTHLY with "
            "INTERVAL, BYDAY, COUNT and UNTIL, for example `FREQ=WEEKLY;INTERVAL=2;BYDAY=TU` or "
            "`FREQ=MONTHLY;BYDAY=1MO`. It is counted from `valid_from`.",
        ),
    ] = None
    on_holidays: Annotated[
        bool, Field(description="Also on public holidays, on which other hours are closed.")
    ] = False
    services: Annotated[
        tuple[Id, ...],
        Field(
            max_length=20,
            description="The services that the period is for, of those offered here; all without.",
        ),
    ] = ()

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.rule is not None and self.weekday is not None:
            raise refuse("Leave out the weekday: the rule says the days.")
        if self.rule is None and self.weekday is None and self._date is None:
            raise refuse("Give a weekday, a rule, or one day as valid_from and valid_until.")
        if self._date and self.weekday not in (None, self._date.weekday()):
            raise refuse("Leave out the weekday, or give that of the date.")
        return self

    @property
    def _date(self) -> date | None:
        return self.valid_from if self.valid_from == self.valid_until else None

    def period(self) -> Weekly:
        """Return the period; with a rule, its weekday is still to be found."""
        return Weekly(
            self._date.weekday() if self._date else self.weekday or 0,
            parse_clock(self.starts),
            parse_clock(self.ends),
            self.valid_from,
            self.valid_until,
            self.rule,
            self.on_holidays,
            tuple(sorted(set(self.services))),
        )


class OpenHours(Shown):
    """A period in the centre's local time, each week or as its `rule` says."""

    weekday: Annotated[int | None, Field(description="0 is Monday; null if there is a rule.")]
    starts: str
    ends: str
    valid_from: date | None
    valid_until: date | None
    rule: str | None
    on_holidays: bool
    services: list[int]


class Offering(Given):
    """A service that a practitioner offers here; without `minutes` it has its usual length."""

    service: Id
    minutes: Annotated[int | None, Field(ge=5, le=480, multiple_of=5)] = None


class OfferedHere(Shown):
    """A service that a practitioner offers here, with its length in minutes."""

    service: int
    name: str
    mode: Mode
    minutes: int
    places: int


class Schedule(Shown):
    """A practitioner or service that can be booked at a centre. Of the `services`, the first is
    what is booked unless another is named; without any, appointments are as long as slots."""

    id: int
    centre: CentreRef
    practitioner: PractitionerRef | None
    service: ServiceRef | None
    slot_minutes: int
    step_minutes: int | None
    starts_from: StartsFrom
    flush: bool
    max_slots: int
    notice_minutes: int
    horizon_days: int
    hours: list[OpenHours]
    services: list[OfferedHere]


class ScheduleList(Listing[Schedule]):
    """A page of schedules, sorted by id."""


class ScheduleQuery(Paged):
    """Filters for schedules."""

    centre: Id | None = None
    practitioner: Id | None = None
    service: Id | None = None


class NewSchedule(ScheduleDetails):
    """A schedule for a practitioner or a service at a centre."""

    centre: Id
    practitioner: Id | None = None
    service: Id | None = None
    hours: Annotated[list[Hours], Field(max_length=100)]

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if (self.practitioner is None) == (self.service is None):
            raise refuse("Choose a practitioner or a service.")
        return self


class _Changeable(ScheduleDetails):
    hours: Annotated[list[Hours], Field(max_length=100)]
    services: Annotated[list[Offering], Field(max_length=commands.MOST_OFFERED)]


ScheduleChange = Partial.of(_Changeable, "ScheduleChange", "Changes to a schedule.")


@service.operation(
    "GET", PATH, scope="directory:read", rule=Rule.PUBLIC, query=ScheduleQuery, answer=ScheduleList
)
def list_schedules(query: ScheduleQuery) -> Listing[Schedule]:
    """List schedules that can be booked."""
    conditions = [
        column == value
        for column, value in (
            (ScheduleRow.centre_id, query.centre),
            (ScheduleRow.practitioner_id, query.practitioner),
            (ScheduleRow.service_id, query.service),
        )
        if value is not None
    ]
    after = read_cursor(query.after, int)
    if after:
        conditions.append(ScheduleRow.id > after[0])
    rows = queries.bookable_page(reader(), *conditions, limit=query.limit + 1)
    return page(ScheduleList, rows, query, lambda pair: _shown(*pair), lambda pair: (pair[0].id,))


@service.operation("GET", ONE, scope="directory:read", rule=Rule.PUBLIC, answer=Schedule)
def get_schedule(schedule_id: int) -> Schedule:
    """Read a schedule with its hours."""
    return _schedule(reader(), schedule_id)


@service.operation(
    "POST",
    PATH,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewSchedule,
    answer=Schedule,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new schedule."},
)
def create_schedule(body: NewSchedule) -> Answer:
    """Add a schedule for a practitioner or a service at a centre.

    If there was one before that was deactivated, it is active again, as it is sent now.
    """

    def save(work: Work) -> ScheduleRow:
        former = _check_owner(work.session, body)
        if former is not None:
            deactivate_schedule(work, former.id, active=True)
            commands.change_schedule(work, former.id, _details(body))
            commands.set_hours(work, former.id, [one.period() for one in body.hours])
            return former
        return commands.open_schedule(
            work,
            centre_id=body.centre,
            practitioner_id=body.practitioner,
            service_id=body.service,
            details=_details(body),
            hours=[one.period() for one in body.hours],
        )

    row = bearer.write(save)
    return Answer(_schedule(reader(), row.id), headers={"Location": f"{PATH}/{row.id}"})


@service.operation(
    "PATCH",
    ONE,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=ScheduleChange,
    answer=Schedule,
    may_fail=(409,),
)
def change_schedule(schedule_id: int, body: Partial) -> Schedule:
    """Change the slot length, starts, limits, hours or services; booked appointments do not change.

    Only administrators of the centre change what a practitioner offers.
    """

    def save(work: Work) -> None:
        row = _active_row(work.session, schedule_id)
        changed = body.model_dump(exclude_unset=True, exclude={"hours", "services"})
        if changed:
            details = ScheduleDetails(**dict(commands.details_of(work.session, row)) | changed)
            commands.change_schedule(work, schedule_id, details)
        hours = getattr(body, "hours", None)
        if hours is not None:
            commands.set_hours(work, schedule_id, [one.period() for one in hours])
        services = getattr(body, "services", None)
        if services is not None:
            commands.offer_services(work, schedule_id, [_offering(one) for one in services])

    bearer.write(save)
    return _schedule(reader(), schedule_id)


@service.operation(
    "DELETE", ONE, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def remove_schedule(schedule_id: int) -> None:
    """Deactivate a schedule; refused while it has upcoming appointments."""
    bearer.write(deactivate_schedule, schedule_id, active=False)


def _details(body: NewSchedule) -> ScheduleDetails:
    return ScheduleDetails(**body.model_dump(include=set(ScheduleDetails.model_fields)))


def _offering(offering: Offering) -> commands.Offering:
    return commands.Offering(service_id=offering.service, minutes=offering.minutes)


def _check_owner(session: Session, body: NewSchedule) -> ScheduleRow | None:
    """Return the deactivated schedule of the same owner at the centre, if there is one.

    Raise NotFound or Invalid unless the practitioner or service can have this schedule.
    """
    former = queries.inactive_schedule(
        session, body.centre, practitioner_id=body.practitioner, service_id=body.service
    )
    if body.practitioner is not None:
        directory.practitioner(session, body.practitioner)
    if body.service is not None:
        service_row = directory.service(session, body.service)
        department = directory.department(session, service_row.department_id)
        has_one = queries.places(session, ScheduleRow.service_id == body.service, inactive=True)
        if department.centre_id != body.centre or (has_one and former is None):
            raise Invalid("Choose a service of this centre without a schedule.", field="service")
    return former


def _active_row(session: Session, schedule_id: int) -> ScheduleRow:
    row = queries.schedule(session, schedule_id)
    if row is None or not row.active:
        raise NotFound
    return row


def _schedule(session: Session, schedule_id: int) -> Schedule:
    pairs = queries.bookable_page(session, ScheduleRow.id == schedule_id, limit=1)
    if not pairs:
        raise NotFound
    return _shown(*pairs[0])


def _shown(row: ScheduleRow, place: Place) -> Schedule:
    return Schedule(
        id=place.schedule_id,
        centre=centre_ref(row.centre),
        practitioner=practitioner_ref(row.practitioner),
        service=service_ref(row.service, row.department),
        slot_minutes=row.slot_minutes,
        step_minutes=row.step_minutes,
        starts_from=row.starts_from,
        flush=row.flush,
        max_slots=row.max_slots,
        notice_minutes=row.notice_minutes,
        horizon_days=row.horizon_days,
        hours=[
            OpenHours(
                weekday=None if period.rule else period.weekday,
                starts=clock_text(period.starts),
                ends=clock_text(period.ends),
                valid_from=period.valid_from,
                valid_until=period.valid_until,
                rule=period.rule,
                on_holidays=period.on_holidays,
                services=list(period.services),
            )
            for period in place.hours
        ],
        services=[
            OfferedHere(
                service=one.service_id,
                name=one.name,
                mode=one.mode,
                minutes=one.minutes,
                places=one.places,
            )
            for one in place.services
        ],
    )
