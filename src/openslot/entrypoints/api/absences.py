"""Absences of practitioners, and decisions about the appointments they affect."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking import elsewhere
from openslot.booking.absences import (
    AbsenceDetails,
    EnteredKind,
    may_block,
    may_see_absences,
    needing,
)
from openslot.booking.models import Appointment
from openslot.booking.moves import relation_to
from openslot.core import keyset
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.fields import Instant, OptionalName
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.entrypoints import bearer, calendar_addresses
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import (
    CentreRef,
    Id,
    PatientRef,
    ServiceRef,
    centre_ref,
    patient_ref,
    service_ref,
)
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import close_reader, now, reader, settings
from openslot.entrypoints.rules import Rule
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence as AbsenceRow
from openslot.schedules.models import AbsenceKind, CalendarElsewhere
from openslot.usecases import rebooking
from openslot.usecases.rebooking import Decided
from openslot.usecases.rebooking import Hit as HitRow
from openslot.waiting_list.models import Choice
from openslot.waiting_list.queries import Inside

service = Service("absences", "Absences", "Leave, and time reserved for emergencies.")

PATH = "/api/v1/absences"
ONE = f"{PATH}/<uuid:absence_id>"
APPOINTMENTS, DECISIONS = f"{PATH}/appointments", f"{PATH}/decisions"
NEEDING = f"{PATH}/needing"
REOPENINGS, CALENDAR = f"{PATH}/reopenings", f"{PATH}/calendar"

SHOWN = timedelta(days=400)
"""Length of the listed period if the request gives no end."""

Practitioner = Annotated[Id | None, Field(description="Defaults to you.")]


class Absence(Shown):
    """A period in which a practitioner cannot be booked."""

    id: UUID
    practitioner: int
    kind: AbsenceKind
    start: AwareDatetime
    end: AwareDatetime
    reason: str | None


class AbsenceList(Listing[Absence]):
    """A page of a practitioner's absences, sorted by start."""


class AbsenceQuery(Paged):
    """The practitioner and the period."""

    practitioner: Practitioner = None
    from_: Annotated[Instant | None, Field(alias="from", description="Defaults to now.")] = None
    to: Annotated[Instant | None, Field(description="Defaults to 400 days after `from`.")] = None


class Decision(Given):
    """A decision about one appointment; with `move`, give the time to offer to its patient."""

    appointment: UUID
    choice: Choice
    schedule: Id | None = None
    start: Instant | None = None


class NewAbsence(Given):
    """A period to block, and a decision about each appointment in it."""

    practitioner: Practitioner = None
    kind: EnteredKind = AbsenceKind.LEAVE
    start: Instant
    end: Instant
    reason: OptionalName = None
    decisions: Annotated[tuple[Decision, ...], Field(max_length=1000)] = ()


class NewAbsenceQuery(Given):
    """Options for a new absence."""

    dry_run: Annotated[
        bool, Field(description="Save nothing; only list the appointments in the period.")
    ] = False


class AbsenceAlternative(Shown):
    """A time to which an appointment could move."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime


class AbsenceHit(Shown):
    """An appointment during the absence, and the nearest times to which it could move."""

    appointment: UUID
    patient: PatientRef | None
    start: AwareDatetime
    end: AwareDatetime
    alternatives: list[AbsenceAlternative]


class UndecidedAppointment(AbsenceHit):
    """An appointment during an absence that still needs a decision.

    `choice` and `problem` describe an earlier decision that failed: the patient declined, or the
    time was no longer free.
    """

    absence: UUID
    choice: Choice | None
    problem: str | None


class NeedingAppointment(Shown):
    """An appointment of others that needs the practitioner during an absence. `appointment` is null
    if you may not know more of it."""

    appointment: UUID | None
    centre: CentreRef
    service: ServiceRef | None
    start: AwareDatetime
    end: AwareDatetime


class NeedingList(Listing[NeedingAppointment]):
    """A page of appointments that need somebody else, sorted by start."""


class UndecidedList(Listing[UndecidedAppointment]):
    """A page of appointments that need a decision, sorted by start."""


class UndecidedQuery(Paged):
    """The practitioner."""

    practitioner: Practitioner = None


class Decisions(Given):
    """Decisions about appointments during absences."""

    practitioner: Practitioner = None
    decisions: Annotated[list[Decision], Field(min_length=1, max_length=1000)]


class EnteredAbsence(Shown):
    """A new absence with the appointments in it; the result of a dry run has no id."""

    id: UUID | None
    practitioner: int
    kind: AbsenceKind
    start: AwareDatetime
    end: AwareDatetime
    reason: str | None
    hits: list[AbsenceHit]


class Reopening(Given):
    """A period to open again, for example one day of a week's leave."""

    practitioner: Practitioner = None
    start: Instant
    end: Instant
    withdraw: Annotated[
        bool,
        Field(description="Also withdraw the new times offered to patients with appointments."),
    ] = False


