"""Search and registration of patients, and access to their details."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import keyset
from openslot.core.errors import Forbidden
from openslot.core.locks import lock
from openslot.directory import commands
from openslot.directory import queries as directory
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.directory.rules import Actor, works_with_patients
from openslot.identity.models import Role
from openslot.records import access, queries
from openslot.records.access import Access, subject_of
from openslot.records.errors import PatientKnown

ALIKE = 3
MADE = "patient.created"
READ_OVER = timedelta(hours=12)


def found(
    session: Session,
    actor: Actor,
    *,
    text: str = "",
    born: date | None = None,
    after: keyset.Key | None = None,
    now: datetime,
    limit: int,
) -> Sequence[Patient]:
    """Return the patients who match ``text`` and ``born``, by name and id; one statement.

    ``text`` is part of the name, e-mail address, phone number or patient number; ``after`` is the
    name and id of the last patient of the page before. Practitioners find only patients who have
    appointments with them. Raise Forbidden if the actor does not work with patients.
    """
    check_may_find(actor)
    where = [directory.patient_is(text, born)]
    if actor.is_a(Role.PRACTITIONER):
        where.append(queries.seen_by(actor.practitioner_id or 0, now=now))
    return directory.listed(session, Patient, *where, after=after, limit=limit)


def register(
    session: Session, actor: Actor, details: PatientDetails, *, anyway: bool, now: datetime
) -> Patient:
    """Add a patient; raise Forbidden if the actor does not work with patients.

    Raise PatientKnown if the patient may be registered already, unless ``anyway``.
    """
    check_may_find(actor)
    if details.born is not None:
        # Without the lock, two people could register the same patient at the same moment.
        lock(session, f"patient born {details.born}")
    if not anyway and (matches := alike(session, actor, details)):
        raise PatientKnown(matches)
    return commands.add_patient(session, actor, details, now=now)


def alike(session: Session, actor: Actor, details: PatientDetails) -> Sequence[Patient]:
    """Return registered patients who may be the same person.

    Practitioners get exact matches of the name only, others also names that contain it.
    """
    if details.born is None:
        return ()
    if actor.is_a(Role.PRACTITIONER):
        return queries.exactly(session, details.name, details.born)
    matches, _total = directory.patients(
        session, text=details.name, born=details.born, limit=ALIKE, offset=0
    )
    return matches


def has_registered(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> bool:
    """Return True if the actor registered the patient within READ_OVER.

    They may then check the details and correct a mistake before there is an appointment.
    """
    return queries.has_done(
        session, actor.account_id, MADE, subject_of(patient_id), since=now - READ_OVER
    )


def knows(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> bool:
    """Return True if the actor may read the patient's details.

    These are the patient, their carer and people who work with patients; practitioners only if they
    may read the health record or have just registered the patient, which does not open the record.
    """
    if not actor.is_a(Role.PRACTITIONER):
        return actor.acts_for(patient_id) or works_with_patients(actor)
    if access.may_read(session, actor, patient_id, now=now, access_days=access_days):
        return True
    return has_registered(session, actor, patient_id, now=now)


def may_change(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> bool:
    """Return True if the actor may change the patient's details.

    As :func:`knows`, but an emergency access is not enough: a changed mail address or date of birth
    outlasts the emergency.
    """
    if not actor.is_a(Role.PRACTITIONER):
        return actor.acts_for(patient_id) or works_with_patients(actor)
    reason = access.may_read(session, actor, patient_id, now=now, access_days=access_days)
    return reason is Access.CARE or has_registered(session, actor, patient_id, now=now)


def check_may_find(actor: Actor) -> None:
    """Raise Forbidden if the actor does not work with patients."""
    if not works_with_patients(actor):
        raise Forbidden
