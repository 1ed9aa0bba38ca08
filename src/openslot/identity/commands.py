"""What can be done with accounts."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.audit import Origin
from openslot.core.config import Settings
from openslot.core.db import Database, remove
from openslot.core.errors import NotFound, RateLimited
from openslot.core.fields import address_key
from openslot.core.ids import new_id
from openslot.core.limits import network_of
from openslot.identity import passwords, queries
from openslot.identity.errors import EmailTaken, NotActive, NotConfirmed, WrongCredentials
from openslot.identity.models import Account, AccountSession, Role, SignInFailure

FAILURES_COUNT = timedelta(minutes=15)
"""For so long a wrong password counts against its e-mail and where it came from."""

FAILURES_PER_SOURCE = 5
"""An address, which many people may share, is allowed so many times what an account is there."""

FAILURES_PER_EMAIL = 10
"""From everywhere together an account is allowed so many times what it is from one address: after
them it opens in known browsers only, so that guessing from many addresses is bounded, and its
owner goes on."""

SEEN_EVERY = timedelta(minutes=5)
"""A session's last use is written down no more often than this."""


class Source(NamedTuple):
    """Where a password came from: an address, or a browser that is known for the account."""

    name: str
    is_known: bool


def source_of(address: str | None, *, device: str | None = None) -> Source:
    """Return the source at an address, or, if it is known for the account, of a browser."""
    return Source(f"device {device}", True) if device else Source(network_of(address), False)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A checked e-mail and name, and a password hash."""

    email: str
    name: str
    password_hash: str
    role: Role
    must_change_password: bool = False
    confirmed_at: datetime | None = None
    external_id: str | None = None


def create_account(session: Session, new: NewAccount, *, by: Origin, now: datetime) -> Account:
    """A new account; EmailTaken where there is one with this e-mail."""
    if queries.by_email(session, new.email):
        raise EmailTaken(field="email")
    account = Account(
        id=new_id(),
        email=new.email,
        name=new.name,
        password=new.password_hash,
        role=new.role,
        active=True,
        fs_uniquifier=secrets.token_hex(16),
        confirmed_at=new.confirmed_at,
        must_change_password=new.must_change_password,
        external_id=new.external_id,
        theme="auto",
        created_at=now,
    )
    session.add(account)
    session.flush()
    audit.record(session, "account.created", subject_of(account.id), by=by, now=now, role=new.role)
    return account


def subject_of(account_id: UUID) -> str:
    """How the audit names an account."""
    return f"account:{account_id}"


def sign_in(
    database: Database,
    settings: Settings,
    email: str,
    password: str,
    *,
    source: Source,
    address: str | None,
    now: datetime,
) -> Account:
    """The account that this e-mail and password open.

    Takes the database, unlike other commands: the slow hash is computed between two
    transactions, so that no lock is held meanwhile, and a failure is written down although
    the sign-in is refused. Raises WrongCredentials (NotActive after the right
    password of an account that is off), NotConfirmed or RateLimited.
    """
    email = address_key(email)[:254]
    if not email.isprintable():
        raise WrongCredentials  # nobody has such an address, and not every engine can look for it
    account = database.read(lambda session: _may_try(session, settings, email, source, now))
    cost = settings.password_iterations
    is_right = passwords.proves(account.password if account else None, password, time_cost=cost)
    if not is_right or account is None or not account.active:
        database.run(lambda session: note_failure(session, email, source, now=now))
        raise NotActive if is_right and account else WrongCredentials
    if settings.confirm_email and account.confirmed_at is None:
        raise NotConfirmed
    better = (
        passwords.hash_password(password, time_cost=cost)
        if passwords.wants_upgrade(account.password, time_cost=cost)
        else None
    )
    return database.run(
        lambda session: _signed_in(session, account.id, better, source, address=address, now=now)
    )


def _may_try(
    session: Session, settings: Settings, email: str, source: Source, now: datetime
) -> Account | None:
    check_failures(session, settings, email, source, now=now)
    return queries.by_email(session, email)


def check_failures(
    session: Session, settings: Settings, email: str, source: Source, *, now: datetime
) -> None:
    """RateLimited after too many wrong passwords for the e-mail from this source; unless that is
    known, also for the e-mail from everywhere, or from the source for all e-mails."""
    since, allowed = now - FAILURES_COUNT, settings.sign_in_attempts
    both, by_source, by_email = queries.failures_since(session, email, source.name, since)
    is_flooded = (
        by_source >= allowed * FAILURES_PER_SOURCE or by_email >= allowed * FAILURES_PER_EMAIL
    )
    if both >= allowed or (is_flooded and not source.is_known):
        raise RateLimited(retry_after=int(FAILURES_COUNT.total_seconds()))


def note_failure(session: Session, email: str, source: Source, *, now: datetime) -> None:
    """Count a wrong password against its e-mail and its source."""
    session.add(SignInFailure(id=new_id(), email=email, address=source.name, at=now))


def _signed_in(
    session: Session,
    account_id: UUID,
    better: str | None,
    source: Source,
    *,
    address: str | None,
    now: datetime,
) -> Account:
    account = _existing(session, account_id)
    if better:
        account.password = better
    queries.forget_failures(
        session, email=account.email, address=source.name, before=now - FAILURES_COUNT
    )
    origin = Origin(account.id, address)
    audit.record(session, "account.signed-in", subject_of(account.id), by=origin, now=now)
    return account


def start_session(
    session: Session,
    account: Account,
    settings: Settings,
    *,
    address: str | None,
    agent: str | None,
    now: datetime,
) -> str:
    """A fresh random token for a browser; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    session.add(
        AccountSession(
            token_hash=token_hash(token),
            account_id=account.id,
            created_at=now,
            seen_at=now,
            ends_at=now + timedelta(days=settings.session_days),
            address=address,
            agent=agent[:200] if agent else None,
        )
    )
    return token


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def account_of_token(
    session: Session, settings: Settings, token: str, *, now: datetime
) -> tuple[Account, AccountSession] | None:
    """Who is signed in with ``token``; None once it was ended, unused for long, or is over."""
    return queries.account_of_token(
        session, token_hash(token), now=now, unused_since=unused_since(settings, now)
    )


