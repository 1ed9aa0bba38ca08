"""Rules of core/db.py: what is tried again, what is not, and that times keep their meaning."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Alias, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.orm import Session, aliased
from sqlalchemy.pool import QueuePool

import engines
from engines import DATA_KEYS
from openslot.core import audit, db, servers, sqlite
from openslot.core.actor import Actor
from openslot.core.audit import AuditEvent
from openslot.core.db import Database, LostRace
from openslot.core.errors import Busy, TookTooLong
from openslot.core.tables import alias_of
from openslot.directory.models import Diary
from openslot.identity.models import Account
from racing import PATIENCE, barrier, race
from working import work

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

on_servers = pytest.mark.parametrize(
    "engine_name", [name for name in engines.engine_names() if name != "sqlite"], indirect=True
)
"""For races inside a transaction, which SQLite does not have: its writers wait at BEGIN."""


def note(session: Session, at: datetime = NOW) -> None:
    audit.record(work(session, Actor(), at), "tested", "test:1")


def notes(database: Database) -> int:
    counted = select(func.count()).select_from(AuditEvent)
    return database.read(lambda session: session.scalar(counted) or 0)


# What is tried again


def test_a_lost_race_is_tried_again_and_leaves_no_trace(database: Database) -> None:
    tries = []

    def act(session: Session) -> str:
        note(session)
        session.flush()
        tries.append(1)
        if len(tries) < 3:
            raise LostRace
        return "won"

    assert database.run(act) == "won"
    assert len(tries) == 3
    assert notes(database) == 1


@on_servers
def test_a_deadlock_is_tried_again_until_both_have_their_way(database: Database) -> None:
    database.run(lambda session: session.execute(insert(Diary), diaries("a", "b")))
    tries = [0, 0]
    both_hold_one = barrier(2)

    def act(number: int) -> None:
        def cross(session: Session) -> None:
            tries[number] += 1
            for turn, diary in enumerate((1, 2) if number == 0 else (2, 1)):
                if turn == 1 and tries[number] == 1:
                    both_hold_one.wait()
                add = Diary.kind + str(number)
                session.execute(update(Diary).where(Diary.id == diary).values(kind=add))

        database.run(cross)

    race(2, act)
    assert sum(tries) > 2, "the engine must have sacrificed one of them"
    kinds = database.read(lambda session: session.scalars(select(Diary.kind)).all())
    assert {frozenset(kind) for kind in kinds} == {frozenset("a01"), frozenset("b01")}


@on_servers
def test_who_loses_a_unique_value_to_a_racer_looks_again(database: Database) -> None:
    first_look = [True, True]
    both_have_looked = barrier(2)

    def act(number: int) -> str:
        def make_once(session: Session) -> str:
            found = session.scalars(select(Diary.id)).all()
            if first_look[number]:
                first_look[number] = False
                both_have_looked.wait()
            if found:
                return "found"
            session.execute(insert(Diary), diaries("a"))
            return "made"

        return database.run(make_once)

    assert sorted(race(2, act)) == ["found", "made"]


def test_many_rows_of_which_one_is_taken_are_tried_again(database: Database) -> None:
    """The driver sends them together, and of those after the refused one it says only that."""
    attempts = []

    def add(session: Session) -> None:
        attempts.append(session.connection().connection.dbapi_connection)
        last = session.scalar(select(func.max(Diary.id))) or 0
        first = last if len(attempts) == 1 else last + 1
        session.execute(
            insert(Diary), [{"id": first + number, "kind": "a"} for number in range(200)]
        )

    database.run(lambda session: session.add(Diary(kind="a")))
    database.run(add)
    assert len(attempts) == 2
    assert attempts[0] is attempts[1], "the connection is whole"


def test_writers_of_sqlite_wait_at_the_start_and_none_has_to_try_again(
    sqlite_database: Database,
) -> None:
    sqlite_database.run(lambda session: session.execute(insert(Diary), diaries("0")))
    tries = []

    def add_one(session: Session) -> None:
        tries.append(1)
        diary = session.get_one(Diary, 1)
        diary.kind = str(int(diary.kind) + 1)

    race(8, lambda _number: [sqlite_database.run(add_one) for _ in range(5)])
    assert sqlite_database.read(lambda session: session.get_one(Diary, 1).kind) == "40"
    assert len(tries) == 40


def test_a_commit_that_waits_too_long_for_a_reader_of_sqlite_is_tried_again(
    sqlite_database: Database,
) -> None:
    event.listen(
        sqlite_database.engine, "checkout", lambda one, *_: one.execute("PRAGMA busy_timeout = 50")
    )
    tries = []

    def act(session: Session) -> None:
        tries.append(1)
        if len(tries) == 3:
            reading.close()
        note(session)

    with sqlite_database.reading() as reading:
        reading.scalar(select(func.count()).select_from(AuditEvent))
        sqlite_database.run(act)
    assert notes(sqlite_database) == 1


def test_who_stands_in_line_for_a_sqlite_file_loses_no_patience(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight writers hold it for longer, together, than one may wait for it."""
    monkeypatch.setattr(db, "PATIENCE", 0)
    event.listen(
        sqlite_database.engine, "checkout", lambda one, *_: one.execute("PRAGMA busy_timeout = 50")
    )

    def act(session: Session) -> None:
        note(session)
        session.flush()
        time.sleep(0.04)

    race(8, lambda _: sqlite_database.run(act))
    assert notes(sqlite_database) == 8


