"""Dependents: a patient adds a child or a parent, and can hand the record over later."""

from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden, NotFound
from openslot.core.fields import Details, Email
from openslot.core.folding import same_name
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import commands, contacts, queries
from openslot.directory.details import DependentDetails, PatientDetails
from openslot.directory.errors import (
    DependentKnown,
    OwnAddress,
    OwnEmailNotConfirmed,
    RecordNotEmpty,
    TooManyDependents,
)
from openslot.directory.models import Dependent, Patient
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.commands import NewAccount
from openslot.identity.errors import LinkExpired
from openslot.identity.models import Account

MOST = 20
"""Largest number of dependents of one carer."""


class HandOverDetails(Details):
    """The email address of the person who will take over a record."""

    email: Email


def add(work: Work, details: DependentDetails) -> Patient:
    """Create a patient as a dependent of the actor, who must be a patient. Raises
    TooManyDependents and DependentKnown."""
    carer_id = carer_in(work.actor)
    _lock_dependents(work.session, carer_id)
    dependents = queries.dependents_of(work.session, carer_id)
    if len(dependents) >= MOST:
        raise TooManyDependents(most=MOST)
    _check_new(details, dependents, except_id=None)
    patient = commands.add_patient(work, _as_patient(details))
    queries.add_dependent(
        work.session,
        Dependent(patient_id=patient.id, carer_id=carer_id, since=work.now),
    )
    _record(work, patient.id, "added", carer=carer_id)
    return patient


def carer_in(actor: Actor) -> UUID:
    """Return the patient as whom the actor looks after others; raise Forbidden if there is none,
    or the actor is limited to one patient."""
    if actor.patient_id is None or not actor.reaches(None):
        raise Forbidden
    return actor.patient_id


def change(work: Work, patient_id: UUID, details: DependentDetails) -> Patient:
    """Replace the details of a dependent; time zone and language stay."""
    patient, link = one_of(work, patient_id)
    _lock_dependents(work.session, link.carer_id)
    _check_new(details, queries.dependents_of(work.session, link.carer_id), except_id=patient_id)
    unchanged = {"time_zone": patient.time_zone, "language": patient.language}
    return commands.change_patient(work, patient_id, _as_patient(details, **unchanged))


def one_of(work: Work, patient_id: UUID) -> tuple[Patient, Dependent]:
    """Return a dependent of the actor. Raises NotFound for any other patient."""
    link, actor = queries.dependent(work.session, patient_id), work.actor
    is_carer = link is not None and link.carer_id == actor.patient_id
    if link is None or not (is_carer and actor.reaches(patient_id)):
        raise NotFound
    return queries.patient(work.session, patient_id), link


def invite(work: Work, patient_id: UUID, details: HandOverDetails) -> Patient:
    """Invite an address to take over the record, in place of an earlier invitation.

    The carer does not learn whether the address has an account already. Raises OwnAddress, and
    OwnEmailNotConfirmed for a carer whose address may be somebody else's.
    """
    patient, link = one_of(work, patient_id)
    carer = queries.patient(work.session, link.carer_id)
    if details.email == carer.email:
        raise OwnAddress(field="email")
    account = identities.by_id(work.session, carer.account_id) if carer.account_id else None
    if account is not None and account.confirmed_at is None:
        raise OwnEmailNotConfirmed
    link.invited, link.invited_at = details.email, work.now
    _record(work, patient_id, "invited")
    return patient


def withdraw(work: Work, patient_id: UUID) -> None:
    """Withdraw the invitation; its link is no longer valid."""
    _patient, link = one_of(work, patient_id)
    link.invited, link.invited_at = None, None
    _record(work, patient_id, "invitation-withdrawn")


def invited(session: Session, patient_id: UUID, carer_id: UUID, email: str) -> Patient:
    """Return the patient whose record an invitation is for. Raises LinkExpired if it was used,
    withdrawn or replaced."""
    link = queries.dependent(session, patient_id)
    if link is None or (link.carer_id, link.invited) != (carer_id, email):
        raise LinkExpired
    return queries.patient(session, patient_id)


def take_over(
    work: Work,
    patient_id: UUID,
    carer_id: UUID,
    email: str,
    password_hash: str,
) -> Account:
    """Create an account for the patient and end the carer's access to the record.

    The link was sent to the address, which is thereby confirmed. Raises EmailTaken and
    LinkExpired.
    """
    patient = invited(work.session, patient_id, carer_id, email)
    new = NewAccount(email, patient.name, password_hash, Role.PATIENT, confirmed_at=work.now)
    account = identity.create_account(work.by(Actor(address=work.actor.address)), new)
    patient.account_id, patient.email = account.id, email
    contacts.note_email(work, patient, is_their_own=True)
    link = queries.dependent(work.session, patient_id)
    if link is not None:
        queries.remove_dependent(work.session, link)
    owner = Actor(account_id=account.id, address=work.actor.address)
    _record(work.by(owner), patient_id, "handed-over", carer=carer_id)
    return account


def _lock_dependents(session: Session, carer_id: UUID) -> None:
    """Lock a carer's dependents, whose names and number no unique key protects."""
    lock(session, f"dependents {carer_id}")


def _check_new(
    details: DependentDetails,
    dependents: list[tuple[Patient, Dependent]],
    *,
    except_id: UUID | None,
) -> None:
    if _same(details, dependents) not in (None, except_id):
        raise DependentKnown(field="name")


def known_as(work: Work, details: DependentDetails) -> UUID | None:
    """Return the dependent of the actor who has this name and date of birth, or None."""
    if work.actor.patient_id is None:
        return None
    return _same(details, queries.dependents_of(work.session, work.actor.patient_id))


def _same(details: DependentDetails, dependents: list[tuple[Patient, Dependent]]) -> UUID | None:
    same = (
        other.id
        for other, _link in dependents
        if other.born == details.born and same_name(other.name, details.name)
    )
    return next(same, None)


def _as_patient(details: DependentDetails, **more: str | None) -> PatientDetails:
    return PatientDetails.model_validate(details.model_dump() | more)


def _record(work: Work, patient_id: UUID, action: str, *, carer: UUID | None = None) -> None:
    details = {"carer": str(carer)} if carer else {}
    audit.record(work, f"dependent.{action}", f"patient:{patient_id}", **details)


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
    patient, _link = one_of(work, patient_id)
    if queries.has_records(work.session, patient_id):
        raise RecordNotEmpty(name=patient.name)
    return patient