class CalendarQuery(Given):
    """The practitioner."""

    practitioner: Practitioner = None


class NewCalendar(Given):
    """The address of a calendar that a practitioner keeps elsewhere."""

    practitioner: Practitioner = None
    url: Annotated[
        str,
        Field(
            max_length=500,
            description="Address of an iCalendar file, with https:// or webcal://.",
        ),
    ]


class ElsewhereCalendar(Shown):
    """A calendar elsewhere, and how it was read last. Its whole address is not shown again."""

    practitioner: int
    host: Annotated[str, Field(description="The server of the calendar.")]
    read: Annotated[AwareDatetime | None, Field(description="When it was last read.")]
    next_try: AwareDatetime
    problem: Annotated[str | None, Field(description="Why it could not be read last.")]
    left_out: Annotated[int, Field(description="Number of entries that could not be read.")]


class AbsenceEnd(Given):
    """Options for ending an absence."""

    withdraw: Annotated[
        bool, Field(description="Also withdraw the new times that patients were offered.")
    ] = False


@service.operation(
    "GET", PATH, scope="care:read", rule=Rule.MANAGED, query=AbsenceQuery, answer=AbsenceList
)
def list_absences(query: AbsenceQuery) -> Listing[Absence]:
    """List your absences, or those of a practitioner at a centre that you manage."""
    practitioner_id = _practitioner_id(query.practitioner)
    may_see_absences(bearer.work(), practitioner_id)
    practitioner = directory.practitioner(reader(), practitioner_id, inactive=True)
    starts, after = query.from_ or now(), read_cursor(query.after, instant, UUID)
    rows = schedules.absences(
        reader(),
        practitioner.diary_id,
        starts,
        query.to or _default_end(starts),
        after=after,
        limit=query.limit + 1,
    )
    return page(
        AbsenceList,
        rows,
        query,
        lambda row: _shown(row, practitioner_id),
        lambda row: (row.starts_at, row.id),
    )


@service.operation(
    "GET",
    APPOINTMENTS,
    scope="care:read",
    rule=Rule.MANAGED,
    query=UndecidedQuery,
    answer=UndecidedList,
    may_fail=(404,),
)
def list_undecided(query: UndecidedQuery) -> Listing[UndecidedAppointment]:
    """List the appointments during absences that need a decision."""
    practitioner_id = _practitioner_id(query.practitioner)
    may_see_absences(bearer.work(), practitioner_id)
    after = read_cursor(query.after, instant, UUID, UUID)
    undecided = rebooking.undecided(bearer.work(), [practitioner_id])
    rows = keyset.sort_after(undecided, _sort_key, after)[: query.limit + 1]
    slots = {hit.appointment.id: hit for hit in rebooking.suggestions(bearer.work(), rows)}
    return page(UndecidedList, rows, query, lambda inside: _undecided(inside, slots), _sort_key)


@service.operation(
    "GET",
    NEEDING,
    scope="care:read",
    rule=Rule.MANAGED,
    query=UndecidedQuery,
    answer=NeedingList,
    may_fail=(404,),
)
def list_needing(query: UndecidedQuery) -> Listing[NeedingAppointment]:
    """List the appointments of others that need the practitioner during an absence.

    They stay until the centre moves them; a move to the time that they have chooses somebody else
    who is free.
    """
    practitioner_id = _practitioner_id(query.practitioner)
    after = read_cursor(query.after, instant, UUID)
    found = needing(bearer.work(), practitioner_id)
    rows = keyset.sort_after(found, _by_start, after)[: query.limit + 1]
    return page(NeedingList, rows, query, _needing, _by_start)


