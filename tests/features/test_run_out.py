"""What has run out is deleted by the worker, on every engine; what still counts stays."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core import idempotency
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.idempotency import KeptAnswer
from openslot.core.ids import new_id
from openslot.core.tables import Base
from openslot.entrypoints.worker import main as worker
from openslot.entrypoints.worker.main import purge_run_out
from openslot.identity import queries
from openslot.identity.commands import FAILURES_COUNT
from openslot.identity.models import Account, AccountSession, ApiToken, SignInFailure, UsedAssertion

SETTINGS = Settings(_env_file=None)
UNUSED = timedelta(hours=SETTINGS.session_hours)
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
NUMBERS = count()


@pytest.fixture
def account(database: Database) -> Account:
    return database.run(lambda session: factories.account(session, "aroha@example.net"))


def digest() -> bytes:
    return hashlib.sha256(str(next(NUMBERS)).encode()).digest()


def browser(account: Account, *, seen: datetime = NOW, ends: datetime = NOW + HOUR) -> Base:
    return AccountSession(
        token_hash=digest(), account_id=account.id, created_at=seen, seen_at=seen, ends_at=ends
    )


def token(account: Account, ends: datetime, *, refresh: bool = False) -> Base:
    return ApiToken(
        token_hash=digest(),
        account_id=account.id,
        scopes="*",
        is_refresh=refresh,
        family=new_id(),
        created_at=NOW - HOUR,
        ends_at=ends,
    )


def answer(at: datetime) -> Base:
    return KeptAnswer(key_hash=digest().hex(), digest="-", started_at=at, status=201)


def failure(at: datetime) -> Base:
    return SignInFailure(id=new_id(), email="aroha@example.net", address="203.0.113.9", at=at)


def what_is_over(account: Account) -> list[Base]:
    return [
        browser(account, ends=NOW),
        browser(account, seen=NOW - UNUSED),
        token(account, NOW),
        token(account, NOW - HOUR, refresh=True),
        UsedAssertion(jti_hash=digest(), ends_at=NOW),
        answer(NOW - idempotency.LASTS - MOMENT),
        failure(NOW - FAILURES_COUNT),
    ]


def what_counts(account: Account) -> list[Base]:
    return [
        browser(account, seen=NOW - UNUSED + MOMENT, ends=NOW + MOMENT),
        token(account, NOW + MOMENT),
        token(account, NOW + MOMENT, refresh=True),
        UsedAssertion(jti_hash=digest(), ends_at=NOW + MOMENT),
        answer(NOW - idempotency.LASTS),
        failure(NOW - FAILURES_COUNT + MOMENT),
    ]


def keep(database: Database, rows: list[Base]) -> None:
    database.run(lambda session: session.add_all(rows))


def purge(database: Database) -> None:
    purge_run_out(database, SETTINGS, lambda: NOW)


def rows(database: Database, kind: type[Base]) -> int:
    def act(session: Session) -> int:
        return session.scalar(select(func.count()).select_from(kind)) or 0

    return database.read(act)


KINDS = (AccountSession, ApiToken, UsedAssertion, KeptAnswer, SignInFailure)


def test_what_is_over_goes_and_what_counts_stays(database: Database, account: Account) -> None:
    keep(database, what_is_over(account))
    keep(database, what_counts(account))
    purge(database)
    assert [rows(database, kind) for kind in KINDS] == [1, 2, 1, 1, 1]


def test_however_many_there_are_few_are_deleted_at_once(
    database: Database, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AT_ONCE", 2)
    sizes: list[int] = []
    purge_sessions: Callable[..., int] = queries.purge_sessions

    def counted(session: Session, **given: object) -> int:
        sizes.append(purge_sessions(session, **given))
        return sizes[-1]

    monkeypatch.setattr(queries, "purge_sessions", counted)
    keep(database, [browser(account, ends=NOW) for _ in range(5)])
    purge(database)
    assert sizes == [2, 2, 1]
    assert rows(database, AccountSession) == 0


def test_it_is_a_duty_of_the_worker() -> None:
    assert purge_run_out in worker.DUTIES
