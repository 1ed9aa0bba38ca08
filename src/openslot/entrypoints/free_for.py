"""For whom programs look for free times; the answer must not tell strangers when somebody is
busy."""

from uuid import UUID

from openslot.booking.whom import Booker
from openslot.core.errors import NotFound
from openslot.directory.rules import Actor
from openslot.entrypoints.request import now, reader, settings
from openslot.records import finding
from openslot.referrals import queries as referrals


def booker_for(actor: Actor, patient_id: UUID | None, *, reads_appointments: bool) -> Booker | None:
    """Return who looks for times and for whom: the patient who is named, else the one whose
    token it is, if it may read their appointments. None for nobody: then a schedule's times are
    the same for all.

    NotFound for a patient whom the actor may not know, or who is not there. Whoever calls has
    demanded the scope where a patient is named.
    """
    own = actor.patient_id if reads_appointments else None
    wanted = patient_id or own
    if wanted is None:
        return None
    if patient_id is not None and not finding.knows(
        reader(), actor, patient_id, now=now(), access_days=settings().history_access_days
    ):
        raise NotFound
    return referrals.booker(reader(), actor, wanted, now=now())
