"""The only module that begins, commits, rolls back and retries transactions.

Commands take a session and never commit, so that they compose. An entry point calls
:meth:`Database.run` or :meth:`Database.read` once per request, the worker once per message.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import Any, TypeVar, cast

from sqlalchemy import (
    CursorResult,
    Delete,
    Engine,
    Executable,
    Update,
    delete,
    event,
    insert,
    inspect,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import QueuePool

from openslot.core import metrics, statements, tenancy
from openslot.core.data_keys import DataKeys
from openslot.core.engines import make_engine
from openslot.core.errors import AlreadyThere, Busy, Conflict, DomainError, Unavailable, Uncertain
from openslot.core.group_commit import Act, Alone, GroupCommit, Part, merged
from openslot.core.refusals import Refusal, refusal_of, taken_columns
from openslot.core.rows import BESIDE, NEW, PROOF, NewRow, Proof, all_of, inserting
from openslot.core.servers import MOST_KEPT, unsafe_settings
from openslot.core.sqlite import is_rewritten
from openslot.core.statements import Prepared
from openslot.core.tables import Base

T = TypeVar("T")

PATIENCE = 8.0
"""Seconds for which a unit of work is retried before it fails as Busy."""

REDIALS_WITHIN = 1.0
"""Seconds after its start within which work is retried on a new connection if its own broke. Once
it is retried in any case: another server may answer where one was silent."""

LOOKS_WITHIN, LOOKS_EVERY = 4.0, 0.2
"""Seconds for which, and between which, it is asked what became of a commit that was not answered.
"""

NOTHING_SAVED = "The database cannot be reached, and nothing was saved. Try again in a minute."


class LostRace(Exception):
    """Another transaction changed a row between reading and writing; retry the whole work."""


class _Writing(Session):
    """A session that also writes the rows of :func:`write_new` and :func:`add_row`."""

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write the new rows, all changes, and then what is added beside them."""
        _write_new_rows(self)
        super().flush(objects)
        self._write_beside()

    def finish(self) -> None:
        """Write what is left, and commit: in one go, if the driver sends several statements
        without waiting for each answer."""
        rows = self.info.get(BESIDE, {})
        if _has_changed(self) or any(one.once for one in rows.values()):
            self.flush()
        elif rows or NEW in self.info:
            with statements.in_one_go(_connection(self, with_new=False)):
                _write_new_rows(self)
                self._write_beside()
        self.commit()

    def _write_beside(self) -> None:
        rows = self.info.pop(BESIDE, {})
        # Always in one order, so that nobody tells from it what a command did first.
        for kind in sorted(rows, key=lambda kind: str(kind.__tablename__)):
            for names, new in groupby(rows[kind].new(kind, _connection(self)), tuple):
                write_rows(self, inserting(kind, names), *new)


def _has_changed(session: Session) -> bool:
    return bool(session.new or session.dirty or session.deleted)


def _write_new_rows(session: Session) -> None:
    def columns(row: NewRow) -> tuple[type[Base], tuple[str, ...]]:
        return row.kind, tuple(row.values)

    for (kind, names), rows in groupby(session.info.pop(NEW, ()), columns):
        write_rows(session, inserting(kind, names), *(row.values for row in rows))


class _InGroup(Session):
    """A session of work that is written in a group. It reads outside of a transaction, and no more
    once it has something to write. Raises Alone if more is asked of it."""

    def __init__(self, reader: Engine, info: dict[Any, Any]):
        super().__init__(reader, expire_on_commit=False, autoflush=False, info=info)
        self.part = Part()

    def flush(self, _objects: Sequence[Any] | None = None) -> None:
        """Raise Alone if there is anything to write."""
        if _has_changed(self) or NEW in self.info or BESIDE in self.info:
            raise Alone

    def connection(self, *args: Any, **options: Any) -> Connection:
        """Return the connection to read with."""
        self.check_reads()
        return super().connection(*args, **options)

    def check_reads(self) -> None:
        """Raise Alone if there is something to write."""
        if self.part.writes or NEW in self.info:
            raise Alone

    def finish(self) -> Part:
        """Return what is to be written. Raises Alone if an object is."""
        if _has_changed(self):
            raise Alone
        self.part.new, self.part.beside = self.info.get(NEW, []), self.info.get(BESIDE, {})
        return self.part


