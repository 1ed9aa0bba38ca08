"""Whom a place is booked for, and how often: what booking reads for the rules about it."""

from datetime import datetime
from uuid import UUID

from openslot.booking.models import Appointment
from openslot.booking.patients import queries as patients
from openslot.booking.rules import (
    ReferralAuthorisation,
    check_booker,
    check_day,
    check_upcoming,
    is_upcoming_limited,
    local_date,
)
from openslot.core.actor import Role
from openslot.core.db import leave_group
from openslot.core.work import Work
from openslot.directory.models import Patient
from openslot.schedules import diaries
from openslot.schedules.rules import Place


def check_may_book(
    work: Work, place: Place, patient_id: UUID | None, authorisation: ReferralAuthorisation | None
) -> None:
    """Raise why the actor may not book the place for the patient; see
    :func:`openslot.booking.rules.check_booker`. Takes one statement if only known patients can."""
    check_booker(
        work.actor,
        place,
        patient_id,
        authorisation,
        is_known=lambda: is_known(work, place, patient_id),
    )


def is_known(work: Work, place: Place, patient_id: UUID | None) -> bool:
    """Return whether the patient is known to whoever gives the care at the place."""
    if patient_id is None:
        return False
    return place.known_by in patients.known_to(work.session, [patient_id])[patient_id]


def patient_with(
    work: Work,
    patient_id: UUID,
    key: str | None,
    place: Place,
    start: datetime,
    *,
    counts_holds: bool = False,
) -> tuple[Patient | None, list[Appointment]]:
    """Return ``patients.patient_with``; raise TooManyUpcoming or TooManyThatDay if a patient or
    carer would book more than is for one person."""
    if not work.actor.is_a(Role.PATIENT):
        return patients.patient_with(work.session, patient_id, key, counts_holds=counts_holds)
    leave_group(work.session)  # what is counted must be there by then
    if is_upcoming_limited(place, work.settings):
        patient, others, upcoming = patients.patient_with_number(
            work.session, patient_id, key, place=place, now=work.now
        )
        check_upcoming(place, upcoming, settings=work.settings)
    else:
        patient, others = patients.patient_with(work.session, patient_id, key)
    check_that_day(work, place, patient_id, start)
    return patient, others


def note_confirmed(work: Work, place: Place, appointment: Appointment) -> None:
    """Have whoever counts at the moment at which a patient or carer confirms a hold count again.
    The hold was counted when it was made."""
    is_counted = place.most_a_day is not None or is_upcoming_limited(place, work.settings)
    diary_id = appointment.patient_diary_id
    if is_counted and diary_id is not None and work.actor.is_a(Role.PATIENT):
        diaries.write_whole(work.session, diary_id)


def check_moved_day(work: Work, place: Place, appointment: Appointment, start: datetime) -> None:
    """Raise what :func:`check_that_day` does for an appointment that moves to another day."""
    if local_date(place, appointment.starts_at) != local_date(place, start):
        check_that_day(work, place, appointment.patient_id, start)


def check_that_day(work: Work, place: Place, patient_id: UUID | None, start: datetime) -> None:
    """Raise TooManyThatDay if a patient or carer would have more for one person on the day of
    ``start`` than the service allows. Takes one statement if the service says how many."""
    if place.most_a_day is None or patient_id is None or not work.actor.is_a(Role.PATIENT):
        return
    day = local_date(place, start)
    check_day(place, patients.number_on_day(work.session, patient_id, place, day))