def unused_since(settings: Settings, now: datetime) -> datetime:
    """A session that was not used since then is over."""
    return now - timedelta(hours=settings.session_hours)


def is_stale(row: AccountSession, *, now: datetime) -> bool:
    """Whether the session's last use should be written down anew."""
    return now - row.seen_at > SEEN_EVERY


def touch_session(session: Session, token: str, *, now: datetime) -> None:
    """Write down that a session is in use."""
    row = session.get(AccountSession, token_hash(token))
    if row is not None:
        row.seen_at = now


def end_session(session: Session, token: str) -> None:
    """Sign out one browser for good: its cookie opens nothing any more."""
    row = session.get(AccountSession, token_hash(token))
    if row is not None:
        remove(session, row)


def set_password(
    session: Session,
    account_id: UUID,
    password_hash: str,
    *,
    keep_session: str | None = None,
    by: Origin,
    now: datetime,
) -> None:
    """A new password: ends all other sessions and makes all links sent before useless."""
    account = _existing(session, account_id)
    account.password = password_hash
    account.must_change_password = False
    account.fs_uniquifier = secrets.token_hex(16)
    keep = token_hash(keep_session) if keep_session else None
    queries.end_sessions(session, account_id, keep=keep)
    queries.end_tokens(session, account_id)
    audit.record(session, "account.password-changed", subject_of(account_id), by=by, now=now)


def confirm_email(session: Session, account_id: UUID, *, by: Origin, now: datetime) -> None:
    """The owner of the account has read mail sent to its address."""
    account = _existing(session, account_id)
    if account.confirmed_at is None:
        account.confirmed_at = now
        audit.record(session, "account.confirmed", subject_of(account_id), by=by, now=now)


def change_account(
    session: Session, account_id: UUID, *, by: Origin, now: datetime, **values: object
) -> Account:
    """Set ``email``, ``name``, ``locale``, ``time_zone`` or ``theme``.

    A new e-mail must be confirmed anew; EmailTaken where another account has it.
    """
    account = _existing(session, account_id)
    email = values.get("email", account.email)
    if email != account.email:
        if queries.by_email(session, str(email)):
            raise EmailTaken(field="email")
        account.confirmed_at = None
    for name, value in values.items():
        setattr(account, name, value)
    audit.record(
        session, "account.changed", subject_of(account_id), by=by, now=now, fields=sorted(values)
    )
    return account


def set_active(
    session: Session, account_id: UUID, active: bool, *, by: Origin, now: datetime
) -> None:
    """Switch an account on or off; off ends its sessions."""
    account = _existing(session, account_id)
    account.active = active
    if not active:
        queries.end_sessions(session, account_id)
        queries.end_tokens(session, account_id)
    action = "account.activated" if active else "account.deactivated"
    audit.record(session, action, subject_of(account_id), by=by, now=now)


def delete_account(session: Session, account_id: UUID, *, by: Origin, now: datetime) -> None:
    """Take the login away for good; what was done with it stays in the audit by its id."""
    account = _existing(session, account_id)
    queries.end_sessions(session, account_id)
    audit.record(session, "account.deleted", subject_of(account_id), by=by, now=now)
    remove(session, account)


def _existing(session: Session, account_id: UUID) -> Account:
    account = queries.by_id(session, account_id)
    if account is None:
        raise NotFound
    return account
