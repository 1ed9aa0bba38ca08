"""The commands of booking, the same for every entry point.

Each follows the same steps: check access, load, decide (rules), claim and release time (diaries),
write, record and publish (audit and outbox). None commits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import claims, opening, queries
from openslot.booking.errors import (
    HoldExpired,
    InvalidTransition,
    NoMoreExtensions,
    ReferralSpent,
    SelfBooking,
)
from openslot.booking.events import Topic, news_of, publish, record_and_publish, subject_of
from openslot.booking.instead import offering
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.rescheduling import reschedule
from openslot.booking.rules import (
    CLAIMING,
    FREES_DAY,
    Part,
    ReferralAuthorisation,
    Wanted,
    check_begins,
    check_booker,
    check_booking_request,
    check_change_time,
    check_may_prioritise,
    check_move,
    check_priority,
    check_second,
    day_key,
    is_replaceable_hold,
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
class BookingRequest:
    """A request to book an appointment. With ``second_appointment`` the care team can book a
    second one with the same practitioner on the same day."""

    schedule_id: int
    start: datetime
    minutes: int
    patient_id: UUID | None
    reason: str | None = None
    priority: Priority = Priority.ROUTINE
    second_appointment: bool = False


def book(
    session: Session,
    actor: Actor,
    booking_request: BookingRequest,
    *,
    now: datetime,
    hold_id: UUID | None = None,
    authorisation: ReferralAuthorisation | None = None,
    place: Place | None = None,
) -> Appointment:
    """Book an appointment: confirm the hold if it is still there, else book the time if it is
    free.

    ``authorisation`` is the referral that a specialist needs; pass ``place`` if it is loaded
    already. At most 8 statements. Raises the errors of booking/errors.py; SlotTaken has the
    nearest free starts. Entry points call referrals/commands.py, which finds the referral.
    """
    place = place or place_of(session, booking_request.schedule_id)
    if hold_id is not None:
        confirmed = _confirm_hold(
            session, actor, booking_request, place, hold_id, now, authorisation
        )
        if confirmed is not None:
            return confirmed
    appointment = make(
        session, actor, booking_request, place, Status.BOOKED, None, now, authorisation
    )
    record_and_publish(session, actor, appointment, Topic.BOOKED, now)
    return appointment


def hold(
    session: Session,
    actor: Actor,
    booking_request: BookingRequest,
    *,
    now: datetime,
    keep: timedelta,
    authorisation: ReferralAuthorisation | None = None,
    place: Place | None = None,
) -> Appointment:
    """Hold a time for ``keep``; other holds that the patient made are released."""
    place = place or place_of(session, booking_request.schedule_id)
    appointment = make(
        session, actor, booking_request, place, Status.HELD, now + keep, now, authorisation
    )
    audit.record(session, "appointment.held", subject_of(appointment.id), by=actor.origin, now=now)
    return appointment


def extend_hold(
    session: Session, actor: Actor, hold_id: UUID, *, now: datetime, keep: timedelta, limit: int
) -> Appointment:
    """Extend a hold to ``keep`` from now, at most ``limit`` times. Raises NoMoreExtensions, and
    HoldExpired also for an offered hold, which has an end of its own."""
    appointment, _ = appointment_for(session, actor, hold_id)
    if appointment.status is not Status.HELD or appointment.offered or appointment.starts_at < now:
        raise HoldExpired
    if appointment.extensions >= limit:
        raise NoMoreExtensions
    appointment.extensions += 1
    appointment.held_until = now + keep
    appointment.changed_at = now
    return appointment


def release_hold(session: Session, actor: Actor, hold_id: UUID, *, now: datetime) -> None:
    """Release a hold; do nothing if it has expired or is booked."""
    appointment, _ = appointment_for(session, actor, hold_id)
    if appointment.status is Status.HELD:
        claims.expire(session, [appointment], now)


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
    """Move an appointment: claim the new time and release the old one. ``schedule_id`` can name
    another schedule of the same practitioner. Raises the errors of booking."""
    appointment, part = appointment_for(session, actor, appointment_id)
    _check_version(appointment, version)
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    check_change_time(part, appointment, now=now, cutoff=cutoff)
    place = place_of(session, schedule_id or appointment.schedule_id)
    if place.schedule_id != appointment.schedule_id:
        _check_same_practitioner(actor, part, appointment, place)
    span = check_booking_request(place, start, minutes or appointment.minutes, now)
    return reschedule(session, actor, appointment, place, span, now)


def _check_same_practitioner(
    actor: Actor, part: Part, appointment: Appointment, place: Place
) -> None:
    """Raise NotFound unless the place is another schedule of the same practitioner, and Forbidden
    unless the actor can book there."""
    if (
        place.practitioner_id is None
        or place.practitioner_id != appointment.schedule.practitioner_id
    ):
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
    """Change the reason, and the priority if given, of a hold or an upcoming appointment."""
    appointment, part = appointment_for(session, actor, appointment_id)
    _check_version(appointment, version)
    if appointment.status not in (Status.HELD, Status.BOOKED):
        raise InvalidTransition
    if appointment.status is Status.BOOKED:
        check_change_time(part, appointment, now=now, cutoff=cutoff)
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
    """Change the status of an appointment, as the table of transitions in rules.py allows.

    An appointment whose new status claims no time releases its time.
    """
    appointment, part = appointment_for(session, actor, appointment_id)
    _check_version(appointment, version)
    check_move(part, appointment, to, now=now, cutoff=cutoff)
    if appointment.status is Status.HELD and to is Status.BOOKED:
        raise InvalidTransition
    topic = news_of(appointment.status, to, is_over=appointment.ends_at <= now)
    if appointment.status in CLAIMING and to not in CLAIMING:
        claims.release_claims(session, [appointment])
    if to in FREES_DAY:
        appointment.one_a_day = None
    elif appointment.status is Status.NO_SHOW:
        appointment.one_a_day = _key_on_reopen(session, appointment)
    if to not in CLAIMING:
        appointment.referral_use = None
    appointment.opens_record_at = opening.when_marked(actor, appointment, to, now)
    appointment.status = to
    appointment.status_reason = why
    appointment.changed_at = now
    session.flush()
    subject = subject_of(appointment_id)
    audit.record(session, f"appointment.{to}", subject, by=actor.origin, now=now, why=why)
    if topic:
        publish(session, topic, appointment, by=actor.account_id, now=now)
    return appointment


def _key_on_reopen(session: Session, appointment: Appointment) -> str | None:
    """Return the daily key for a no-show that is reopened, or None if the patient has since booked
    another appointment that day."""
    practitioner_id = appointment.schedule.practitioner_id
    if appointment.patient_id is None or practitioner_id is None:
        return None
    key = day_key(appointment.patient_id, practitioner_id, appointment.zone, appointment.starts_at)
    _, others = queries.patient_with(session, appointment.patient_id, key)
    return None if any(other.one_a_day == key for other in others) else key


def appointment_for(
    session: Session, actor: Actor, appointment_id: UUID
) -> tuple[Appointment, Part]:
    """Return an appointment and the actor's relation to it. Raises NotFound if there is no such
    appointment or the actor has no relation to it."""
    appointment = queries.appointment(session, appointment_id)
    part = part_in(actor, appointment) if appointment else None
    if appointment is None or part is None or appointment.status is Status.EXPIRED:
        raise NotFound
    return appointment, part


def expire_due(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Expire up to ``limit`` holds that are due, and return the number. The time of a hold counts
    as free as soon as it is due; this only keeps the tables small."""
    expired = queries.all_expired(session, now=now, limit=limit)
    claims.expire(session, expired, now)
    return len(expired)


