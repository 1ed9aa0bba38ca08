"""What an absence does to appointments: looked at first, decided, then carried out one by one.

The absence and the decisions are written in one transaction. Each decision is carried out in a
transaction of its own, through the outbox, so that a server that is killed half way goes on
where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import absences, offered
from openslot.booking import queries as booking
from openslot.booking.absences import AbsenceDetails, hit_by, may_block, may_see_absences
from openslot.booking.commands import change_status
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import LIVE, part_in
from openslot.booking.slots import Slot
from openslot.core import audit
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Busy, DomainError, Invalid, RateLimited, StaleVersion
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.directory import queries as directory
from openslot.directory.rules import SYSTEM, Actor
from openslot.offers import matching, queries
from openslot.offers.errors import DecisionsOutOfDate, DuplicateTime, HasArrived, OutsideAbsence
from openslot.offers.events import Topic
from openslot.offers.models import (
    AbsenceDecision,
    Choice,
    Offer,
    OfferStatus,
    Progress,
)
from openslot.offers.offering import close_offer, make_offer
from openslot.offers.queries import Inside
from openslot.offers.rules import SOONEST, offer_ends
from openslot.schedules.models import Absence
from openslot.schedules.rules import check_period

SUGGESTED = 6
"""How many times a practitioner may choose from for each appointment."""

NO_TIME = "no-time"
"""The problem of a decision to move for which there is no other time, or none soon enough."""

TRY_AGAIN = (Busy, RateLimited, StaleVersion)
"""These say nothing about the decision: the same may be done a little later."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to become of an appointment; with MOVE, the schedule and start that are proposed."""

    choice: Choice
    schedule_id: int | None = None
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An appointment inside a time that is to be blocked, and the times that it could move to."""

    appointment: Appointment
    slots: Sequence[Slot]


def preview(
    session: Session, actor: Actor, practitioner_id: int, details: AbsenceDetails, *, now: datetime
) -> list[Hit]:
    """What lies inside an absence that is not entered yet, with the nearest times instead; the
    number of statements does not grow with the appointments."""
    hit = hit_by(session, actor, practitioner_id, details)
    person = directory.practitioner(session, practitioner_id, inactive=True)
    away = [(person.diary_id, check_period(details.starts_at, details.ends_at))]
    found = matching.nearest_for(session, _movable(hit, now), away, now=now, count=SUGGESTED)
    return [Hit(appointment, found.get(appointment.id, ())) for appointment in hit]


def enter(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    details: AbsenceDetails,
    decisions: Mapping[UUID, Decided],
    *,
    now: datetime,
) -> Absence:
    """Block the time, and write down what becomes of each appointment inside.

    DecisionsOutOfDate where those inside are not those decided about; HasArrived for anything but
    keeping an appointment whose patient is there; DuplicateTime.
    """
    hit = {one.id: one for one in hit_by(session, actor, practitioner_id, details)}
    if hit.keys() != decisions.keys():
        raise DecisionsOutOfDate
    _check_can_be(decisions, hit)
    absence = absences.enter_absence(session, actor, practitioner_id, details, now=now)
    session.flush()
    for appointment_id, decided in sorted(decisions.items()):
        _write(session, actor, absence, appointment_id, decided, now)
    return absence


def decide(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    decisions: Mapping[UUID, Decided],
    *,
    now: datetime,
) -> int:
    """Decide anew about appointments inside absences that stand; how many. What a patient was
    offered meanwhile is withdrawn. OutsideAbsence for an appointment that lies in no absence of the
    practitioner, HasArrived and DuplicateTime as for :func:`enter`."""
    may_see_absences(session, actor, practitioner_id)
    inside = {one.appointment.id: one for one in _inside(session, actor, [practitioner_id], now)}
    if not decisions.keys() <= inside.keys():
        raise OutsideAbsence
    _check_can_be(decisions, {key: one.appointment for key, one in inside.items()})
    for appointment_id, decided in sorted(decisions.items()):
        _withdraw(session, actor, Offer.appointment_id == appointment_id, now)
        _write(session, actor, inside[appointment_id].absence, appointment_id, decided, now)
    return len(decisions)


def undecided(
    session: Session, actor: Actor, practitioner_ids: Sequence[int], *, now: datetime
) -> list[Inside]:
    """The appointments inside absences that somebody has to decide about, by start; at most four
    statements."""
    found = _inside(session, actor, practitioner_ids, now)
    return [one for one in found if not one.is_settled(now)]


def _inside(
    session: Session, actor: Actor, practitioner_ids: Sequence[int], now: datetime
) -> list[Inside]:
    """Appointments inside absences in which the actor has a part: who runs one centre decides
    nothing about appointments at another."""
    found = queries.inside_absences(session, practitioner_ids, now=now)
    return [one for one in found if part_in(actor, one.appointment)]


def suggestions(session: Session, inside: Sequence[Inside], *, now: datetime) -> list[Hit]:
    """Other times for appointments inside absences that stand; six statements."""
    appointments = [one.appointment for one in inside]
    found = matching.nearest_for(session, _movable(appointments, now), (), now=now, count=SUGGESTED)
    return [Hit(appointment, found.get(appointment.id, ())) for appointment in appointments]


def end(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    absence_id: UUID,
    *,
    withdraw: bool,
    now: datetime,
) -> None:
    """Take an absence back, and with ``withdraw`` the times that patients were offered instead
    of their appointments; what is decided and not yet done is not done any more."""
    may_block(session, actor, practitioner_id)
    if withdraw:
        _withdraw(session, actor, queries.out_of(absence_id), now)
    absences.end_absence(session, actor, practitioner_id, absence_id, now=now)


# Carrying out


def carry_out(session: Session, decision_id: UUID, *, now: datetime, length: timedelta) -> None:
    """Do what was decided about one appointment; nothing where it was done, or is not to be done.

    An appointment that is to move is offered its new time, for ``length`` at most; where that time
    is gone, the nearest other. Raises what booking raises, and HasArrived where the patient came
    meanwhile; it has then done nothing.
    """
    decision = session.get(AbsenceDecision, decision_id)
    if decision is None or decision.progress != Progress.PLANNED:
        return
    appointment = booking.appointment(session, decision.appointment_id)
    absence = session.get(Absence, decision.absence_id)
    if appointment is None or absence is None or not _is_due(appointment, absence):
        _done(session, decision, Progress.DONE, None, now)
        return
    _check_waits(appointment)
    if decision.choice == Choice.CANCEL:
        change_status(
            session,
            _decider(decision),
            decision.appointment_id,
            Status.CANCELLED,
            now=now,
            cutoff=timedelta(0),
            why=absence.reason,
        )
        _done(session, decision, Progress.DONE, None, now)
    else:
        _propose(session, decision, appointment, now, length)


def give_up(session: Session, decision_id: UUID, problem: str, *, now: datetime) -> None:
    """Note that a decision cannot be carried out, so that somebody decides anew."""
    decision = session.get(AbsenceDecision, decision_id)
    if decision is not None and decision.progress == Progress.PLANNED:
        _done(session, decision, Progress.FAILED, problem, now)


def work_off(database: Database, settings: Settings, decision_id: UUID, *, now: datetime) -> None:
    """Carry a decision out in a transaction of its own; what refuses it is noted.

    Raises TRY_AGAIN, and the decision then stays planned.
    """
    length = timedelta(hours=settings.proposal_hours)
    try:
        database.run(lambda session: carry_out(session, decision_id, now=now, length=length))
    except TRY_AGAIN:
        raise
    except DomainError as error:
        problem = error.code
        database.run(lambda session: give_up(session, decision_id, problem, now=now))


def _propose(
    session: Session,
    decision: AbsenceDecision,
    appointment: Appointment,
    now: datetime,
    length: timedelta,
) -> None:
    slot = _still_free(session, decision, appointment, now)
    until = offer_ends(now, length, slot.start, appointment.starts_at) if slot else None
    if slot is None or until is None:
        _done(session, decision, Progress.FAILED, NO_TIME, now)
        return
    kept = offered.hold_for_reschedule(
        session, appointment.id, slot.schedule_id, slot.start, now=now, until=until
    )
    decision.schedule_id, decision.starts_at = slot.schedule_id, kept.starts_at
    make_offer(
        session,
        kept,
        now=now,
        until=until,
        decision_id=decision.id,
        appointment_id=appointment.id,
        by=_decider(decision).origin,
        absence=str(decision.absence_id),
        appointment=str(appointment.id),
        why="the appointment lies inside an absence",
    )
    _done(session, decision, Progress.DONE, None, now)


def _still_free(
    session: Session, decision: AbsenceDecision, appointment: Appointment, now: datetime
) -> Slot | None:
    """The time that was decided on, if it can be had; else the nearest to the appointment."""
    if decision.schedule_id is not None and decision.starts_at is not None:
        wanted = matching.exactly(
            session, appointment, decision.schedule_id, decision.starts_at, now=now
        )
        if wanted is not None:
            return wanted
    found = matching.nearest_for(session, [appointment], (), now=now)
    return next(iter(found[appointment.id]), None)


def _is_due(appointment: Appointment, absence: Absence) -> bool:
    """Whether the appointment still stands and lies inside."""
    one = appointment
    touches = one.ends_at > absence.starts_at and one.starts_at < absence.ends_at
    return touches and appointment.status in LIVE


def _done(
    session: Session,
    decision: AbsenceDecision,
    progress: Progress,
    problem: str | None,
    now: datetime,
) -> None:
    decision.progress, decision.problem, decision.done_at = progress, problem, now
    audit.record(
        session,
        f"absence.{decision.choice}-{progress}",
        _subject(decision.absence_id),
        by=SYSTEM.origin,
        now=now,
        appointment=str(decision.appointment_id),
        problem=problem,
    )


def _decider(decision: AbsenceDecision) -> Actor:
    """Who decided could do it then; by now they may have left."""
    return replace(SYSTEM, account_id=decision.decided_by)


# Deciding


def _movable(appointments: Sequence[Appointment], now: datetime) -> list[Appointment]:
    """Those whose patients can still be asked."""
    return [
        one
        for one in appointments
        if one.status is Status.BOOKED and one.starts_at >= now + SOONEST
    ]


def _check_can_be(
    decisions: Mapping[UUID, Decided], appointments: Mapping[UUID, Appointment]
) -> None:
    """HasArrived, DuplicateTime, or Invalid where an appointment is to move and no time is
    named."""
    for key, one in decisions.items():
        if one.choice is not Choice.KEEP:
            _check_waits(appointments[key])
    _check_apart(decisions, appointments)


def _check_waits(appointment: Appointment) -> None:
    """HasArrived where the patient is there already."""
    if appointment.status is Status.ARRIVED:
        start = appointment.starts_at.astimezone(appointment.zone)
        raise HasArrived(field="decisions", day=start.date().isoformat(), time=f"{start:%H:%M}")


def _check_apart(
    decisions: Mapping[UUID, Decided], appointments: Mapping[UUID, Appointment]
) -> None:
    """DuplicateTime where two appointments would overlap on one schedule."""
    taken: list[tuple[int, datetime, datetime]] = []
    for key, one in decisions.items():
        if one.choice is not Choice.MOVE:
            continue
        if one.schedule_id is None or one.start is None:
            raise Invalid("Choose a time to move each appointment to.", field="decisions")
        ends = one.start + timedelta(minutes=appointments[key].minutes)
        if any(
            other == one.schedule_id and one.start < until and ends > since
            for other, since, until in taken
        ):
            raise DuplicateTime(field="decisions")
        taken.append((one.schedule_id, one.start, ends))


def _write(
    session: Session,
    actor: Actor,
    absence: Absence,
    appointment_id: UUID,
    decided: Decided,
    now: datetime,
) -> None:
    """Write a decision, or write it anew, and have it carried out; keeping is done at once."""
    moves = decided.choice is Choice.MOVE
    decision = queries.decision_about(session, absence.id, appointment_id) or AbsenceDecision(
        id=new_id(), absence_id=absence.id, appointment_id=appointment_id
    )
    decision.choice = decided.choice
    decision.schedule_id = decided.schedule_id if moves else None
    decision.starts_at = decided.start if moves else None
    decision.progress, decision.problem, decision.done_at = Progress.PLANNED, None, None
    decision.decided_at, decision.decided_by = now, actor.account_id
    audit.record(
        session,
        "absence.decided",
        _subject(absence.id),
        by=actor.origin,
        now=now,
        appointment=str(appointment_id),
        choice=decided.choice,
    )
    if decided.choice is Choice.KEEP:
        decision.progress, decision.done_at = Progress.DONE, now
    queries.add_decision(session, decision)
    if decided.choice is not Choice.KEEP:
        publish(session, Topic.DECIDED, decision=decision.id, now=now)


def _withdraw(session: Session, actor: Actor, where: queries.Condition, now: datetime) -> None:
    for offer, hold in queries.unanswered(session, where):
        close_offer(session, offer, hold, OfferStatus.WITHDRAWN, now=now, by=actor.origin)


def _subject(absence_id: UUID) -> str:
    return f"absence:{absence_id}"
