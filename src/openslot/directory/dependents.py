"""Care for others: a patient adds a child or a parent, and hands the record over later."""

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
"""How many people somebody cares for at most."""


class HandOverDetails(Details):
    """The address of whoever shall look after a record themselves."""

    email: Email


def add(session: Session, actor: Actor, details: DependentDetails, *, now: datetime) -> Patient:
    """A new patient whom the actor, a patient too, cares for from now on."""
    if actor.patient_id is None:
        raise Forbidden
    _take_turn(session, actor.patient_id)
    known = queries.dependents_of(session, actor.patient_id)
    if len(known) >= MOST:
        raise TooManyDependents(most=MOST)
    _check_new(details, known, besides=None)
    patient = commands.add_patient(session, actor, _as_patient(details), now=now)
    queries.add_dependent(
        session, Dependent(patient_id=patient.id, carer_id=actor.patient_id, since=now)
    )
    _record(session, patient.id, "added", by=actor.origin, now=now, carer=actor.patient_id)
    return patient


def change(
    session: Session, actor: Actor, patient_id: UUID, details: DependentDetails, *, now: datetime
) -> Patient:
    """Put new details in the place of the old ones; time zone and language stay."""
    patient, link = one_of(session, actor, patient_id)
    _take_turn(session, link.carer_id)
    _check_new(details, queries.dependents_of(session, link.carer_id), besides=patient_id)
    kept = {"time_zone": patient.time_zone, "language": patient.language}
    return commands.change_patient(
        session, actor, patient_id, _as_patient(details, **kept), now=now
    )


def one_of(session: Session, actor: Actor, patient_id: UUID) -> tuple[Patient, Dependent]:
    """Somebody whom the actor cares for; NotFound for everybody else."""
    link = queries.dependent(session, patient_id)
    if link is None or actor.patient_id is None or link.carer_id != actor.patient_id:
        raise NotFound
    return queries.patient(session, patient_id), link


def invite(
    session: Session, actor: Actor, patient_id: UUID, details: HandOverDetails, *, now: datetime
) -> Patient:
    """Name the address that may take the record over; the one named before no longer may.

    What it is told, and whether it has an account already, the carer never learns.
    """
    patient, link = one_of(session, actor, patient_id)
    carer = queries.patient(session, link.carer_id)
    if details.email == carer.email:
        raise OwnAddress(field="email")
    link.invited, link.invited_at = details.email, now
    _record(session, patient_id, "invited", by=actor.origin, now=now)
    return patient


def withdraw(session: Session, actor: Actor, patient_id: UUID, *, now: datetime) -> None:
    """Make the link that was sent useless."""
    _patient, link = one_of(session, actor, patient_id)
    link.invited, link.invited_at = None, None
    _record(session, patient_id, "invitation-withdrawn", by=actor.origin, now=now)


def invited(session: Session, patient_id: UUID, carer_id: UUID, email: str) -> Patient:
    """Whose record the bearer of a link may take over; LinkExpired once the link is used,
    withdrawn or replaced by another."""
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
    """The patient gets an account, and the carer has no part in the record any more.

    Whoever holds the link has read mail to the address, so that it is confirmed. EmailTaken
    where there is an account with it.
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


def _take_turn(session: Session, carer_id: UUID) -> None:
    """Nothing unique stands behind the names of somebody's dependents and their number."""
    lock(session, f"dependents {carer_id}")


def _check_new(
    details: DependentDetails,
    known: list[tuple[Patient, Dependent]],
    *,
    besides: UUID | None,
) -> None:
    for other, _link in known:
        same = (other.name.casefold(), other.born) == (details.name.casefold(), details.born)
        if same and other.id != besides:
            raise DependentKnown(field="name")


def _as_patient(details: DependentDetails, **kept: str | None) -> PatientDetails:
    return PatientDetails.model_validate(details.model_dump() | kept)


def _record(
    session: Session,
    patient_id: UUID,
    act: str,
    *,
    by: Origin,
    now: datetime,
    carer: UUID | None = None,
) -> None:
    details = {"carer": str(carer)} if carer else {}
    audit.record(session, f"dependent.{act}", f"patient:{patient_id}", by=by, now=now, **details)
