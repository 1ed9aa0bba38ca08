"""Search and registration of patients, and access to their details."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from openslot.booking.queries import Condition
from openslot.core import audit, keyset
from openslot.core.actor import Actor, Role
from openslot.core.births import BirthDate
from openslot.core.errors import Forbidden, NotFound
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
from openslot.records.errors import PatientKnown, TooFewDetails, TooManyLookUps

ALIKE = 3
IDENTIFYING = ("born", "email", "medicare_number", "phone")
"""Details that tell people of one name apart, in the order in which their locks are taken."""
MADE = "patient.created"
FOUND, NOT_FOUND = "patient.found", "patient.not-found"
SEARCHED, DETAILS_READ = "patient.searched", "patient.read"
READ_OVER = timedelta(hours=12)
MOST_MISSES, MISSES_COUNT = 30, timedelta(hours=1)


def found(
    work: Work,
    *,
    text: str = "",
    born: BirthDate | None = None,
    after: keyset.Key | None = None,
    limit: int,
) -> Sequence[Patient]:
    """Return the patients in the actor's reach who match, by name and id; one statement.

    ``text`` is part of the name, email address, phone number or Medicare number; ``after`` is the
    name and id of the last patient of the page before. Raise Forbidden if the actor does not work
    with patients. The caller notes the search.
    """
    where = (directory.patient_is(text, born), _reach(work))
    return directory.listed(work.session, Patient, *where, after=after, limit=limit)


def search(
    work: Work, *, text: str = "", born: BirthDate | None = None, limit: int, offset: int
) -> tuple[Sequence[Patient], int]:
    """Return a page of the same patients, and the number of all, in two statements."""
    return directory.patients(
        work.session, _reach(work), text=text, born=born, limit=limit, offset=offset
    )


def _reach(work: Work) -> Condition:
    """Return the condition for patients whom the actor may search: a practitioner those with an
    appointment with them, staff and administrators of a centre those with one there."""
    actor = work.actor
    check_may_find(actor)
    if actor.is_a(Role.PRACTITIONER):
        return queries.seen_by(actor.practitioner_id or 0, now=work.now)
    if actor.is_a(Role.STAFF, Role.CENTRE_ADMIN):
        since = work.now - READ_OVER
        registered = queries.patients_after(work.session, actor.account_id, MADE, since=since)
        return queries.seen_at(actor.centres, now=work.now) | Patient.id.in_(registered)
    return queries.anybody()


def note_search(work: Work, number: int) -> None:
    """Write an audit event: the actor searched for patients by part of what is known of them, and
    ``number`` were found."""
    audit.record(work, SEARCHED, f"account:{work.actor.account_id}", found=number)


def look_up(
    work: Work, name: str, *, born: BirthDate | None = None, identifier: str | None = None
) -> Sequence[Patient]:
    """Return the patients with exactly this name and second detail; see ``queries.exactly``.

    The actor then knows them, and an audit event says so. Raise TooManyLookUps after MOST_MISSES
    that found nobody within an hour: a date of birth must not be guessed.
    """
    check_may_find(work.actor)
    subject = f"account:{work.actor.account_id}"
    lock(work.session, f"look-ups of {subject}")
    misses = queries.times_done(
        work.session, work.actor.account_id, NOT_FOUND, subject, since=work.now - MISSES_COUNT
    )
    if work.actor.account_id and misses >= MOST_MISSES:
        raise TooManyLookUps(retry_after=int(MISSES_COUNT.total_seconds()))
    matches = queries.exactly(work.session, name, born=born, identifier=identifier)
    for patient in matches:
        audit.record(work, FOUND, subject_of(patient.id))
    if not matches:
        audit.record(work, NOT_FOUND, subject)
    return matches


def patient_for(work: Work, patient_id: UUID) -> Patient:
    """Return the patient, whom the actor may name and book for; raise NotFound otherwise."""
    patient = work.session.get(Patient, patient_id)
    if patient is None or not may_book_for(work, patient_id):
        raise NotFound("There is no such patient.", field="patient")
    return patient


def check_may_book_for(work: Work, patient_id: UUID) -> None:
    """Raise NotFound unless the actor may name the patient and book for them."""
    if not may_book_for(work, patient_id):
        raise NotFound("There is no such patient.", field="patient")


def may_book_for(work: Work, patient_id: UUID) -> bool:
    """Return True if the actor may name the patient and book for them: all whom they find by a
    search, and whom they looked up within READ_OVER."""
    actor = work.actor
    if not actor.reaches(patient_id):
        return False
    if actor.acts_for(patient_id) or actor.is_a(Role.NETWORK_ADMIN):
        return True
    if not works_with_patients(actor):
        return False
    is_in_reach = directory.listed(
        work.session, Patient, Patient.id == patient_id, _reach(work), limit=1
    )
    return bool(is_in_reach) or any(
        has_lately(work, action, patient_id) for action in (FOUND, MADE)
    )


def note_details_read(work: Work, patient_id: UUID) -> None:
    """Write an audit event if the actor read the details of somebody else than they care for."""
    if not work.actor.acts_for(patient_id):
        audit.record(work, DETAILS_READ, subject_of(patient_id))


def register(work: Work, details: PatientDetails, *, anyway: bool) -> Patient:
    """Add a patient; raise Forbidden if the actor does not work with patients.

    Unless ``anyway``, raise PatientKnown if the patient may be registered already, and
    TooFewDetails if nothing but a name is given, which many people share.
    """
    check_may_find(work.actor)
    identifying = _identifying(details)
    for name, key in identifying.items():
        # Without the locks, two people could register the same patient at the same moment. A birth
        # that is known by its year may be that of any day in it.
        lock(work.session, f"patient {name} {key[:4] if name == 'born' else key}")
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
    email address agree. People of different names and births may share a phone, as families
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
    given = _identifying(details)
    known = {
        "email": patient.email,
        "medicare_number": compact(patient.medicare_number or "") or None,
        "phone": patient.phone_key,
    }
    agree = {name for name, key in known.items() if key is not None and given.get(name) == key}
    if patient.born and details.born and patient.born.may_be(details.born):
        agree.add("born")
    return frozenset(agree)


def _identifying(details: PatientDetails) -> dict[str, str]:
    """Return the details that are given of IDENTIFYING, in its order, as they are compared."""
    keys = {
        "born": details.born,
        "email": details.email,
        "medicare_number": compact(details.medicare_number or ""),
        "phone": phone_key(details.phone or ""),
    }
    return {name: key for name in IDENTIFYING if (key := keys[name])}


def has_lately(work: Work, action: str, patient_id: UUID) -> bool:
    """Return True if the actor did this to the patient within READ_OVER.

    Whoever registered a patient may then check the details and correct a mistake before there is an
    appointment; whoever found one by two exact details may book for them.
    """
    return queries.has_done(
        work.session,
        work.actor.account_id,
        action,
        subject_of(patient_id),
        since=work.now - READ_OVER,
    )


def knows(work: Work, patient_id: UUID) -> bool:
    """Return True if the actor may read the patient's details.

    These are the patient and their carer; practitioners who may read the health record; staff and
    administrators of a centre where the patient has an appointment, or who have just looked the
    patient up; whoever has just registered the patient, which does not open the record;
    administrators of the network and its programs.
    """
    if may_change(work, patient_id):
        return True
    if work.actor.is_a(Role.PRACTITIONER):
        return access.may_read(work, patient_id) is not None
    return works_with_patients(work.actor) and has_lately(work, FOUND, patient_id)


def may_change(work: Work, patient_id: UUID) -> bool:
    """Return True if the actor may change the patient's details.

    As :func:`knows`, but an emergency access or a look-up is not enough: a changed mail address or
    date of birth outlasts them.
    """
    actor = work.actor
    if not actor.reaches(patient_id):
        return False
    if actor.acts_for(patient_id) or actor.is_a(Role.NETWORK_ADMIN):
        return True
    if actor.is_a(Role.STAFF, Role.CENTRE_ADMIN) and queries.is_seen_at(
        work, actor.centres, patient_id
    ):
        return True
    if access.may_read(work, patient_id) is Access.CARE:
        return True
    return works_with_patients(actor) and has_lately(work, MADE, patient_id)


def check_may_find(actor: Actor) -> None:
    """Raise Forbidden if the actor does not work with patients."""
    if not works_with_patients(actor):
        raise Forbidden
