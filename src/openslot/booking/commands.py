"""The verbs of booking, the same for every entry point.

Each is a story: check access, load, decide (rules), claim and release (diaries), write, tell
(audit and outbox). None commits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import claims, opening, queries
from openslot.booking.errors import (
    HoldLapsed,
    NoMoreExtensions,
    ReferralSpent,
    SelfBooking,
    WrongMove,
)
from openslot.booking.events import Topic, news_of, publish, record_and_publish, subject_of
from openslot.booking.instead import offering
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moving import move_onto
from openslot.booking.queries import Visit
from openslot.booking.rules import (
    CLAIMING,
    FREES_DAY,
    Admission,
    Part,
    Wanted,
    check_begins,
    check_booker,
    check_change_time,
    check_may_prioritise,
    check_move,
    check_priority,
    check_second,
    check_wish,
    day_key,
    gives_way,
    may_book_others,
    needs_referral,
    one_a_day_key,
    part_in,
)
from openslot.core import audit
from openslot.core.errors import Forbidden, NotFound, StaleVersion
from openslot.core.ids import new_id
from openslot.directory.models import Patient
from openslot.directory.rules import Actor
from openslot.schedules import queries as schedules
from openslot.schedules.availability import instant_of, span_between
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


@dataclass(frozen=True, slots=True)
class Wish:
    """A visit as somebody wants it. ``second_visit`` lets those who work with patients book
    another visit with the same practitioner on the same day."""

    schedule_id: int
    start: datetime
    minutes: int
    patient_id: UUID | None
    reason: str | None = None
    priority: Priority = Priority.ROUTINE
    second_visit: bool = False


def book(
    session: Session,
    actor: Actor,
    wish: Wish,
    *,
    now: datetime,
    hold_id: UUID | None = None,
    admission: Admission | None = None,
    place: Place | None = None,
) -> Appointment:
    """Book a visit, out of the hold if it is still kept, otherwise if the time is free.

    ``admission`` is the referral that a specialist asks for; ``place`` spares reading it again.
    At most 8 statements. Raises the errors of booking/errors.py; SlotTaken names the nearest
    free starts. Entry points call referrals/commands.py, which looks for the referral.
    """
    place = place or place_of(session, wish.schedule_id)
    if hold_id is not None:
        kept = _confirm(session, actor, wish, place, hold_id, now, admission)
        if kept is not None:
            return kept
    visit = make(session, actor, wish, place, Status.BOOKED, None, now, admission)
    record_and_publish(session, actor, visit, Topic.BOOKED, now)
    return visit


def hold(
    session: Session,
    actor: Actor,
    wish: Wish,
    *,
    now: datetime,
    keep: timedelta,
    admission: Admission | None = None,
    place: Place | None = None,
) -> Appointment:
    """Keep a time for ``keep``; other holds that the patient made are let go."""
    place = place or place_of(session, wish.schedule_id)
    visit = make(session, actor, wish, place, Status.HELD, now + keep, now, admission)
    audit.record(session, "appointment.held", subject_of(visit.id), by=actor.origin, now=now)
    return visit


def extend_hold(
    session: Session, actor: Actor, hold_id: UUID, *, now: datetime, keep: timedelta, limit: int
) -> Appointment:
    """Keep it for ``keep`` from now, ``limit`` times at most; what we offered has its own end."""
    visit, _ = visit_for(session, actor, hold_id)
    appointment = visit.appointment
    if visit.status is not Status.HELD or appointment.offered or appointment.starts_at < now:
        raise HoldLapsed
    if appointment.extensions >= limit:
        raise NoMoreExtensions
    appointment.extensions += 1
    appointment.held_until = now + keep
    appointment.changed_at = now
    return appointment


def release_hold(session: Session, actor: Actor, hold_id: UUID, *, now: datetime) -> None:
    """Let a kept time go; nothing happens where it is no longer kept."""
    visit, _ = visit_for(session, actor, hold_id)
    if visit.status is Status.HELD:
        claims.lapse(session, [visit.appointment], now)


def move(
    session: Session,
    actor: Actor,
    appointment_id: UUID,
    start: datetime,
    *,
    now: datetime,
    cutoff: timedelta,
    minutes: int | None = None,
    schedule_id: int | None = None,
    version: int | None = None,
) -> Appointment:
    """Claim the new time and release the old one; refused, the old stays. ``schedule_id`` may name
    another schedule of the same practitioner."""
    visit, part = visit_for(session, actor, appointment_id)
    appointment = visit.appointment
    _check_version(appointment, version)
    if visit.status is not Status.BOOKED:
        raise WrongMove
    check_change_time(part, visit.standing, now=now, cutoff=cutoff)
    place = place_of(session, schedule_id or appointment.schedule_id)
    if place.schedule_id != appointment.schedule_id:
        _check_goes(actor, part, visit, place)
    span = check_wish(place, start, minutes or appointment.minutes, now)
    return move_onto(session, actor, visit, place, span, now)


def _check_goes(actor: Actor, part: Part, visit: Visit, place: Place) -> None:
    """A visit goes to other schedules of its practitioner, and there as who books there may."""
    if place.practitioner_id is None or place.practitioner_id != visit.schedule.practitioner_id:
        raise NotFound
    if part is not Part.PATIENT and not may_book_others(actor, place):
        raise Forbidden


def amend(
    session: Session,
    actor: Actor,
    appointment_id: UUID,
    *,
    reason: str | None,
    priority: Priority | None = None,
    now: datetime,
    cutoff: timedelta,
    version: int | None = None,
) -> Appointment:
    """Change the reason, and the priority if one is given, of a visit still to come."""
    visit, part = visit_for(session, actor, appointment_id)
    appointment = visit.appointment
    _check_version(appointment, version)
    if visit.status not in (Status.HELD, Status.BOOKED):
        raise WrongMove
    if visit.status is Status.BOOKED:
        check_change_time(part, visit.standing, now=now, cutoff=cutoff)
    if priority is not None and priority != appointment.priority:
        check_may_prioritise(actor)
        appointment.priority = priority
    appointment.reason = reason
    appointment.changed_at = now
    audit.record(
        session, "appointment.amended", subject_of(appointment_id), by=actor.origin, now=now
    )
    return appointment


def change_status(
    session: Session,
    actor: Actor,
    appointment_id: UUID,
    to: Status,
    *,
    now: datetime,
    cutoff: timedelta,
    why: str | None = None,
    version: int | None = None,
) -> Appointment:
    """Arrive, fulfil, miss, cancel, or mark as entered in error, as the table of moves allows.

    What leaves the statuses that claim time gives its ticks back.
    """
    visit, part = visit_for(session, actor, appointment_id)
    appointment = visit.appointment
    _check_version(appointment, version)
    check_move(part, visit.standing, to, now=now, cutoff=cutoff)
    if visit.status is Status.HELD and to is Status.BOOKED:
        raise WrongMove
    topic = news_of(visit.status, to, is_over=appointment.ends_at <= now)
    if visit.status in CLAIMING and to not in CLAIMING:
        claims.give_back(session, [appointment])
    if to in FREES_DAY:
        appointment.one_a_day = None
    elif visit.status is Status.NO_SHOW:
        appointment.one_a_day = _key_again(session, visit)
    if to not in CLAIMING:
        appointment.referral_use = None
    appointment.opens_record_at = opening.when_marked(
        actor, visit.standing, visit.zone, to, appointment.opens_record_at
    )
    appointment.status = to
    appointment.status_reason = why
    appointment.changed_at = now
    session.flush()
    subject = subject_of(appointment_id)
    audit.record(session, f"appointment.{to}", subject, by=actor.origin, now=now, why=why)
    if topic:
        publish(session, topic, appointment, by=actor.account_id, now=now)
    return appointment


def _key_again(session: Session, visit: Visit) -> str | None:
    """What is unique of a visit that was missed and is live again; nothing where the patient
    has another by now, as when those who give the care book a second one."""
    appointment, practitioner_id = visit.appointment, visit.schedule.practitioner_id
    if appointment.patient_id is None or practitioner_id is None:
        return None
    key = day_key(appointment.patient_id, practitioner_id, visit.zone, appointment.starts_at)
    _, others = queries.patient_with(session, appointment.patient_id, key)
    return None if any(other.one_a_day == key for other in others) else key


def visit_for(session: Session, actor: Actor, appointment_id: UUID) -> tuple[Visit, Part]:
    """A visit and what the actor is to it; NotFound for strangers as for what is not there."""
    visit = queries.visit(session, appointment_id)
    part = part_in(actor, visit.standing) if visit else None
    if visit is None or part is None or visit.status is Status.LAPSED:
        raise NotFound
    return visit, part


def sweep(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Put away up to ``limit`` holds that ran out, and say how many. Nothing depends on it: what
    ran out counts as free everywhere. It keeps the tables small."""
    lapsed = queries.all_lapsed(session, now=now, limit=limit)
    claims.lapse(session, lapsed, now)
    return len(lapsed)


