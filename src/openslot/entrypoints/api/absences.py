"""Time that a practitioner keeps from being booked, and what becomes of the visits inside."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.booking.absences import AbsenceDetails, may_block
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.fields import OptionalName
from openslot.directory import queries as directory
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.shapes import Id, PatientRef, patient_ref
from openslot.entrypoints.request import now, reader, write
from openslot.offers import rebooking
from openslot.offers.models import Choice
from openslot.offers.rebooking import Decided
from openslot.offers.rebooking import Hit as HitRow
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence as AbsenceRow
from openslot.schedules.models import AbsenceKind

service = Service("absences", "Absences", "Leave, and time kept free for emergencies.")

PATH = "/api/v1/absences"
ONE = f"{PATH}/<uuid:absence_id>"

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


class AbsenceList(Shown):
    """The absences of a practitioner, by start."""

    items: list[Absence]


class AbsenceQuery(Given):
    """Whose absences, and when."""

    practitioner: Practitioner = None
    from_: Annotated[AwareDatetime | None, Field(alias="from", description="By default now.")] = (
        None
    )
    to: Annotated[AwareDatetime | None, Field(description="By default 400 days later.")] = None


class Decision(Given):
    """What is to become of a visit; with `move`, the time that its patient is offered."""

    appointment: UUID
    choice: Choice
    schedule: Id | None = None
    start: AwareDatetime | None = None


class NewAbsence(Given):
    """Time to block, and what becomes of every visit inside."""

    practitioner: Practitioner = None
    kind: AbsenceKind = AbsenceKind.LEAVE
    start: AwareDatetime
    end: AwareDatetime
    reason: OptionalName = None
    decisions: Annotated[tuple[Decision, ...], Field(max_length=1000)] = ()


class NewAbsenceQuery(Given):
    """Whether to look first."""

    dry_run: Annotated[bool, Field(description="Enter nothing; tell which visits lie inside.")] = (
        False
    )


class AbsenceAlternative(Shown):
    """Another time for a visit."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime


class AbsenceHit(Shown):
    """A visit inside, and the nearest times instead."""

    appointment: UUID
    patient: PatientRef | None
    start: AwareDatetime
    end: AwareDatetime
    alternatives: list[AbsenceAlternative]


class EnteredAbsence(Shown):
    """What was entered, with the visits inside; a preview has no id."""

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


@service.operation("GET", PATH, scope="care:write", query=AbsenceQuery, answer=AbsenceList)
def list_absences(query: AbsenceQuery) -> AbsenceList:
    """List the absences of oneself, or of a practitioner of a centre that one runs."""
    who = _who(query.practitioner)
    may_block(reader(), bearer.actor(), who)
    person = directory.practitioner(reader(), who, inactive=True)
    starts = query.from_ or now()
    rows = schedules.absences(reader(), person.diary_id, starts, query.to or _later(starts))
    return AbsenceList(items=[_shown(row, who) for row in rows])


@service.operation(
    "POST", PATH, scope="care:write", query=NewAbsenceQuery, body=NewAbsence,
    answer=EnteredAbsence, status=201, also=(200,), may_fail=(404,),
)  # fmt: skip
def create_absence(query: NewAbsenceQuery, body: NewAbsence) -> Answer:
    """Block time; what becomes of each visit inside is decided in the same request.

    `dry_run=true` enters nothing and answers 200 with the visits inside, and other times for
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
    "DELETE", ONE, scope="care:write", query=AbsenceEnd, status=204, may_fail=(409,)
)  # fmt: skip
def delete_absence(absence_id: UUID, query: AbsenceEnd) -> None:
    """Let blocked time be booked again."""

    def work(session: Session) -> None:
        who = schedules.absent_practitioner(session, absence_id)
        if who is None:
            raise NotFound
        try:
            may_block(session, bearer.actor(), who)
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
        raise Invalid("Name the schedule and start that each visit moves to.", field="decisions")
    return Decided(one.choice, one.schedule, one.start)


def _shown(row: AbsenceRow, who: int) -> Absence:
    return Absence(
        id=row.id, practitioner=who, kind=AbsenceKind(row.kind), start=row.starts_at,
        end=row.ends_at, reason=row.reason,
    )  # fmt: skip


def _entered(
    key: UUID | None, who: int, details: AbsenceDetails, hits: list[AbsenceHit]
) -> EnteredAbsence:
    return EnteredAbsence(
        id=key, practitioner=who, kind=details.kind, start=details.starts_at,
        end=details.ends_at, reason=details.reason, hits=hits,
    )  # fmt: skip


def _hit(hit: HitRow) -> AbsenceHit:
    zone = hit.visit.zone
    return AbsenceHit(
        appointment=hit.visit.appointment.id,
        patient=patient_ref(hit.visit.patient),
        start=hit.visit.appointment.starts_at.astimezone(zone),
        end=hit.visit.appointment.ends_at.astimezone(zone),
        alternatives=[
            AbsenceAlternative(
                schedule=slot.schedule_id,
                start=slot.start.astimezone(zone),
                end=slot.end.astimezone(zone),
            )
            for slot in hit.slots
        ],
    )
