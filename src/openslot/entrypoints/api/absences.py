"""Time that a practitioner keeps from being booked, and what becomes of the appointments inside."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.booking.absences import AbsenceDetails, may_see_absences
from openslot.core import keyset
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.fields import Instant, OptionalName
from openslot.directory import queries as directory
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import Id, PatientRef, patient_ref
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.offers import rebooking
from openslot.offers.models import Choice
from openslot.offers.queries import Inside
from openslot.offers.rebooking import Decided
from openslot.offers.rebooking import Hit as HitRow
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence as AbsenceRow
from openslot.schedules.models import AbsenceKind

service = Service("absences", "Absences", "Leave, and time kept free for emergencies.")

PATH = "/api/v1/absences"
ONE = f"{PATH}/<uuid:absence_id>"
APPOINTMENTS, DECISIONS = f"{PATH}/appointments", f"{PATH}/decisions"

SHOWN = timedelta(days=400)
"""So much is listed where no end is named."""

Practitioner = Annotated[Id | None, Field(description="By default oneself.")]


class Absence(Shown):
    """Time that cannot be booked."""

    id: UUID
    practitioner: int
    kind: AbsenceKind
    start: AwareDatetime
    end: AwareDatetime
    reason: str | None


class AbsenceList(Listing[Absence]):
    """Some absences of a practitioner, by start."""


class AbsenceQuery(Paged):
    """Whose absences, and when."""

    practitioner: Practitioner = None
    from_: Annotated[Instant | None, Field(alias="from", description="By default now.")] = None
    to: Annotated[Instant | None, Field(description="By default 400 days later.")] = None


class Decision(Given):
    """What is to become of an appointment; with `move`, the time that its patient is offered."""

    appointment: UUID
    choice: Choice
    schedule: Id | None = None
    start: Instant | None = None


class NewAbsence(Given):
    """Time to block, and what becomes of every appointment inside."""

    practitioner: Practitioner = None
    kind: AbsenceKind = AbsenceKind.LEAVE
    start: Instant
    end: Instant
    reason: OptionalName = None
    decisions: Annotated[tuple[Decision, ...], Field(max_length=1000)] = ()


class NewAbsenceQuery(Given):
    """Whether to look first."""

    dry_run: Annotated[
        bool, Field(description="Enter nothing; tell which appointments lie inside.")
    ] = False


class AbsenceAlternative(Shown):
    """Another time for an appointment."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime


class AbsenceHit(Shown):
    """An appointment inside, and the nearest times instead."""

    appointment: UUID
    patient: PatientRef | None
    start: AwareDatetime
    end: AwareDatetime
    alternatives: list[AbsenceAlternative]


class UndecidedAppointment(AbsenceHit):
    """An appointment inside an absence that stands, and what was decided about it, if that came to
    nothing: its patient declined, or there was no such time any more."""

    absence: UUID
    choice: Choice | None
    problem: str | None


class UndecidedList(Listing[UndecidedAppointment]):
    """Some appointments, by start."""


class UndecidedQuery(Paged):
    """Whose absences."""

    practitioner: Practitioner = None


class Decisions(Given):
    """What is to become of appointments inside absences that stand."""

    practitioner: Practitioner = None
    decisions: Annotated[list[Decision], Field(min_length=1, max_length=1000)]


class EnteredAbsence(Shown):
    """What was entered, with the appointments inside; a preview has no id."""

    id: UUID | None
    practitioner: int
    kind: AbsenceKind
    start: AwareDatetime
    end: AwareDatetime
    reason: str | None
    hits: list[AbsenceHit]


class AbsenceEnd(Given):
    """What else is to end."""

    withdraw: Annotated[
        bool, Field(description="Also withdraw the times that patients were offered instead.")
    ] = False


