"""Accounts and the people of identity providers who sign in to them.

A link goes by the issuer and what it calls the person for ever (``sub``), never by an address,
which may be given to somebody else.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from openslot.core import audit
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.identity import factors, opening, passwords, providers, queries
from openslot.identity.errors import LastWayIn, LinkedElsewhere, NotAdmitted
from openslot.identity.events import Change
from openslot.identity.id_tokens import Person, SignedOut
from openslot.identity.models import Account, LinkedIdentity
from openslot.identity.providers import Provider


class Through(NamedTuple):
    """How a session began at a provider: with which identity and session there, and when its
    person last proved who they are."""

    identity_id: UUID
    session: bytes | None
    proved_at: datetime | None


def name_hash(issuer: str, name: str) -> bytes:
    """Return the hash under which what an issuer calls somebody, or their session, is stored."""
    return hashlib.sha256(f"{issuer}\n{name}".encode()).digest()


def identity_of(work: Work, person: Person) -> LinkedIdentity | None:
    """Return the link of a person to an account here, if there is one."""
    digest = name_hash(person.provider.issuer, person.subject)
    return queries.identity_by_hash(work.session, digest)


def through(identity: LinkedIdentity, person: Person) -> Through:
    """Return how a session of a person begins."""
    name = person.session and name_hash(identity.issuer, person.session)
    return Through(identity.id, name or None, person.proved_at)


def link(work: Work, account: Account, person: Person) -> LinkedIdentity:
    """Let a person of a provider sign in to the account, of which its owner is told.

    Raises NotAdmitted if the account is closed or its role does not sign in there, and
    LinkedElsewhere if the person or the account has another link.
    """
    provider = person.provider
    lock(work.session, f"identities of {provider.issuer}")
    opening.wait(work, account.id)
    check_admits(provider, account)
    if identity_of(work, person) or any(
        one.issuer == provider.issuer for one in queries.identities_of(work.session, account.id)
    ):
        raise LinkedElsewhere(label=provider.label)
    identity = LinkedIdentity(
        id=new_id(),
        account_id=account.id,
        identity_hash=name_hash(provider.issuer, person.subject),
        issuer=provider.issuer,
        subject=person.subject,
        made_at=work.now,
    )
    work.session.add(identity)
    work.session.flush()
    factors.note(work, account.id, Change.IDENTITY_LINKED, provider=provider.key)
    return identity


def check_admits(provider: Provider, account: Account) -> None:
    """Raise NotAdmitted unless the account is open to people of the provider."""
    if not account.active or account.role not in provider.roles:
        raise NotAdmitted(label=provider.label)


def unlink(work: Work, account_id: UUID, identity_id: UUID) -> None:
    """Let the person of a provider sign in to the account no more. Raises NotFound, and LastWayIn
    if its owner could not sign in any more."""
    opening.wait(work, account_id)
    if not queries.remove_identity(work.session, account_id, identity_id):
        raise NotFound
    account = queries.by_id(work.session, account_id)
    if account is None or not _has_another_way(work, account):
        raise LastWayIn
    factors.note(work, account_id, Change.IDENTITY_REMOVED)


def unlink_all(work: Work, account_id: UUID) -> int:
    """Remove all links of an account, which may belong to somebody else; return the number."""
    opening.wait(work, account_id)
    found = queries.identities_of(work.session, account_id)
    for one in found:
        queries.remove_identity(work.session, account_id, one.id)
        factors.note(work, account_id, Change.IDENTITY_REMOVED)
    return len(found)


def _has_another_way(work: Work, account: Account) -> bool:
    """Return whether the account can be signed in to with what is left."""
    admitting = {one.issuer for one in providers.admitting(work.settings, account.role)}
    if any(one.issuer in admitting for one in queries.identities_of(work.session, account.id)):
        return True
    if providers.is_only_way(work.settings, account.role):
        return False
    has_passkeys = bool(queries.factors_of(work.session, account.id).passkeys)
    return account.password != passwords.NONE or has_passkeys


def end_signed_out(work: Work, provider: Provider, who: SignedOut) -> int:
    """Sign out here who has signed out at the provider; return the number of browsers."""
    subject = who.subject and name_hash(provider.issuer, who.subject)
    identity = queries.identity_by_hash(work.session, subject) if subject else None
    if who.session:
        session = name_hash(provider.issuer, who.session)
        accounts = queries.end_provider_sessions(work.session, provider_session=session)
    elif identity is not None:
        accounts = queries.end_provider_sessions(work.session, identity_id=identity.id)
    else:
        accounts = []
    for account_id in sorted(set(accounts)):
        audit.record(
            work, "account.signed-out-there", f"account:{account_id}", provider=provider.key
        )
    return len(accounts)
