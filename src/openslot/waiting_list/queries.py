"""Offers with their appointments, and decisions about appointments inside absences."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from openslot.booking import queries as booking
from openslot.booking.diaries import in_absences_of
from openslot.booking.models import Appointment, Status
from openslot.core.tables import alias_of
from openslot.core.work import Work
from openslot.directory.models import Centre, Department, Practitioner, Service
from openslot.referrals import queries as referrals
from openslot.referrals.models import Referral, State
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence, Closure, Schedule
from openslot.waiting_list.models import (
    AbsenceDecision,
    Choice,
    Offer,
    OfferStatus,
    Progress,
    Waiting,
    WaitingEntry,
)

Condition = ColumnElement[bool]
"""A filter on rows."""

_Hold = alias_of(Appointment)
_Replaced = alias_of(Appointment)
_At = alias_of(Schedule)
_With = alias_of(Practitioner)


def add_offer(session: Session, offer: Offer) -> None:
    """Store a new offer, after its hold."""
    session.flush()
    session.add(offer)
    session.flush()


def offer(session: Session, offer_id: UUID) -> Offer | None:
    """Return one offer, or None; at most four statements."""
    found = session.get(Offer, offer_id)
    if found is None:
        return None
    hold = booking.appointment(session, found.hold_id)
    replaced = booking.appointment(session, found.appointment_id) if found.appointment_id else None
    entry = session.get(WaitingEntry, found.entry_id) if found.entry_id else None
    return _related(found, hold=hold, appointment=replaced, entry=entry) if hold else None


def _related(found: Offer, **rows: object) -> Offer:
    """Fill relationships of an offer with rows that are loaded already."""
    for name, row in rows.items():
        set_committed_value(found, name, row)
    return found


def open_offers(
    work: Work, *, patient_ids: Collection[UUID] = (), department_id: int | None = None
) -> list[Offer]:
    """Return what patients, or a department, can accept now; two statements.

    The first to expire comes first.
    """
    mine: Condition = _Hold.patient_id.in_(set(patient_ids))
    if department_id is not None:
        mine = or_(mine, WaitingEntry.department_id == department_id)
    found = _offers(work.session, _can_be_taken(work.now), mine)
    return [offer for offer in found if offer.is_open(work.now)]


def open_of_entries(work: Work, entry_ids: Collection[UUID]) -> dict[UUID, Offer]:
    """Return the open offers of waiting list entries, by entry id; two statements."""
    offers = _offers(work.session, _can_be_taken(work.now), Offer.entry_id.in_(set(entry_ids)))
    return {offer.entry.id: offer for offer in offers if offer.entry and offer.is_open(work.now)}


def open_of_absences(work: Work, absence_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the number of unanswered offers by absence id; one statement."""
    rows = work.session.execute(
        select(AbsenceDecision.absence_id, func.count())
        .join(Offer, Offer.decision_id == AbsenceDecision.id)
        .where(_not_expired(work.now), AbsenceDecision.absence_id.in_(set(absence_ids)))
        .group_by(AbsenceDecision.absence_id)
    )
    return {row[0]: row[1] for row in rows}