@service.operation(
    "POST",
    DECISIONS,
    scope="care:write",
    rule=Rule.MANAGED,
    body=Decisions,
    status=204,
    may_fail=(404,),
)
def decide(body: Decisions) -> None:
    """Keep, move or cancel appointments during absences.

    To move an appointment, its patient is offered the time that you give, or the nearest free one
    if that is taken. The patient may decline. An earlier offer is withdrawn.
    """
    practitioner_id = _practitioner_id(body.practitioner)
    decisions = {decision.appointment: _decided(decision) for decision in body.decisions}
    bearer.write(rebooking.decide, practitioner_id, decisions)


@service.operation(
    "POST",
    PATH,
    scope="care:write",
    rule=Rule.MANAGED,
    query=NewAbsenceQuery,
    body=NewAbsence,
    answer=EnteredAbsence,
    status=201,
    also=(200,),
    may_fail=(404,),
)
def create_absence(query: NewAbsenceQuery, body: NewAbsence) -> Answer:
    """Block time, and decide about each appointment in it.

    An appointment whose patient has arrived can only be kept. The absence applies at every centre,
    so it is entered by the practitioner, or by an administrator of all their centres.

    `dry_run=true` saves nothing and answers 200 with the appointments in the period and other times
    for each.
    """
    practitioner_id = _practitioner_id(body.practitioner)
    details = AbsenceDetails(
        kind=body.kind, starts_at=body.start, ends_at=body.end, reason=body.reason
    )
    hits = rebooking.preview(bearer.work(), practitioner_id, details)
    shown = [_hit(hit) for hit in hits]
    if query.dry_run:
        return Answer(_entered(None, practitioner_id, details, shown), status=200)
    decisions = {decision.appointment: _decided(decision) for decision in body.decisions}

    def save(work: Work) -> AbsenceRow:
        return rebooking.enter(work, practitioner_id, details, decisions)

    return Answer(_entered(bearer.write(save).id, practitioner_id, details, shown))


@service.operation(
    "POST",
    REOPENINGS,
    scope="care:write",
    rule=Rule.MANAGED,
    body=Reopening,
    status=204,
    may_fail=(404,),
)
def reopen(body: Reopening) -> None:
    """Open a period again in every absence that covers some of it.

    What is left of an absence before and after the period stays blocked; an absence with something
    left on both sides becomes two.
    """
    practitioner_id = _practitioner_id(body.practitioner)
    bearer.write(rebooking.reopen, practitioner_id, body.start, body.end, withdraw=body.withdraw)


@service.operation(
    "DELETE",
    ONE,
    scope="care:write",
    rule=Rule.MANAGED,
    query=AbsenceEnd,
    status=204,
    may_fail=(409,),
)
def delete_absence(absence_id: UUID, query: AbsenceEnd) -> None:
    """End an absence, so that its time can be booked again."""

    def save(work: Work) -> None:
        practitioner_id = schedules.absent_practitioner(work.session, absence_id)
        if practitioner_id is None:
            raise NotFound
        try:
            may_see_absences(work, practitioner_id)
        except Forbidden:
            raise NotFound from None
        rebooking.end(work, practitioner_id, absence_id, withdraw=query.withdraw)

    bearer.write(save)


@service.operation(
    "GET",
    CALENDAR,
    scope="care:read",
    rule=Rule.MANAGED,
    query=CalendarQuery,
    answer=ElsewhereCalendar,
    may_fail=(404,),
)
def get_calendar(query: CalendarQuery) -> ElsewhereCalendar:
    """Read where a practitioner keeps a calendar elsewhere; 404 if there is none."""
    calendar = elsewhere.calendar_of(bearer.work(), _practitioner_id(query.practitioner))
    if calendar is None:
        raise NotFound
    return _calendar(calendar)


@service.operation(
    "PUT",
    CALENDAR,
    scope="care:write",
    rule=Rule.MANAGED,
    body=NewCalendar,
    answer=ElsewhereCalendar,
    may_fail=(404,),
)
def set_calendar(body: NewCalendar) -> ElsewhereCalendar:
    """Have a calendar elsewhere read every few minutes, instead of the one before.

    Its busy times become absences of the kind `elsewhere`, without titles. Appointments in them
    stay until you decide.
    """
    practitioner_id = _practitioner_id(body.practitioner)
    may_block(bearer.work(), practitioner_id)
    close_reader()  # DNS may be slow, and an open reader blocks SQLite's writers
    url = calendar_addresses.checked(body.url, settings().calendar_networks)
    return _calendar(bearer.write(elsewhere.set_address, practitioner_id, url))


