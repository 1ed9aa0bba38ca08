"""Connections to database servers, with a limit on every wait.

The server itself stops a statement that takes too long, so that the error says so. It cannot
stop a wait on a silent connection, after a network failure or on a frozen machine: the driver
waits a little longer than the server would, and then closes the connection.
"""

from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import Dialect

T = TypeVar("T")

COLLATION = "utf8mb4_nopad_bin"
"""Collation of text on MariaDB: compared byte by byte, with trailing spaces. Its default ignores
case and accents, and treats all characters outside the basic plane as equal."""

CONNECTS_WITHIN = 3
"""Seconds to wait for the server to accept a connection."""

GETS_LOCK_WITHIN = 4
"""Seconds that a statement waits for another transaction's row; then the work is retried."""

ANSWERS_WITHIN = 5
"""Seconds that one statement may take."""

SILENT_AFTER = 6
"""Seconds without an answer until a connection counts as lost."""

IDLE_WITHIN = 30
"""Seconds until the server ends a transaction whose client is silent."""

FREE_WITHIN = 8
"""Seconds that a request waits for a free connection of the pool."""


def make_server_engine(url: URL, *, hurried: bool) -> Engine:
    """Return an engine for PostgreSQL or MariaDB at READ COMMITTED. One that is not ``hurried``
    has no limit on statements, for a person who runs a command and can stop it."""
    is_postgresql = url.get_backend_name() == "postgresql"
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=20,
        pool_timeout=FREE_WITHIN,
        hide_parameters=True,
    )
    if is_postgresql:
        event.listen(engine, "do_connect", partial(_connect_postgresql, hurried=hurried))
        if hurried:
            event.listen(engine, "begin", _limit_transaction)
    else:
        event.listen(engine, "do_connect", _connect_mariadb)
        event.listen(engine, "connect", partial(_set_up_mariadb, hurried=hurried))
    return engine


class _Connection(psycopg.Connection[Any]):
    """A connection that is closed after ``silent_after`` seconds without an answer; psycopg
    itself waits for ever."""

    silent_after: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server. If it is silent, close the connection and raise OperationalError."""
        if timeout is not None or self.silent_after is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.silent_after)
        except psycopg.errors.PipelineAborted:
            raise  # the server answers: it has refused an earlier row
        except psycopg.OperationalError as error:
            if error.sqlstate is None:
                self.pgconn.finish()
            raise


def _connect_postgresql(
    _dialect: Dialect, _record: Any, positional: Any, named: dict[str, Any], *, hurried: bool
) -> _Connection:
    # A pooler may lead each transaction to another connection of the server, which does not know
    # the statements that were prepared on this one. A URL can ask for them; 0 means never.
    named["prepare_threshold"] = int(named.get("prepare_threshold", 0)) or None
    connection = _Connection.connect(*positional, **{"connect_timeout": CONNECTS_WITHIN, **named})
    connection.silent_after = SILENT_AFTER if hurried else None
    return connection


def _limit_transaction(connection: Connection) -> None:
    """Set the limits for this transaction only: behind a pooler, others would get them too."""
    limits = {
        "lock_timeout": GETS_LOCK_WITHIN,
        "statement_timeout": ANSWERS_WITHIN,
        "idle_in_transaction_session_timeout": IDLE_WITHIN,
    }
    settings = ", ".join(
        f"set_config('{name}', '{limit}s', true)" for name, limit in limits.items()
    )
    connection.exec_driver_sql(f"SELECT {settings}")


def _connect_mariadb(dialect: Dialect, _record: Any, positional: Any, named: dict[str, Any]) -> Any:
    # The server's own mode may truncate long values, or read statements differently.
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
    # The driver has no public setting for a read timeout that differs from the connect timeout.
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