def make(
    session: Session,
    actor: Actor,
    booking_request: BookingRequest,
    place: Place,
    status: Status,
    held_until: datetime | None,
    now: datetime,
    authorisation: ReferralAuthorisation | None,
    *,
    offered: bool = False,
) -> Appointment:
    """Check the request, claim its time in every diary, and create the appointment; it replaces
    holds as :func:`is_replaceable_hold` allows."""
    check_booker(actor, place, booking_request.patient_id, authorisation)
    check_priority(actor, booking_request.priority)
    span = check_booking_request(place, booking_request.start, booking_request.minutes, now)
    referral = authorisation.referral_id if authorisation and needs_referral(place) else None
    patient, holds, key = None, [], None
    if booking_request.patient_id is not None:
        key = one_a_day_key(place, booking_request.patient_id, booking_request.start)
        patient, others = queries.patient_with(session, booking_request.patient_id, key)
        check_patient(patient, place)
        wanted = Wanted(span, key, referral, offered=offered, now=now)
        holds = [other for other in others if is_replaceable_hold(other, wanted)]
        stays = [other for other in others if other not in holds]
        if any(key is not None and other.one_a_day == key for other in stays):
            check_second(actor, booking_request.second_appointment)
            key = None
        if any(referral is not None and other.referral_use == referral for other in stays):
            raise ReferralSpent(field="referral")
    with offering(session, place, span, booking_request.patient_id, now):
        claims.take(session, place, span, patient, holds, now)
    appointment = Appointment(
        id=new_id(),
        schedule_id=booking_request.schedule_id,
        patient_id=booking_request.patient_id,
        starts_at=instant_of(span.start),
        ends_at=instant_of(span.end),
        status=status,
        priority=booking_request.priority,
        reason=booking_request.reason,
        held_until=held_until,
        extensions=0,
        offered=offered,
        referral_id=referral,
        referral_use=referral,
        opens_record_at=opening.when_made(actor, place, booking_request.start, authorisation),
        one_a_day=key,
        version=1,
        created_at=now,
        created_by=actor.account_id,
        changed_at=now,
        **claims.claimed(place, patient),
    )
    session.add(appointment)
    return appointment


