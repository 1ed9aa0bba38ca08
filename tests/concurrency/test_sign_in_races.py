"""Who signs in while that comes to take something else is not let in by what was enough before, on
every engine."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pyotp
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core.actor import Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity import commands, credentials, factors, own, queries, sessions
from openslot.identity.commands import source_of
from openslot.identity.credentials import CredentialKind
from openslot.identity.errors import HalfSignedIn, SecondStepRequired, WrongCredentials
from openslot.identity.keys import issue_pair
from openslot.identity.models import Account, AccountSession, ApiToken, Passkey, RecoveryCode
from openslot.identity.passwords import hash_password
from working import KEY, work

PASSWORD = "seven quiet otters swim"
SECRET = pyotp.random_base32()
Act = Callable[[Session], Any]


def practitioner(database: Database) -> Account:
    hashed = hash_password(PASSWORD, time_cost=1)
    return database.run(
        lambda session: factories.account(
            session, "jo@example.org", Role.PRACTITIONER, password_hash=hashed, confirmed_at=NOW
        )
    )


@pytest.fixture
def account(database: Database) -> Account:
    return practitioner(database)


def together(database: Database, first: Act, second: Act) -> Future[Any]:
    """What became of ``second``, which begins before ``first`` commits, and ends before if it does
    not wait."""
    with ThreadPoolExecutor(1) as pool:

        def both(session: Session) -> Future[Any]:
            first(session)
            session.flush()
            later = pool.submit(database.run, second)
            wait([later], timeout=0.5)
            return later

        return database.run(both)


def sign_in(account: Account) -> Act:
    return lambda session: sessions.start_session(work(session, now=NOW), account, agent=None)


def set_up(account: Account) -> Act:
    def act(session: Session) -> object:
        code = pyotp.TOTP(SECRET).at(NOW)
        by_owner = work(session, Actor(Role.PRACTITIONER, account.id), NOW)
        return own.add_authenticator(by_owner, SECRET, code, session_token="another")

    return act


def rows(database: Database, model: type[Any]) -> int:
    return database.read(
        lambda session: session.scalar(select(func.count()).select_from(model)) or 0
    )


def test_the_first_second_step_ends_a_sign_in_of_the_same_moment(
    database: Database, account: Account
) -> None:
    together(database, sign_in(account), set_up(account)).result()
    assert rows(database, AccountSession) == 0


def test_of_two_second_steps_that_are_removed_at_once_a_role_that_needs_one_keeps_one(
    database: Database, account: Account
) -> None:
    database.run(set_up(account))
    stored = {"credential_id": b"1", "public_key": b"1", "sign_count": 0, "made_at": NOW}
    passkey = Passkey(account_id=account.id, credential_hash=bytes(32), name="Phone", **stored)
    database.run(lambda session: session.add(passkey))
    key = database.read(lambda session: queries.passkeys_of(session, account.id)[0].id.hex)

    def remove(kind: CredentialKind, named: str) -> Act:
        return lambda session: credentials.end_one(
            work(session, now=NOW, second_factor_roles=("practitioner",)), account.id, kind, named
        )

    later = together(
        database,
        remove(CredentialKind.PASSKEY, key),
        remove(CredentialKind.AUTHENTICATOR, "authenticator"),
    )
    assert isinstance(later.exception(), SecondStepRequired)
    assert database.read(lambda session: queries.factors_of(session, account.id)).is_any


def test_recovery_codes_that_are_made_twice_at_once_are_those_of_the_later(
    database: Database, account: Account
) -> None:
    database.run(set_up(account))
    by_owner = Actor(Role.PRACTITIONER, account.id)

    def make(session: Session) -> object:
        return own.make_recovery_codes(work(session, by_owner, NOW))

    together(database, make, make).result()
    assert rows(database, RecoveryCode) == factors.CODES


def test_of_two_wrong_codes_at_once_the_later_is_the_last_and_told_to_the_owner(
    database: Database, account: Account
) -> None:
    def note(session: Session) -> None:
        allowed = work(session, now=NOW, sign_in_attempts=2)
        commands.use_code(allowed, account.id, "wrong", source_of(None))

    together(database, note, note).result()
    query = select(AuditEvent.action).where(AuditEvent.action == "account.second-step-guessed")
    assert len(database.read(lambda session: session.scalars(query).all())) == 1


def test_what_was_enough_when_it_was_looked_at_opens_nothing_once_it_is_not(
    sqlite_database: Database,
) -> None:
    database = sqlite_database
    account = practitioner(database)
    settings = Settings(_env_file=None, secret_key=SecretStr(KEY))
    signed_in = commands.sign_in(
        database, settings, account.email, PASSWORD, source=source_of(None), address=None, now=NOW
    ).account
    database.run(set_up(account))
    with pytest.raises(HalfSignedIn):
        database.run(sign_in(signed_in))
    with pytest.raises(HalfSignedIn):
        database.run(lambda session: issue_pair(work(session, now=NOW), signed_in))
    database.run(
        lambda session: commands.set_password(work(session, now=NOW), account.id, "another")
    )
    with pytest.raises(WrongCredentials):
        database.run(sign_in(signed_in))
    assert rows(database, AccountSession) == rows(database, ApiToken) == 0
