"""Where staff ask to work: at another centre or department, or at a place not listed yet.

An administrator of that centre admits them; a place that is not listed goes to the administrators
of the network, who say which centre it is.
"""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.db import remove
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.fields import Details, OptionalName
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.models import Centre, Department, StaffMember, StaffRequest
from openslot.directory.rules import runs_centre
from openslot.directory.staff import OptionalKey
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.models import Account


class MoveDetails(Details):
    """A centre of the directory, with or without a department, or the name of another place."""

    centre_id: OptionalKey = None
    department_id: OptionalKey = None
    place: OptionalName = None


class Applicant(NamedTuple):
    """An account that asks to work somewhere else, and where."""

    account: Account
    request: StaffRequest
    centre: Centre | None
    department: Department | None


def ask(work: Work, details: MoveDetails) -> StaffRequest:
    """Ask to work somewhere else; this replaces what was asked before. Raises Invalid without a
    place, or for the one where the actor works."""
    member = _own_member(work)
    now_at = (member.centre_id, member.department_id)
    if details.place is None and (details.centre_id, details.department_id) == now_at:
        raise Invalid("You work there already. Choose another place.", field="workplace")
    request = queries.staff_request(work.session, member.account_id)
    if request is not None:
        remove(work.session, request)
    return add_request(work, member.account_id, details)


def add_request(work: Work, account_id: UUID, details: MoveDetails) -> StaffRequest:
    """Add where an account asks to work."""
    _check_place(work.session, details)
    request = StaffRequest(account_id=account_id, asked_at=work.now, **details.model_dump())
    queries.add_request(work.session, request)
    audit.record(work, "account.move-asked", identity.subject_of(account_id))
    return request


def withdraw(work: Work) -> None:
    """Take back what the actor asked; nothing happens if there is nothing."""
    request = queries.staff_request(work.session, _own_member(work).account_id)
    if request is not None:
        remove(work.session, request)


def waiting(work: Work) -> list[Applicant]:
    """Return what staff ask that the actor decides, longest waiting first."""
    rows = (Applicant(*row) for row in queries.staff_requests(work.session))
    return [one for one in rows if _decides(work.actor, one.request)]


def admit(work: Work, account_id: UUID, *, centre_id: int | None = None) -> Account:
    """Let somebody work where they asked to, and sign in if they registered with it.

    ``centre_id`` is the centre of a place that was not listed. Raises NotFound unless the actor
    decides it.
    """
    account, request = _decided(work, account_id)
    chosen = request.centre_id or centre_id
    if chosen is None:
        raise Invalid("Choose the centre. Add it first if it is new.", field="centre_id")
    queries.centre(work.session, chosen)
    is_new = queries.staff_member(work.session, account_id) is None
    commands.place_staff(work, account_id, chosen, request.department_id)
    remove(work.session, request)
    audit.record(work, "account.moved", identity.subject_of(account_id))
    if is_new:
        identity.set_active(work, account_id, True)
    return account


def decline(work: Work, account_id: UUID) -> Account:
    """Decline what somebody asked; an account that registered with it is deleted. Raises NotFound
    as :func:`admit` does."""
    account, request = _decided(work, account_id)
    remove(work.session, request)
    audit.record(work, "account.move-declined", identity.subject_of(account_id))
    if queries.staff_member(work.session, account_id) is None:
        identity.delete_account(work, account_id)
    return account


def _own_member(work: Work) -> StaffMember:
    account_id = work.actor.account_id
    member = queries.staff_member(work.session, account_id) if account_id else None
    if member is None or not work.actor.is_a(Role.STAFF):
        raise Forbidden
    return member


def _check_place(session: Session, details: MoveDetails) -> None:
    if (details.centre_id is None) == (details.place is None):
        raise Invalid("Choose where you work, or enter its name.", field="workplace")
    if details.centre_id is not None:
        queries.centre(session, details.centre_id)
    if details.department_id is not None:
        department = queries.department(session, details.department_id)
        if department.centre_id != details.centre_id:
            raise Invalid("Choose a department of this centre.", field="workplace")


def _decided(work: Work, account_id: UUID) -> tuple[Account, StaffRequest]:
    account = identities.by_id(work.session, account_id)
    request = queries.staff_request(work.session, account_id)
    if account is None or request is None or not _decides(work.actor, request):
        raise NotFound
    return account, request


def _decides(actor: Actor, request: StaffRequest) -> bool:
    if request.centre_id is None:
        return actor.is_a(Role.NETWORK_ADMIN)
    return runs_centre(actor, request.centre_id)
