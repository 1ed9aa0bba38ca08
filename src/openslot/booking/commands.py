"""The commands of booking, the same for every entry point.

Each follows the same steps: check access, load, decide (rules), claim and release time (diaries),
write, record and publish (audit and outbox). None commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import (
    attendance,
    claims,
    limits,
    needs,
    opening,
    queries,
    squeezing,
    visitors,
)
from openslot.booking.claims import offering
from openslot.booking.errors import (
    HoldExpired,
    InvalidTransition,
    NeedsPatient,
    NoMoreExtensions,
    NotForPatients,
    ReferralSpent,
    SelfBooking,
)
from openslot.booking.events import (
    Topic,
    former,
    news_of,
    publish,
    record_and_publish,
    record_booked,
    record_special,
    subject_of,
)
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import (
    CLAIMING,
    FREES_DAY,
    Relation,
    check_change_time,
    check_move,
    cutoff_of,
    may_see_reason,
    relation_to,
    undo_until,
)
from openslot.booking.patients import queries as patients
from openslot.booking.rules import (
    ReferralAuthorisation,
    Wanted,
    check_begins,
    check_emergency,
    check_entered,
    check_holds,
    check_may_enter,
    check_may_prioritise,
    check_priority,
    check_second,
    day_key,
    is_of,
    is_replaceable_hold,
    is_visitors_hold,
    may_book_others,
    needs_referral,
    one_a_day_key,
    place_for,
)
from openslot.booking.slots import check_offered
from openslot.core import audit
from openslot.core.actor import Actor
from openslot.core.errors import Forbidden, NotFound, StaleVersion
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.directory.models import Patient, Service
from openslot.directory.rules import works_with_patients
from openslot.schedules import known
from openslot.schedules.availability import Span, instant_of, span_between
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """A request to book an appointment. Without ``minutes`` it takes what was held, or one slot;
    without ``service_id`` the usual service of the schedule.
    With ``second_appointment`` the care team can book a second one with the same practitioner on
    the same day, with ``emergency`` time that is kept free for emergencies, and with ``squeeze_in``
    time that is taken. It is part of a series or an itinerary, if one is named."""

    schedule_id: int
    start: datetime
    minutes: int | None
    patient_id: UUID | None
    reason: str | None = None
    priority: Priority = Priority.ROUTINE
    second_appointment: bool = False
    emergency: bool = False
    service_id: int | None = None
    series_id: UUID | None = None
    itinerary_id: UUID | None = None
    squeeze_in: bool = False


def booked_as(work: Work, booking_request: BookingRequest) -> UUID | None:
    """Return the appointment that is exactly this request; None if there is none, or the actor may
    not see it."""
    if booking_request.patient_id is None:
        return None
    same = queries.appointments_for(
        work,
        queries.on_schedule(booking_request.schedule_id),
        queries.of_patient(booking_request.patient_id),
        queries.booked_from(booking_request.start),
        limit=1,
    )
    return next((one.id for one in same if one.minutes == booking_request.minutes), None)


def held_minutes(work: Work, hold_id: UUID) -> int | None:
    """Return the length of a hold, also one that is gone; None if the actor knows of none."""
    appointment = queries.appointment(work.session, hold_id)
    if appointment is None or relation_to(work.actor, appointment) is None:
        return None
    return appointment.minutes


def extend_hold(work: Work, hold_id: UUID) -> Appointment:
    """Extend a hold to its full length from now, at most ``hold_extensions`` times.

    Raises NoMoreExtensions, and HoldExpired also for an offered hold, which has an end of its own.
    """
    appointment, _ = appointment_for(work, hold_id)
    if (
        appointment.status is not Status.HELD
        or appointment.offered
        or appointment.starts_at < work.now
    ):
        raise HoldExpired
    if appointment.extensions >= work.settings.hold_extensions:
        raise NoMoreExtensions
    appointment.extensions += 1
    appointment.held_until = work.now + work.settings.hold_length
    appointment.changed_at = work.now
    return appointment


def release_hold(work: Work, hold_id: UUID) -> None:
    """Release a hold, also of a visitor; do nothing if it has expired or is booked."""
    hold = visitors.hold_of(work, hold_id) or appointment_for(work, hold_id)[0]
    if hold.status is Status.HELD:
        claims.expire(work, [hold])


def move(
    work: Work,
    appointment_id: UUID,
    start: datetime,
    *,
    minutes: int | None = None,
    schedule_id: int | None = None,
    version: int | None = None,
) -> Appointment:
    """Move an appointment: claim the new time and release the old one. ``schedule_id`` can name
    another schedule of the same practitioner. Raises the errors of booking."""
    appointment, relation = appointment_for(work, appointment_id)
    check_version(appointment, version)
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    cutoff = cutoff_of(appointment.booked_service, work.settings)
    check_change_time(relation, appointment, now=work.now, cutoff=cutoff)
    place = place_to_move(work.session, appointment, schedule_id or appointment.schedule_id)
    if relation is Relation.PATIENT and not place.is_public:
        raise NotForPatients(field="start")
    if place.schedule_id != appointment.schedule_id:
        _check_same_practitioner(work.actor, relation, appointment, place)
    span = check_offered(work, place, start, minutes or appointment.minutes)
    limits.check_moved_day(work, place, appointment, start)
    return reschedule(work, appointment, place, span)


def place_to_move(session: Session, appointment: Appointment, schedule_id: int) -> Place:
    """Return a bookable schedule for an appointment that moves there. Raises NotFound if it can no
    longer be booked, or does not offer the service."""
    place = place_for(appointment, place_of(session, schedule_id))
    if place is None:
        raise NotFound("This is not offered there. Choose another time.", field="schedule")
    return place


def _check_same_practitioner(
    actor: Actor, relation: Relation, appointment: Appointment, place: Place
) -> None:
    """Raise NotFound unless the place is another schedule of the same practitioner, and Forbidden
    unless the actor can book there."""
    if not is_of(place, appointment):
        raise NotFound
    if relation is not Relation.PATIENT and not may_book_others(actor, place):
        raise Forbidden


def amend(
    work: Work,
    appointment_id: UUID,
    *,
    reason: str | None,
    priority: Priority | None = None,
    version: int | None = None,
) -> Appointment:
    """Change the reason, and the priority if given, of a hold or an upcoming appointment.

    A reason that the actor may not see stays as it is if they send none.
    """
    appointment, relation = appointment_for(work, appointment_id)
    check_version(appointment, version)
    if appointment.status not in (Status.HELD, Status.BOOKED):
        raise InvalidTransition
    if appointment.status is Status.BOOKED:
        cutoff = cutoff_of(appointment.booked_service, work.settings)
        check_change_time(relation, appointment, now=work.now, cutoff=cutoff)
    if priority is not None and priority != appointment.priority:
        check_may_prioritise(work.actor)
        appointment.priority = priority
    if reason is not None or may_see_reason(work.actor, appointment):
        appointment.reason = reason
    appointment.changed_at = work.now
    audit.record(work, "appointment.amended", subject_of(appointment_id))
    return appointment


def change_status(
    work: Work,
    appointment_id: UUID,
    to: Status,
    *,
    why: str | None = None,
    version: int | None = None,
) -> Appointment:
    """Change the status of an appointment, as the table in moves.py allows.

    An appointment whose new status claims no time releases its time.
    """
    appointment, relation = appointment_for(work, appointment_id)
    check_version(appointment, version)
    cutoff = cutoff_of(appointment.booked_service, work.settings)
    check_move(relation, appointment, to, now=work.now, cutoff=cutoff)
    if appointment.status is Status.HELD and to is Status.BOOKED:
        raise InvalidTransition
    if appointment.status is Status.CANCELLED and to is Status.BOOKED:
        return _undo_cancellation(work, appointment, relation)
    topic = news_of(appointment.status, to, is_over=appointment.ends_at <= work.now)
    if appointment.status in CLAIMING and to not in CLAIMING:
        claims.release_claims(work.session, [appointment])
    if to in FREES_DAY:
        appointment.one_a_day = None
    elif appointment.status is Status.NO_SHOW:
        appointment.one_a_day = _key_on_reopen(work.session, appointment)
    if to not in CLAIMING:
        appointment.referral_use = None
    appointment.opens_record_at = opening.when_marked(work.actor, appointment, to, work.now)
    attendance.note(work, appointment, to)
    appointment.status = to
    appointment.undo_until = undo_until(to, work.now)
    appointment.status_reason = why
    appointment.changed_at = work.now
    work.session.flush()
    subject = subject_of(appointment_id)
    # The reason may name somebody, and the audit log cannot be changed when they are erased.
    audit.record(work, f"appointment.{to}", subject, has_reason=why is not None)
    if topic:
        publish(work, topic, appointment)
    return appointment


def _undo_cancellation(work: Work, appointment: Appointment, relation: Relation) -> Appointment:
    """Book a cancelled appointment again, at its own time. Raises SlotTaken if that is taken.

    What the practice has cancelled, its patient does not bring back.
    """
    by_actor = has_cancelled(work, appointment.id)
    if relation is Relation.PATIENT and not by_actor:
        raise InvalidTransition
    place = place_to_move(work.session, appointment, appointment.schedule_id)
    if appointment.squeezed_in:
        place = place.for_squeezing_in()
        squeezing.check(work, place, appointment.starts_at, appointment.reason)
    span = span_between(appointment.starts_at, appointment.ends_at)
    key, holds = _key_again(work, appointment, place, span)
    with offering(work, place, span, appointment.patient_id):
        place = needs.choose(work, place, span, instead=holds, keep=[appointment])
        _, place = claims.take(work, place, span, appointment.patient, holds)
    claims.assign(work.session, appointment, place, span)
    appointment.opens_record_at = opening.when_undone(
        work.actor, place, appointment, by_actor=by_actor
    )
    appointment.one_a_day, appointment.referral_use = key, appointment.referral_id
    appointment.status, appointment.status_reason = Status.BOOKED, None
    appointment.changed_at = work.now
    work.session.flush()
    record_and_publish(work, appointment, Topic.BOOKED)
    return appointment


def has_cancelled(work: Work, appointment_id: UUID) -> bool:
    """Return whether the actor was the last to cancel the appointment."""
    by = [
        event.account_id
        for event in audit.events_of(work.session, subject_of(appointment_id))
        if event.action == Topic.CANCELLED
    ]
    return bool(by) and by[-1] == work.actor.account_id


def _key_again(
    work: Work, appointment: Appointment, place: Place, span: Span
) -> tuple[str | None, list[Appointment]]:
    """Return the daily key of an appointment that is booked again, and the patient's holds that it
    replaces. Raises DailyLimitReached, TooManyUpcoming and TooManyThatDay."""
    patient_id, start = appointment.patient_id, appointment.starts_at
    if patient_id is None:
        return None, []
    key = one_a_day_key(place, patient_id, start)
    _, others = limits.patient_with(work, patient_id, key, place, start)
    return _key_beside(work, place, span, key, others, appointment.referral_id)


def enter(
    work: Work,
    booking_request: BookingRequest,
    place: Place,
    status: Status,
    *,
    authorisation: ReferralAuthorisation | None = None,
) -> Appointment:
    """Enter an appointment of a patient who is here without one (ARRIVED), or who was (FULFILLED).

    It need not start where others do, nor inside the hours, but its time must be free. Raises the
    errors of booking, and Forbidden for practitioners, see :func:`check_may_enter`.
    """
    check_may_enter(work.actor, place)
    if booking_request.patient_id is None:
        raise NeedsPatient(field="patient")
    limits.check_may_book(work, place, booking_request.patient_id, authorisation)
    check_emergency(place, booking_request.reason)
    squeezing.check(work, place, booking_request.start, booking_request.reason)
    minutes = booking_request.minutes or place.slot_minutes
    span = check_entered(booking_request.start, minutes, status, work.now)
    key = one_a_day_key(place, booking_request.patient_id, booking_request.start)
    patient, others = patients.patient_with(work.session, booking_request.patient_id, key)
    check_patient(patient, place)
    referral = authorisation.referral_id if authorisation and needs_referral(place) else None
    if any(referral is not None and other.referral_use == referral for other in others):
        raise ReferralSpent(field="referral")
    service = queries.service_of(work.session, place)
    place = needs.choose(work, place, span, in_hours=False)
    schedule, place = claims.take(work, place, span, patient, [])
    appointment = _add(
        work, booking_request, place, span, patient, schedule, service, referral, status=status
    )
    attendance.note(work, appointment, status)
    audit.record(work, "appointment.entered", subject_of(appointment.id), status=status)
    record_special(work, appointment, place)
    if status is Status.FULFILLED:
        publish(work, Topic.FULFILLED, appointment)
    return appointment


def _add(
    work: Work,
    booking_request: BookingRequest,
    place: Place,
    span: Span,
    patient: Patient | None,
    schedule: Schedule,
    service: Service | None,
    referral: UUID | None,
    **more: Any,
) -> Appointment:
    """Add the appointment whose time was claimed; ``more`` are further columns."""
    appointment = queries.add(
        work.session,
        id=new_id(),
        schedule_id=place.schedule_id,
        patient_id=booking_request.patient_id,
        service_id=place.service_id,
        starts_at=instant_of(span.start),
        ends_at=instant_of(span.end),
        priority=_priority(booking_request),
        reason=booking_request.reason,
        extensions=0,
        referral_id=referral,
        referral_use=referral,
        series_id=booking_request.series_id,
        itinerary_id=booking_request.itinerary_id,
        version=1,
        created_at=work.now,
        created_by=work.actor.account_id,
        by_program=work.actor.program is not None,
        changed_at=work.now,
        **claims.claimed(place, patient),
        **claims.busy_times(place, span),
        **more,
    )
    queries.show(appointment, schedule, patient, service)
    return appointment


def _key_on_reopen(session: Session, appointment: Appointment) -> str | None:
    """Return the daily key for a no-show that is reopened, or None if the patient has since booked
    another appointment that day."""
    practitioner_id = appointment.schedule.practitioner_id
    if appointment.patient_id is None or practitioner_id is None:
        return None
    key = day_key(appointment.patient_id, practitioner_id, appointment.zone, appointment.starts_at)
    _, others = patients.patient_with(session, appointment.patient_id, key)
    return None if any(other.one_a_day == key for other in others) else key


def appointment_for(work: Work, appointment_id: UUID) -> tuple[Appointment, Relation]:
    """Return an appointment and the actor's relation to it. Raises NotFound if there is no such
    appointment or the actor has no relation to it."""
    appointment = queries.appointment(work.session, appointment_id)
    relation = relation_to(work.actor, appointment) if appointment else None
    if appointment is None or relation is None or appointment.status is Status.EXPIRED:
        raise NotFound
    return appointment, relation


def expire_due(work: Work, *, limit: int = 100) -> int:
    """Expire up to ``limit`` holds that are due, and return the number. The time of a hold counts
    as free as soon as it is due; this only keeps the tables small."""
    expired = queries.all_expired(work, limit=limit)
    claims.expire(work, expired)
    return len(expired)


def make(
    work: Work,
    booking_request: BookingRequest,
    place: Place,
    *,
    authorisation: ReferralAuthorisation | None = None,
    held_until: datetime | None = None,
    offered: bool = False,
) -> Appointment:
    """Check the request, claim its time in every diary, and create the appointment, or a hold
    until ``held_until``.

    It replaces holds as :func:`is_replaceable_hold` allows. Entry points call usecases/booking.py.
    """
    minutes = place.slot_minutes if booking_request.minutes is None else booking_request.minutes
    if held_until is not None and work.actor.role is None:
        visitors.check_may_hold(work, place, booking_request.start, minutes)
    else:
        limits.check_may_book(work, place, booking_request.patient_id, authorisation)
    check_priority(work.actor, booking_request.priority)
    if held_until is None:
        check_emergency(place, booking_request.reason)
        squeezing.check(work, place, booking_request.start, booking_request.reason)
    span = check_offered(work, place, booking_request.start, minutes)
    referral = authorisation.referral_id if authorisation and needs_referral(place) else None
    patient, holds, key = None, [], None
    if booking_request.patient_id is not None:
        key = one_a_day_key(place, booking_request.patient_id, booking_request.start)
        patient, others = limits.patient_with(
            work,
            booking_request.patient_id,
            key,
            place,
            booking_request.start,
            counts_holds=held_until is not None and not offered,
        )
        check_patient(patient, place)
        wanted = Wanted(
            place.schedule_id,
            span,
            key,
            referral,
            offered=offered,
            now=work.now,
            held=held_until is not None,
            by_program=work.actor.program is not None,
        )
        holds = [other for other in others if is_replaceable_hold(other, wanted)]
        stays = [other for other in others if other not in holds]
        if wanted.held and not offered:
            check_holds([other for other in stays if other.status is Status.HELD])
        if any(key is not None and other.one_a_day == key for other in stays):
            check_second(work.actor, booking_request.second_appointment)
            key = None
        if any(referral is not None and other.referral_use == referral for other in stays):
            raise ReferralSpent(field="referral")
    service = queries.service_of(work.session, place)  # once time is taken, a group reads no more
    with offering(work, place, span, booking_request.patient_id):
        place = needs.choose(work, place, span, instead=holds)
        schedule, place = claims.take(work, place, span, patient, holds)
    appointment = _add(
        work,
        booking_request,
        place,
        span,
        patient,
        schedule,
        service,
        referral,
        status=Status.HELD if held_until else Status.BOOKED,
        held_until=held_until,
        offered=offered,
        opens_record_at=opening.when_made(work.actor, place, booking_request.start, authorisation),
        one_a_day=key,
    )
    if held_until is None:
        record_booked(work, appointment, place)
    else:
        audit.record(work, "appointment.held", subject_of(appointment.id))
    return appointment


def confirm_hold(
    work: Work,
    booking_request: BookingRequest,
    place: Place,
    hold_id: UUID,
    authorisation: ReferralAuthorisation | None,
) -> Appointment | None:
    """Confirm a hold and return the appointment. Returns None if the hold is gone or for another
    time, and also releases it if it has no patient yet or is the patient's."""
    appointment = queries.appointment(work.session, hold_id)
    # An offered hold is accepted through its offer; here it is replaced like any other.
    if appointment is None or appointment.status is not Status.HELD or appointment.offered:
        return None
    if relation_to(work.actor, appointment) is None and not is_visitors_hold(appointment):
        raise NotFound
    wanted = (
        booking_request.schedule_id,
        booking_request.start,
        booking_request.minutes or place.slot_minutes,
        booking_request.patient_id,
        place.service_id,
    )
    held = (
        appointment.schedule_id,
        appointment.starts_at,
        appointment.minutes,
        appointment.patient_id,
        appointment.service_id,
    )
    if wanted != held:
        if appointment.patient_id in (None, booking_request.patient_id):
            claims.expire(work, [appointment])
        return None
    check_priority(work.actor, booking_request.priority)
    check_emergency(place, booking_request.reason)
    appointment.reason = booking_request.reason
    appointment.priority = _priority(booking_request)
    return confirm(work, appointment, place, authorisation)


