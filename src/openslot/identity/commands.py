"""Commands on accounts: create, sign in, sessions, password, email address, delete."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.changes import set_values
from openslot.core.config import Settings
from openslot.core.db import Database, remove
from openslot.core.errors import NotFound
from openslot.core.fields import address_key
from openslot.core.ids import new_id
from openslot.core.limits import network_of
from openslot.core.locks import lock
from openslot.core.work import Work, doing
from openslot.identity import factors, opening, passwords, providers, queries
from openslot.identity.credentials import end_all
from openslot.identity.errors import (
    EmailTaken,
    HalfSignedIn,
    NotActive,
    NotConfirmed,
    SignInLocked,
    WrongCode,
    WrongCredentials,
)
from openslot.identity.events import Change
from openslot.identity.factors import Factor
from openslot.identity.models import Account, SignInFailure
from openslot.identity.queries import Locks

FAILURES_COUNT = timedelta(minutes=15)
"""Time for which a wrong password counts against its email and its source."""

SIGNED_IN_EVERY = timedelta(hours=1)
"""Time after which a sign-in is noted at its account again, so that most change nothing there."""

CODES_OF = "codes of\n"
"""What wrong codes count against, with the id of the account in place of an email. It has a mark
that no email has and :func:`sign_in` refuses: else strangers who know the id would count as who
gives wrong codes."""

FAILURES_PER_SOURCE = 5
"""Limit for one address, which many people may share, as a multiple of ``sign_in_attempts``."""

FAILURES_PER_EMAIL = 10
"""Limit for one email from all addresses, as a multiple of ``sign_in_attempts``. Beyond it only
known browsers can sign in: that bounds guessing from many addresses and lets the owner in."""


class Source(NamedTuple):
    """The source of a password: an address, or a browser that is known for the account."""

    name: str
    is_known: bool


def source_of(address: str | None, *, device: str | None = None) -> Source:
    """Return the source for an address, or for a known browser if ``device`` is given."""
    return Source(f"device {device}", True) if device else Source(network_of(address), False)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A validated email and name, and a password hash."""

    email: str
    name: str
    password_hash: str
    role: Role
    must_change_password: bool = False
    confirmed_at: datetime | None = None
    external_id: str | None = None


def create_account(work: Work, new: NewAccount) -> Account:
    """Create an account. Raises EmailTaken if another account has this email."""
    if queries.by_email(work.session, new.email):
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
        created_at=work.now,
    )
    work.session.add(account)
    work.session.flush()
    audit.record(work, "account.created", subject_of(account.id), role=new.role)
    return account


def subject_of(account_id: UUID) -> str:
    """Return the subject of audit events on an account."""
    return f"account:{account_id}"


class SignedIn(NamedTuple):
    """Who has signed in, and with which second step."""

    account: Account
    factor: Factor | None = None


def sign_in(
    database: Database,
    settings: Settings,
    email: str,
    password: str,
    *,
    source: Source,
    address: str | None,
    now: datetime,
    code: str | None = None,
    is_linking: bool = False,
) -> SignedIn:
    """Return the account with this email and password, and what its ``code`` was if it has a
    second step. Accounts that sign in at a provider alone are returned if one ``is_linking`` them.

    Takes the database, unlike other commands: the slow hash is computed between two
    transactions, so that no lock is held meanwhile, and a failure is counted although the
    sign-in is refused. Raises WrongCredentials (NotActive if the password is right and the
    account is not active), NotConfirmed, SignInThere, CodeNeeded, WrongCode or RateLimited.
    """
    email = address_key(email)[:254]
    if not email.isprintable():
        raise WrongCredentials  # no account has it, and not every engine can search for it
    account = database.read(doing(SYSTEM, now, settings, _may_try, email, source))
    cost = settings.password_iterations
    is_right = passwords.proves(account.password if account else None, password, time_cost=cost)
    if not is_right or account is None or not account.active:
        database.run(doing(SYSTEM, now, settings, note_failure, email, source))
        raise NotActive if is_right and account else WrongCredentials
    if settings.confirms_email and account.confirmed_at is None:
        raise NotConfirmed
    if not is_linking:
        providers.check_signs_in_here(settings, account.role)
    checked = _Checked(
        passwords.hash_password(password, time_cost=cost)
        if passwords.wants_upgrade(account.password, time_cost=cost)
        else None,
        passwords.is_imported(account.password)
        and passwords.is_weak(password, account.name, account.email),
    )
    owner = Actor(account_id=account.id, address=address)
    account, is_enough = database.run(
        doing(owner, now, settings, _take_password, account, checked, source)
    )
    if is_enough:
        return SignedIn(account)
    if not code:
        raise HalfSignedIn(account)
    factor = give_code(database, settings, account, code, source=source, address=address, now=now)
    database.run(doing(owner, now, settings, note_sign_in, account, source, factor))
    return SignedIn(account, factor)


