"""Accounts of staff, practitioners and administrators: creating and deactivating them."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.errors import Conflict, Forbidden, Invalid, NotFound
from openslot.core.fields import Blank, Details, Email, OptionalName
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.models import Practitioner
from openslot.identity import commands as identity
from openslot.identity import credentials, factors, linked
from openslot.identity import queries as identities
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account

OptionalKey = Annotated[Annotated[int, Field(ge=1, le=10**9 - 1)] | None, Blank]

PLACED = frozenset({Role.STAFF, Role.CENTRE_ADMIN})
"""Roles that belong to a centre."""


class StaffDetails(Details):
    """A new account. Staff and centre administrators need a centre, and staff can have a
    department. A practitioner's account is for a practitioner of the directory."""

    role: Role
    email: Email
    name: OptionalName = None
    centre_id: OptionalKey = None
    department_id: OptionalKey = None
    practitioner_id: OptionalKey = None


class HasAccount(Conflict):
    """The practitioner already has an account."""

    code = "has-account"
    sentence = "This practitioner already has an account."


class OwnAccount(Conflict):
    """Administrators cannot deactivate their own account."""

    code = "own-account"
    sentence = "This is your own account. Ask another administrator to deactivate it."


class NoSecondStep(Conflict):
    """This account has no second step."""


class AddressNotConfirmed(Conflict):
    """{name} has not confirmed their email address yet. Let them in after that."""


class AlreadyPlaced(Conflict):
    """The staff member already has a department; only an administrator can move them."""

    code = "already-placed"
    sentence = "You already have a department. Ask an administrator of your centre to move you."


def create_staff(work: Work, details: StaffDetails, password_hash: str) -> Account:
    """Create an account for a person who works in the network.

    Network administrators create every role but patients, who sign up themselves; centre
    administrators create staff of their centre. Raises EmailTaken, HasAccount and Invalid with
    the field's name.
    """
    _may_create(work.actor, details)
    practitioner = _practitioner_without_account(work.session, details)
    name = practitioner.name if practitioner else details.name
    if name is None:
        raise Invalid("Enter the person's name.", field="name")
    new = NewAccount(details.email, name, password_hash, details.role)
    account = identity.create_account(work, new)
    if practitioner is not None:
        practitioner.account_id = account.id
    elif details.role in PLACED:
        _place(work, account.id, details)
    return account


def _may_create(actor: Actor, details: StaffDetails) -> None:
    is_own_staff = details.role is Role.STAFF and details.centre_id == actor.centre_id
    if not (actor.is_a(Role.NETWORK_ADMIN) or (actor.is_a(Role.CENTRE_ADMIN) and is_own_staff)):
        raise Forbidden
    if details.role is Role.PATIENT:
        raise Invalid("Patients sign up themselves. Choose another role.", field="role")


def _practitioner_without_account(session: Session, details: StaffDetails) -> Practitioner | None:
    if details.role is not Role.PRACTITIONER:
        return None
    if details.practitioner_id is None:
        raise Invalid("Choose the practitioner whose account this is.", field="practitioner_id")
    practitioner = queries.practitioner(session, details.practitioner_id)
    if practitioner.account_id is not None:
        raise HasAccount(field="practitioner_id")
    return practitioner


def _place(work: Work, account_id: UUID, details: StaffDetails) -> None:
    if details.centre_id is None:
        raise Invalid("Choose the centre.", field="centre_id")
    department_id = details.department_id if details.role is Role.STAFF else None
    place(work, account_id, details.centre_id, department_id)


def place(work: Work, account_id: UUID, centre_id: int, department_id: int | None) -> None:
    """Set the centre and department of an account. Raises NotFound, and Invalid for a department of
    another centre."""
    queries.centre(work.session, centre_id)
    if department_id is not None:
        _check_inside(work.session, department_id, centre_id)
    commands.place_staff(work, account_id, centre_id, department_id)


def _check_inside(session: Session, department_id: int, centre_id: int) -> None:
    if queries.department(session, department_id).centre_id != centre_id:
        raise Invalid("Choose a department of this centre.", field="department_id")


