"""Accounts of people whom an identity provider has confirmed: found, linked, made and placed by
what the settings say of the provider."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.db import remove
from openslot.core.errors import DomainError
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries, staff
from openslot.directory.staff import StaffDetails
from openslot.identity import commands as identity
from openslot.identity import credentials, linked, passwords
from openslot.identity import queries as identities
from openslot.identity.errors import NotAdmitted
from openslot.identity.id_tokens import Person
from openslot.identity.models import Account
from openslot.identity.providers import Group


def account_of(work: Work, person: Person) -> Account | None:
    """Return the account that a person of a provider signs in to: the one that is linked, or is
    linked now by its address, or made now for their groups. None if they have to link it.

    An account whose role the groups no longer give is closed, and returned so. Raises NotAdmitted
    and LinkedElsewhere.
    """
    link = linked.identity_of(work, person)
    if link is None:
        account = _by_address(work, person) or _made(work, person)
        if account is None:
            return None
        linked.link(_by_owner(work, account), account, person)
    else:
        link.used_at = work.now
        account = work.session.get_one(Account, link.account_id)
        linked.check_admits(person.provider, account)
    if person.provider.follows_groups:
        _follow(work, account, person)
    return account


def _by_address(work: Work, person: Person) -> Account | None:
    """Return the account with the address of the person; None without one that they confirmed."""
    account = identities.by_email(work.session, person.email) if person.email else None
    if account is None:
        return None
    linked.check_admits(person.provider, account)
    return account if staff.is_confirmed(work.settings, account) else None


def _made(work: Work, person: Person) -> Account | None:
    """Make an account for the first group of the person that the settings name."""
    group = _group_of(person)
    if group is None or not (person.provider.makes_accounts and person.email):
        return None
    lock(work.session, f"account of {person.email}")
    if identities.by_email(work.session, person.email):
        return None
    with _admitting(person):
        details = StaffDetails(
            role=group.role,
            email=person.email,
            name=person.name or person.email,
            centre_id=group.centre,
            department_id=group.department,
        )
        account = staff.create_staff(_by_groups(work), details, passwords.NONE)
    identity.confirm_email(_by_owner(work, account), account.id)
    return account


@contextmanager
def _admitting(person: Person) -> Iterator[None]:
    """Raise NotAdmitted for a place that is not there, or an address that is none."""
    try:
        yield
    except (DomainError, ValidationError):
        raise NotAdmitted(label=person.provider.label) from None


def _group_of(person: Person) -> Group | None:
    return next((one for one in person.provider.groups if one.name in person.groups), None)


def _follow(work: Work, account: Account, person: Person) -> None:
    """Give the account the role and place of the person's group, or close it if they have none
    left. Only roles that groups give are taken. Raises NotAdmitted for a place that is not
    there."""
    provider = person.provider
    if account.role not in {one.role for one in provider.groups}:
        return
    group, subject = _group_of(person), identity.subject_of(account.id)
    if group is None:
        audit.record(work, "account.role-lost", subject, provider=provider.key)
        identity.set_active(_by_groups(work), account.id, False)
        return
    member = queries.staff_member(work.session, account.id)
    now_at = (account.role, member and member.centre_id, member and member.department_id)
    if now_at == (group.role, group.centre, group.department):
        return
    credentials.end_all(work, account.id)
    if account.role != group.role:
        queries.set_further_desks(work.session, account.id, ())
    account.role = group.role
    if group.centre is not None:
        with _admitting(person):
            staff.place(_by_groups(work), account.id, group.centre, group.department)
    elif member is not None:
        remove(work.session, member)
    audit.record(work, "account.role-given", subject, provider=provider.key, role=group.role)


def _by_groups(work: Work) -> Work:
    """Return the work with the rights of the settings, which name the groups."""
    return work.by(Actor(role=Role.NETWORK_ADMIN, address=work.actor.address))


def _by_owner(work: Work, account: Account) -> Work:
    return work.by(Actor(account_id=account.id, address=work.actor.address))
