"""The one place that begins, commits, rolls back and tries again.

Commands take a session and never commit, so that they compose. An entry point calls
:meth:`Database.run` or :meth:`Database.read` once a request, the worker once a message.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import (
    CursorResult,
    DateTime,
    Delete,
    Engine,
    MetaData,
    String,
    Table,
    TypeDecorator,
    Update,
    create_engine,
    delete,
    event,
    inspect,
    make_url,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL, Connection, Dialect, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.schema import SchemaItem

from openslot.core import clock
from openslot.core.errors import AlreadyThere, Busy, TookTooLong, Unavailable, Uncertain
from openslot.core.refusals import Refusal, refusal_of, taken_columns
from openslot.core.servers import ANSWERS_WITHIN, COLLATION, make_server_engine

T = TypeVar("T")
StrEnumT = TypeVar("StrEnumT", bound=StrEnum)

PATIENCE = 8.0
"""Seconds that one unit of work is tried again before it is given up as Busy."""

WAL_IS_SAFE_FROM = (3, 51, 3)
"""Older SQLite may corrupt a write-ahead log that is reset at the wrong moment."""

REDIALS_WITHIN = 1.0
"""Seconds after its start that work is begun anew over a connection that broke: who has waited
for longer is told."""

NOTHING_SAVED = (
    "The database cannot be reached just now, and nothing was saved. Try again in a minute."
)

_EXACT = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"charset": "utf8mb4", "collate": COLLATION}.items()
}
"""How MariaDB makes each table, whatever the database was made with."""


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

    @classmethod
    def __table_cls__(
        cls, name: str, metadata: MetaData, *parts: SchemaItem, **options: Any
    ) -> Table:
        """A table whose texts are compared byte by byte on every engine."""
        return Table(name, metadata, *parts, **{**options, **_EXACT})


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


class Word(TypeDecorator[StrEnumT]):
    """A member of a StrEnum, kept as its value."""

    impl = String
    cache_ok = True

    def __init__(self, words: type[StrEnumT], length: int):
        super().__init__(length)
        self.words = words

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> StrEnumT | None:
        return None if value is None else self.words(value)


class Dated:
    """For tables whose rows tell when they were changed last; the column sets itself."""

    changed_at: Mapped[datetime] = mapped_column(
        Instant, default=clock.now, onupdate=clock.now, server_default="2026-01-01 00:00:00"
    )


class LostRace(Exception):
    """Somebody else changed a row between our reading and our writing; try the whole again."""


class Database:
    """An engine, and the only ways to use it."""

    def __init__(self, url: str, *, hurried: bool = True):
        """``hurried`` where somebody else waits meanwhile; see :func:`make_engine`."""
        self.engine = make_engine(url, hurried=hurried)
        self._reader = self.engine.execution_options(openslot_reads=True)
        # A transaction of SQLite is a snapshot already.
        whole = (
            {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        )
        self._snapshots = self._reader.execution_options(**whole)

    def run(self, work: Callable[[Session], T]) -> T:
        """Do ``work`` in one transaction and commit it; all of it happens, or nothing.

        A lost compare-and-set, deadlock, serialization failure or locked SQLite file rolls
        back and calls ``work`` again, with growing random waits, for up to PATIENCE seconds.
        So ``work`` must do nothing outside the session. Raises Busy when the time is over,
        AlreadyThere where a unique key has a value already, Unavailable where the database is
        away, and Uncertain where it went away while it was told to commit.
        """
        began = time.monotonic()
        wait = 0.002
        met: Exception | None = None
        while True:
            try:
                return self._once(work)
            except Uncertain:
                raise
            except Unavailable as error:
                if not error.is_broken or time.monotonic() - began > REDIALS_WITHIN:
                    raise Unavailable(NOTHING_SAVED, reason=error.reason) from error
            except (LostRace, StaleDataError, DBAPIError) as error:
                _check_worth_retrying(error, met)
                if time.monotonic() - began > PATIENCE:
                    raise Busy from error
                met = error
            time.sleep(random.uniform(0, wait))  # noqa: S311 # nosec B311 - spreads racers, guards nothing
            wait = min(wait * 2, 0.2)

    def _once(self, work: Callable[[Session], T]) -> T:
        with _waiting_for_a_connection(), Session(self.engine, expire_on_commit=False) as session:
            done = work(session)
            session.flush()
            try:
                session.commit()
            except Unavailable as error:
                # Whether the server had it when the connection broke cannot be known, and who
                # does it again might do it twice.
                if error.is_broken:
                    raise Uncertain(reason=error.reason) from error
                raise
            return done

    def read(self, work: Callable[[Session], T], *, snapshot: bool = False) -> T:
        """Do ``work`` in one read transaction; whatever it changes is thrown away."""
        with self.reading(snapshot=snapshot) as session:
            return work(session)

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[Session]:
        """A session that reads and is rolled back at the end.

        With ``snapshot`` all its statements see the database as it was at the first of them.
        """
        engine = self._snapshots if snapshot else self._reader
        # Closing rolls back without expiring what was loaded, so that it can still be shown.
        session = Session(engine, expire_on_commit=False, autoflush=False)
        try:
            with _waiting_for_a_connection():
                session.connection()
            yield session
        finally:
            _end(session)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def _end(session: Session) -> None:
    """Close a session that only read. What it read is there, even where its connection is lost."""
    try:
        session.close()
    except (Unavailable, DBAPIError):
        session.invalidate()


def changed(session: Session, statement: Update | Delete) -> int:
    """Carry out a change of rows; how many there were. What the session has loaded of them stays
    as it was."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount


def remove(session: Session, row: Base) -> None:
    """Delete a row that was read; LostRace where another transaction has deleted it since."""
    mapper = inspect(type(row))
    key = zip(mapper.primary_key, mapper.primary_key_from_instance(row), strict=True)
    if changed(session, delete(type(row)).where(*(column == value for column, value in key))) != 1:
        raise LostRace
    session.expunge(row)


def _check_worth_retrying(error: LostRace | StaleDataError | DBAPIError, met: Any) -> None:
    """Raise what no other try will change.

    A key that is taken, or points to nothing, counts as a lost race at first: the command
    checked before it wrote, so the next try will find the other's row and say so in a sentence.
    What that try meets again, of the same words, is what the command does not look for.
    """
    if not isinstance(error, DBAPIError):
        return
    refusal = refusal_of(error.orig)
    again = isinstance(met, DBAPIError) and str(met.orig) == str(error.orig)
    if refusal is Refusal.TAKEN and again:
        raise AlreadyThere.of(taken_columns(Base.metadata, error)) from error
    if refusal is None or (refusal is Refusal.DANGLING and again):
        raise error


def _is_torn(error: BaseException) -> bool:
    """Whether SQLite could not write on, so that it must look first what is in the file."""
    return (
        isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
    )


@contextmanager
def _waiting_for_a_connection() -> Iterator[None]:
    """Busy where others keep all connections for too long."""
    try:
        yield
    except PoolTimeout as error:
        raise Busy from error


def _explain(context: ExceptionContext) -> Exception | None:
    """What a driver says, in words of the domain, wherever nothing of it is to be tried again."""
    if context.is_pre_ping:
        return None  # the pool makes a new connection by itself
    original = context.original_exception
    refusal = refusal_of(original)
    if context.connection is None or context.is_disconnect or refusal is Refusal.AWAY:
        reason = f"{type(original).__name__}: {str(original).partition(chr(10))[0]}"
        is_broken = context.is_disconnect or _is_torn(original)
        # Also where it did not break: it may lead to a server that no longer leads, or stay
        # read-only for as long as it lives. The next work begins on a new one.
        context.is_disconnect = True
        return Unavailable(reason=reason, is_broken=is_broken)
    reads = context.connection.get_execution_options().get("openslot_reads", False)
    if refusal is Refusal.SLOW:
        return TookTooLong()
    return Busy() if reads and refusal is Refusal.CONTENDED else None


def make_engine(url: str | URL, *, hurried: bool = True) -> Engine:
    """An engine set up for its kind: see the pitfalls that each line cures in docs/adr/. One
    that is not ``hurried`` lets a statement take as long as it takes."""
    parsed = make_url(url)
    make = _sqlite_engine if parsed.get_backend_name() == "sqlite" else make_server_engine
    engine = make(parsed, hurried=hurried)
    event.listen(engine, "handle_error", _explain)
    return engine


def _sqlite_engine(parsed: URL, *, hurried: bool) -> Engine:
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 10}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "reset", _end_sqlite)
    if hurried:
        event.listen(engine, "before_cursor_execute", _bound_reading)
    return engine


def _bound_reading(connection: Connection, *_statement: Any) -> None:
    """Give a statement that reads as long as servers give it."""
    reads = connection.get_execution_options().get("openslot_reads", False)
    connection.info["deadline"] = time.monotonic() + ANSWERS_WITHIN if reads else None


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    def is_over() -> bool:
        deadline = record.info.get("deadline")
        return deadline is not None and time.monotonic() > deadline

    connection.set_progress_handler(is_over, 10_000)  # steps: about a millisecond
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA foreign_keys = ON")
    # As the other engines do it: LIKE minds the case, and lower knows all letters.
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.create_function("lower", 1, _lower, deterministic=True)
    wanted = "wal" if sqlite3.sqlite_version_info >= WAL_IS_SAFE_FROM else "truncate"
    if connection.execute("PRAGMA journal_mode").fetchone()[0] not in (wanted, "memory"):
        connection.execute(f"PRAGMA journal_mode = {wanted}")
    connection.execute("PRAGMA synchronous = FULL")


def _lower(value: T) -> T | str:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue up at the start, where waiting is safe; readers wait for nobody."""
    reads = connection.get_execution_options().get("openslot_reads", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")


def _end_sqlite(connection: sqlite3.Connection, *_record: Any) -> None:
    """A commit that had to wait for a reader for too long leaves its transaction open, with its
    locks, though the pool takes it for ended."""
    if connection.in_transaction:
        connection.rollback()
