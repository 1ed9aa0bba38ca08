"""Accounts of people who work in the network: who makes them, and who switches them off."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.errors import Conflict, Forbidden, Invalid, NotFound
from openslot.core.fields import Blank, Details, Email, OptionalName
from openslot.directory import commands, queries
from openslot.directory.models import Practitioner, StaffMember
from openslot.directory.rules import Actor
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account, Role

OptionalKey = Annotated[int | None, Blank]

PLACED = frozenset({Role.STAFF, Role.CENTRE_ADMIN})
"""Those who belong to a centre."""


class StaffDetails(Details):
    """A new account. Staff and administrators of a centre have a centre, staff perhaps a
    department; a practitioner's account is for somebody of the directory."""

    role: Role
    email: Email
    name: OptionalName = None
    centre_id: OptionalKey = None
    department_id: OptionalKey = None
    practitioner_id: OptionalKey = None


class HasAccount(Conflict):
    """This practitioner has an account already."""


class OwnAccount(Conflict):
    """This is your own account. Ask another administrator to switch it off."""


class AlreadyPlaced(Conflict):
    """You have a department already. Ask the administrator of your centre to move you."""


def create_staff(
    session: Session, actor: Actor, details: StaffDetails, password_hash: str, *, now: datetime
) -> Account:
    """A new account for somebody who works here.

    By the network for every role but patients, who sign up themselves; by an administrator of
    a centre for its staff. Raises EmailTaken, HasAccount and Invalid with the field's name.
    """
    _may_create(actor, details)
    practitioner = _practitioner(session, details)
    name = practitioner.name if practitioner else details.name
    if name is None:
        raise Invalid("Enter the name of whoever signs in.", field="name")
    new = NewAccount(details.email, name, password_hash, details.role)
    account = identity.create_account(session, new, by=actor.origin, now=now)
    if practitioner is not None:
        practitioner.account_id = account.id
    elif details.role in PLACED:
        _place(session, actor, account.id, details)
    return account


def _may_create(actor: Actor, details: StaffDetails) -> None:
    own_staff = details.role is Role.STAFF and details.centre_id == actor.centre_id
    if not (actor.is_a(Role.NETWORK_ADMIN) or (actor.is_a(Role.CENTRE_ADMIN) and own_staff)):
        raise Forbidden
    if details.role is Role.PATIENT:
        raise Invalid("Patients sign up themselves. Choose another role.", field="role")


def _practitioner(session: Session, details: StaffDetails) -> Practitioner | None:
    if details.role is not Role.PRACTITIONER:
        return None
    if details.practitioner_id is None:
        raise Invalid("Choose the practitioner whose account this is.", field="practitioner_id")
    found = queries.practitioner(session, details.practitioner_id)
    if found.account_id is not None:
        raise HasAccount(field="practitioner_id")
    return found


def _place(session: Session, actor: Actor, account_id: UUID, details: StaffDetails) -> None:
    if details.centre_id is None:
        raise Invalid("Choose the centre.", field="centre_id")
    queries.centre(session, details.centre_id)
    department_id = details.department_id if details.role is Role.STAFF else None
    if department_id is not None:
        _check_inside(session, department_id, details.centre_id)
    commands.place_staff(session, actor, account_id, details.centre_id, department_id)


def _check_inside(session: Session, department_id: int, centre_id: int) -> None:
    if queries.department(session, department_id).centre_id != centre_id:
        raise Invalid("Choose a department of this centre.", field="department_id")


def choose_department(session: Session, actor: Actor, department_id: int) -> StaffMember:
    """Staff who have none yet choose a department of their own centre."""
    member = queries.staff_member(session, actor.account_id) if actor.account_id else None
    if member is None or not actor.is_a(Role.STAFF):
        raise Forbidden
    if member.department_id is not None:
        raise AlreadyPlaced
    _check_inside(session, department_id, member.centre_id)
    member.department_id = department_id
    return member


def managed_account(session: Session, actor: Actor, account_id: UUID) -> Account:
    """An account that the actor looks after; NotFound for any other."""
    account = identities.by_id(session, account_id)
    if account is None or not _manages(session, actor, account):
        raise NotFound
    return account


def _manages(session: Session, actor: Actor, account: Account) -> bool:
    if actor.is_a(Role.NETWORK_ADMIN):
        return True
    member = queries.staff_member(session, account.id)
    return (
        actor.is_a(Role.CENTRE_ADMIN)
        and account.role == Role.STAFF
        and member is not None
        and member.centre_id == actor.centre_id
    )


def set_account_active(
    session: Session, actor: Actor, account_id: UUID, *, active: bool, now: datetime
) -> None:
    """Switch an account on or off; off ends its sessions at once."""
    managed_account(session, actor, account_id)
    if account_id == actor.account_id:
        raise OwnAccount
    member = queries.staff_member(session, account_id)
    if member is not None and active:
        member.waits = False
    identity.set_active(session, account_id, active, by=actor.origin, now=now)


def record_link(session: Session, actor: Actor, account_id: UUID, *, now: datetime) -> None:
    """Note that an administrator had a link made that opens somebody's account."""
    audit.record(
        session, "account.link-made", identity.subject_of(account_id), by=actor.origin, now=now
    )