def make(
    session: Session,
    actor: Actor,
    wish: Wish,
    place: Place,
    status: Status,
    held_until: datetime | None,
    now: datetime,
    admission: Admission | None,
    *,
    offered: bool = False,
) -> Appointment:
    """Claim the time in every diary and write the visit down; see :func:`gives_way`."""
    check_booker(actor, place, wish.patient_id, admission)
    check_priority(actor, wish.priority)
    span = check_wish(place, wish.start, wish.minutes, now)
    referral = admission.referral_id if admission and needs_referral(place) else None
    patient, holds, key = None, [], None
    if wish.patient_id is not None:
        key = one_a_day_key(place, wish.patient_id, wish.start)
        patient, others = queries.patient_with(session, wish.patient_id, key)
        check_patient(patient, place)
        wanted = Wanted(span, key, referral, offered=offered, now=now)
        holds = [other for other in others if gives_way(other, wanted)]
        stays = [other for other in others if other not in holds]
        if any(key is not None and other.one_a_day == key for other in stays):
            check_second(actor, wish.second_visit)
            key = None
        if any(referral is not None and other.referral_use == referral for other in stays):
            raise ReferralSpent(field="referral")
    with offering(session, place, span, wish.patient_id, now):
        claims.take(session, place, span, patient, holds, now)
    visit = Appointment(
        id=new_id(),
        schedule_id=wish.schedule_id,
        patient_id=wish.patient_id,
        starts_at=instant_of(span.start),
        ends_at=instant_of(span.end),
        status=status,
        priority=wish.priority,
        reason=wish.reason,
        held_until=held_until,
        extensions=0,
        offered=offered,
        referral_id=referral,
        referral_use=referral,
        opens_record_at=opening.when_made(actor, place, wish.start, admission),
        one_a_day=key,
        version=1,
        created_at=now,
        created_by=actor.account_id,
        changed_at=now,
        **claims.claimed(place, patient),
    )
    session.add(visit)
    return visit