def diaries(*kinds: str) -> list[dict[str, object]]:
    return [{"id": number, "kind": kind} for number, kind in enumerate(kinds, 1)]


# What is not


def test_busy_once_the_patience_is_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "PATIENCE", 0.05)
    tries = []

    def act(session: Session) -> None:
        note(session)
        tries.append(1)
        raise LostRace

    with pytest.raises(Busy) as refused:
        database.run(act)
    assert isinstance(refused.value.__cause__, LostRace)
    assert len(tries) > 1
    assert notes(database) == 0


def test_a_mistake_is_raised_at_once_and_undone(database: Database) -> None:
    tries = []

    def act(session: Session) -> None:
        note(session)
        session.flush()
        tries.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.run(act)
    assert len(tries) == 1
    assert notes(database) == 0


def test_wrong_sql_is_not_tried_again(database: Database) -> None:
    tries = []

    def act(session: Session) -> None:
        tries.append(1)
        session.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DBAPIError):
        database.run(act)
    assert len(tries) == 1


# Reading


def test_reading_throws_changes_away(database: Database) -> None:
    def act(session: Session) -> int:
        note(session)
        session.flush()
        return session.scalar(select(func.count()).select_from(AuditEvent)) or 0

    assert database.read(act) == 1
    assert notes(database) == 0


def test_a_reader_neither_waits_for_an_open_writer_nor_sees_its_work(database: Database) -> None:
    def act(session: Session) -> int:
        note(session)
        session.flush()
        return notes(database)

    assert database.run(act) == 0
    assert notes(database) == 1


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT nothing FROM nowhere", None])
def test_a_reader_gives_its_connection_back_as_it_was(
    database: Database, statement: str | None
) -> None:
    for _ in range(3):
        with suppress(DBAPIError), database.reading() as session:
            if statement is not None:
                session.execute(text(statement))
    assert cast(QueuePool, database.engine.pool).checkedout() == 0
    with suppress(ZeroDivisionError):
        database.run(lambda session: (note(session), session.flush(), 1 / 0))
    assert notes(database) == 0


def test_the_folder_of_a_new_database_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/folder/openslot.sqlite3", DATA_KEYS)
    database.run(lambda session: session.execute(text("CREATE TABLE something (id INTEGER)")))
    database.close()
    assert (tmp_path / "new/folder/openslot.sqlite3").exists()


def test_what_was_read_can_still_be_shown_afterwards(database: Database) -> None:
    database.run(note)
    event = database.read(lambda session: session.scalars(select(AuditEvent)).one())
    assert event.subject == "test:1"


def test_a_fault_that_stays_is_not_tried_again(database: Database) -> None:
    tries = []

    def act(session: Session) -> None:
        tries.append(1)
        session.execute(text("INSERT INTO diary (id, kind) VALUES (1, NULL)"))

    with pytest.raises(DBAPIError):
        database.run(act)
    assert len(tries) == 1


