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
from openslot.directory.models import Centre, Department, StaffMember, StaffWish
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


class Wish(NamedTuple):
    """An account that asks to work somewhere else, and where."""

    account: Account
    wish: StaffWish
    centre: Centre | None
    department: Department | None


def ask(work: Work, details: MoveDetails) -> StaffWish:
    """Ask to work somewhere else; this replaces what was asked before. Raises Invalid without a
    place, or for the one where the actor works."""
    member = _own_member(work)
    now_at = (member.centre_id, member.department_id)
    if details.place is None and (details.centre_id, details.department_id) == now_at:
        raise Invalid("You work there already. Choose another place.", field="workplace")
    wish = queries.staff_wish(work.session, member.account_id)
    if wish is not None:
        remove(work.session, wish)
        work.session.expunge(wish)
    return add_wish(work, member.account_id, details)


def add_wish(work: Work, account_id: UUID, details: MoveDetails) -> StaffWish:
    """Add where an account asks to work."""
    _check_place(work.session, details)
    wish = StaffWish(account_id=account_id, asked_at=work.now, **details.model_dump())
    queries.add_wish(work.session, wish)
    audit.record(work, "account.move-asked", identity.subject_of(account_id))
    return wish


def withdraw(work: Work) -> None:
    """Take back what the actor asked; nothing happens if there is nothing."""
    wish = queries.staff_wish(work.session, _own_member(work).account_id)
    if wish is not None:
        remove(work.session, wish)


def waiting(work: Work) -> list[Wish]:
    """Return what staff ask that the actor decides, longest waiting first."""
    wishes = (Wish(*row) for row in queries.staff_wishes(work.session))
    return [one for one in wishes if _decides(work.actor, one.wish)]


def admit(work: Work, account_id: UUID, *, centre_id: int | None = None) -> Account:
    """Let somebody work where they asked to, and sign in if they registered with it.

    ``centre_id`` is the centre of a place that was not listed. Raises NotFound unless the actor
    decides it.
    """
    account, wish = _decided(work, account_id)
    chosen = wish.centre_id or centre_id
    if chosen is None:
        raise Invalid("Choose the centre. Add it first if it is new.", field="centre_id")
    queries.centre(work.session, chosen)
    is_new = queries.staff_member(work.session, account_id) is None
    commands.place_staff(work, account_id, chosen, wish.department_id)
    remove(work.session, wish)
    audit.record(work, "account.moved", identity.subject_of(account_id))
    if is_new:
        identity.set_active(work, account_id, True)
    return account


def decline(work: Work, account_id: UUID) -> Account:
    """Decline what somebody asked; an account that registered with it is deleted. Raises NotFound
    as :func:`admit` does."""
    account, wish = _decided(work, account_id)
    remove(work.session, wish)
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


def _decided(work: Work, account_id: UUID) -> tuple[Account, StaffWish]:
    account = identities.by_id(work.session, account_id)
    wish = queries.staff_wish(work.session, account_id)
    if account is None or wish is None or not _decides(work.actor, wish):
        raise NotFound
    return account, wish


def _decides(actor: Actor, wish: StaffWish) -> bool:
    if wish.centre_id is None:
        return actor.is_a(Role.NETWORK_ADMIN)
    return runs_centre(actor, wish.centre_id)
