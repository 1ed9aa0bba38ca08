"""What the desk notes of those who come, beside the status of their appointments."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from openslot.booking import commands as booking
from openslot.booking.commands import appointment_for, check_version
from openslot.booking.errors import InvalidTransition
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import CHECKS_IN_FROM, Relation, check_late, may_check_in
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM
from openslot.core.births import BirthDate
from openslot.core.errors import Forbidden
from openslot.core.work import Work
from openslot.desk import queries
from openslot.desk.errors import NotHere
from openslot.desk.rules import begins, first_letter


def call(work: Work, appointment_id: UUID, *, version: int | None = None) -> Appointment:
    """Note that the patient went in, for those who give the care. Raises NotHere."""
    appointment = _of_carer(work, appointment_id, version)
    if appointment.status is not Status.ARRIVED:
        raise NotHere
    return _note(work, appointment, "called", called_at=appointment.called_at or work.now)


def call_back(work: Work, appointment_id: UUID, *, version: int | None = None) -> Appointment:
    """Note that the patient waits still. Raises NotHere."""
    appointment = _of_carer(work, appointment_id, version)
    if appointment.status is not Status.ARRIVED:
        raise NotHere
    return _note(work, appointment, "called-back", called_at=None)


def run_late(
    work: Work, appointment_id: UUID, minutes: int, *, version: int | None = None
) -> Appointment:
    """Note that the patient comes ``minutes`` late; 0 if they are on time after all."""
    appointment, relation = appointment_for(work, appointment_id)
    check_version(appointment, version)
    check_late(relation, appointment, minutes or 5, work.now)
    return _note(work, appointment, "late", late_minutes=minutes or None)


def confirm(work: Work, appointment_id: UUID) -> Appointment:
    """Note that the patient will come. Raises InvalidTransition unless they are expected."""
    appointment, _ = appointment_for(work, appointment_id)
    if appointment.status is not Status.BOOKED or appointment.starts_at <= work.now:
        raise InvalidTransition
    return _note(work, appointment, "confirmed", confirmed_at=work.now)


def check_in(work: Work, centre_id: int, initial: str, born: BirthDate) -> Appointment | None:
    """Note that somebody arrived at a centre who gives the first letter of a name and their date of
    birth, if that is one patient who is expected now. Returns None otherwise, which nobody may be
    told."""
    since = work.now - timedelta(days=1)
    here_or_soon = queries.live(work.session, centre_id, since, work.now + CHECKS_IN_FROM)
    letter = first_letter(initial)
    matches = [
        appointment
        for appointment in here_or_soon
        if appointment.patient is not None
        and appointment.patient.born == born
        and begins(appointment.patient.name, letter)
        and appointment.ends_at > work.now
    ]
    expected = [appointment for appointment in matches if may_check_in(appointment, work.now)]
    # Who is here already counts: their twin is not checked in when they press once more.
    if not expected or len({appointment.patient_id for appointment in matches}) != 1:
        outbox.send_nothing(work)  # or the time of the answer would tell
        return None
    kiosk = work.by(replace(SYSTEM, address=work.actor.address))
    return booking.change_status(kiosk, expected[0].id, Status.ARRIVED)


def _of_carer(work: Work, appointment_id: UUID, version: int | None) -> Appointment:
    appointment, relation = appointment_for(work, appointment_id)
    check_version(appointment, version)
    if relation is Relation.PATIENT:
        raise Forbidden
    return appointment


def _note(work: Work, appointment: Appointment, what: str, **values: object) -> Appointment:
    for name, value in values.items():
        setattr(appointment, name, value)
    appointment.changed_at = work.now
    audit.record(work, f"appointment.{what}", subject_of(appointment.id))
    return appointment