def _confirm_hold(
    session: Session,
    actor: Actor,
    booking_request: BookingRequest,
    place: Place,
    hold_id: UUID,
    now: datetime,
    authorisation: ReferralAuthorisation | None,
) -> Appointment | None:
    """Confirm a hold and return the appointment. Returns None if the hold is gone or for another
    time, and also releases it if it has no patient yet."""
    appointment = queries.appointment(session, hold_id)
    # An offered hold is accepted through its offer; here it is replaced like any other.
    if appointment is None or appointment.status is not Status.HELD or appointment.offered:
        return None
    if part_in(actor, appointment) is None:
        raise NotFound
    if appointment.patient_id is None and booking_request.patient_id is not None:
        claims.expire(session, [appointment], now)
        return None
    wanted = (
        booking_request.schedule_id,
        booking_request.start,
        booking_request.minutes,
        booking_request.patient_id,
    )
    held = (
        appointment.schedule_id,
        appointment.starts_at,
        appointment.minutes,
        appointment.patient_id,
    )
    if wanted != held:
        return None
    check_priority(actor, booking_request.priority)
    appointment.reason = booking_request.reason
    appointment.priority = booking_request.priority
    return confirm(session, actor, appointment, place, now, authorisation)


def confirm(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    place: Place,
    now: datetime,
    authorisation: ReferralAuthorisation | None,
) -> Appointment:
    """Turn a hold into a booked appointment.

    A hold that is past its end is still valid until its time is taken: its ticks are released
    together with its status, so its version decides the race. Raises InThePast if it has begun,
    and Absent or CentreClosed for an absence or closure.
    """
    check_begins(appointment.starts_at, now)
    claims.check_there(session, place, span_between(appointment.starts_at, appointment.ends_at))
    appointment.status = Status.BOOKED
    appointment.held_until = None
    appointment.opens_record_at = opening.when_made(
        actor, place, appointment.starts_at, authorisation
    )
    appointment.changed_at = now
    session.flush()
    record_and_publish(session, actor, appointment, Topic.BOOKED, now)
    return appointment


def place_of(session: Session, schedule_id: int) -> Place:
    """Return a bookable schedule. Raises NotFound if it can no longer be booked."""
    place = schedules.places(session, Schedule.id == schedule_id).get(schedule_id)
    if place is None:
        raise NotFound("This can no longer be booked. Search for another.", field="schedule")
    return place


def check_patient(patient: Patient | None, place: Place) -> None:
    """Raise NotFound unless the patient is active, and SelfBooking for practitioners who would
    book themselves."""
    if patient is None or not patient.active:
        raise NotFound("There is no such patient.", field="patient")
    if patient.email and patient.email == place.practitioner_email:
        raise SelfBooking


def _check_version(appointment: Appointment, version: int | None) -> None:
    if version is not None and version != appointment.version:
        raise StaleVersion
