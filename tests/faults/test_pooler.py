"""A pooler that lends each transaction another connection of PostgreSQL, as PgBouncer does."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import engines
from clinic import NOW, START, open_clinic
from engines import DATA_KEYS
from openslot.booking import check
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import DailyLimitReached, SlotTaken
from openslot.core import servers
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import TookTooLong
from openslot.migrations import run
from openslot.usecases import booking as usecases
from racing import race
from working import work

CLIENTS = 8
DAYS = 24

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        not (engines.installed()["postgresql"] and engines.installed()["pgbouncer"]),
        reason="needs PostgreSQL and PgBouncer",
    ),
]


@pytest.fixture(scope="module")
def pooler_url() -> Iterator[str]:
    """The URL of an empty database behind a pooler of three connections."""
    folder = engines.scratch_folder()
    with ExitStack() as stack:
        stack.callback(engines.shutil.rmtree, folder, ignore_errors=True)
        server = engines.start_postgresql(folder)
        stack.callback(server.stop)
        pooler = engines.start_pgbouncer(folder, server)
        stack.callback(pooler.stop)
        yield pooler.url.format(database="postgres")


@pytest.fixture(params=["", "&prepare_threshold=0"], ids=["default", "threshold 0"])
def pooled(pooler_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An upgraded database behind the pooler."""
    database = Database(pooler_url + request.param, DATA_KEYS)
    run.upgrade(database.engine)
    yield database
    run.downgrade(database.engine, "base")
    database.close()


def test_bookings_through_a_pooler_have_no_fault(pooled: Database) -> None:
    """All want the same times, each in another order; any error but a refusal is raised."""
    clinic = open_clinic(pooled)

    def book(number: int) -> int:
        booked = 0
        for day in range(DAYS):
            start = START + timedelta(days=(day + 3 * number) % DAYS)
            wanted = BookingRequest(clinic.schedule, start, 30, clinic.patient)
            with suppress(SlotTaken, DailyLimitReached):
                pooled.run(partial(book_one, wanted=wanted))
                booked += 1
        return booked

    assert sum(race(CLIENTS, book)) == DAYS
    assert check.faults(pooled) == []


def book_one(session: Session, wanted: BookingRequest) -> None:
    usecases.book(work(session, SYSTEM, NOW), wanted)


def test_behind_a_pooler_nothing_is_prepared(pooled: Database) -> None:
    def connection(session: Session) -> servers._Connection:
        return session.connection().connection.driver_connection

    for _ in range(2):
        found = pooled.read(connection)
        assert found.is_shared
        assert found.prepare_threshold is None


def test_limits_hold_behind_a_pooler_and_for_nobody_else(
    pooler_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "ANSWERS_WITHIN", 1)
    hurried, unhurried = (
        Database(pooler_url, DATA_KEYS),
        Database(pooler_url, DATA_KEYS, hurried=False),
    )
    sleep = text("SELECT pg_sleep(1.5)")
    for _ in range(4):
        hurried.run(lambda session: session.execute(text("SELECT 1")))  # what is undone leaves none
        unhurried.read(lambda session: session.execute(sleep))
        with pytest.raises(TookTooLong):
            hurried.read(lambda session: session.execute(sleep))
    hurried.close()
    unhurried.close()
