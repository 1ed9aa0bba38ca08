"""A carer takes back somebody whom they added by mistake."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.directory import dependents, queries
from openslot.directory.errors import RecordNotEmpty
from openslot.directory.models import Patient
from openslot.directory.rules import Actor


def stop_caring(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> str:
    """Remove somebody of whom nothing is recorded, and give their name.

    NotFound for whom the actor does not care for, RecordNotEmpty where an appointment, note,
    referral or anything else stands in the record: it is not thrown away, and not left to nobody.
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
    """Somebody whom the actor could remove now. Raises what :func:`stop_caring` raises."""
    patient, _link = dependents.one_of(session, actor, patient_id)
    if queries.has_records(session, patient_id):
        raise RecordNotEmpty(name=patient.name)
    return patient
