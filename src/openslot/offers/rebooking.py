"""What an absence does to visits: looked at first, decided, then carried out one by one.

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
from openslot.booking.models import Status
from openslot.booking.queries import Visit
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
from openslot.offers.errors import HasArrived, NotInside, OtherVisits, SameTimeTwice
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
"""How many times a practitioner may choose from for each visit."""

NO_TIME = "no-time"
"""The problem of a decision to move for which there is no other time, or none soon enough."""

TRY_AGAIN = (Busy, RateLimited, StaleVersion)
"""These say nothing about the decision: the same may be done a little later."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to become of a visit; with MOVE, the schedule and start that are proposed."""

    choice: Choice
    schedule_id: int | None = None
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A visit inside a time that is to be blocked, and the times that it could move to."""

    visit: Visit
    slots: Sequence[Slot]


def preview(
    session: Session, actor: Actor, practitioner_id: int, details: AbsenceDetails, *, now: datetime
) -> list[Hit]:
    """What lies inside an absence that is not entered yet, with the nearest times instead; the
    number of statements does not grow with the visits."""
    hit = hit_by(session, actor, practitioner_id, details)
    person = directory.practitioner(session, practitioner_id, inactive=True)
    away = [(person.diary_id, check_period(details.starts_at, details.ends_at))]
    found = matching.nearest_for(session, _movable(hit, now), away, now=now, count=SUGGESTED)
    return [Hit(visit, found.get(visit.appointment.id, ())) for visit in hit]


def enter(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    details: AbsenceDetails,
    decisions: Mapping[UUID, Decided],
    *,
    now: datetime,
) -> Absence:
    """Block the time, and write down what becomes of each visit inside.

    OtherVisits where those inside are not those decided about; HasArrived for anything but
    keeping a visit whose patient is there; SameTimeTwice.
    """
    hit = {one.appointment.id: one for one in hit_by(session, actor, practitioner_id, details)}
    if hit.keys() != decisions.keys():
        raise OtherVisits
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
    """Decide anew about visits inside absences that stand; how many. What a patient was offered
    meanwhile is withdrawn. NotInside for a visit that lies in no absence of the practitioner,
    HasArrived and SameTimeTwice as for :func:`enter`."""
    may_see_absences(session, actor, practitioner_id)
    inside = {
        one.visit.appointment.id: one for one in _inside(session, actor, [practitioner_id], now)
    }
    if not decisions.keys() <= inside.keys():
        raise NotInside
    _check_can_be(decisions, {key: one.visit for key, one in inside.items()})
    for appointment_id, decided in sorted(decisions.items()):
        _withdraw(session, actor, Offer.appointment_id == appointment_id, now)
        _write(session, actor, inside[appointment_id].absence, appointment_id, decided, now)
    return len(decisions)


def undecided(
    session: Session, actor: Actor, practitioner_ids: Sequence[int], *, now: datetime
) -> list[Inside]:
    """The visits inside absences that somebody has to decide about, by start; at most four
    statements."""
    found = _inside(session, actor, practitioner_ids, now)
    return [one for one in found if not one.is_settled(now)]


def _inside(
    session: Session, actor: Actor, practitioner_ids: Sequence[int], now: datetime
) -> list[Inside]:
    """Visits inside absences in which the actor has a part: who runs one centre decides nothing
    about visits at another."""
    found = queries.inside_absences(session, practitioner_ids, now=now)
    return [one for one in found if part_in(actor, one.visit.standing)]


def suggestions(session: Session, inside: Sequence[Inside], *, now: datetime) -> list[Hit]:
    """Other times for visits inside absences that stand; six statements."""
    visits = [one.visit for one in inside]
    found = matching.nearest_for(session, _movable(visits, now), (), now=now, count=SUGGESTED)
    return [Hit(visit, found.get(visit.appointment.id, ())) for visit in visits]


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
    of their visits; what is decided and not yet done is not done any more."""
    may_block(session, actor, practitioner_id)
    if withdraw:
        _withdraw(session, actor, queries.out_of(absence_id), now)
    absences.end_absence(session, actor, practitioner_id, absence_id, now=now)


# Carrying out