def _confirm(
    session: Session,
    actor: Actor,
    wish: Wish,
    place: Place,
    hold_id: UUID,
    now: datetime,
    admission: Admission | None,
) -> Appointment | None:
    """The hold as a booked visit; None where it is gone, was for another time, or was kept for
    nobody yet: then it makes way for the visit."""
    visit = queries.visit(session, hold_id)
    # What we offered is taken through its offer; here it gives way like any such hold.
    if visit is None or visit.status is not Status.HELD or visit.appointment.offered:
        return None
    appointment = visit.appointment
    if part_in(actor, visit.standing) is None:
        raise NotFound
    if appointment.patient_id is None and wish.patient_id is not None:
        claims.lapse(session, [appointment], now)
        return None
    wanted = (wish.schedule_id, wish.start, wish.minutes, wish.patient_id)
    known = (
        appointment.schedule_id,
        appointment.starts_at,
        appointment.minutes,
        appointment.patient_id,
    )
    if wanted != known:
        return None
    check_priority(actor, wish.priority)
    appointment.reason = wish.reason
    appointment.priority = wish.priority
    return confirm(session, actor, appointment, place, now, admission)


def confirm(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    place: Place,
    now: datetime,
    admission: Admission | None,
) -> Appointment:
    """Make a hold a booked visit.

    One that ran out is still good as long as nobody has taken its time: its ticks are freed
    only together with its status, so the version decides between us and them. Raises InThePast
    once it has begun, Absent and CentreClosed where nobody will be there.
    """
    check_begins(appointment.starts_at, now)
    claims.check_there(session, place, span_between(appointment.starts_at, appointment.ends_at))
    appointment.status = Status.BOOKED
    appointment.held_until = None
    appointment.opens_record_at = opening.when_made(actor, place, appointment.starts_at, admission)
    appointment.changed_at = now
    session.flush()
    record_and_publish(session, actor, appointment, Topic.BOOKED, now)
    return appointment


def place_of(session: Session, schedule_id: int) -> Place:
    """What a schedule offers; NotFound where it can no longer be booked."""
    place = schedules.places(session, Schedule.id == schedule_id).get(schedule_id)
    if place is None:
        raise NotFound("This can no longer be booked. Search for another.", field="schedule")
    return place


def check_patient(patient: Patient | None, place: Place) -> None:
    """NotFound unless it is an active patient; SelfBooking for those who would treat themselves."""
    if patient is None or not patient.active:
        raise NotFound("There is no such patient.", field="patient")
    if patient.email and patient.email == place.practitioner_email:
        raise SelfBooking


def _check_version(appointment: Appointment, version: int | None) -> None:
    if version is not None and version != appointment.version:
        raise StaleVersion