@service.operation(
    "GET", PATH, scope="care:read", rule=Rule.MANAGED, query=AbsenceQuery, answer=AbsenceList
)
def list_absences(query: AbsenceQuery) -> Listing[Absence]:
    """List the absences of oneself, or of a practitioner of a centre that one runs."""
    who = _who(query.practitioner)
    may_see_absences(reader(), bearer.actor(), who)
    person = directory.practitioner(reader(), who, inactive=True)
    starts, after = query.from_ or now(), read_cursor(query.after, instant, UUID)
    rows = schedules.absences(
        reader(),
        person.diary_id,
        starts,
        query.to or _later(starts),
        after=after,
        limit=query.limit + 1,
    )
    return page(
        AbsenceList, rows, query, lambda row: _shown(row, who), lambda row: (row.starts_at, row.id)
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
    """List the appointments inside absences that stand about which somebody has to decide."""
    who = _who(query.practitioner)
    may_see_absences(reader(), bearer.actor(), who)
    after = read_cursor(query.after, instant, UUID, UUID)
    undecided = rebooking.undecided(reader(), bearer.actor(), [who], now=now())
    rows = keyset.sort_after(undecided, _place, after)[: query.limit + 1]
    slots = {hit.appointment.id: hit for hit in rebooking.suggestions(reader(), rows, now=now())}
    return page(UndecidedList, rows, query, lambda one: _undecided(one, slots), _place)


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
    """Decide about appointments inside absences that stand: keep them, move them, cancel them.

    A patient whose appointment is to move is offered the time that is named, or the nearest if it
    is gone by then, and may decline. What was offered before is withdrawn.
    """
    who, actor = _who(body.practitioner), bearer.actor()
    decisions = {one.appointment: _decided(one) for one in body.decisions}
    write(lambda session: rebooking.decide(session, actor, who, decisions, now=now()))


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
    """Block time; what becomes of each appointment inside is decided in the same request. One whose
    patient has arrived can only be kept.

    It holds at every centre, so it is done by the practitioner, or by who runs each of them.

    `dry_run=true` enters nothing and answers 200 with the appointments inside, and other times for
    each.
    """
    who, actor = _who(body.practitioner), bearer.actor()
    details = AbsenceDetails(
        kind=body.kind, starts_at=body.start, ends_at=body.end, reason=body.reason
    )
    hits = rebooking.preview(reader(), actor, who, details, now=now())
    shown = [_hit(hit) for hit in hits]
    if query.dry_run:
        return Answer(_entered(None, who, details, shown), status=200)
    decisions = {one.appointment: _decided(one) for one in body.decisions}

    def work(session: Session) -> AbsenceRow:
        return rebooking.enter(session, actor, who, details, decisions, now=now())

    return Answer(_entered(write(work).id, who, details, shown))


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
    """Let blocked time be booked again."""

    def work(session: Session) -> None:
        who = schedules.absent_practitioner(session, absence_id)
        if who is None:
            raise NotFound
        try:
            may_see_absences(session, bearer.actor(), who)
        except Forbidden:
            raise NotFound from None
        rebooking.end(session, bearer.actor(), who, absence_id, withdraw=query.withdraw, now=now())

    write(work)


def _who(practitioner: int | None) -> int:
    who = practitioner or bearer.actor().practitioner_id
    if who is None:
        raise Invalid("Name the practitioner.", field="practitioner")
    return who


def _later(starts: datetime) -> datetime:
    try:
        return starts + SHOWN
    except OverflowError:
        raise Invalid("Name an earlier time.", field="from") from None


def _decided(one: Decision) -> Decided:
    if one.choice is not Choice.MOVE:
        return Decided(one.choice)
    if one.schedule is None or one.start is None:
        raise Invalid(
            "Name the schedule and start that each appointment moves to.", field="decisions"
        )
    return Decided(one.choice, one.schedule, one.start)


def _shown(row: AbsenceRow, who: int) -> Absence:
    return Absence(
        id=row.id,
        practitioner=who,
        kind=AbsenceKind(row.kind),
        start=row.starts_at,
        end=row.ends_at,
        reason=row.reason,
    )


def _entered(
    key: UUID | None, who: int, details: AbsenceDetails, hits: list[AbsenceHit]
) -> EnteredAbsence:
    return EnteredAbsence(
        id=key,
        practitioner=who,
        kind=details.kind,
        start=details.starts_at,
        end=details.ends_at,
        reason=details.reason,
        hits=hits,
    )


def _place(one: Inside) -> tuple[datetime, UUID, UUID]:
    row = one.appointment
    return row.starts_at, row.id, one.absence.id


def _undecided(one: Inside, hits: Mapping[UUID, HitRow]) -> UndecidedAppointment:
    hit, decision = _hit(hits[one.appointment.id]), one.decision
    return UndecidedAppointment(
        **dict(hit),
        absence=one.absence.id,
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
