"""Search and registration of patients, and access to their details."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from openslot.core import keyset
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import commands
from openslot.directory import queries as directory
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.directory.rules import works_with_patients
from openslot.records import access, queries
from openslot.records.access import Access, subject_of
from openslot.records.errors import PatientKnown

ALIKE = 3
MADE = "patient.created"
READ_OVER = timedelta(hours=12)


def found(
    work: Work,
    *,
    text: str = "",
    born: date | None = None,
    after: keyset.Key | None = None,
    limit: int,
) -> Sequence[Patient]:
    """Return the patients who match ``text`` and ``born``, by name and id; one statement.

    ``text`` is part of the name, e-mail address, phone number or patient number; ``after`` is the
    name and id of the last patient of the page before. Practitioners find only patients who have
    appointments with them. Raise Forbidden if the actor does not work with patients.
    """
    check_may_find(work.actor)
    where = [directory.patient_is(text, born)]
    if work.actor.is_a(Role.PRACTITIONER):
        where.append(queries.seen_by(work.actor.practitioner_id or 0, now=work.now))
    return directory.listed(work.session, Patient, *where, after=after, limit=limit)


def register(work: Work, details: PatientDetails, *, anyway: bool) -> Patient:
    """Add a patient; raise Forbidden if the actor does not work with patients.

    Raise PatientKnown if the patient may be registered already, unless ``anyway``.
    """
    check_may_find(work.actor)
    if details.born is not None:
        # Without the lock, two people could register the same patient at the same moment.
        lock(work.session, f"patient born {details.born}")
    if not anyway and (matches := alike(work, details)):
        raise PatientKnown(matches)
    return commands.add_patient(work, details)


def alike(work: Work, details: PatientDetails) -> Sequence[Patient]:
    """Return registered patients who may be the same person.

    Practitioners get exact matches of the name only, others also names that contain it.
    """
    if details.born is None:
        return ()
    if work.actor.is_a(Role.PRACTITIONER):
        return queries.exactly(work.session, details.name, details.born)
    matches, _total = directory.patients(
        work.session, text=details.name, born=details.born, limit=ALIKE, offset=0
    )
    return matches


def has_registered(work: Work, patient_id: UUID) -> bool:
    """Return True if the actor registered the patient within READ_OVER.

    They may then check the details and correct a mistake before there is an appointment.
    """
    return queries.has_done(
        work.session,
        work.actor.account_id,
        MADE,
        subject_of(patient_id),
        since=work.now - READ_OVER,
    )


def knows(work: Work, patient_id: UUID) -> bool:
    """Return True if the actor may read the patient's details.

    These are the patient, their carer and people who work with patients; practitioners only if they
    may read the health record or have just registered the patient, which does not open the record.
    """
    if not work.actor.is_a(Role.PRACTITIONER):
        return work.actor.acts_for(patient_id) or works_with_patients(work.actor)
    if access.may_read(work, patient_id):
        return True
    return has_registered(work, patient_id)


def may_change(work: Work, patient_id: UUID) -> bool:
    """Return True if the actor may change the patient's details.

    As :func:`knows`, but an emergency access is not enough: a changed mail address or date of birth
    outlasts the emergency.
    """
    if not work.actor.is_a(Role.PRACTITIONER):
        return work.actor.acts_for(patient_id) or works_with_patients(work.actor)
    reason = access.may_read(work, patient_id)
    return reason is Access.CARE or has_registered(work, patient_id)


def check_may_find(actor: Actor) -> None:
    """Raise Forbidden if the actor does not work with patients."""
    if not works_with_patients(actor):
        raise Forbidden
