"""The patient for whom a program searches for slots; strangers must not see when one is busy."""

from uuid import UUID

from openslot.booking.whom import Booker
from openslot.core.errors import NotFound
from openslot.directory.rules import Actor
from openslot.entrypoints.request import now, reader, settings
from openslot.records import finding
from openslot.referrals import queries as referrals


def booker_for(actor: Actor, patient_id: UUID | None, *, reads_appointments: bool) -> Booker | None:
    """Return who searches and for which patient, or None to search for no patient.

    Without ``patient_id``, the patient is the actor, if their token may read appointments. Raises
    NotFound for a patient that the actor may not know. The caller checks the scope first.
    """
    own = actor.patient_id if reads_appointments else None
    booked_for = patient_id or own
    if booked_for is None:
        return None
    if patient_id is not None and not finding.knows(
        reader(), actor, patient_id, now=now(), access_days=settings().history_access_days
    ):
        raise NotFound
    return referrals.booker(reader(), actor, booked_for, now=now())
