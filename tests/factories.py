"""What tests write into a database by hand, whole enough for its rules."""

from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.claims import Claimed, claimed
from openslot.directory.models import Patient
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule


def claimed_by(session: Session, schedule_id: int, patient_id: UUID | None = None) -> Claimed:
    """The diaries that an appointment of the schedule claims its time in."""
    places = schedules.places(session, Schedule.id == schedule_id, inactive=True)
    patient = session.get(Patient, patient_id) if patient_id else None
    return claimed(places[schedule_id], patient)