def carry_out(session: Session, decision_id: UUID, *, now: datetime, length: timedelta) -> None:
    """Do what was decided about one visit; nothing where it was done, or is not to be done.

    A visit that is to move is offered its new time, for ``length`` at most; where that time is
    gone, the nearest other. Raises what booking raises, and HasArrived where the patient came
    meanwhile; it has then done nothing.
    """
    decision = session.get(AbsenceDecision, decision_id)
    if decision is None or decision.progress != Progress.PLANNED:
        return
    visit = booking.visit(session, decision.appointment_id)
    absence = session.get(Absence, decision.absence_id)
    if visit is None or absence is None or not _is_due(visit, absence):
        _done(session, decision, Progress.DONE, None, now)
        return
    _check_waits(visit)
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
        _propose(session, decision, visit, now, length)


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
    session: Session, decision: AbsenceDecision, visit: Visit, now: datetime, length: timedelta
) -> None:
    slot = _still_free(session, decision, visit, now)
    until = offer_ends(now, length, slot.start, visit.appointment.starts_at) if slot else None
    if slot is None or until is None:
        _done(session, decision, Progress.FAILED, NO_TIME, now)
        return
    kept = offered.keep_for_move(
        session, visit.appointment.id, slot.schedule_id, slot.start, now=now, until=until
    )
    decision.schedule_id, decision.starts_at = slot.schedule_id, kept.starts_at
    make_offer(
        session,
        kept,
        now=now,
        until=until,
        decision_id=decision.id,
        appointment_id=visit.appointment.id,
        by=_decider(decision).origin,
        absence=str(decision.absence_id),
        appointment=str(visit.appointment.id),
        why="the visit lies inside an absence",
    )
    _done(session, decision, Progress.DONE, None, now)


def _still_free(
    session: Session, decision: AbsenceDecision, visit: Visit, now: datetime
) -> Slot | None:
    """The time that was decided on, if it can be had; else the nearest to the visit."""
    if decision.schedule_id is not None and decision.starts_at is not None:
        wanted = matching.exactly(session, visit, decision.schedule_id, decision.starts_at, now=now)
        if wanted is not None:
            return wanted
    found = matching.nearest_for(session, [visit], (), now=now)
    return next(iter(found[visit.appointment.id]), None)


def _is_due(visit: Visit, absence: Absence) -> bool:
    """Whether the visit still stands and lies inside."""
    one = visit.appointment
    touches = one.ends_at > absence.starts_at and one.starts_at < absence.ends_at
    return touches and visit.status in LIVE


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


def _movable(visits: Sequence[Visit], now: datetime) -> list[Visit]:
    """Those whose patients can still be asked."""
    return [
        one
        for one in visits
        if one.status is Status.BOOKED and one.appointment.starts_at >= now + SOONEST
    ]


def _check_can_be(decisions: Mapping[UUID, Decided], visits: Mapping[UUID, Visit]) -> None:
    """HasArrived, SameTimeTwice, or Invalid where a visit is to move and no time is named."""
    for key, one in decisions.items():
        if one.choice is not Choice.KEEP:
            _check_waits(visits[key])
    _check_apart(decisions, visits)


def _check_waits(visit: Visit) -> None:
    """HasArrived where the patient is there already."""
    if visit.status is Status.ARRIVED:
        start = visit.appointment.starts_at.astimezone(visit.zone)
        raise HasArrived(field="decisions", day=start.date().isoformat(), time=f"{start:%H:%M}")


def _check_apart(decisions: Mapping[UUID, Decided], visits: Mapping[UUID, Visit]) -> None:
    """SameTimeTwice where two visits would overlap on one schedule."""
    taken: list[tuple[int, datetime, datetime]] = []
    for key, one in decisions.items():
        if one.choice is not Choice.MOVE:
            continue
        if one.schedule_id is None or one.start is None:
            raise Invalid("Choose a time to move each visit to.", field="decisions")
        ends = one.start + timedelta(minutes=visits[key].appointment.minutes)
        if any(
            other == one.schedule_id and one.start < until and ends > since
            for other, since, until in taken
        ):
            raise SameTimeTwice(field="decisions")
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
