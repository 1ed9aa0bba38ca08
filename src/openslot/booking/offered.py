"""Times that we keep for a patient: off the waiting list, or in the place of an appointment that
cannot be.

They are holds like any other: they claim their time in every diary, run out by themselves, and
give way to what the patient books instead. Whoever calls has decided who is offered what.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import claims, queries
from openslot.booking.commands import BookingRequest, check_patient, confirm, make, place_of
from openslot.booking.errors import HoldExpired, InvalidTransition
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Status
from openslot.booking.rescheduling import key_for_move, reschedule
from openslot.booking.rules import (
    ReferralAuthorisation,
    check_authorisation,
    check_booking_request,
    needs_referral,
    part_in,
)
from openslot.core import audit
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.directory.rules import SYSTEM, Actor
from openslot.schedules.availability import instant_of, span_between
from openslot.schedules.rules import Place


def hold_for_reschedule(
    session: Session,
    appointment_id: UUID,
    schedule_id: int,
    start: datetime,
    *,
    now: datetime,
    until: datetime,
) -> Appointment:
    """Keep another time for the patient of an appointment to come, until ``until``.

    The hold bears neither of the appointment's keys: it takes the appointment's place, and comes
    not besides it. Raises what booking raises, InvalidTransition for an appointment that is not to
    come, and NotFound for a place that :func:`reaches` does not allow.
    """
    appointment = _movable(session, appointment_id)
    place = place_of(session, schedule_id)
    if not reaches(appointment, place):
        raise NotFound
    span = check_booking_request(place, start, appointment.minutes, now)
    if appointment.patient is not None:
        check_patient(appointment.patient, place)
    # Whoever takes it has no say: a day with another appointment is never offered.
    key_for_move(session, _NOBODY, place, appointment, span, now)
    claims.take(session, place, span, appointment.patient, [], now)
    kept = Appointment(
        id=new_id(),
        schedule_id=schedule_id,
        patient_id=appointment.patient_id,
        starts_at=instant_of(span.start),
        ends_at=instant_of(span.end),
        status=Status.HELD,
        priority=appointment.priority,
        task=appointment.task,
        held_until=until,
        extensions=0,
        offered=True,
        version=1,
        created_at=now,
        changed_at=now,
        **claims.claimed(place, appointment.patient),
    )
    session.add(kept)
    return _recorded(session, kept, now)


def keep_new(
    session: Session,
    booking_request: BookingRequest,
    *,
    now: datetime,
    until: datetime,
    authorisation: ReferralAuthorisation | None = None,
    place: Place | None = None,
) -> Appointment:
    """Keep a time for a patient as an appointment of its own, until ``until``.

    Holds that the patient made stay. Raises what booking raises.
    """
    place = place or place_of(session, booking_request.schedule_id)
    kept = make(
        session,
        SYSTEM,
        booking_request,
        place,
        Status.HELD,
        until,
        now,
        authorisation,
        offered=True,
    )
    return _recorded(session, kept, now)


def take(
    session: Session,
    actor: Actor,
    hold_id: UUID,
    *,
    now: datetime,
    instead_of: UUID | None = None,
    authorisation: ReferralAuthorisation | None = None,
    place: Place | None = None,
) -> Appointment:
    """Book the time that was kept, or move the appointment ``instead_of`` onto it; it is told like
    any booking.

    ``admission`` is the referral that a specialist asks for, perhaps another than the hold bears,
    as where that was revoked since: ReferralRequired, ReferralSpent.

    HoldExpired where it is no longer kept, InvalidTransition where the appointment is not to come
    any more, Absent or CentreClosed where nobody will be there.
    """
    kept = _kept(session, actor, hold_id, now)
    hold = kept
    place = place or place_of(session, hold.schedule_id)
    span = span_between(hold.starts_at, hold.ends_at)
    if instead_of is None:
        _admit(session, place, hold, authorisation, now)
        return confirm(session, actor, hold, place, now, authorisation)
    appointment = _movable(session, instead_of)
    if appointment.patient_id != hold.patient_id:
        raise NotFound
    return reschedule(session, actor, appointment, place, span, now, hold=hold)


def release_holds(session: Session, holds: Sequence[Appointment], *, now: datetime) -> None:
    """Give back times that were kept; nothing happens with those that no longer are."""
    claims.expire(session, [one for one in holds if one.status == Status.HELD], now)


def reaches(appointment: Appointment, place: Place) -> bool:
    """Whether an appointment may be offered a time there: with the same practitioner anywhere, or
    another of the profession at the same centre; of a service, with the service.

    Never with another specialist, to whom the patient's referral need not lead.
    """
    if place.schedule_id == appointment.schedule.id:
        return True
    person = appointment.practitioner
    if person is None:
        return False
    colleague = place.profession == person.profession and place.centre_id == appointment.centre.id
    return place.practitioner_id == person.id or (colleague and not needs_referral(place))


_NOBODY = Actor()
"""May override nothing."""


def _movable(session: Session, appointment_id: UUID) -> Appointment:
    appointment = queries.appointment(session, appointment_id)
    if appointment is None:
        raise NotFound
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    return appointment


def _kept(session: Session, actor: Actor, hold_id: UUID, now: datetime) -> Appointment:
    appointment = queries.appointment(session, hold_id)
    if appointment is None or part_in(actor, appointment) is None:
        raise NotFound
    until = appointment.held_until
    if appointment.status is not Status.HELD or until is None or until <= now:
        raise HoldExpired
    return appointment


def _admit(
    session: Session,
    place: Place,
    hold: Appointment,
    authorisation: ReferralAuthorisation | None,
    now: datetime,
) -> None:
    """The hold of a specialist's time bears the referral from now on; what else the patient had
    kept with that one is let go."""
    if not needs_referral(place):
        return
    check_authorisation(place, hold.patient_id, authorisation)
    letter = authorisation.referral_id if authorisation else None
    if hold.patient_id is None or letter == hold.referral_use:
        return
    _, others = queries.patient_with(session, hold.patient_id, None)
    claims.expire(session, [one for one in others if one.referral_use == letter], now)
    hold.referral_id = hold.referral_use = letter


def _recorded(session: Session, kept: Appointment, now: datetime) -> Appointment:
    audit.record(session, "appointment.held", subject_of(kept.id), by=SYSTEM.origin, now=now)
    return kept