def decided_of(work: Work, absence_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return the absences with decisions about appointments that were in the way."""
    decisions = select(AbsenceDecision.absence_id).where(
        AbsenceDecision.absence_id.in_(set(absence_ids))
    )
    return frozenset(work.session.scalars(decisions.distinct()))


def open_for_appointment(work: Work, appointment_id: UUID) -> list[Offer]:
    """Return the open offers that would replace an appointment; two statements."""
    offers = _offers(work.session, _can_be_taken(work.now), Offer.appointment_id == appointment_id)
    return [offer for offer in offers if offer.is_open(work.now)]


def offered_other_times(work: Work, starts: datetime, ends: datetime) -> frozenset[UUID]:
    """Return the appointments of a period whose patients were offered another time, which they can
    take still; one statement."""
    query = select(Appointment.id).join(Schedule, Schedule.id == Appointment.schedule_id)
    query = query.join(Offer, Offer.appointment_id == Appointment.id)
    where = (booking.seen_by(work.actor, work.now), booking.between(starts, ends))
    return frozenset(work.session.scalars(query.where(_not_expired(work.now), *where)))


def unanswered(session: Session, where: Condition) -> list[Offer]:
    """Return offers with status open, expired ones too, with their holds; one statement."""
    rows = session.execute(
        select(Offer, _Hold)
        .join(_Hold, _Hold.id == Offer.hold_id)
        .where(Offer.status == OfferStatus.OPEN, where)
    )
    return [_related(offer, hold=hold) for offer, hold in rows]


def out_of(absence_id: UUID) -> Condition:
    """Match offers for appointments inside an absence."""
    decisions = select(AbsenceDecision.id).where(AbsenceDecision.absence_id == absence_id)
    return Offer.decision_id.in_(decisions)


def _not_expired(now: datetime) -> Condition:
    return and_(Offer.status == OfferStatus.OPEN, Offer.expires_at > now)


def _can_be_taken(now: datetime) -> Condition:
    """Match offers that are open, also before the worker has withdrawn those of no more use."""
    return and_(_not_expired(now), ~_has_left())


def _has_left() -> Condition:
    """Match offers for appointments that no longer lie inside the absence."""
    before, after = _Replaced.ends_at <= Absence.starts_at, _Replaced.starts_at >= Absence.ends_at
    return and_(Absence.id.is_not(None), or_(before, after))


def _offers(session: Session, *where: Condition) -> list[Offer]:
    rows = session.execute(
        select(Offer, WaitingEntry)
        .join(_Hold, _Hold.id == Offer.hold_id)
        .outerjoin(WaitingEntry, WaitingEntry.id == Offer.entry_id)
        .outerjoin(_Replaced, _Replaced.id == Offer.appointment_id)
        .outerjoin(AbsenceDecision, AbsenceDecision.id == Offer.decision_id)
        .outerjoin(Absence, Absence.id == AbsenceDecision.absence_id)
        .where(*where)
        .order_by(Offer.expires_at, Offer.id)
    ).all()
    ids = {
        appointment_id
        for offer, _ in rows
        for appointment_id in (offer.hold_id, offer.appointment_id)
        if appointment_id
    }
    related = booking.appointments(session, Appointment.id.in_(ids)) if ids else []
    appointments = {appointment.id: appointment for appointment in related}
    return [
        _related(
            offer,
            hold=appointments[offer.hold_id],
            appointment=appointments.get(cast(UUID, offer.appointment_id)),
            entry=entry,
        )
        for offer, entry in rows
        if offer.hold_id in appointments
    ]


def stale_offer(work: Work) -> Offer | None:
    """Return an open offer that has expired or would be refused, or None; one statement.

    That is the case if its hold, appointment or list entry has changed, if the schedule or the
    referral can no longer be used, if the offered time is no longer earlier than the appointment
    (waiting list), or if the appointment no longer lies inside the absence.
    """
    gone = or_(
        _Hold.status != Status.HELD,
        and_(_Replaced.id.is_not(None), _Replaced.status != Status.BOOKED),
        and_(WaitingEntry.id.is_not(None), WaitingEntry.status != Waiting.WAITING),
        and_(WaitingEntry.id.is_not(None), _Replaced.starts_at <= _Hold.starts_at),
        _has_left(),
        _is_closed(),
        ~_is_bookable(),
        and_(_Hold.referral_use.is_not(None), ~_has_referral(work.now)),
    )
    row = work.session.execute(
        select(Offer, _Hold, WaitingEntry)
        .join(_Hold, _Hold.id == Offer.hold_id)
        .join(_At, _At.id == _Hold.schedule_id)
        .outerjoin(_With, _With.id == _At.practitioner_id)
        .outerjoin(_Replaced, _Replaced.id == Offer.appointment_id)
        .outerjoin(WaitingEntry, WaitingEntry.id == Offer.entry_id)
        .outerjoin(AbsenceDecision, AbsenceDecision.id == Offer.decision_id)
        .outerjoin(Absence, Absence.id == AbsenceDecision.absence_id)
        .where(Offer.status == OfferStatus.OPEN, or_(Offer.expires_at <= work.now, gone))
        .limit(1)
    ).first()
    if row is None:
        return None
    stale, hold, entry = row
    return _related(stale, hold=hold, entry=entry)


def _is_closed() -> Condition:
    """Match holds while their centre is closed."""
    closed = select(Closure.id).where(
        Closure.centre_id == _At.centre_id,
        Closure.starts_at < _Hold.ends_at,
        Closure.ends_at > _Hold.starts_at,
    )
    return closed.exists()


def _is_bookable() -> Condition:
    """Match holds whose schedule can still be booked."""
    bookable = (
        select(Schedule.id)
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .where(Schedule.id == _At.id, *schedules.bookable())
    )
    return bookable.exists()


def _has_referral(now: datetime) -> Condition:
    """Match holds whose patient can use the hold's referral, or another to that specialist."""
    leads_there = or_(
        Referral.id == _Hold.referral_use,
        Referral.practitioner_id == _At.practitioner_id,
        func.lower(Referral.expertise) == func.lower(_With.expertise),
    )
    usable = (
        select(Referral.id)
        .select_from(referrals.REFERRALS)
        .where(
            Referral.in_state(State.SENT, now), Referral.patient_id == _Hold.patient_id, leads_there
        )
    )
    return cast(Condition, usable.exists())


# Absences


def add_decision(session: Session, decision: AbsenceDecision) -> None:
    """Store a decision."""
    session.add(decision)
    session.flush()


def decision_about(
    session: Session, absence_id: UUID, appointment_id: UUID
) -> AbsenceDecision | None:
    """Return the decision about an appointment inside an absence, or None; one statement."""
    return session.scalar(
        select(AbsenceDecision).where(
            AbsenceDecision.absence_id == absence_id,
            AbsenceDecision.appointment_id == appointment_id,
        )
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a decision: its appointment, and its offer if one was made."""

    decision: AbsenceDecision
    appointment: Appointment
    offer: Offer | None


def outcomes(session: Session, absence_id: UUID) -> list[Outcome]:
    """Return what has become of the decisions about an absence, by start of the appointment; three
    statements."""
    decisions = session.scalars(
        select(AbsenceDecision).where(AbsenceDecision.absence_id == absence_id)
    ).all()
    decided = {decision.appointment_id: decision for decision in decisions}
    about = {one.id: one for one in booking.appointments(session, Appointment.id.in_(decided))}
    made = session.execute(
        select(Offer, _Hold)
        .join(_Hold, _Hold.id == Offer.hold_id)
        .where(out_of(absence_id), Offer.appointment_id.in_(about))
        .order_by(Offer.made_at, Offer.id)
    )
    last_offers = {
        offer.appointment_id: _related(
            offer, hold=hold, appointment=about[cast(UUID, offer.appointment_id)]
        )
        for offer, hold in made
    }
    return [Outcome(decided[key], one, last_offers.get(key)) for key, one in about.items()]


def decisions_from(session: Session, absence_id: UUID, starts: datetime) -> list[AbsenceDecision]:
    """Return the decisions about appointments inside an absence that start from then on."""
    later = select(Appointment.id).where(Appointment.starts_at >= starts)
    return list(
        session.scalars(
            select(AbsenceDecision).where(
                AbsenceDecision.absence_id == absence_id,
                AbsenceDecision.appointment_id.in_(later),
            )
        )
    )


@dataclass(frozen=True, slots=True)
class Inside:
    """An appointment inside an absence, with the decision about it and its latest offer."""

    appointment: Appointment
    absence: Absence
    decision: AbsenceDecision | None
    offer: Offer | None

    def is_settled(self, now: datetime) -> bool:
        """Return True if there is nothing to decide.

        The patient has arrived or is considering an offer, or the decision is to keep the
        appointment or is about to be carried out.
        """
        if self.appointment.status is Status.ARRIVED:
            return True
        if self.offer and self.offer.status == OfferStatus.OPEN and self.offer.expires_at > now:
            return True
        if self.decision is None:
            return False
        planned = self.decision.progress == Progress.PLANNED
        return planned or self.decision.choice == Choice.KEEP


def inside_absences(work: Work, practitioner_ids: Collection[int]) -> list[Inside]:
    """Return the live appointments of practitioners inside their absences, by start.

    Past appointments are left out. Takes four statements at most.
    """
    diary_ids = select(Practitioner.diary_id).where(Practitioner.id.in_(set(practitioner_ids)))
    absences = list(
        work.session.scalars(
            select(Absence)
            .where(Absence.ends_at > work.now, Absence.diary_id.in_(diary_ids))
            .order_by(Absence.starts_at)
        )
    )
    if not absences:
        return []
    appointments = booking.appointments(
        work.session,
        Schedule.practitioner_id.in_(set(practitioner_ids)),
        booking.to_come(work.now),
        in_absences_of(Practitioner.diary_id),
    )
    ids = [appointment.id for appointment in appointments]
    decisions = _decisions(work.session, ids)
    offers = _last_offers(work.session, ids)
    return [
        Inside(
            appointment,
            absence,
            decisions.get((absence.id, appointment.id)),
            offers.get(appointment.id),
        )
        for appointment in appointments
        for absence in absences
        if _lies_in(appointment, absence)
    ]


def _lies_in(appointment: Appointment, absence: Absence) -> bool:
    same_diary = (
        appointment.practitioner is not None
        and appointment.practitioner.diary_id == absence.diary_id
    )
    overlaps = appointment.ends_at > absence.starts_at and appointment.starts_at < absence.ends_at
    return same_diary and overlaps


def offered_before(
    session: Session, appointment_ids: Collection[UUID]
) -> dict[UUID, set[tuple[int, datetime]]]:
    """Return the times (schedule id, start) already offered, by appointment; one statement."""
    tried: dict[UUID, set[tuple[int, datetime]]] = defaultdict(set)
    for appointment_id, schedule_id, start in session.execute(
        select(Offer.appointment_id, _Hold.schedule_id, _Hold.starts_at)
        .join(_Hold, _Hold.id == Offer.hold_id)
        .where(Offer.appointment_id.in_(appointment_ids))
    ):
        tried[cast(UUID, appointment_id)].add((schedule_id, start))
    return tried


def _decisions(
    session: Session, appointment_ids: Collection[UUID]
) -> dict[tuple[UUID, UUID], AbsenceDecision]:
    decisions = session.scalars(
        select(AbsenceDecision).where(AbsenceDecision.appointment_id.in_(appointment_ids))
    )
    return {(decision.absence_id, decision.appointment_id): decision for decision in decisions}


def _last_offers(session: Session, appointment_ids: Collection[UUID]) -> dict[UUID, Offer]:
    offers: Any = session.scalars(
        select(Offer)
        .where(Offer.appointment_id.in_(appointment_ids), Offer.entry_id.is_(None))
        .order_by(Offer.made_at, Offer.id)
    )
    return {offer.appointment_id: offer for offer in offers}
