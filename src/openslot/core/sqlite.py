"""Connections to a SQLite file, at which programs take turns.

SQLite looks again at a locked file after ever longer pauses, of up to a tenth of a second, so that
whoever has waited longest comes last. Here those who write wait in one line for each process, and
the first of each looks again after a millisecond.
"""

import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection

from openslot.core.servers import ANSWERS_WITHIN

WAL_IS_SAFE_FROM = (3, 51, 3)
"""First SQLite version that cannot corrupt a write-ahead log when it is reset."""

WAITS = 10.0
"""Seconds for which a statement waits for others to end with the file."""

PAUSE = (0.0003, 0.002)
"""Seconds until a locked file is looked at again, from and to."""

_lines: defaultdict[str, Lock] = defaultdict(Lock)
"""The lines of writers in this process, by the file."""


class _Connection(sqlite3.Connection):
    """A connection that waits for its turn when a transaction that writes begins, and when one is
    committed."""

    def __init__(self, database: str, **options: Any):
        super().__init__(database, **options)
        self._line = Lock() if database == ":memory:" else _lines[database]
        self._is_first = False

    def begin_writing(self) -> bool:
        """Begin a transaction that writes, if it is its turn soon. Writers wait for each other
        here, where it is safe."""
        if not self._is_first:
            self._is_first = self._line.acquire(timeout=WAITS)
        with suppress(sqlite3.Error):
            self._patiently(lambda: self.execute("BEGIN IMMEDIATE"))
        return self.in_transaction

    def commit(self) -> None:
        self._patiently(super().commit)
        self._leave()

    def rollback(self) -> None:
        super().rollback()
        self._leave()

    def close(self) -> None:
        super().close()
        self._leave()

    def _leave(self) -> None:
        if self._is_first:
            self._is_first = False
            self._line.release()

    def _patiently(self, act: Callable[[], object]) -> None:
        """Do it once others are done with the file, for whom the connection waits ``busy_timeout``
        milliseconds as ever. Raises OperationalError if they take longer."""
        (waits,) = self.execute("PRAGMA busy_timeout").fetchone()
        ends = time.monotonic() + waits / 1000
        self.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._is_done(act, ends):
                time.sleep(random.uniform(*PAUSE))  # noqa: S311 # nosec B311 - guards nothing
        finally:
            self.execute(f"PRAGMA busy_timeout = {waits}")

    def _is_done(self, act: Callable[[], object], ends: float) -> bool:
        try:
            act()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > ends:
                raise
            return False
        return True


def make_sqlite_engine(parsed: URL, *, hurried: bool, kept: int) -> Engine:
    """Return an engine for a file, whose folder is made if there is none. See make_engine."""
    del kept  # a connection is an open file
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed, connect_args={"factory": _Connection, "timeout": WAITS}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "reset", _end)
    if hurried:
        event.listen(engine, "before_cursor_execute", _bound_reading)
    return engine


def _prepare(connection: _Connection, record: Any) -> None:
    def is_over() -> bool:
        deadline = record.info.get("deadline")
        return deadline is not None and time.monotonic() > deadline

    connection.set_progress_handler(is_over, 10_000)  # steps: about a millisecond
    connection.isolation_level = None  # _begin sends BEGIN
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")
    # As on the other engines: LIKE is case-sensitive, and lower() handles all letters.
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.create_function("lower", 1, _lower, deterministic=True)
    journal = "wal" if sqlite3.sqlite_version_info >= WAL_IS_SAFE_FROM else "truncate"
    if connection.execute("PRAGMA journal_mode").fetchone()[0] not in (journal, "memory"):
        connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute("PRAGMA synchronous = FULL")


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("openslot_reads", False)
    if reads:
        connection.exec_driver_sql("BEGIN DEFERRED")
    elif not connection.connection.begin_writing():
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # has the engine explain what is wrong


def _end(connection: _Connection, *_record: Any) -> None:
    """Roll back a transaction that is still open: a commit that waited too long for a reader
    leaves it open, with its locks, though the pool believes that it ended."""
    if connection.in_transaction:
        connection.rollback()


def _bound_reading(connection: Connection, *_statement: Any) -> None:
    """Limit the time of a reading statement, as database servers do."""
    reads = connection.get_execution_options().get("openslot_reads", False)
    connection.info["deadline"] = time.monotonic() + ANSWERS_WITHIN if reads else None


def is_rewritten(connection: Any, *, waits: bool) -> bool:
    """Rewrite a SQLite file; return False if another process writes and this one ``waits``."""
    try:
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        if not waits or not is_busy(error):
            raise
        return False
    return True


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether somebody else has the file locked."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
