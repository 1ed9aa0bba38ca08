"""Removal of a dependent who was added by mistake."""

from uuid import UUID

from openslot.core import audit
from openslot.core.work import Work
from openslot.directory import dependents, queries
from openslot.directory.errors import RecordNotEmpty
from openslot.directory.models import Patient


def stop_caring(work: Work, patient_id: UUID) -> str:
    """Remove a dependent with an empty record, and return their name.

    Raises NotFound for a patient who is no dependent of the actor, and RecordNotEmpty if there is
    an appointment, note, referral or any other entry: it must not be lost or left without a carer.
    """
    patient = check_release(work, patient_id)
    link = queries.dependent(work.session, patient_id)
    if link is not None:
        queries.remove_dependent(work.session, link)
    subject = f"patient:{patient_id}"
    audit.record(work, "dependent.removed", subject)
    name = patient.name
    queries.remove_patient(work.session, patient)
    return name


def check_release(work: Work, patient_id: UUID) -> Patient:
    """Return a dependent who can be removed. Raises the errors of :func:`stop_caring`."""
    patient, _link = dependents.one_of(work, patient_id)
    if queries.has_records(work.session, patient_id):
        raise RecordNotEmpty(name=patient.name)
    return patient
