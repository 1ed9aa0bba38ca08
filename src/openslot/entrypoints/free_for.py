"""The patient for whom a program searches for slots; strangers must not see when one is busy."""

from uuid import UUID

from openslot.booking.slots import Booker
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.records import finding
from openslot.referrals import queries as referrals


def booker_for(work: Work, patient_id: UUID | None, *, reads_appointments: bool) -> Booker | None:
    """Return who searches and for which patient, or None to search for no patient.

    Without ``patient_id``, the patient is the actor, if their token may read appointments. Raises
    NotFound for a patient that the actor may not know. The caller checks the scope first.
    """
    own = work.actor.patient_id if reads_appointments else None
    booked_for = patient_id or own
    if booked_for is None:
        return None
    if patient_id is not None and not finding.may_book_for(work, patient_id):
        raise NotFound
    return referrals.booker(work, booked_for)