@service.operation(
    "DELETE",
    CALENDAR,
    scope="care:write",
    rule=Rule.MANAGED,
    query=CalendarQuery,
    status=204,
    may_fail=(404,),
)
def delete_calendar(query: CalendarQuery) -> None:
    """Stop reading the calendar elsewhere, if there is one, and open its times again."""
    bearer.write(elsewhere.remove_address, _practitioner_id(query.practitioner))


def _practitioner_id(chosen: int | None) -> int:
    practitioner_id = chosen or bearer.actor().practitioner_id
    if practitioner_id is None:
        raise Invalid("Choose a practitioner.", field="practitioner")
    return practitioner_id


def _default_end(starts: datetime) -> datetime:
    try:
        return starts + SHOWN
    except OverflowError:
        raise Invalid("Choose an earlier time.", field="from") from None


def _decided(decision: Decision) -> Decided:
    if decision.choice is not Choice.MOVE:
        return Decided(decision.choice)
    if decision.schedule is None or decision.start is None:
        raise Invalid(
            "Give the new schedule and start of each appointment that moves.", field="decisions"
        )
    return Decided(decision.choice, decision.schedule, decision.start)


def _shown(row: AbsenceRow, practitioner_id: int) -> Absence:
    return Absence(
        id=row.id,
        practitioner=practitioner_id,
        kind=AbsenceKind(row.kind),
        start=row.starts_at,
        end=row.ends_at,
        reason=row.reason,
    )


def _calendar(row: CalendarElsewhere) -> ElsewhereCalendar:
    return ElsewhereCalendar(
        practitioner=row.practitioner_id,
        host=calendar_addresses.host_of(row.url),
        read=row.read_at,
        next_try=row.next_at,
        problem=row.problem,
        left_out=row.unread,
    )


def _entered(
    absence_id: UUID | None, practitioner_id: int, details: AbsenceDetails, hits: list[AbsenceHit]
) -> EnteredAbsence:
    return EnteredAbsence(
        id=absence_id,
        practitioner=practitioner_id,
        kind=details.kind,
        start=details.starts_at,
        end=details.ends_at,
        reason=details.reason,
        hits=hits,
    )


def _sort_key(inside: Inside) -> tuple[datetime, UUID, UUID]:
    appointment = inside.appointment
    return appointment.starts_at, appointment.id, inside.absence.id


def _by_start(appointment: Appointment) -> tuple[datetime, UUID]:
    return appointment.starts_at, appointment.id


def _needing(appointment: Appointment) -> NeedingAppointment:
    is_known = relation_to(bearer.actor(), appointment) is not None
    return NeedingAppointment(
        appointment=appointment.id if is_known else None,
        centre=centre_ref(appointment.centre),
        service=service_ref(appointment.booked_service, appointment.department),
        start=appointment.starts_at.astimezone(appointment.zone),
        end=appointment.ends_at.astimezone(appointment.zone),
    )


def _undecided(inside: Inside, hits: Mapping[UUID, HitRow]) -> UndecidedAppointment:
    hit, decision = _hit(hits[inside.appointment.id]), inside.decision
    return UndecidedAppointment(
        **dict(hit),
        absence=inside.absence.id,
        choice=Choice(decision.choice) if decision else None,
        problem=decision.problem if decision else None,
    )


def _hit(hit: HitRow) -> AbsenceHit:
    zone = hit.appointment.zone
    return AbsenceHit(
        appointment=hit.appointment.id,
        patient=patient_ref(hit.appointment.patient),
        start=hit.appointment.starts_at.astimezone(zone),
        end=hit.appointment.ends_at.astimezone(zone),
        alternatives=[
            AbsenceAlternative(
                schedule=slot.schedule_id,
                start=slot.start.astimezone(zone),
                end=slot.end.astimezone(zone),
            )
            for slot in hit.slots
        ],
    )