@event.listens_for(_InGroup, "do_orm_execute")
def _only_read(state: ORMExecuteState) -> None:
    session = state.session
    assert isinstance(session, _InGroup)
    session.check_reads()
    session.flush()  # as others do first
    if not state.is_select or getattr(state.statement, "_for_update_arg", None) is not None:
        raise Alone


class Database:
    """An engine with its read and write transactions."""

    def __init__(self, url: str, keys: DataKeys, *, hurried: bool = True, kept: int = MOST_KEPT):
        """Connect to ``url``, with the keys of its encrypted columns; ``hurried`` limits each
        statement and ``kept`` the connections that are kept open, see :func:`make_engine`."""
        self.engine = make_engine(url, keys, hurried=hurried, kept=kept)
        self._group = GroupCommit(self._write_group)
        self._kept: dict[type, Any] = {}
        self._reader = self.engine.execution_options(openslot_reads=True)
        # At READ COMMITTED each statement sees what is committed, in a transaction or not.
        self._without_transaction = self._reader.execution_options(isolation_level="AUTOCOMMIT")
        self._needs_transaction = True
        if self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "connect", self._note_pooler)
        # A transaction of SQLite is a snapshot already.
        isolation = (
            {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        )
        self._snapshots = self._reader.execution_options(**isolation)

    def run(self, work: Callable[[Session], T], *, in_group: bool = False) -> T:
        """Do ``work`` in one transaction and commit it; all of it happens, or nothing.

        A lost compare-and-set, deadlock, serialization failure or locked SQLite file rolls
        back and calls ``work`` again, with growing random waits, for up to PATIENCE seconds.
        So ``work`` must have no effect outside the session. Raises Busy when the time is over,
        AlreadyThere if a unique key has the value already, Unavailable if the database cannot
        be reached or only read, on a new connection too, and Uncertain if the connection broke
        during the commit and the database cannot tell what became of it.

        ``in_group`` tries first to write it together with what other threads are ready to write,
        see :mod:`openslot.core.group_commit`: for work that mostly does no more than
        :func:`write_later`, :func:`check_later`, :func:`write_new` and :func:`add_row`.
        """
        began = time.monotonic()
        wait = 0.002
        previous: Exception | None = None
        while True:
            try:
                return self._attempt_in_group(work) if in_group else self._attempt(work)
            except Alone:
                in_group = False
                continue
            except Uncertain:
                raise
            except Conflict as error:
                metrics.CONFLICTS.labels(error.code, tenancy.current()).inc()
                raise
            except Unavailable as error:
                is_first = previous is None
                is_in_time = is_first or time.monotonic() - began < REDIALS_WITHIN
                may_pass = error.is_broken or (error.is_read_only and is_first)
                if not (may_pass and is_in_time):
                    raise Unavailable(NOTHING_SAVED, reason=error.reason) from error
                previous = error
            except (LostRace, StaleDataError, DBAPIError) as error:
                _check_worth_retrying(error, previous)
                if time.monotonic() - began > PATIENCE:
                    raise Busy from error
                previous = error
            metrics.RETRIES.labels(tenancy.current()).inc()
            time.sleep(random.uniform(0, wait))  # noqa: S311 # nosec B311 - spreads racers, guards nothing
            wait = min(wait * 2, 0.2)

    def _attempt(self, work: Callable[[Session], T]) -> T:
        with (
            _busy_if_pool_is_empty(),
            _Writing(self.engine, expire_on_commit=False, info={"database": self}) as session,
        ):
            result = work(session)
            self._save(session, session.finish)
            return result

    def _attempt_in_group(self, work: Callable[[Session], T]) -> T:
        with (
            _busy_if_pool_is_empty(),
            _InGroup(self._plain_reader(), info={"database": self}) as session,
        ):
            try:
                result = work(session)
                part = session.finish()
            except (DomainError, LostRace) as refused:
                raise Alone from refused

        def save() -> None:
            self._group.write(part)
            session.dispatch.after_commit(session)

        self._save(session, save)
        return result

    def _save(self, session: Session, save: Callable[[], None]) -> None:
        """Save what a session leaves; if the connection breaks meanwhile, find out whether it is
        saved."""
        try:
            save()
        except Unavailable as error:
            if not error.is_broken or not self._has_happened(session.info.get(PROOF), error):
                raise
            session.dispatch.after_commit(session)
        metrics.count_events(session)

    def _write_group(self, parts: Sequence[Part]) -> None:
        with (
            _busy_if_pool_is_empty(),
            _Writing(self.engine, expire_on_commit=False, info={"database": self}) as session,
        ):
            for act, values in merged(parts):
                act(session, values)
            session.info[NEW] = [row for part in parts for row in part.new]
            session.info[BESIDE] = all_of([part.beside for part in parts])
            session.finish()

    def _has_happened(self, proof: Proof | None, lost: Unavailable) -> bool:
        """Return whether a transaction happened whose commit was not answered; if not, it never
        will. Raises Uncertain if it has no proof, if it has not happened in time but may still
        come, or if the database does not answer in time."""
        deadline = time.monotonic() + LOOKS_WITHIN
        while proof is not None and time.monotonic() < deadline:
            try:
                if _is_there(self.engine, *proof):
                    return True
                if not lost.may_come:
                    return False
            except (Unavailable, DBAPIError, PoolTimeout) as error:
                if isinstance(error, DBAPIError) and refusal_of(error.orig) is None:
                    raise
            time.sleep(LOOKS_EVERY)
        raise Uncertain(reason=lost.reason) from lost

    def read(self, work: Callable[[Session], T], *, snapshot: bool = False) -> T:
        """Do ``work`` in one read transaction and roll back any change it makes."""
        with self.reading(snapshot=snapshot) as session:
            return work(session)

    @contextmanager
    def reading(self, *, snapshot: bool = False) -> Iterator[Session]:
        """Open a session for reading, and roll it back at the end.

        With ``snapshot``, all statements see the database as it was at the first one.
        """
        engine = self._snapshots if snapshot else self._plain_reader()
        with _busy_if_pool_is_empty():
            connection = engine.connect()
        known = {"database": self, Connection: connection}
        session = _Writing(connection, expire_on_commit=False, autoflush=False, info=known)
        try:
            if engine is not self._without_transaction:
                session.connection()  # begins one
            yield session
        finally:
            # Closing rolls back without expiring loaded rows, so that they can still be shown, also
            # after the connection was lost. Without a transaction, the session has loaded none.
            with suppress(Unavailable, DBAPIError), connection:
                if session.in_transaction():
                    session.close()

    def _plain_reader(self) -> Engine:
        return self._reader if self._needs_transaction else self._without_transaction

    def _note_pooler(self, connection: Any, _record: Any) -> None:
        """Read in transactions if a pooler lends each of them another connection, which has limits
        only inside of one."""
        self._needs_transaction = connection.is_shared

    def kept(self, kind: type[T]) -> T:
        """Return what is kept in memory of this database: the one ``kind``, made at first use."""
        return cast(T, self._kept.get(kind) or self._kept.setdefault(kind, kind()))

    def damage(self) -> list[str]:
        """Return what is damaged in SQLite's file; nothing for servers, which check their own.

        Raises Unavailable if the file cannot be opened.
        """
        if self.engine.dialect.name != "sqlite":
            return []
        try:
            with self._reader.connect() as connection:
                lines = connection.exec_driver_sql("PRAGMA quick_check(10)").scalars().all()
        except Unavailable as error:
            code = getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF
            if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
            return [error.reason]
        return [str(line) for line in lines if line != "ok"]

    def unsafe_settings(self) -> list[str]:
        """Return the settings of the server by which something confirmed can be lost."""
        with self._reader.connect() as connection:
            return unsafe_settings(connection)

    def scrub(self, *, patiently: bool = False) -> None:
        """Write over what was deleted from a SQLite file by programs that left it there; servers do
        so by themselves. ``patiently`` waits for whoever writes, however long."""
        if self.engine.dialect.name != "sqlite":
            return
        connection = self.engine.raw_connection()
        try:
            driver = connection.driver_connection
            if driver is not None:
                while not is_rewritten(driver, waits=patiently):
                    time.sleep(0.2)
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()

    @property
    def idle(self) -> int:
        """Return the number of connections that wait for their next use."""
        pool = self.engine.pool
        return pool.checkedin() if isinstance(pool, QueuePool) else 0

    def close(self) -> None:
        """Close all connections that are not in use; the others are closed after their use."""
        self.engine.dispose()


def _is_there(engine: Engine, kind: type[Base], values: dict[str, Any]) -> bool:
    """Return whether a row is there that a lost transaction added.

    To add it once more waits for that transaction if it goes on elsewhere, or lets it lose: what is
    not there then, will never be.
    """
    key = inspect(kind).primary_key[0]
    with engine.connect() as connection:
        try:
            connection.execute(insert(kind), values)
        except DBAPIError as error:
            if refusal_of(error.orig) is Refusal.TAKEN:
                return True
            raise
        connection.execute(delete(kind).where(key == values[key.name]))
        connection.commit()
    return False


def database_of(session: Session) -> Database:
    """Return the database of a session that it began."""
    return cast(Database, session.info["database"])


def fetch(
    session: Session,
    statement: Executable,
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> CursorResult[*tuple[Any, ...]]:
    """Execute a statement that returns columns, no entities, and needs nothing that the session has
    yet to write: half the work of ``session.execute``."""
    if not statement.is_select:
        leave_group(session)
    return _connection(session).execute(statement, values)


def read_rows(
    session: Session, statement: Prepared, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return the rows of a prepared SELECT: a quarter of the work of ``session.execute``."""
    return statements.read(_connection(session), statement, values)


def write_rows(session: Session, statement: Prepared, *rows: Mapping[str, Any]) -> int:
    """Execute a prepared statement for each of the rows, and return how many it changed."""
    leave_group(session)
    return statements.write(_connection(session), statement, *rows)


def write_later(session: Session, write: Act, values: Mapping[Any, Any]) -> None:
    """Write values by their keys: now, or with those of others if the session is part of a group,
    which reads no more then. Two parts of a group do not write the same key."""
    if isinstance(session, _InGroup):
        session.part.writes[write].update(values)
    else:
        write(session, values)


def check_later(session: Session, check: Act, values: Mapping[Any, Any]) -> None:
    """Check values by their keys: now, or with those of others, after all is written, if the
    session is part of a group."""
    if isinstance(session, _InGroup):
        session.part.checks[check].update(values)
    else:
        check(session, values)


def is_in_group(session: Session) -> bool:
    """Return whether what the session writes is written in a group."""
    return isinstance(session, _InGroup)


def leave_group(session: Session) -> None:
    """Have the work done in a transaction of its own."""
    if isinstance(session, _InGroup):
        raise Alone


def _connection(session: Session, *, with_new: bool = True) -> Connection:
    """Return the connection of a session, which takes a while to tell it, once the new rows are
    written."""
    if isinstance(session, _InGroup):
        session.check_reads()
    elif with_new and NEW in session.info:
        _write_new_rows(session)
    known: Connection | None = session.info.get(Connection)
    if known is None or known.closed:
        known = session.info[Connection] = session.connection()
    return known


def changed(session: Session, statement: Update | Delete) -> int:
    """Execute a statement and return the number of rows changed. Rows that the session has
    loaded stay as they were."""
    session.flush()
    return fetch(session, statement).rowcount


def remove(session: Session, row: Base) -> None:
    """Delete a loaded row. Raises LostRace if another transaction has deleted it since."""
    mapper = inspect(type(row))
    key = zip(mapper.primary_key, mapper.primary_key_from_instance(row), strict=True)
    if changed(session, delete(type(row)).where(*(column == value for column, value in key))) != 1:
        raise LostRace
    session.expunge(row)


def _check_worth_retrying(error: LostRace | StaleDataError | DBAPIError, previous: Any) -> None:
    """Raise an error that a retry cannot cure.

    A duplicate or dangling key counts as a lost race the first time: the command checked before
    it wrote, so the retry finds the other row and raises its own error. If the retry meets the
    same error, the command does not check for it.
    """
    if not isinstance(error, DBAPIError):
        return
    refusal = refusal_of(error.orig)
    is_repeated = isinstance(previous, DBAPIError) and str(previous.orig) == str(error.orig)
    if refusal is Refusal.TAKEN and is_repeated:
        raise AlreadyThere.of(taken_columns(Base.metadata, error)) from error
    if refusal in (None, Refusal.FORBIDDEN) or (refusal is Refusal.DANGLING and is_repeated):
        raise error


@contextmanager
def _busy_if_pool_is_empty() -> Iterator[None]:
    """Raise Busy if no connection comes free in time."""
    try:
        yield
    except PoolTimeout as error:
        raise Busy from error
