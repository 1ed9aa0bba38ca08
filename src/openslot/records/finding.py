"""Who finds, registers and knows which patients: those who work with them, each as far as they
need."""

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
    """Patients by name and id, from after the key ``after``, whose name, e-mail, phone or number
    holds ``text`` and who were born that day; practitioners find those who have appointments with
    them. Forbidden for who does not work with patients; one statement."""
    check_may_find(actor)
    where = [directory.patient_is(text, born)]
    if actor.is_a(Role.PRACTITIONER):
        where.append(queries.seen_by(actor.practitioner_id or 0, now=now))
    return directory.listed(session, Patient, *where, after=after, limit=limit)


def register(
    session: Session, actor: Actor, details: PatientDetails, *, anyway: bool, now: datetime
) -> Patient:
    """A new patient, by somebody who works with patients; Forbidden for others.

    PatientKnown where somebody may be the same person, unless it is to be done ``anyway``.
    """
    check_may_find(actor)
    if details.born is not None:
        # Two at a time see nobody, and both register: of one day of birth, one after another.
        lock(session, f"patient born {details.born}")
    if not anyway and (known := alike(session, actor, details)):
        raise PatientKnown(known)
    return commands.add_patient(session, actor, details, now=now)


def alike(session: Session, actor: Actor, details: PatientDetails) -> Sequence[Patient]:
    """Who may be the same person as somebody who is to be registered: for practitioners who
    bears exactly this name, for others also whose name holds it."""
    if details.born is None:
        return ()
    if actor.is_a(Role.PRACTITIONER):
        return queries.exactly(session, details.name, details.born)
    known, _total = directory.patients(
        session, text=details.name, born=details.born, limit=ALIKE, offset=0
    )
    return known


def has_registered(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> bool:
    """Whether the actor has registered the patient a short while ago, and so knows what stands
    there: they read it over, and set a slip right, before there is an appointment."""
    return queries.has_done(
        session, actor.account_id, MADE, subject_of(patient_id), since=now - READ_OVER
    )


def knows(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> bool:
    """Whether the actor may read the patient's details: oneself, one's dependents, and those who
    work with patients; of practitioners only who may read the history or has just registered
    the patient, which opens no history."""
    if not actor.is_a(Role.PRACTITIONER):
        return actor.acts_for(patient_id) or works_with_patients(actor)
    if access.may_read(session, actor, patient_id, now=now, access_days=access_days):
        return True
    return has_registered(session, actor, patient_id, now=now)


def may_change(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> bool:
    """Whether the actor may change the patient's details: oneself, one's dependents, and those
    who work with patients; of practitioners only who treats the patient or has just registered
    them.

    Emergency access is not enough: whoever changes where mail goes, or a date of birth, does
    something to the patient that outlasts the emergency.
    """
    if not actor.is_a(Role.PRACTITIONER):
        return actor.acts_for(patient_id) or works_with_patients(actor)
    found = access.may_read(session, actor, patient_id, now=now, access_days=access_days)
    return found is Access.CARE or has_registered(session, actor, patient_id, now=now)


def check_may_find(actor: Actor) -> None:
    """Forbidden for who does not work with patients."""
    if not works_with_patients(actor):
        raise Forbidden