def confirm(
    work: Work, appointment: Appointment, place: Place, authorisation: ReferralAuthorisation | None
) -> Appointment:
    """Turn a hold into a booked appointment.

    A hold that is past its end is still valid until its time is taken: its ticks are released
    together with its status, so its version decides the race. Raises InThePast if it has begun,
    and Absent or CentreClosed for an absence or closure.
    """
    check_begins(appointment.starts_at, work.now)
    span = span_between(appointment.starts_at, appointment.ends_at)
    claims.check_there(work, needs.as_chosen(place, appointment), span)
    appointment.status = Status.BOOKED
    appointment.held_until = None
    appointment.opens_record_at = opening.when_made(
        work.actor, place, appointment.starts_at, authorisation
    )
    appointment.changed_at = work.now
    work.session.flush()
    limits.note_confirmed(work, place, appointment)
    record_booked(work, appointment, place)
    return appointment


def _priority(booking_request: BookingRequest) -> Priority:
    return Priority.URGENT if booking_request.emergency else booking_request.priority


def place_of(session: Session, schedule_id: int, service_id: int | None = None) -> Place:
    """Return a bookable schedule for a service, by default its usual one. Raises NotFound if it can
    no longer be booked, or does not offer the service."""
    bookable = known.one(session, schedule_id)
    if bookable is None:
        raise NotFound("This can no longer be booked. Search for another.", field="schedule")
    place = bookable.place.offering(service_id)
    if place is None:
        raise NotFound("This is no longer offered here. Choose another.", field="service")
    return place


