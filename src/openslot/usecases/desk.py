"""Booking at the front desk: for people who call or stand there, known or not."""

from dataclasses import replace
from uuid import UUID

from openslot.booking import commands
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core.work import Work
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.records import finding
from openslot.usecases import booking


def take(work: Work, booking_request: BookingRequest, *, is_here: bool = False) -> Appointment:
    """Book the time; for somebody who ``is_here``, mark them as arrived too, or enter the time if
    it has begun. Raises the errors of booking."""
    if is_here and booking_request.start <= work.now:
        return booking.enter(work, booking_request, Status.ARRIVED)
    appointment = booking.book(work, booking_request)
    if not is_here:
        return appointment
    return commands.change_status(work, appointment.id, Status.ARRIVED)


def take_for_new(
    work: Work,
    details: PatientDetails,
    booking_request: BookingRequest,
    *,
    anyway: bool = False,
    is_here: bool = False,
) -> Appointment:
    """Register somebody and book the time, or do neither. Raises the errors of registering and of
    booking."""
    patient = finding.register(work, details, anyway=anyway)
    work.session.flush()
    return take(work, replace(booking_request, patient_id=patient.id), is_here=is_here)


def recognise(work: Work, details: PatientDetails, patient_id: UUID) -> Patient | None:
    """Return a registered patient who is who was about to be registered, if the actor knows their
    full name and a second detail. If not, that counts as a look-up that found nobody."""
    if finding.may_book_for(work, patient_id):
        return finding.patient_for(work, patient_id)
    found = list(finding.look_up(work, details.name, born=details.born)) if details.born else []
    for identifier in (details.medicare_number, details.phone, details.email):
        if identifier and not found:
            found.extend(finding.look_up(work, details.name, identifier=identifier))
    return next((patient for patient in found if patient.id == patient_id), None)