def give_code(
    database: Database,
    settings: Settings,
    account: Account,
    code: str,
    *,
    source: Source,
    address: str | None,
    now: datetime,
) -> Factor:
    """Use up a code of the account, and return what it was. Raises WrongCode, and RateLimited after
    too many wrong ones, of which the owner is told: whoever gives them knows the password.

    Takes the database, like sign-in, since a failure is counted although the code is refused.
    """
    owner = Actor(account_id=account.id, address=address)
    factor = database.run(doing(owner, now, settings, use_code, account.id, code, source))
    if factor is None:
        raise WrongCode(field="code")
    return factor


def use_code(work: Work, account_id: UUID, code: str, source: Source) -> Factor | None:
    """Use up a code, and return what it was; count a wrong one, and return None. Raises RateLimited
    after too many: of those that come at once, no more are looked at."""
    lock(work.session, _codes_of(account_id))
    _check_codes(work, account_id, source)
    factor = factors.use_code(work, account_id, code)
    if factor is None:
        _note_wrong_code(work.by(SYSTEM), account_id, source)
    return factor


def _note_wrong_code(work: Work, account_id: UUID, source: Source) -> None:
    """Count a wrong code, and have the owner told of the last for which there is an answer."""
    key, since = _codes_of(account_id), work.now - FAILURES_COUNT
    note_failure(work, key, source)
    work.session.flush()
    by_account = queries.failures_since(work.session, key, source.name, since)[2]
    if by_account == work.settings.sign_in_attempts:
        factors.note(work, account_id, Change.CODES_GUESSED)


def _check_codes(work: Work, account_id: UUID, source: Source) -> None:
    """Raise RateLimited after too many wrong codes for the account from everywhere: whoever gives
    one knows the password already, so no stranger locks the owner out."""
    since, allowed = work.now - FAILURES_COUNT, work.settings.sign_in_attempts
    key = _codes_of(account_id)
    _by_both, by_source, by_account = queries.failures_since(work.session, key, source.name, since)
    is_flooded = by_source >= allowed * FAILURES_PER_SOURCE
    if by_account >= allowed or (is_flooded and not source.is_known):
        raise SignInLocked(retry_after=int(FAILURES_COUNT.total_seconds()))


def locks(work: Work) -> Locks:
    """Return what locks accounts now: wrong passwords from one source, or wrong codes."""
    since, allowed = work.now - FAILURES_COUNT, work.settings.sign_in_attempts
    keys = queries.failed_often(work.session, since, allowed, begins=CODES_OF)
    return Locks(since, allowed, [UUID(key.removeprefix(CODES_OF)) for key in keys])


def _codes_of(account_id: UUID) -> str:
    return f"{CODES_OF}{account_id}"


class _Checked(NamedTuple):
    """What a right password calls for: a stronger hash, or another password."""

    new_hash: str | None
    is_weak: bool


def _may_try(work: Work, email: str, source: Source) -> Account | None:
    check_failures(work, email, source)
    return queries.by_email(work.session, email)


def check_failures(work: Work, email: str, source: Source) -> None:
    """Raise RateLimited after too many wrong passwords for the email from this source or, unless
    the source is known, for the email from all sources or for all emails from this source."""
    since, allowed = work.now - FAILURES_COUNT, work.settings.sign_in_attempts
    by_both, by_source, by_email = queries.failures_since(work.session, email, source.name, since)
    is_flooded = (
        by_source >= allowed * FAILURES_PER_SOURCE or by_email >= allowed * FAILURES_PER_EMAIL
    )
    if by_both >= allowed or (is_flooded and not source.is_known):
        raise SignInLocked(retry_after=int(FAILURES_COUNT.total_seconds()))


def note_failure(work: Work, email: str, source: Source) -> None:
    """Count a wrong password against its email and its source."""
    work.session.add(SignInFailure(id=new_id(), email=email, address=source.name, at=work.now))