def check_patient(patient: Patient | None, place: Place) -> None:
    """Raise NotFound unless the patient is active, and SelfBooking for practitioners who would
    book themselves."""
    if patient is None or not patient.active:
        raise NotFound("There is no such patient.", field="patient")
    if patient.email and patient.email == place.practitioner_email:
        raise SelfBooking


def check_version(appointment: Appointment, version: int | None) -> None:
    """Raise StaleVersion if the appointment has changed since ``version`` was read."""
    if version is not None and version != appointment.version:
        raise StaleVersion


def reschedule(
    work: Work,
    appointment: Appointment,
    place: Place,
    span: Span,
    *,
    hold: Appointment | None = None,
) -> Appointment:
    """Claim the new time, which may be held by ``hold``, release the old one, and publish the
    move."""
    key, replaced_holds = key_for_move(work, place, appointment, span)
    holds = {other for other in (*replaced_holds, hold) if other is not None}
    own_key = appointment.one_a_day
    with offering(work, place, span, appointment.patient_id, besides=own_key):
        instead = [appointment, *holds]
        place = needs.choose(work, place, span, instead=instead, keep=instead)
        _, place = claims.take(work, place, span, appointment.patient, instead)
    appointment.opens_record_at = opening.when_moved(
        work.actor, place, instant_of(span.start), appointment, work.now
    )
    was = former(appointment)
    if appointment.schedule_id != place.schedule_id:
        appointment.schedule_id = place.schedule_id
        work.session.expire(appointment, ["schedule"])
    claims.assign(work.session, appointment, place, span)
    appointment.starts_at, appointment.ends_at = instant_of(span.start), instant_of(span.end)
    appointment.service_id = place.service_id
    appointment.late_minutes = appointment.confirmed_at = None
    appointment.one_a_day = key
    appointment.changed_at = work.now
    work.session.flush()
    record_and_publish(work, appointment, Topic.MOVED, was=was)
    return appointment


