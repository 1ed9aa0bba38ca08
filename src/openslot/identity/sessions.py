"""Signed-in browsers: started, found by their token, used, proved again, ended."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from openslot.core.db import remove
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.factors import Factor
from openslot.identity.linked import Through
from openslot.identity.models import Account, AccountSession
from openslot.identity.opening import check_opens
from openslot.identity.queries import Unused

SEEN_EVERY = timedelta(minutes=5)
"""Shortest time between two updates of a session's last use."""


def unused_since(work: Work) -> Unused:
    """Return the times since which a session must have been used."""
    settings = work.settings
    return Unused(
        work.now - timedelta(hours=settings.session_hours),
        work.now - timedelta(minutes=settings.staff_session_minutes),
    )


def start_session(
    work: Work,
    account: Account,
    *,
    agent: str | None,
    factor: Factor | None = None,
    through: Through | None = None,
) -> str:
    """Start a session for a browser, with the second step that was given, or ``through`` a
    provider, and return its random token; only its hash is stored. Raises WrongCredentials or
    HalfSignedIn if what was given opens the account no longer.

    Who was signed in at the provider already has given nothing: what counts is when they last did.
    """
    check_opens(work, account, factor)
    token = secrets.token_urlsafe(32)
    work.session.add(
        AccountSession(
            token_hash=token_hash(token),
            account_id=account.id,
            created_at=work.now,
            seen_at=work.now,
            proved_at=through.proved_at if through else work.now,
            ends_at=work.now + timedelta(days=work.settings.session_days),
            address=work.actor.address,
            agent=agent[:200] if agent else None,
            factor=factor,
            identity_id=through.identity_id if through else None,
            provider_session=through.session if through else None,
        )
    )
    return token


def token_hash(token: str) -> bytes:
    """Return the hash under which a token is stored."""
    return hashlib.sha256(token.encode()).digest()


def account_of_token(work: Work, token: str) -> tuple[Account, AccountSession] | None:
    """Return the account and session of ``token``, or None if the session has ended."""
    return queries.account_of_token(work, token_hash(token), unused_since=unused_since(work))


def ends(
    work: Work, account: Account, *, used: datetime, row: AccountSession | None = None
) -> datetime:
    """Return when a session last used at ``used`` ends if it is not used again; one without a
    ``row`` has just begun."""
    idle = work.now - unused_since(work).of(account.role)
    latest = row.ends_at if row else used + timedelta(days=work.settings.session_days)
    return min(used + idle, latest)


def is_stale(row: AccountSession, *, now: datetime) -> bool:
    """Return whether the session's last use is due to be updated."""
    return now - row.seen_at > SEEN_EVERY


def is_proved(work: Work, proved_at: datetime | None) -> bool:
    """Return whether a password or passkey that was last given at ``proved_at`` is fresh enough for
    an action that could do great harm."""
    lasts = timedelta(minutes=work.settings.proof_minutes)
    return proved_at is not None and work.now - proved_at <= lasts


def touch_session(work: Work, token: str) -> None:
    """Update a session's last use."""
    row = work.session.get(AccountSession, token_hash(token))
    if row is not None:
        row.seen_at = work.now


def renew_session(work: Work, token: str) -> str | None:
    """Note that the password or a passkey was given again, and return the token that takes the
    place of ``token``; None if the session has ended meanwhile."""
    new = secrets.token_urlsafe(32)
    is_renewed = queries.renew_session(
        work.session, token_hash(token), token_hash(new), proved_at=work.now
    )
    return new if is_renewed else None


def end_session(session: Session, token: str) -> None:
    """Sign out one browser; its cookie is no longer valid."""
    row = session.get(AccountSession, token_hash(token))
    if row is not None:
        remove(session, row)
