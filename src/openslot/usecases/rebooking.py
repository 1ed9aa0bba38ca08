"""Absences and their appointments: preview, decide, then carry each decision out.

The absence and its decisions are written in one transaction. The worker carries out each decision
in a transaction of its own, so it resumes where it stopped if the server is killed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from openslot.booking import absences, offered
from openslot.booking import queries as booking
from openslot.booking.absences import AbsenceDetails, hit_by, may_block, may_see_absences
from openslot.booking.commands import change_status
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import LIVE, relation_to
from openslot.booking.slots import Slot
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import TRY_AGAIN, DomainError, Invalid
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.work import Work, doing
from openslot.directory import queries as directory
from openslot.schedules.models import Absence
from openslot.schedules.rules import check_period
from openslot.waiting_list import matching, queries
from openslot.waiting_list.errors import (
    DecisionsOutOfDate,
    DuplicateTime,
    HasArrived,
    OutsideAbsence,
)
from openslot.waiting_list.events import Topic
from openslot.waiting_list.models import AbsenceDecision, Choice, Offer, OfferStatus, Progress
from openslot.waiting_list.offering import close_offer, make_offer
from openslot.waiting_list.queries import Inside, Outcome
from openslot.waiting_list.rules import SOONEST, offer_ends

SUGGESTED = 6
"""The number of times suggested for each appointment."""

NO_TIME = "no-time"
"""The problem of a decision to move if no time is free, or none soon enough."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision about an appointment; MOVE needs the proposed schedule and start."""

    choice: Choice
    schedule_id: int | None = None
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An appointment inside time that is about to be blocked, with other times for it."""

    appointment: Appointment
    slots: Sequence[Slot]


def preview(work: Work, practitioner_id: int, details: AbsenceDetails) -> list[Hit]:
    """Return the appointments inside a planned absence, with the nearest other times.

    The number of statements does not grow with the appointments.
    """
    affected = hit_by(work, practitioner_id, details)
    practitioner = directory.practitioner(work.session, practitioner_id, inactive=True)
    away = [(practitioner.diary_id, check_period(details.starts_at, details.ends_at))]
    slots = matching.nearest_for(work, _movable(affected, work.now), away, count=SUGGESTED)
    return [Hit(appointment, slots.get(appointment.id, ())) for appointment in affected]


def enter(
    work: Work, practitioner_id: int, details: AbsenceDetails, decisions: Mapping[UUID, Decided]
) -> Absence:
    """Block the time and store a decision for each appointment inside it.

    Raise DecisionsOutOfDate if other appointments are inside by now, HasArrived if an appointment
    whose patient has arrived is to be moved or cancelled, and DuplicateTime if two would move to
    the same time.
    """
    affected = {
        appointment.id: appointment for appointment in hit_by(work, practitioner_id, details)
    }
    if affected.keys() != decisions.keys():
        raise DecisionsOutOfDate
    _check_decisions(decisions, affected)
    absence = absences.enter_absence(work, practitioner_id, details)
    work.session.flush()
    for appointment_id, decided in sorted(decisions.items()):
        _store_decision(work, absence, appointment_id, decided)
    return absence


def decide(work: Work, practitioner_id: int, decisions: Mapping[UUID, Decided]) -> int:
    """Decide again about appointments inside existing absences; return how many.

    Open offers for them are withdrawn. Raise OutsideAbsence for an appointment outside the
    practitioner's absences; HasArrived and DuplicateTime as for :func:`enter`.
    """
    may_see_absences(work, practitioner_id)
    inside = {displaced.appointment.id: displaced for displaced in _inside(work, [practitioner_id])}
    if not decisions.keys() <= inside.keys():
        raise OutsideAbsence
    appointments = {key: displaced.appointment for key, displaced in inside.items()}
    _check_decisions(decisions, appointments)
    for appointment_id, decided in sorted(decisions.items()):
        _withdraw(work, Offer.appointment_id == appointment_id)
        _store_decision(work, inside[appointment_id].absence, appointment_id, decided)
    return len(decisions)


def undecided(work: Work, practitioner_ids: Sequence[int]) -> list[Inside]:
    """Return the appointments inside absences that need a decision, by start.

    Takes four statements at most.
    """
    inside = _inside(work, practitioner_ids)
    return [displaced for displaced in inside if not displaced.is_settled(work.now)]


def _inside(work: Work, practitioner_ids: Sequence[int]) -> list[Inside]:
    """Return the appointments inside absences that the actor has to do with.

    The administrator of one centre decides nothing about appointments at another.
    """
    inside = queries.inside_absences(work, practitioner_ids)
    return [displaced for displaced in inside if relation_to(work.actor, displaced.appointment)]


class Answer(StrEnum):
    """What is known of an appointment that was in the way of an absence; those whose patient is to
    be called come first."""

    NO_TIME = "no-time"
    DECLINED = "declined"
    SILENT = "silent"
    PLANNED = "planned"
    WAITING = "waiting"
    MOVED = "moved"
    KEPT = "kept"
    CANCELLED = "cancelled"


TO_CALL = frozenset({Answer.NO_TIME, Answer.DECLINED, Answer.SILENT})


def answers(work: Work, practitioner_id: int, absence_id: UUID) -> list[tuple[Answer, Outcome]]:
    """Return what has become of each appointment that was in the way of an absence, those to be
    called first; of those only that the actor has to do with. Raises NotFound."""
    absence = absences.absence_of(work, practitioner_id, absence_id)
    found = [
        (_answer(outcome, absence, work.now), outcome)
        for outcome in queries.outcomes(work.session, absence_id)
        if relation_to(work.actor, outcome.appointment)
    ]
    order = list(Answer)
    return sorted(found, key=lambda pair: order.index(pair[0]))


def _answer(outcome: Outcome, absence: Absence, now: datetime) -> Answer:
    decision, appointment, offer = outcome.decision, outcome.appointment, outcome.offer
    if appointment.status not in LIVE:
        return Answer.CANCELLED
    if not _is_due(appointment, absence):
        return Answer.MOVED
    if decision.choice == Choice.KEEP:
        return Answer.KEPT
    if decision.progress == Progress.PLANNED:
        return Answer.PLANNED
    if offer is None or offer.status == OfferStatus.WITHDRAWN:
        return Answer.NO_TIME
    if offer.status == OfferStatus.DECLINED:
        return Answer.DECLINED
    return Answer.WAITING if offer.is_open(now) else Answer.SILENT


def suggestions(work: Work, inside: Sequence[Inside]) -> list[Hit]:
    """Return other times for appointments inside existing absences; at most six statements."""
    appointments = [displaced.appointment for displaced in inside]
    slots = matching.nearest_for(work, _movable(appointments, work.now), (), count=SUGGESTED)
    return [Hit(appointment, slots.get(appointment.id, ())) for appointment in appointments]


def end(work: Work, practitioner_id: int, absence_id: UUID, *, withdraw: bool) -> None:
    """Remove an absence. Decisions that were not carried out yet are dropped.

    With ``withdraw``, offers made because of it are withdrawn too.
    """
    may_block(work, practitioner_id)
    if withdraw:
        _withdraw(work, queries.out_of(absence_id))
    absences.end_absence(work, practitioner_id, absence_id)


def reopen(
    work: Work, practitioner_id: int, starts: datetime, ends: datetime, *, withdraw: bool
) -> None:
    """Free a period in every absence that covers some of it; the rest stays blocked.

    Decisions about appointments in what is left stay. With ``withdraw``, offers for appointments
    in the period are withdrawn. Raises NothingBlocked.
    """
    for absence_id, rest in absences.reopen(work, practitioner_id, starts, ends):
        for decision in queries.decisions_from(work.session, absence_id, rest.starts_at):
            decision.absence_id = rest.id
    if withdraw:
        inside = booking.appointments(
            work.session, booking.of_practitioner(practitioner_id), booking.between(starts, ends)
        )
        freed = [one.id for one in inside]
        _withdraw(work, Offer.appointment_id.in_(freed))


# Carrying out


def carry_out(work: Work, decision_id: UUID) -> None:
    """Carry out a planned decision; do nothing if it is done or no longer applies.

    An appointment to move is offered its new time for at most ``proposal_hours``, or the nearest
    other time if that one is gone. Raise what booking raises, or HasArrived if the patient has
    arrived by now.
    """
    decision = work.session.get(AbsenceDecision, decision_id)
    if decision is None or decision.progress != Progress.PLANNED:
        return
    appointment = booking.appointment(work.session, decision.appointment_id)
    absence = work.session.get(Absence, decision.absence_id)
    if appointment is None or absence is None or not _is_due(appointment, absence):
        _finish(work, decision, Progress.DONE, None)
        return
    _check_not_arrived(appointment)
    if decision.choice == Choice.CANCEL:
        # Why somebody is away is their own affair: patients are not told.
        change_status(work.by(_decider(decision)), decision.appointment_id, Status.CANCELLED)
        _finish(work, decision, Progress.DONE, None)
    else:
        _propose(work, decision, appointment)


def give_up(work: Work, decision_id: UUID, problem: str) -> None:
    """Mark a decision as failed, so that someone decides again."""
    decision = work.session.get(AbsenceDecision, decision_id)
    if decision is not None and decision.progress == Progress.PLANNED:
        _finish(work, decision, Progress.FAILED, problem)


def work_off(database: Database, settings: Settings, decision_id: UUID, *, now: datetime) -> None:
    """Carry out a decision in its own transaction, and store the error if it is refused.

    Raise TRY_AGAIN for a temporary error; the decision stays planned.
    """
    try:
        database.run(doing(SYSTEM, now, settings, carry_out, decision_id))
    except TRY_AGAIN:
        raise
    except DomainError as error:
        problem = error.code
        database.run(doing(SYSTEM, now, settings, give_up, decision_id, problem))


def _propose(work: Work, decision: AbsenceDecision, appointment: Appointment) -> None:
    slot = _still_free(work, decision, appointment)
    length = timedelta(hours=work.settings.proposal_hours)
    until = offer_ends(work.now, length, slot.start, appointment.starts_at) if slot else None
    if slot is None or until is None:
        _finish(work, decision, Progress.FAILED, NO_TIME)
        return
    hold = offered.hold_for_reschedule(
        work, appointment.id, slot.schedule_id, slot.start, until=until
    )
    decision.schedule_id, decision.starts_at = slot.schedule_id, hold.starts_at
    make_offer(
        work.by(_decider(decision)),
        hold,
        until=until,
        decision_id=decision.id,
        appointment_id=appointment.id,
        absence=str(decision.absence_id),
        appointment=str(appointment.id),
        why="the appointment lies inside an absence",
    )
    _finish(work, decision, Progress.DONE, None)


def _still_free(work: Work, decision: AbsenceDecision, appointment: Appointment) -> Slot | None:
    """Return the chosen time if it is still free, else the nearest to the appointment."""
    if decision.schedule_id is not None and decision.starts_at is not None:
        chosen_slot = matching.exactly(work, appointment, decision.schedule_id, decision.starts_at)
        if chosen_slot is not None:
            return chosen_slot
    nearest_slots = matching.nearest_for(work, [appointment], ())
    return next(iter(nearest_slots[appointment.id]), None)


def _is_due(appointment: Appointment, absence: Absence) -> bool:
    """Return True if the appointment is live and still lies inside the absence."""
    overlaps = appointment.ends_at > absence.starts_at and appointment.starts_at < absence.ends_at
    return overlaps and appointment.status in LIVE


def _finish(work: Work, decision: AbsenceDecision, progress: Progress, problem: str | None) -> None:
    decision.progress, decision.problem, decision.done_at = progress, problem, work.now
    audit.record(
        work.by(SYSTEM),
        f"absence.{decision.choice}-{progress}",
        _subject(decision.absence_id),
        appointment=str(decision.appointment_id),
        problem=problem,
    )


def _decider(decision: AbsenceDecision) -> Actor:
    """Return an actor with full rights in the name of the account that decided.

    The rights were checked when the decision was made; the account may have lost them since.
    """
    return replace(SYSTEM, account_id=decision.decided_by)


# Deciding


def _movable(appointments: Sequence[Appointment], now: datetime) -> list[Appointment]:
    """Return the appointments whose patients can still be offered another time."""
    return [
        appointment
        for appointment in appointments
        if appointment.status is Status.BOOKED and appointment.starts_at >= now + SOONEST
    ]


def _check_decisions(
    decisions: Mapping[UUID, Decided], appointments: Mapping[UUID, Appointment]
) -> None:
    """Raise HasArrived or DuplicateTime, or Invalid if a move has no time."""
    for key, decided in decisions.items():
        if decided.choice is not Choice.KEEP:
            _check_not_arrived(appointments[key])
    _check_no_overlap(decisions, appointments)


def _check_not_arrived(appointment: Appointment) -> None:
    """Raise HasArrived if the patient has arrived."""
    if appointment.status is Status.ARRIVED:
        start = appointment.starts_at.astimezone(appointment.zone)
        raise HasArrived(field="decisions", day=start.date().isoformat(), time=f"{start:%H:%M}")


def _check_no_overlap(
    decisions: Mapping[UUID, Decided], appointments: Mapping[UUID, Appointment]
) -> None:
    """Raise DuplicateTime if two moved appointments would overlap on one schedule."""
    taken: list[tuple[int, datetime, datetime]] = []
    for key, decided in decisions.items():
        if decided.choice is not Choice.MOVE:
            continue
        if decided.schedule_id is None or decided.start is None:
            raise Invalid("Choose a time to move each appointment to.", field="decisions")
        ends = decided.start + timedelta(minutes=appointments[key].minutes)
        if any(
            schedule_id == decided.schedule_id and decided.start < until and ends > since
            for schedule_id, since, until in taken
        ):
            raise DuplicateTime(field="decisions")
        taken.append((decided.schedule_id, decided.start, ends))


def _store_decision(work: Work, absence: Absence, appointment_id: UUID, decided: Decided) -> None:
    """Store or replace a decision, and queue it unless the appointment is kept."""
    moves = decided.choice is Choice.MOVE
    decision = queries.decision_about(work.session, absence.id, appointment_id) or AbsenceDecision(
        id=new_id(), absence_id=absence.id, appointment_id=appointment_id
    )
    decision.choice = decided.choice
    decision.schedule_id = decided.schedule_id if moves else None
    decision.starts_at = decided.start if moves else None
    decision.progress, decision.problem, decision.done_at = Progress.PLANNED, None, None
    decision.decided_at, decision.decided_by = work.now, work.actor.account_id
    audit.record(
        work,
        "absence.decided",
        _subject(absence.id),
        appointment=str(appointment_id),
        choice=decided.choice,
    )
    if decided.choice is Choice.KEEP:
        decision.progress, decision.done_at = Progress.DONE, work.now
    queries.add_decision(work.session, decision)
    if decided.choice is not Choice.KEEP:
        publish(work, Topic.DECIDED, decision=decision.id)


def _withdraw(work: Work, where: queries.Condition) -> None:
    for offer in queries.unanswered(work.session, where):
        close_offer(work, offer, OfferStatus.WITHDRAWN)


def _subject(absence_id: UUID) -> str:
    return f"absence:{absence_id}"