# Times


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 3, 1, 9, 30, 15, 1, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1926, 3, 1, 4, 5, 6, 7, tzinfo=UTC),
        datetime(2026, 4, 5, 1, 45, tzinfo=ZoneInfo("Australia/Lord_Howe"), fold=0),
        datetime(2026, 4, 5, 1, 45, tzinfo=ZoneInfo("Australia/Lord_Howe"), fold=1),
        datetime(2026, 7, 1, 12, 0, 0, 123_456, tzinfo=ZoneInfo("Asia/Kathmandu")),
    ],
    ids=lambda instant: instant.isoformat(),
)
def test_an_instant_comes_back_the_same_and_in_utc(database: Database, instant: datetime) -> None:
    """The servers' own clocks stand in other zones (see engines.py), which must not matter."""
    database.run(lambda session: note(session, instant))
    stored = database.read(
        lambda session: session.scalars(select(AuditEvent.at).where(AuditEvent.at == instant)).one()
    )
    assert stored.utcoffset() == timedelta(0)
    assert stored == instant.astimezone(UTC)


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(TypeError, match="needs a time zone"):
        database.run(lambda session: note(session, datetime(2026, 3, 1)))  # noqa: DTZ001
    assert notes(database) == 0


# Reading that takes too long

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT count(*) FROM generate_series(1, 100000000000)",
    "mariadb": "SELECT count(*) FROM information_schema.collations a, "
    "information_schema.collations b, information_schema.collations c, "
    "information_schema.collations d",
}


@pytest.fixture
def impatient(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database, with a second and a half for a statement."""
    for module in (servers, sqlite):
        monkeypatch.setattr(module, "ANSWERS_WITHIN", 1.5)
    impatient = Database(database.engine.url.render_as_string(hide_password=False), DATA_KEYS)
    yield impatient
    impatient.close()


def test_reading_is_stopped_when_its_time_is_over_and_others_go_on(impatient: Database) -> None:
    began = time.monotonic()
    endless = text(ENDLESS[impatient.engine.dialect.name])
    with pytest.raises(TookTooLong), impatient.reading() as session:
        session.execute(endless).all()
    assert time.monotonic() - began < 10
    impatient.run(note)
    with impatient.reading() as session:
        assert session.scalar(text("SELECT 1")) == 1
    assert notes(impatient) == 1


def test_time_counts_for_each_statement(impatient: Database) -> None:
    nap = {"postgresql": "pg_sleep", "mariadb": "SLEEP", "sqlite": "nap"}
    statement = text(f"SELECT {nap[impatient.engine.dialect.name]}(0.5)")
    with impatient.reading() as session:
        if impatient.engine.dialect.name == "sqlite":
            raw = session.connection().connection.dbapi_connection
            raw.create_function("nap", 1, lambda seconds: time.sleep(seconds))
        for _ in range(4):
            assert len(session.execute(statement).all()) == 1


# Statements of all threads


@pytest.mark.parametrize("make", [alias_of, aliased], ids=["ours", "control"])
def test_statements_with_an_alias_work_though_two_threads_use_it_first(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[type[AuditEvent]], Any]
) -> None:
    """One has not ended with giving it its columns when the other begins."""
    made, begins, ends = make(AuditEvent), Event(), Event()
    populate = Alias._populate_column_collection

    def slowly(alias: Any, **given: Any) -> None:
        populate(alias, **given)
        if current_thread() is late:
            begins.set()
            ends.wait(PATIENCE)

    def use(name: str) -> str:
        is_equal = getattr(made, name) == getattr(AuditEvent, name)
        return str(select(AuditEvent, made, Account).join(made, is_equal))

    def use_late() -> None:
        use("id")
        begins.set()

    monkeypatch.setattr(Alias, "_populate_column_collection", slowly)
    late = Thread(target=use_late)
    late.start()
    assert begins.wait(PATIENCE)
    assert use("subject")
    ends.set()
    late.join()
    with nullcontext() if make is alias_of else pytest.raises(InvalidRequestError):
        assert use("subject")