def key_for_move(
    work: Work, place: Place, appointment: Appointment, span: Span
) -> tuple[str | None, list[Appointment]]:
    """Return the daily key of the appointment at its new time, and the patient's holds that it
    replaces."""
    patient_id = appointment.patient_id
    if patient_id is None:
        return None, []
    has_no_key = appointment.one_a_day is None
    key = None if has_no_key else one_a_day_key(place, patient_id, instant_of(span.start))
    _, others = patients.patient_with(work.session, patient_id, key)
    return _key_beside(work, place, span, key, [one for one in others if one != appointment])


def _key_beside(
    work: Work,
    place: Place,
    span: Span,
    key: str | None,
    others: Sequence[Appointment],
    referral: UUID | None = None,
) -> tuple[str | None, list[Appointment]]:
    """Return the daily key beside the patient's other appointments and holds, or None for a second
    one that day, which only those who work with patients book; and the holds that are replaced."""
    wanted = Wanted(
        place.schedule_id,
        span,
        key,
        referral,
        offered=False,
        now=work.now,
        by_program=work.actor.program is not None,
    )
    holds = [other for other in others if is_replaceable_hold(other, wanted)]
    if any(key is not None and one.one_a_day == key for one in others if one not in holds):
        check_second(work.actor, works_with_patients(work.actor))
        key = None
    return key, holds
