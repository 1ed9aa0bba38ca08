"""Removal of a dependent who was added by mistake."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.directory import dependents, queries
from openslot.directory.errors import RecordNotEmpty
from openslot.directory.models import Patient
from openslot.directory.rules import Actor


def stop_caring(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> str:
    """Remove a dependent with an empty record, and return their name.

    Raises NotFound for a patient who is no dependent of the actor, and RecordNotEmpty if there is
    an appointment, note, referral or any other entry: it must not be lost or left without a carer.
    """
    patient = check_release(session, actor, patient_id)
    link = queries.dependent(session, patient_id)
    if link is not None:
        queries.remove_dependent(session, link)
    subject = f"patient:{patient_id}"
    audit.record(session, "dependent.removed", subject, by=actor.origin, now=now)
    name = patient.name
    queries.remove_patient(session, patient)
    return name


def check_release(session: Session, actor: Actor, patient_id: UUID) -> Patient:
    """Return a dependent who can be removed. Raises the errors of :func:`stop_caring`."""
    patient, _link = dependents.one_of(session, actor, patient_id)
    if queries.has_records(session, patient_id):
        raise RecordNotEmpty(name=patient.name)
    return patient
