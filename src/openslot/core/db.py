"""The one place that begins, commits, rolls back and tries again.

Commands take a session and never commit, so that they compose. An entry point calls
:meth:`Database.run` or :meth:`Database.read` once a request, the worker once a message.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    DateTime,
    Delete,
    Engine,
    MetaData,
    TypeDecorator,
    Update,
    and_,
    create_engine,
    event,
    make_url,
    or_,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Dialect, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from openslot.core import clock
from openslot.core.errors import Busy, TookTooLong

T = TypeVar("T")

PATIENCE = 8.0
"""Seconds that one unit of work is tried again before it is given up as Busy."""

WAL_IS_SAFE_FROM = (3, 51, 3)
"""Older SQLite may corrupt a write-ahead log that is reset at the wrong moment."""

# Serialization failures, deadlocks, lock time-outs, and broken unique constraints.
_RETRIED_SQLSTATES = {"40001", "40P01", "23505"}
_RETRIED_MYSQL_CODES = {1020, 1062, 1205, 1213}
_RETRIED_SQLITE_WORDS = ("locked", "busy", "UNIQUE constraint failed")


class Base(DeclarativeBase):
    """All tables. Names of constraints follow a convention, so that migrations find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC to the microsecond; naive ones are refused."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("an instant needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Dated:
    """For tables whose rows tell when they were changed last; the column sets itself."""

    changed_at: Mapped[datetime] = mapped_column(
        Instant, default=clock.now, onupdate=clock.now, server_default="2026-01-01 00:00:00"
    )


class LostRace(Exception):
    """Somebody else changed a row between our reading and our writing; try the whole again."""


class Database:
    """An engine, and the only ways to use it."""

    def __init__(self, url: str):
        self.engine = make_engine(url)
        self._reader = self.engine.execution_options(openslot_reads=True)

    def run(self, work: Callable[[Session], T]) -> T:
        """Do ``work`` in one transaction and commit it; all of it happens, or nothing.

        A lost compare-and-set, deadlock, serialization failure or locked SQLite file rolls
        back and calls ``work`` again, with growing random waits, for up to PATIENCE seconds.
        So ``work`` must do nothing outside the session. Raises Busy when the time is over.
        """
        gives_up = time.monotonic() + PATIENCE
        wait = 0.002
        while True:
            try:
                with Session(self.engine, expire_on_commit=False) as session, session.begin():
                    return work(session)
            except (LostRace, StaleDataError, DBAPIError) as error:
                if not _is_worth_retrying(error):
                    raise
                if time.monotonic() > gives_up:
                    raise Busy from error
            time.sleep(random.uniform(0, wait))  # noqa: S311 # nosec B311 - spreads racers, guards nothing
            wait = min(wait * 2, 0.2)

    def read(self, work: Callable[[Session], T]) -> T:
        """Do ``work`` in one read transaction; whatever it changes is thrown away."""
        with self.reading() as session:
            return work(session)

    @contextmanager
    def reading(self, *, seconds: float | None = None) -> Iterator[Session]:
        """A session that reads and is rolled back at the end. A statement that takes longer than
        ``seconds`` is stopped, and raises TookTooLong."""
        reader = self._reader.execution_options(openslot_seconds=seconds)
        # Closing rolls back without expiring what was loaded, so that it can still be shown.
        with Session(reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def changed(session: Session, statement: Update | Delete) -> int:
    """Carry out a change of rows; how many there were. What the session has loaded of them stays
    as it was."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount


def behind(columns: Sequence[Any], key: Sequence[Any]) -> ColumnElement[bool]:
    """Rows that come after ``key`` in ascending order of ``columns``, the last of which is
    unique. Written out, since not every engine uses an index for a comparison of rows."""
    if len(columns) == 1:
        return cast(ColumnElement[bool], columns[0] > key[0])
    rest = behind(columns[1:], key[1:])
    return or_(columns[0] > key[0], and_(columns[0] == key[0], rest))


def _is_worth_retrying(error: Exception) -> bool:
    """Whether another try may succeed.

    A broken unique constraint counts: the command checked before it wrote, so it lost a race,
    and the next try will find the other's row and say so in a sentence.
    """
    if isinstance(error, LostRace | StaleDataError):
        return True
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.Error):
        return any(word in str(original) for word in _RETRIED_SQLITE_WORDS)
    if getattr(original, "sqlstate", None) in _RETRIED_SQLSTATES:
        return True
    arguments: tuple[object, ...] = getattr(original, "args", ())
    return bool(arguments) and arguments[0] in _RETRIED_MYSQL_CODES


def make_engine(url: str) -> Engine:
    """An engine set up for its kind: see the pitfalls that each line cures in docs/adr/."""
    engine = _engine_of_its_kind(url)
    event.listen(engine, "before_cursor_execute", _bound_reading)
    event.listen(engine, "handle_error", _say_what_took_too_long)
    return engine


def _engine_of_its_kind(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=20,
            hide_parameters=True,
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 10}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _bound_reading(
    connection: Connection, _cursor: Any, _statement: str, _parameters: Any, *_more: Any
) -> None:
    """Have the engine stop the statement where the reader has no more patience. What is set
    holds for the connection, so it is set anew only where the last who had it wanted another."""
    seconds = connection.get_execution_options().get("openslot_seconds")
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        connection.info["deadline"] = time.monotonic() + seconds if seconds else None
    elif connection.dialect.name == "postgresql" and seconds:
        # Belongs to the transaction: nothing is left of it afterwards.
        if connection.info.get("bounded") is not connection.get_transaction():
            connection.info["bounded"] = connection.get_transaction()
            raw.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
    elif connection.dialect.name in ("mysql", "mariadb"):
        _bound_mariadb(connection, raw, seconds or 0)


def _bound_mariadb(connection: Connection, raw: Any, seconds: float) -> None:
    if connection.info.get("seconds", 0) != seconds:
        connection.info["seconds"] = seconds
        with raw.cursor() as cursor:
            cursor.execute(f"SET SESSION max_statement_time = {seconds}")


def _say_what_took_too_long(context: ExceptionContext) -> None:
    error = context.original_exception
    cut_short = (
        str(error) == "interrupted"  # SQLite
        or getattr(error, "sqlstate", None) == "57014"
        or error.args[:1] == (1969,)  # MariaDB
    )
    if cut_short and context.connection is not None:
        raise TookTooLong from error


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    def is_over() -> bool:
        deadline = record.info.get("deadline")
        return deadline is not None and time.monotonic() > deadline

    connection.set_progress_handler(is_over, 10_000)  # steps: about a millisecond
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA foreign_keys = ON")
    wanted = "wal" if sqlite3.sqlite_version_info >= WAL_IS_SAFE_FROM else "truncate"
    if connection.execute("PRAGMA journal_mode").fetchone()[0] not in (wanted, "memory"):
        connection.execute(f"PRAGMA journal_mode = {wanted}")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue up at the start, where waiting is safe; readers wait for nobody."""
    reads = connection.get_execution_options().get("openslot_reads", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")