def _take_password(
    work: Work, proved: Account, checked: _Checked, source: Source
) -> tuple[Account, bool]:
    """Return the account as it is now, and whether its password is enough to sign in. Raises
    WrongCredentials if that was changed since it was ``proved``."""
    opening.check_unchanged(work, proved)
    account = _existing(work.session, proved.id)
    if checked.new_hash:
        account.password = checked.new_hash
    if checked.is_weak:
        account.must_change_password = True
    if queries.factors_of(work.session, account.id).is_any:
        audit.record(work, "account.code-asked", subject_of(account.id))
        return account, False
    note_sign_in(work, account, source)
    return account, True


def note_sign_in(
    work: Work,
    account: Account,
    source: Source,
    factor: Factor | None = None,
    *,
    provider: str | None = None,
) -> None:
    """Note that the actor has signed in, and forget failures from the same source."""
    before = work.now - FAILURES_COUNT
    for key in (account.email, _codes_of(account.id)):
        queries.forget_failures(work.session, email=key, address=source.name, before=before)
    how = {"factor": factor, "provider": provider}
    known = {name: value for name, value in how.items() if value}
    last = account.signed_in_at
    if last is None or work.now - last >= SIGNED_IN_EVERY:
        queries.set_signed_in(work, account.id)
    audit.record(work, "account.signed-in", subject_of(account.id), **known)


def set_password(
    work: Work, account_id: UUID, password_hash: str, *, keep_session: str | None = None
) -> None:
    """Set a new password, end all credentials but the browser with ``keep_session``, and
    invalidate all links in mails."""
    opening.wait(work, account_id)
    account = _existing(work.session, account_id)
    account.password = password_hash
    account.must_change_password = False
    account.fs_uniquifier = secrets.token_hex(16)
    end_all(work, account_id, keep_session=keep_session)
    audit.record(work, "account.password-changed", subject_of(account_id))


def confirm_email(work: Work, account_id: UUID) -> None:
    """Mark the email address of an account as confirmed by its owner."""
    account = _existing(work.session, account_id)
    if account.confirmed_at is None:
        account.confirmed_at = work.now
        audit.record(work, "account.confirmed", subject_of(account_id))


def change_account(work: Work, /, account_id: UUID, **values: object) -> Account:
    """Set ``name``, ``locale``, ``time_zone`` or ``theme``, or an ``email`` that whoever runs the
    network vouches for. Raises EmailTaken."""
    account = _existing(work.session, account_id)
    email = values.pop("email", account.email)
    if email != account.email:
        change_email(work, account, str(email))
        account.confirmed_at = work.now
    changed = set_values(account, values)
    if changed:
        audit.record(work, "account.changed", subject_of(account_id), fields=sorted(changed))
    return account


def change_email(
    work: Work, account: Account, email: str, *, keep_session: str | None = None
) -> None:
    """Set a new email, which is not confirmed; end all credentials but the browser with
    ``keep_session``, and invalidate all links in mails.

    Raises EmailTaken if another account has the email.
    """
    opening.wait(work, account.id)
    if queries.by_email(work.session, email):
        raise EmailTaken(field="email")
    account.email, account.pending_email, account.confirmed_at = email, None, None
    account.fs_uniquifier = secrets.token_hex(16)
    end_all(work, account.id, keep_session=keep_session)
    audit.record(work, "account.email-changed", subject_of(account.id))


def ask_for_email(work: Work, account_id: UUID, email: str) -> Account:
    """Remember the email that replaces the account's own once its owner has confirmed it.

    Nothing tells whether another account has it.
    """
    account = _existing(work.session, account_id)
    account.pending_email = email
    audit.record(work, "account.email-asked", subject_of(account_id))
    return account


def set_active(work: Work, account_id: UUID, active: bool) -> None:
    """Activate or deactivate an account; deactivating ends its credentials."""
    account = _existing(work.session, account_id)
    account.active = active
    if not active:
        end_all(work, account_id)
    action = "account.activated" if active else "account.deactivated"
    audit.record(work, action, subject_of(account_id))


def delete_account(work: Work, account_id: UUID) -> None:
    """Delete an account for good; its audit events stay, with its id."""
    account = _existing(work.session, account_id)
    end_all(work, account_id)
    audit.record(work, "account.deleted", subject_of(account_id))
    remove(work.session, account)


def _existing(session: Session, account_id: UUID | None) -> Account:
    account = queries.by_id(session, account_id) if account_id else None
    if account is None:
        raise NotFound
    return account
