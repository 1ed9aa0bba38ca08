"""Dependents: a patient adds a child or a parent, and can hand the record over later."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.audit import Origin
from openslot.core.errors import Forbidden, NotFound
from openslot.core.fields import Details, Email
from openslot.core.locks import lock
from openslot.directory import commands, queries
from openslot.directory.details import DependentDetails, PatientDetails
from openslot.directory.errors import DependentKnown, OwnAddress, TooManyDependents
from openslot.directory.models import Dependent, Patient
from openslot.directory.rules import Actor
from openslot.identity import commands as identity
from openslot.identity.commands import NewAccount
from openslot.identity.errors import LinkExpired
from openslot.identity.models import Account, Role

MOST = 20
"""Largest number of dependents of one carer."""


class HandOverDetails(Details):
    """The e-mail address of the person who will take over a record."""

    email: Email


def add(session: Session, actor: Actor, details: DependentDetails, *, now: datetime) -> Patient:
    """Create a patient as a dependent of the actor, who must be a patient. Raises
    TooManyDependents and DependentKnown."""
    if actor.patient_id is None:
        raise Forbidden
    _lock_dependents(session, actor.patient_id)
    dependents = queries.dependents_of(session, actor.patient_id)
    if len(dependents) >= MOST:
        raise TooManyDependents(most=MOST)
    _check_new(details, dependents, except_id=None)
    patient = commands.add_patient(session, actor, _as_patient(details), now=now)
    queries.add_dependent(
        session, Dependent(patient_id=patient.id, carer_id=actor.patient_id, since=now)
    )
    _record(session, patient.id, "added", by=actor.origin, now=now, carer=actor.patient_id)
    return patient


def change(
    session: Session, actor: Actor, patient_id: UUID, details: DependentDetails, *, now: datetime
) -> Patient:
    """Replace the details of a dependent; time zone and language stay."""
    patient, link = one_of(session, actor, patient_id)
    _lock_dependents(session, link.carer_id)
    _check_new(details, queries.dependents_of(session, link.carer_id), except_id=patient_id)
    unchanged = {"time_zone": patient.time_zone, "language": patient.language}
    return commands.change_patient(
        session, actor, patient_id, _as_patient(details, **unchanged), now=now
    )


def one_of(session: Session, actor: Actor, patient_id: UUID) -> tuple[Patient, Dependent]:
    """Return a dependent of the actor. Raises NotFound for any other patient."""
    link = queries.dependent(session, patient_id)
    if link is None or actor.patient_id is None or link.carer_id != actor.patient_id:
        raise NotFound
    return queries.patient(session, patient_id), link


def invite(
    session: Session, actor: Actor, patient_id: UUID, details: HandOverDetails, *, now: datetime
) -> Patient:
    """Invite an address to take over the record, in place of an earlier invitation.

    The carer does not learn whether the address has an account already.
    """
    patient, link = one_of(session, actor, patient_id)
    carer = queries.patient(session, link.carer_id)
    if details.email == carer.email:
        raise OwnAddress(field="email")
    link.invited, link.invited_at = details.email, now
    _record(session, patient_id, "invited", by=actor.origin, now=now)
    return patient


def withdraw(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> None:
    """Withdraw the invitation; its link is no longer valid."""
    _patient, link = one_of(session, actor, patient_id)
    link.invited, link.invited_at = None, None
    _record(session, patient_id, "invitation-withdrawn", by=actor.origin, now=now)


def invited(session: Session, patient_id: UUID, carer_id: UUID, email: str) -> Patient:
    """Return the patient whose record an invitation is for. Raises LinkExpired if it was used,
    withdrawn or replaced."""
    link = queries.dependent(session, patient_id)
    if link is None or (link.carer_id, link.invited) != (carer_id, email):
        raise LinkExpired
    return queries.patient(session, patient_id)


def take_over(
    session: Session,
    patient_id: UUID,
    carer_id: UUID,
    email: str,
    password_hash: str,
    *,
    address: str | None,
    now: datetime,
) -> Account:
    """Create an account for the patient and end the carer's access to the record.

    The link was sent to the address, which is thereby confirmed. Raises EmailTaken and
    LinkExpired.
    """
    patient = invited(session, patient_id, carer_id, email)
    new = NewAccount(email, patient.name, password_hash, Role.PATIENT, confirmed_at=now)
    account = identity.create_account(session, new, by=Origin(None, address), now=now)
    patient.account_id, patient.email = account.id, email
    link = queries.dependent(session, patient_id)
    if link is not None:
        queries.remove_dependent(session, link)
    origin = Origin(account.id, address)
    _record(session, patient_id, "handed-over", by=origin, now=now, carer=carer_id)
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
    for other, _link in dependents:
        is_same = (other.name.casefold(), other.born) == (details.name.casefold(), details.born)
        if is_same and other.id != except_id:
            raise DependentKnown(field="name")


def _as_patient(details: DependentDetails, **more: str | None) -> PatientDetails:
    return PatientDetails.model_validate(details.model_dump() | more)


def _record(
    session: Session,
    patient_id: UUID,
    action: str,
    *,
    by: Origin,
    now: datetime,
    carer: UUID | None = None,
) -> None:
    details = {"carer": str(carer)} if carer else {}
    audit.record(session, f"dependent.{action}", f"patient:{patient_id}", by=by, now=now, **details)
