"""What people change of themselves: the record in the directory and the account, together."""

from datetime import datetime

from sqlalchemy.orm import Session

from openslot.core.errors import Forbidden, Invalid
from openslot.core.fields import Details, Email, Name, OptionalPhone
from openslot.directory import commands, queries
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.directory.rules import Actor
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.models import Account


class StaffOwnDetails(Details):
    """What staff and administrators keep of themselves."""

    name: Name
    phone: OptionalPhone = None


class NewEmail(Details):
    """Another address to sign in with."""

    email: Email


def change_own_patient(
    session: Session, actor: Actor, details: PatientDetails, *, now: datetime
) -> Patient:
    """A patient's own record; the account bears the same name and time zone.

    Invalid for another e-mail: that is changed by change_own_email, after the password.
    """
    if actor.patient_id is None or actor.account_id is None:
        raise Forbidden
    if details.email != queries.patient(session, actor.patient_id).email:
        raise Invalid("Change this on the page of your account.", field="email")
    patient = commands.change_patient(session, actor, actor.patient_id, details, now=now)
    identity.change_account(
        session, actor.account_id, by=actor.origin, now=now,
        name=details.name, time_zone=details.time_zone,
    )  # fmt: skip
    return patient


def change_own_staff(
    session: Session, actor: Actor, details: StaffOwnDetails, *, now: datetime
) -> None:
    """Name and telephone of somebody who works here."""
    if actor.account_id is None:
        raise Forbidden
    identity.change_account(session, actor.account_id, by=actor.origin, now=now, name=details.name)
    member = queries.staff_member(session, actor.account_id)
    if member is not None:
        member.phone = details.phone


def change_own_email(session: Session, actor: Actor, email: str, *, now: datetime) -> Account:
    """Sign in with another address from now on, which is to be confirmed.

    A patient's record follows where it had the old address. EmailTaken as in change_account.
    """
    if actor.account_id is None:
        raise Forbidden
    known = identities.by_id(session, actor.account_id)
    old = known.email if known else None
    account = identity.change_account(
        session, actor.account_id, by=actor.origin, now=now, email=email
    )
    patient = queries.patient_of(session, actor.account_id)
    if patient is not None and patient.email == old:
        patient.email = email
    return account