def managed_account(work: Work, account_id: UUID) -> Account:
    """Return an account that the actor manages. Raises NotFound for any other."""
    account = identities.by_id(work.session, account_id)
    if account is None or not _manages(work, account):
        raise NotFound
    return account


def _manages(work: Work, account: Account) -> bool:
    if work.actor.is_a(Role.NETWORK_ADMIN):
        return True
    member = queries.staff_member(work.session, account.id)
    return (
        work.actor.is_a(Role.CENTRE_ADMIN)
        and account.role == Role.STAFF
        and member is not None
        and member.centre_id == work.actor.centre_id
    )


def set_account_active(work: Work, account_id: UUID, *, active: bool) -> None:
    """Activate or deactivate an account; deactivating ends its sessions at once."""
    managed_account(work, account_id)
    if account_id == work.actor.account_id:
        raise OwnAccount
    member = queries.staff_member(work.session, account_id)
    if member is not None and active:
        if member.waits:
            check_confirmed(work, managed_account(work, account_id))
        member.waits = False
    identity.set_active(work, account_id, active)


def sign_out_account(work: Work, account_id: UUID) -> None:
    """Sign an account that the actor manages out everywhere; it can sign in again."""
    managed_account(work, account_id)
    if account_id == work.actor.account_id:
        raise OwnAccount("This is your own account. Sign out on the page of your account.")
    credentials.end_all(work, account_id)


def remove_second_steps(work: Work, account_id: UUID) -> None:
    """Remove the second steps of an account that the actor manages, whose owner has lost them, and
    sign it out everywhere. Where the role needs one, they set up another at the next sign-in."""
    managed_account(work, account_id)
    if account_id == work.actor.account_id:
        raise OwnAccount("This is your own account. Change your second step on its page.")
    if not factors.remove_all(work, account_id).is_any:
        raise NoSecondStep
    credentials.end_all(work, account_id)


def unlink(work: Work, account_id: UUID) -> None:
    """Remove the links of an account that the actor manages to people of identity providers, and
    sign it out everywhere."""
    managed_account(work, account_id)
    if account_id == work.actor.account_id:
        raise OwnAccount("This is your own account. Remove the link on its page.")
    if not linked.unlink_all(work, account_id):
        raise NotFound
    credentials.end_all(work, account_id)


def sign_everybody_out(work: Work, *, keep_session: str | None) -> None:
    """Sign all accounts of the network out, except the actor's browser ``keep_session``."""
    if not work.actor.is_a(Role.NETWORK_ADMIN):
        raise Forbidden
    credentials.end_everybodys(work, keep_session=keep_session)


def is_confirmed(settings: Settings, account: Account) -> bool:
    """Whether the account's owner has shown that the address is theirs; where nobody is asked to,
    the administrator vouches for them."""
    return account.confirmed_at is not None or not settings.confirms_email


def check_confirmed(work: Work, account: Account) -> None:
    """Raise AddressNotConfirmed unless :func:`is_confirmed`."""
    if not is_confirmed(work.settings, account):
        raise AddressNotConfirmed(name=account.name)


def record_link(work: Work, account_id: UUID) -> None:
    """Record in the audit log that an administrator created a link to an account."""
    audit.record(work, "account.link-made", identity.subject_of(account_id))


def set_desks(work: Work, account_id: UUID, centre_ids: Collection[int]) -> None:
    """Set the further centres whose front desk somebody is at; administrators of the network decide
    on it. Raises Invalid unless they are staff without a department."""
    if not work.actor.is_a(Role.NETWORK_ADMIN):
        raise Forbidden
    account = managed_account(work, account_id)
    member = queries.staff_member(work.session, account_id)
    if account.role != Role.STAFF or member is None or member.department_id is not None:
        raise Invalid("Only staff without a department are at a front desk.", field="desks")
    further = {queries.centre(work.session, one).id for one in centre_ids} - {member.centre_id}
    queries.set_further_desks(work.session, account_id, further)
    audit.record(
        work, "account.desks-set", identity.subject_of(account_id), centres=sorted(further)
    )
