"""Registration of staff, and its approval by an administrator."""

from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Role
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.fields import Details, Email, Name, OptionalName
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import DepartmentDetails
from openslot.directory.models import Centre, Department, StaffMember
from openslot.directory.moving import MoveDetails, add_request
from openslot.directory.rules import runs_centre
from openslot.directory.staff import AlreadyPlaced, OptionalKey, check_confirmed
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account


class StaffSignUp(Details):
    """The details that a staff member registers with; a department that is not in the list is
    added later, and of a centre that is not, ``facility`` is the name."""

    name: Name
    email: Email
    password: str
    centre_id: OptionalKey = None
    department_id: OptionalKey = None
    facility: OptionalName = None


class Waiting(NamedTuple):
    """An account that waits for approval, with the centre and department that it named."""

    account: Account
    centre: Centre
    department: Department | None


def register(work: Work, new: StaffSignUp, password_hash: str) -> Account:
    """Create a staff account that is inactive until it is approved. Raises EmailTaken."""
    if new.centre_id is None:
        return _register_elsewhere(work, new, password_hash)
    check_place(work, new)
    account = identity.create_account(
        work, NewAccount(new.email, new.name, password_hash, Role.STAFF)
    )
    account.active = False
    queries.add_member(
        work.session,
        StaffMember(
            account_id=account.id,
            centre_id=new.centre_id,
            department_id=new.department_id,
            waits=True,
        ),
    )
    return account


def _register_elsewhere(work: Work, new: StaffSignUp, password_hash: str) -> Account:
    """Create an account that waits until the network's administrators say which centre it is."""
    if new.facility is None:
        raise Invalid("Choose your department, or enter the name of the facility.", field="place")
    account = identity.create_account(
        work, NewAccount(new.email, new.name, password_hash, Role.STAFF)
    )
    account.active = False
    add_request(work, account.id, MoveDetails(place=new.facility))
    return account


def check_place(work: Work, new: StaffSignUp) -> None:
    """Raise NotFound or Invalid unless the centre has the department."""
    if new.centre_id is None:
        return
    centre = queries.centre(work.session, new.centre_id)
    if new.department_id is not None:
        department = queries.department(work.session, new.department_id)
        if department.centre_id != centre.id:
            raise Invalid("Choose a department of this centre.", field="place")


def is_waiting(session: Session, email: str) -> bool:
    """Return whether the account with this email waits for approval. Call it only after the
    right password, so that it does not reveal which accounts exist."""
    account = identities.by_email(session, email)
    member = queries.staff_member(session, account.id) if account else None
    if account is not None and member is None:
        return queries.staff_request(session, account.id) is not None
    return member is not None and member.waits


def waiting(work: Work) -> list[Waiting]:
    """Return the accounts that wait at the actor's centre, or in the whole network, longest
    waiting first."""
    centre_id = None if work.actor.is_a(Role.NETWORK_ADMIN) else work.actor.centre_id or 0
    return [
        Waiting(*row)
        for row in queries.waiting_staff(work.session, centre_id)
        if runs_centre(work.actor, row[1].id)
    ]


def admit(work: Work, account_id: UUID) -> Account:
    """Approve an account. Raises NotFound unless it waits at a centre that the actor runs, and
    AddressNotConfirmed."""
    account, member = _waiting_account(work, account_id)
    check_confirmed(work, account)
    member.waits = False
    identity.set_active(work, account_id, True)
    return account


def decline(work: Work, account_id: UUID) -> Account:
    """Decline an account and delete it. Raises NotFound as :func:`admit` does."""
    account, _ = _waiting_account(work, account_id)
    audit.record(work, "account.declined", identity.subject_of(account_id))
    identity.delete_account(work, account_id)
    return account


def _waiting_account(work: Work, account_id: UUID) -> tuple[Account, StaffMember]:
    account = identities.by_id(work.session, account_id)
    member = queries.staff_member(work.session, account_id)
    if account is None or member is None or not member.waits:
        raise NotFound
    if not runs_centre(work.actor, member.centre_id):
        raise NotFound
    return account, member


def found_department(work: Work, details: DepartmentDetails) -> Department:
    """Create a department at the centre of a staff member who has none, and assign them to it.

    Raises AlreadyPlaced if they have a department, and NameTaken if the centre has one of this
    name, which they can then choose.
    """
    member = (
        queries.staff_member(work.session, work.actor.account_id) if work.actor.account_id else None
    )
    if member is None or not work.actor.is_a(Role.STAFF):
        raise Forbidden
    if member.department_id is not None:
        raise AlreadyPlaced
    # Creating a department otherwise takes an administrator of the centre.
    entitled = replace(work.actor, role=Role.CENTRE_ADMIN, centre_id=member.centre_id)
    department = commands.create_department(work.by(entitled), member.centre_id, details)
    member.department_id = department.id
    return department
