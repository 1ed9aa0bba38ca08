"""Commands of signed-in people on their own account."""

from datetime import datetime
from uuid import UUID

from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Forbidden, Invalid
from openslot.core.limits import network_of
from openslot.core.work import Work, doing
from openslot.identity import credentials, factors, opening, passkeys, passwords, queries
from openslot.identity.commands import Source, check_failures, give_code, note_failure
from openslot.identity.credentials import CredentialKind
from openslot.identity.errors import CodeNeeded
from openslot.identity.events import Change
from openslot.identity.factors import Factor
from openslot.identity.models import Account
from openslot.identity.passkeys import Answer, Site
from openslot.identity.sessions import token_hash


class WrongPassword(Invalid):
    """A signed-in person was asked for the password again, and it is wrong."""

    code = "wrong-password"
    sentence = "Wrong password. Try again."


def prove(
    database: Database,
    settings: Settings,
    account: Account,
    password: str,
    code: str,
    *,
    field: str,
    address: str | None,
    now: datetime,
) -> None:
    """Check the password of a signed-in account, and a code if it has a second step. Raises
    WrongPassword, which names ``field``, CodeNeeded, WrongCode and RateLimited."""
    prove_password(database, settings, account, password, field=field, address=address, now=now)
    prove_step(database, settings, account, code, address=address, now=now)


def prove_step(
    database: Database,
    settings: Settings,
    account: Account,
    code: str,
    *,
    address: str | None,
    now: datetime,
) -> None:
    """Check a code of a signed-in account if it has a second step. Raises CodeNeeded, WrongCode and
    RateLimited."""
    has_step = database.read(lambda session: queries.factors_of(session, account.id)).is_any
    if has_step and not code:
        raise CodeNeeded
    if has_step:
        source = Source(network_of(address), is_known=True)
        give_code(database, settings, account, code, source=source, address=address, now=now)


def prove_password(
    database: Database,
    settings: Settings,
    account: Account,
    password: str,
    *,
    field: str,
    address: str | None,
    now: datetime,
) -> None:
    """Check the password of a signed-in account. Raises WrongPassword, which names ``field``.

    A wrong password counts as it does at sign-in, and too many raise RateLimited, so that a
    stolen session does not help to guess it. Takes the database, like sign-in, since the hash is
    slow on purpose and the failure is counted although the action is refused.
    """
    email = account.email
    # A session is a known source, so guesses from elsewhere do not lock its owner out.
    source = Source(network_of(address), is_known=True)
    database.read(doing(SYSTEM, now, settings, check_failures, email, source))
    if not passwords.proves(account.password, password, time_cost=settings.password_iterations):
        database.run(doing(SYSTEM, now, settings, note_failure, email, source))
        raise WrongPassword(field=field)


def add_authenticator(work: Work, secret: str, code: str, *, session_token: str) -> list[str]:
    """Take an authenticator app for the actor, who types the ``code`` that it shows, in place of an
    earlier one. Return the recovery codes if it is their first second step. Raises WrongCode."""
    account_id = _own_alone(work)
    had_any = queries.factors_of(work.session, account_id).is_any
    factors.set_authenticator(work, account_id, secret, code)
    factors.note(work, account_id, Change.AUTHENTICATOR_ADDED)
    return [] if had_any else _first(work, account_id, Factor.AUTHENTICATOR, session_token)


def add_passkey(
    work: Work, site: Site, answer: Answer, name: str, *, session_token: str
) -> list[str]:
    """Take a passkey for the actor. Return the recovery codes if it is their first second step.
    Raises WrongPasskey."""
    account_id = _own_alone(work)
    had_any = queries.factors_of(work.session, account_id).is_any
    passkeys.register(work, site, account_id, answer, name)
    factors.note(work, account_id, Change.PASSKEY_ADDED)
    return [] if had_any else _first(work, account_id, Factor.PASSKEY, session_token)


def _first(work: Work, account_id: UUID, factor: Factor, session_token: str) -> list[str]:
    """Return recovery codes, and end what was opened with the password alone but this browser, so
    that a session without a second step is of an account without one."""
    kinds = frozenset({CredentialKind.BROWSER, CredentialKind.PROGRAM})
    credentials.end_all(work, account_id, kinds=kinds, keep_session=session_token)
    queries.set_factor(work.session, token_hash(session_token), factor)
    return factors.new_recovery_codes(work, account_id)


def make_recovery_codes(work: Work) -> list[str]:
    """Return new recovery codes for the actor in place of all earlier ones. Raises Forbidden
    without a second step that they could stand for."""
    account_id = _own_alone(work)
    if not queries.factors_of(work.session, account_id).is_any:
        raise Forbidden
    factors.note(work, account_id, Change.CODES_MADE)
    return factors.new_recovery_codes(work, account_id)


def _own_alone(work: Work) -> UUID:
    """Return the actor's account, once nobody else changes what opens it."""
    if work.actor.account_id is None:
        raise Forbidden
    opening.wait(work, work.actor.account_id)
    return work.actor.account_id
