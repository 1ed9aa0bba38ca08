"""Deletion of a patient's account."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.commands import change_status
from openslot.booking.errors import HasDependents
from openslot.booking.models import Status
from openslot.booking.rules import Part, moves_now
from openslot.core.errors import Forbidden
from openslot.directory import queries as directory
from openslot.directory.rules import Actor
from openslot.identity import commands as identity
from openslot.identity.models import Role


def cancel_and_delete(session: Session, actor: Actor, *, now: datetime, cutoff: timedelta) -> None:
    """Cancel a patient's upcoming appointments and delete the account for good. Entry points call
    offers/leaving.py, which calls this.

    The patient's record and past appointments stay, as the law requires. Appointments that are too
    near to be cancelled stay too: the patient must phone the practice. Raises HasDependents if a
    dependent would be left without a carer.
    """
    if not actor.is_a(Role.PATIENT) or actor.account_id is None:
        raise Forbidden
    if actor.patient_id is not None:
        if directory.dependents_of(session, actor.patient_id):
            raise HasDependents
        _cancel_all(session, actor, actor.patient_id, now, cutoff)
    identity.delete_account(session, actor.account_id, by=actor.origin, now=now)


def _cancel_all(
    session: Session, actor: Actor, patient_id: UUID, now: datetime, cutoff: timedelta
) -> None:
    conditions = (queries.of_patient(patient_id), queries.to_come(now))
    for appointment in queries.appointments(session, *conditions):
        if Status.CANCELLED in moves_now(Part.PATIENT, appointment, now=now, cutoff=cutoff):
            change_status(session, actor, appointment.id, Status.CANCELLED, now=now, cutoff=cutoff)
