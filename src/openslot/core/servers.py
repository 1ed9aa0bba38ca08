"""Connections to database servers, set up so that nobody waits for one without end.

The server ends what takes too long by itself, so that it is told as what it is. What the server
cannot end is a connection that has gone silent, in a network that swallows or a machine that
stands still: the driver waits for it a little longer, and then gives it up.
"""

from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Dialect

T = TypeVar("T")

COLLATION = "utf8mb4_nopad_bin"
"""How MariaDB compares text: byte by byte, trailing blanks too. Its own default takes letters
for the same that differ by case or accent, and all signs outside the first plane for one."""

CONNECTS_WITHIN = 3
"""Seconds until a server that says nothing to a new connection counts as away."""

GETS_LOCK_WITHIN = 4
"""Seconds that a statement waits for somebody else's row; then the work is tried again."""

ANSWERS_WITHIN = 5
"""Seconds that one statement may take."""

SILENT_AFTER = 6
"""Seconds without an answer until a connection counts as lost."""

IDLE_WITHIN = 30
"""Seconds until a server ends a transaction whose client has gone silent."""

FREE_WITHIN = 8
"""Seconds that a request waits for a connection while others have all of them."""


def make_server_engine(url: URL, *, hurried: bool) -> Engine:
    """An engine for PostgreSQL or MariaDB at READ COMMITTED; one that is not ``hurried`` lets
    a statement take as long as it takes, for whoever sits before it and can see that."""
    is_postgresql = url.get_backend_name() == "postgresql"
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=20,
        pool_timeout=FREE_WITHIN,
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", _connect_postgresql if is_postgresql else _connect_mariadb)
    set_up = _set_up_postgresql if is_postgresql else _set_up_mariadb
    event.listen(engine, "connect", partial(set_up, hurried=hurried))
    return engine


class _Connection(psycopg.Connection[Any]):
    """A connection that is given up after a silence of ``silent_after`` seconds; the library
    itself waits for ever."""

    silent_after: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server; OperationalError, and the connection closed, where it is silent."""
        if timeout is not None or self.silent_after is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.silent_after)
        except psycopg.OperationalError as error:
            if error.sqlstate is None:
                self.pgconn.finish()
            raise


def _connect_postgresql(
    _dialect: Dialect, _record: Any, positional: Any, named: dict[str, Any]
) -> _Connection:
    return _Connection.connect(*positional, **{"connect_timeout": CONNECTS_WITHIN, **named})


def _set_up_postgresql(connection: _Connection, _record: Any, *, hurried: bool) -> None:
    if not hurried:
        return
    connection.silent_after = SILENT_AFTER
    connection.autocommit = True
    connection.execute(
        f"SET lock_timeout = '{GETS_LOCK_WITHIN}s'; SET statement_timeout = '{ANSWERS_WITHIN}s'; "
        f"SET idle_in_transaction_session_timeout = '{IDLE_WITHIN}s'"
    )
    connection.autocommit = False


def _connect_mariadb(dialect: Dialect, _record: Any, positional: Any, named: dict[str, Any]) -> Any:
    # A server may be set to cut off what is too long, or to read our statements in another way.
    sql_mode = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
    limits = {
        "connect_timeout": CONNECTS_WITHIN,
        "read_timeout": CONNECTS_WITHIN,
        "write_timeout": SILENT_AFTER,
    }
    return dialect.connect(
        *positional, **{**named, **limits, "charset": "utf8mb4", "sql_mode": sql_mode}
    )


def _set_up_mariadb(connection: Any, _record: Any, *, hurried: bool) -> None:
    # The driver has no public way to wait longer for an answer than for a connection.
    connection._read_timeout = SILENT_AFTER if hurried else None
    settings: dict[str, object] = {"collation_connection": COLLATION}
    if hurried:
        settings |= {
            "innodb_lock_wait_timeout": GETS_LOCK_WITHIN,
            "lock_wait_timeout": GETS_LOCK_WITHIN,
            "max_statement_time": ANSWERS_WITHIN,
            "idle_write_transaction_timeout": IDLE_WITHIN,
        }
    with connection.cursor() as cursor:
        cursor.execute(
            "SET " + ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
        )
