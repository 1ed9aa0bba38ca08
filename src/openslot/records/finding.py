"""Search and registration of patients, and access to their details."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from openslot.core import keyset
from openslot.core.actor import Actor, Role
from openslot.core.births import BirthDate
from openslot.core.errors import Forbidden
from openslot.core.folding import compact, phone_key, same_name, within_name
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import commands
from openslot.directory import queries as directory
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.directory.rules import works_with_patients
from openslot.records import access, queries
from openslot.records.access import Access, subject_of
from openslot.records.errors import PatientKnown, TooFewDetails

ALIKE = 3
IDENTIFYING = ("born", "email", "medicare_number", "phone")
"""Details that tell people of one name apart, in the order in which their locks are taken."""
MADE = "patient.created"
READ_OVER = timedelta(hours=12)


def found(
    work: Work,
    *,
    text: str = "",
    born: BirthDate | None = None,
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

    Unless ``anyway``, raise PatientKnown if the patient may be registered already, and
    TooFewDetails if nothing but a name is given, which many people share.
    """
    check_may_find(work.actor)
    identifying = [name for name in IDENTIFYING if getattr(details, name)]
    for name in identifying:
        # Without the locks, two people could register the same patient at the same moment.
        lock(work.session, f"patient {name} {getattr(details, name)}")
    if not anyway:
        if matches := alike(work, details):
            raise PatientKnown(matches)
        if not identifying:
            raise TooFewDetails(field="born")
    return commands.add_patient(work, details)


def alike(work: Work, details: PatientDetails) -> Sequence[Patient]:
    """Return up to ALIKE registered patients who may be the same person, however their names and
    numbers are written; see :func:`may_be_same`."""
    exact = work.actor.is_a(Role.PRACTITIONER)
    candidates = queries.resembling(work.session, details)
    return [patient for patient in candidates if may_be_same(patient, details, exact=exact)][:ALIKE]


def may_be_same(patient: Patient, details: PatientDetails, *, exact: bool) -> bool:
    """Return whether the details may be those of the patient.

    They may with the same Medicare number, or if two of name, date of birth, phone number and
    e-mail address agree. People of different names and births may share a phone, as families
    do. Unless ``exact``, one name may be longer than the other, and the same name is enough where
    a birth is unknown: practitioners must not learn of strangers by a part of a name.
    """
    agree = agreeing(patient, details)
    if "medicare_number" in agree:
        return True
    contacts = agree & {"phone", "email"}
    is_birth_unknown = patient.born is None or details.born is None
    has_same_name = same_name(patient.name, details.name)
    if has_same_name or (not exact and within_name(patient.name, details.name)):
        return bool(agree) or (is_birth_unknown and has_same_name and not exact)
    return (len(contacts) == 2 and is_birth_unknown) or (bool(contacts) and "born" in agree)


def agreeing(patient: Patient, details: PatientDetails) -> frozenset[str]:
    """Return which of IDENTIFYING are given, and the patient's, however they are written."""
    is_patients = {
        "born": bool(patient.born and details.born and patient.born.may_be(details.born)),
        "email": patient.email == details.email,
        "medicare_number": patient.medicare_key == compact(details.medicare_number or ""),
        "phone": patient.phone_key == phone_key(details.phone or ""),
    }
    return frozenset(name for name in IDENTIFYING if getattr(details, name) and is_patients[name])


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
