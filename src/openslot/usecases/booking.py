"""Booking and holding a time, with the referral that a specialist needs."""

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from openslot.booking import commands, limits, squeezing
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import ReferralSpent
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import needs_referral
from openslot.core.db import leave_group
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.directory import dependents
from openslot.directory.details import DependentDetails
from openslot.directory.rules import works_with_patients
from openslot.records import finding
from openslot.referrals import commands as referring
from openslot.referrals import queries as referrals
from openslot.schedules.rules import Place


def book(
    work: Work,
    booking_request: BookingRequest,
    *,
    hold_id: UUID | None = None,
    referral_id: UUID | None = None,
) -> Appointment:
    """Book an appointment: confirm the hold if it is still there, else book the time if it is
    free.

    A specialist takes the given referral, or the one of the patient's that fits. Takes at most 10
    statements with a referral, 9 without. Raises the errors of booking/errors.py; SlotTaken has
    the nearest free starts.
    """
    place = place_of(work, booking_request)
    if booking_request.minutes is None and hold_id is not None and place.service_id is None:
        booking_request = replace(booking_request, minutes=commands.held_minutes(work, hold_id))
    referral = _referral_to_use(work, place, booking_request, referral_id, hold_id)
    check_patient(work, booking_request, referral)
    if hold_id is not None:
        limits.check_may_book(work, place, booking_request.patient_id, referral.authorisation)
    if needs_referral(place) and not referral.is_held:
        hold_id = None  # A hold with another referral, possibly revoked since, is replaced.
    if hold_id is not None:
        confirmed = commands.confirm_hold(
            work, booking_request, place, hold_id, referral.authorisation
        )
        if confirmed is not None:
            return confirmed
    return commands.make(work, booking_request, place, authorisation=referral.authorisation)


def book_for_dependent(
    work: Work,
    booking_request: BookingRequest,
    details: DependentDetails,
    *,
    hold_id: UUID | None = None,
) -> Appointment:
    """Book an appointment for somebody whom the actor adds as a dependent with it: both are there
    afterwards, or neither. The hold, which the actor has for themselves, is released.

    Raises the errors of :func:`book` and of :func:`openslot.directory.dependents.add`.
    """
    if hold_id is not None:
        with suppress(NotFound):  # it has ended
            commands.release_hold(work, hold_id)
    patient = dependents.add(work, details)
    carer = replace(work.actor, dependents=work.actor.dependents | {patient.id})
    return book(work.by(carer), replace(booking_request, patient_id=patient.id))


def hold(
    work: Work, booking_request: BookingRequest, *, referral_id: UUID | None = None
) -> Appointment:
    """Hold a time for ``hold_minutes``, with the referral that :func:`book` would use; of what
    people hold for the patient, the rest is released."""
    place = place_of(work, booking_request)
    referral = referral_for(work, place, booking_request, referral_id)
    check_patient(work, booking_request, referral)
    return commands.make(
        work,
        booking_request,
        place,
        authorisation=referral.authorisation,
        held_until=work.now + work.settings.hold_length,
    )


def enter(
    work: Work,
    booking_request: BookingRequest,
    status: Status,
    *,
    referral_id: UUID | None = None,
) -> Appointment:
    """Enter an appointment of a patient who is here without one, or who was; see
    :func:`openslot.booking.commands.enter`."""
    place = place_of(work, booking_request)
    referral = _referral_to_use(work, place, booking_request, referral_id)
    check_patient(work, booking_request, referral)
    return commands.enter(
        work, booking_request, place, status, authorisation=referral.authorisation
    )


def change_status(
    work: Work,
    appointment_id: UUID,
    to: Status,
    *,
    why: str | None = None,
    version: int | None = None,
) -> Appointment:
    """Change the status of an appointment; see :func:`openslot.booking.commands.change_status`.

    A cancellation is undone only if its referral could still be booked with. Raises ReferralSpent.
    """
    if to is Status.BOOKED:
        appointment, _ = commands.appointment_for(work, appointment_id)
        if appointment.status is Status.CANCELLED and referring.is_spent(work, appointment):
            raise ReferralSpent
    return commands.change_status(work, appointment_id, to, why=why, version=version)


def check_patient(work: Work, booking_request: BookingRequest, referral: referrals.Found) -> None:
    """Raise NotFound for a patient whom the actor does not know, by a referral that can still be
    used at least: an id is no reason to book."""
    patient_id, authorisation = booking_request.patient_id, referral.authorisation
    if patient_id is None or (authorisation is not None and authorisation.is_usable):
        return
    if works_with_patients(work.actor):
        finding.check_may_book_for(work, patient_id)


def place_of(work: Work, booking_request: BookingRequest) -> Place:
    """Return the place that is to be booked. Raises NotFound if it can no longer be."""
    place = commands.place_of(work.session, booking_request.schedule_id, booking_request.service_id)
    if place.needs or place.has_sessions:
        leave_group(work.session)  # as soon as is known that it writes more
    if booking_request.emergency:
        place = place.for_emergency()
    if booking_request.squeeze_in:
        place = squeezing.if_taken(work, place, booking_request.start, booking_request.minutes)
    return place


def _referral_to_use(
    work: Work,
    place: Place,
    booking_request: BookingRequest,
    referral_id: UUID | None,
    hold_id: UUID | None = None,
) -> referrals.Found:
    """Return the referral to book with now, without reading anything if none is needed."""
    if booking_request.patient_id is None or not needs_referral(place):
        return referrals.NOTHING
    return referring.authorisation_to_use(
        work, place, booking_request.patient_id, referral_id=referral_id, hold_id=hold_id
    )


def referral_for(
    work: Work, place: Place, booking_request: BookingRequest, referral_id: UUID | None
) -> referrals.Found:
    """Return the referral to hold with, without reading anything if none is needed."""
    if booking_request.patient_id is None or not needs_referral(place):
        return referrals.NOTHING
    return referrals.authorisation_for(
        work, place, booking_request.patient_id, referral_id=referral_id
    )
