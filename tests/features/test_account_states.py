"""How accounts stand, as administrators look for them, and when they were last signed in to."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity import commands, queries
from openslot.identity.commands import sign_in, source_of
from openslot.identity.models import Authenticator
from openslot.identity.passwords import hash_password
from openslot.identity.queries import AccountState
from working import work

HERE, THERE = source_of("203.0.113.9"), source_of("198.51.100.9")
EARLIER = NOW - timedelta(minutes=14)
NEW, ACTIVE, MUST_CHANGE, LOCKED, ONE_STEP, INACTIVE = AccountState


def write_accounts(session: Session) -> None:
    """Accounts that are named for how they stand."""
    allowed, earlier = Settings().sign_in_attempts, work(session, now=EARLIER)

    def account(name: str, signed_in_at: datetime | None = NOW) -> UUID:
        made = factories.account(session, f"{name}@example.org", Role.STAFF, name=name)
        made.signed_in_at = signed_in_at
        made.active = name != "inactive"
        made.must_change_password = name in ("must-change", "inactive")
        return made.id

    for name in ("at-ease", "must-change"):
        account(name)
    for name in ("new", "inactive"):
        account(name, None)
    session.add(Authenticator(account_id=account("two-steps"), secret="x", counter=1, made_at=NOW))
    account("guessed"), account("guessed-from-two")
    codes = account("guessed-codes")
    for number in range(allowed):
        commands.note_failure(earlier, "guessed@example.org", HERE)
        source = HERE if number else THERE
        commands.note_failure(earlier, "guessed-from-two@example.org", source)
        commands.use_code(earlier, codes, "wrong", source)


def test_accounts_are_found_by_how_they_stand(database: Database) -> None:
    database.run(write_accounts)

    def found(session: Session, now: datetime = NOW) -> dict[AccountState, set[str]]:
        locks = commands.locks(work(session, now=now))
        pages = {
            state: queries.accounts(session, queries.in_state(state, locks), limit=20, offset=0)[0]
            for state in AccountState
        }
        everyone, _total = queries.accounts(session, limit=20, offset=0)
        states = queries.states_of(session, [one.id for one in everyone], locks)
        assert pages == {
            state: [one for one in everyone if state in states[one.id]] for state in AccountState
        }
        return {state: {one.name for one in page} for state, page in pages.items()}

    now = database.read(found)
    everybody = now[ACTIVE] | now[INACTIVE]
    assert now[INACTIVE] == {"inactive"}
    assert now[NEW] == {"new"}
    assert now[MUST_CHANGE] == {"must-change"}
    assert now[LOCKED] == {"guessed", "guessed-codes"}
    assert now[ONE_STEP] == everybody - {"two-steps", "inactive"}
    assert (
        database.read(lambda session: found(session, NOW + timedelta(minutes=2)))[LOCKED] == set()
    )


def test_signing_in_is_noted_once_an_hour(sqlite_database: Database) -> None:
    email, password, settings = "sam@example.org", "a long enough password", Settings()
    hashed = hash_password(password, time_cost=1)
    account_id = sqlite_database.run(
        lambda session: factories.account(session, email, password_hash=hashed).id
    )

    def noted(minutes: int) -> int:
        now = NOW + timedelta(minutes=minutes)
        sign_in(sqlite_database, settings, email, password, source=HERE, address=None, now=now)
        account = sqlite_database.read(lambda session: queries.by_id(session, account_id))
        assert account
        assert account.signed_in_at
        return (account.signed_in_at - NOW) // timedelta(minutes=1)

    assert [noted(0), noted(59), noted(60), noted(61)] == [0, 0, 60, 60]
