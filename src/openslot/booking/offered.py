"""Offered holds: times held for a patient, from the waiting list or in place of an appointment
that cannot take place.

They are holds like any other: they claim their time in every diary, expire, and are replaced by
what the patient books instead. The caller has decided what to offer to whom.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import claims, needs, queries
from openslot.booking.commands import (
    check_patient,
    confirm,
    key_for_move,
    place_of,
    place_to_move,
    reschedule,
)
from openslot.booking.errors import HoldExpired, InvalidTransition
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import relation_to
from openslot.booking.patients import queries as patients
from openslot.booking.rules import ReferralAuthorisation, check_authorisation, needs_referral
from openslot.booking.slots import check_offered
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.schedules.availability import instant_of, span_between
from openslot.schedules.rules import Place


def hold_for_reschedule(
    work: Work, appointment_id: UUID, schedule_id: int, start: datetime, *, until: datetime
) -> Appointment:
    """Hold another time for the patient of an upcoming appointment until ``until``.

    The hold has neither the daily key nor the referral key: it will replace the appointment, not
    exist next to it. Raises the errors of booking, InvalidTransition if the appointment is not
    booked, and NotFound for a place that :func:`reaches` does not allow.
    """
    appointment = _movable(work.session, appointment_id)
    place = place_to_move(work.session, appointment, schedule_id)
    if not reaches(appointment, place):
        raise NotFound
    span = check_offered(work, place, start, appointment.minutes)
    if appointment.patient is not None:
        check_patient(appointment.patient, place)
    # For an actor without rights, so that a day with another appointment is never offered.
    key_for_move(work.by(_NOBODY), place, appointment, span)
    place = needs.choose(work, place, span)
    _, place = claims.take(work, place, span, appointment.patient, [])
    hold = Appointment(
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
        created_at=work.now,
        changed_at=work.now,
        service_id=place.service_id,
        **claims.claimed(place, appointment.patient),
        **claims.busy_times(place, span),
    )
    work.session.add(hold)
    audit.record(work.by(SYSTEM), "appointment.held", subject_of(hold.id))
    return hold


def take(
    work: Work,
    hold_id: UUID,
    *,
    instead_of: UUID | None = None,
    authorisation: ReferralAuthorisation | None = None,
) -> Appointment:
    """Accept an offered hold: book it, or move the appointment ``instead_of`` to its time. The
    events are those of any booking or move.

    ``authorisation`` is the referral that a specialist needs. It can differ from that of the hold,
    which may have been revoked. Raises ReferralRequired, ReferralSpent, HoldExpired,
    InvalidTransition if the appointment is no longer booked, and Absent or CentreClosed.
    """
    hold = _live_hold(work, hold_id)
    if instead_of is None:
        place = place_of(work.session, hold.schedule_id, hold.service_id)
        _use_referral(work, place, hold, authorisation)
        return confirm(work, hold, place, authorisation)
    appointment = _movable(work.session, instead_of)
    if appointment.patient_id != hold.patient_id:
        raise NotFound
    place = place_to_move(work.session, appointment, hold.schedule_id)
    span = span_between(hold.starts_at, hold.ends_at)
    return reschedule(work, appointment, place, span, hold=hold)


def release_holds(work: Work, holds: Sequence[Appointment]) -> None:
    """Release holds; those that are no longer held stay as they are."""
    claims.expire(work, [hold for hold in holds if hold.status == Status.HELD])


def reaches(appointment: Appointment, place: Place) -> bool:
    """Return whether a time at the place can be offered for an appointment: with the same
    practitioner at any centre, with a colleague of the profession at the same centre, or of the
    same service.

    Never with another specialist, for whom the patient's referral may not be valid.
    """
    if place.schedule_id == appointment.schedule.id:
        return True
    person = appointment.practitioner
    if person is None:
        return False
    is_colleague = (
        place.profession == person.profession and place.centre_id == appointment.centre.id
    )
    return place.practitioner_id == person.id or (is_colleague and not needs_referral(place))


_NOBODY = Actor()
"""An actor who cannot override any rule."""


def _movable(session: Session, appointment_id: UUID) -> Appointment:
    appointment = queries.appointment(session, appointment_id)
    if appointment is None:
        raise NotFound
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    return appointment


def _live_hold(work: Work, hold_id: UUID) -> Appointment:
    appointment = queries.appointment(work.session, hold_id)
    if appointment is None or relation_to(work.actor, appointment) is None:
        raise NotFound
    until = appointment.held_until
    if appointment.status is not Status.HELD or until is None or until <= work.now:
        raise HoldExpired
    return appointment


def _use_referral(
    work: Work, place: Place, hold: Appointment, authorisation: ReferralAuthorisation | None
) -> None:
    """Give the referral to the hold of a specialist's time, and release the patient's other holds
    that use it."""
    if not needs_referral(place):
        return
    check_authorisation(place, hold.patient_id, authorisation)
    referral_id = authorisation.referral_id if authorisation else None
    if hold.patient_id is None or referral_id == hold.referral_use:
        return
    _, others = patients.patient_with(work.session, hold.patient_id, None)
    if referral_id is not None:
        claims.expire(work, [other for other in others if other.referral_use == referral_id])
    hold.referral_id = hold.referral_use = referral_id
