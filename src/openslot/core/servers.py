"""Connections to database servers, with a limit on every wait.

The server itself stops a statement that takes too long, so that the error says so. It cannot
stop a wait on a silent connection, after a network failure or on a frozen machine: the driver
waits a little longer than the server would, and then closes the connection.
"""

import re
import select
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

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

RENEWED_AFTER = 60
"""Seconds after which a connection to one of several servers is replaced: a pooler keeps it open
before a server that does not lead any more."""

TRUSTED_FOR = 1.0
"""Seconds without use after which a connection is tried before it is used again. Before that, it
is looked whether the server has closed it, which costs nothing."""

PREPARED_FROM = 2
"""Number of a statement's uses on one connection from which it is prepared."""

MOST_PREPARED = 300
"""Statements that one connection keeps prepared; the least used is dropped."""


LOST_PATH = (
    "A pooler loses the search path of the URL. Set it for the role: "
    "ALTER ROLE … SET search_path = …"
)

MOST_KEPT, MOST_CONNECTIONS = 20, 30
"""Connections of an engine that are kept for later, and that it opens at most."""


def make_server_engine(url: URL, *, hurried: bool, kept: int) -> Engine:
    """Return an engine for PostgreSQL or MariaDB at READ COMMITTED. One that is not ``hurried``
    has no limit on statements, for a person who runs a command and can stop it."""
    is_postgresql = url.get_backend_name() == "postgresql"
    several = len(servers_of(url)) > 1
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        skip_autocommit_rollback=True,
        pool_size=kept,
        max_overflow=MOST_CONNECTIONS - kept,
        pool_timeout=FREE_WITHIN,
        pool_recycle=RENEWED_AFTER if several else -1,
        pool_use_lifo=True,  # so that a request writes on the connection that it has read on
        hide_parameters=True,
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_try_if_idle, engine.dialect))
    if is_postgresql:
        connect = partial(_connect_postgresql, engine, hurried=hurried, several=several)
    else:
        connect = partial(_connect_mariadb, engine.dialect, several=several)
        event.listen(engine, "connect", partial(_set_up_mariadb, hurried=hurried))
    servers = _Servers(engine, connect)
    event.listen(engine, "do_connect", servers.connect)
    event.listen(engine, "invalidate", servers.leave)
    return engine


def servers_of(url: URL) -> list[URL]:
    """Return the address of each server: an address names several by several ``host`` in its query,
    as ``?host=db1:5432&host=db2:5432``."""
    hosts = url.normalized_query.get("host", ())
    if not hosts:
        return [url]
    found = [_HOST.fullmatch(host) for host in hosts]
    plain = url.difference_update_query(["host"])
    return [plain.set(host=one[1], port=int(one[2] or 0) or url.port) for one in found if one]


_HOST = re.compile(r"\[?(.*?)\]?(?::(\d+))?")


class _Servers:
    """The servers that a database can be reached at. That which answered last is tried first, so
    that one that is silent delays few; that which failed at work is tried last, as it may still
    take connections: its disk is full, or it stands still."""

    def __init__(self, engine: Engine, connect: Callable[[dict[str, Any]], Any]):
        arguments = engine.dialect.create_connect_args
        self._options = [dict(arguments(url)[1]) for url in servers_of(engine.url)]
        self._connect = connect
        self._error = engine.dialect.loaded_dbapi.Error

    def connect(self, _dialect: Any, record: ConnectionPoolEntry, *_asked: Any) -> Any:
        """Return a connection to the first server that takes it and can write."""
        *others, last = self._options
        for options in others:
            with suppress(self._error):
                return self._connected(options, record)
        return self._connected(last, record)

    def _connected(self, options: dict[str, Any], record: ConnectionPoolEntry) -> Any:
        connection = self._connect(options)
        record.info["server"] = options
        if options is not self._options[0]:
            self._options = [options, *self._without(options)]
        return connection

    def leave(self, _connection: Any, record: ConnectionPoolEntry, _error: Any) -> None:
        """Try the server of a connection last that is no longer used, since it failed."""
        if (failed := record.info.get("server")) is self._options[0]:
            self._options = [*self._without(failed), failed]

    def _without(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        return [one for one in self._options if one is not options]


def options_of(engine: Engine) -> dict[str, Any]:
    """Return what the driver connects with; of several servers, to the one that answers now."""
    options = dict(engine.dialect.create_connect_args(servers_of(engine.url)[0])[1])
    if len(servers_of(engine.url)) > 1:
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
        place = getattr(driver, "info", driver)
        options |= {"host": place.host, "port": place.port}
    return options


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _try_if_idle(
    dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: Any
) -> None:
    """Have the pool replace a connection that broke while nobody used it."""
    used = record.info.get("used")
    if used is None:
        return  # it is new
    if time.monotonic() - used < TRUSTED_FOR and not _has_news(connection):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error


def _has_news(connection: Any) -> bool:
    """Return whether something has come from the server that nobody asked for: mostly its end."""
    waiting = select.poll()
    # PyMySQL has no public way to its socket.
    waiting.register(getattr(connection, "_sock", connection), select.POLLIN)
    return bool(waiting.poll(0))


class _Connection(psycopg.Connection[Any]):
    """A connection that is closed after ``silent_after`` seconds without an answer; psycopg
    itself waits for ever. ``is_shared`` if a pooler lends it to others between transactions."""

    silent_after: float | None = None
    is_shared: bool = False
    was_silent: bool = False
    """Whether it was closed while the server may still do what it was sent."""

    @property
    def can_pipeline(self) -> bool:
        """Return whether several statements can be sent without waiting for each answer: not all
        poolers let that pass."""
        return not self.is_shared

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
                self.was_silent = self.pgconn.status == ConnStatus.OK
                self.pgconn.finish()
            raise


def _connect_postgresql(
    engine: Engine, options: dict[str, Any], *, hurried: bool, several: bool
) -> _Connection:
    named = {"connect_timeout": CONNECTS_WITHIN, **options}
    prepared_from = named.pop("prepare_threshold", None)
    connection = _Connection.connect(**named)
    connection.silent_after = SILENT_AFTER
    connection.autocommit = True
    # A pooler tells its clients a process of its own, as it has none of the server's to tell. What
    # it tells of the server's role may be old, and libpq's target_session_attrs believes it.
    process, is_read_only = connection.execute(
        "SELECT pg_backend_pid(), current_setting('transaction_read_only')::boolean"
    ).fetchone() or (0, True)
    if several and is_read_only:
        connection.close()
        raise psycopg.errors.ReadOnlySqlTransaction("the server only reads")
    connection.is_shared = process != connection.info.backend_pid
    if connection.is_shared and "search_path" in str(named.get("options")):
        connection.close()
        raise psycopg.OperationalError(LOST_PATH)
    if connection.is_shared and hurried:
        # An engine with such a listener looks for others at each statement.
        event.listen(engine, "begin", _limit_transaction)
    elif hurried:
        connection.execute(_limits(of_transaction=False))
    connection.autocommit = False
    connection.silent_after = SILENT_AFTER if hurried else None
    if prepared_from is None:
        # The next connection of the server would not know what was prepared on this one.
        prepared_from = 0 if connection.is_shared else PREPARED_FROM
    connection.prepare_threshold = int(prepared_from) or None
    connection.prepared_max = MOST_PREPARED
    return connection


def is_shared(connection: Connection) -> bool:
    """Return whether a pooler lends the connection to others between transactions."""
    return getattr(connection.connection.driver_connection, "is_shared", False)


def _limit_transaction(connection: Connection) -> None:
    """Set the limits for this transaction only, if others would get them too."""
    if is_shared(connection):
        connection.exec_driver_sql(_limits(of_transaction=True))


def _limits(*, of_transaction: bool) -> str:
    """Return the statement that sets the limits of a transaction or of the connection."""
    limits = {
        "lock_timeout": GETS_LOCK_WITHIN,
        "statement_timeout": ANSWERS_WITHIN,
        "idle_in_transaction_session_timeout": IDLE_WITHIN,
    }
    settings = ", ".join(
        f"set_config('{name}', '{limit}s', {of_transaction})" for name, limit in limits.items()
    )
    return f"SELECT {settings}"


def _connect_mariadb(dialect: Dialect, options: dict[str, Any], *, several: bool) -> Any:
    # The server's own mode may truncate long values, or read statements differently.
    sql_mode = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
    limits = {
        "connect_timeout": CONNECTS_WITHIN,
        "read_timeout": CONNECTS_WITHIN,
        "write_timeout": SILENT_AFTER,
    }
    connection: Any = dialect.connect(
        **{**options, **limits, "charset": "utf8mb4", "sql_mode": sql_mode}
    )
    if several:
        _check_writes(connection)
    return connection


def _check_writes(connection: Any) -> None:
    """Close the connection and raise the server's error if it cannot write now."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("START TRANSACTION READ WRITE")
            cursor.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise


def _set_up_mariadb(connection: Any, _record: Any, *, hurried: bool) -> None:
    """Set what holds for the connection, once SQLAlchemy has set its names, which set a collation
    too."""
    settings: dict[str, object] = {"collation_connection": COLLATION}
    if hurried:
        settings |= {
            "innodb_lock_wait_timeout": GETS_LOCK_WITHIN,
            "lock_wait_timeout": GETS_LOCK_WITHIN,
            "max_statement_time": ANSWERS_WITHIN,
            "idle_write_transaction_timeout": IDLE_WITHIN,
        }
    with connection.cursor() as cursor:
        if cursor.execute("SHOW VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'"):
            # A node of a cluster: a transaction sees all that was committed before, on any node.
            settings["wsrep_sync_wait"] = 7
        cursor.execute(
            "SET " + ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
        )
    # The driver has no public setting for a read timeout that differs from the connect timeout.
    connection._read_timeout = SILENT_AFTER if hurried else None


def unsafe_settings(connection: Connection) -> list[str]:
    """Return the settings by which a server confirms a commit that it, or the standby that it
    waits for, can lose. A node of a cluster confirms what the other nodes have."""
    if connection.dialect.name == "sqlite":
        return []
    is_postgresql = connection.dialect.name == "postgresql"
    query = "SELECT name, setting FROM pg_settings" if is_postgresql else "SHOW VARIABLES"
    found = {str(name): str(value) for name, value in connection.exec_driver_sql(query)}
    if is_postgresql:
        names = ["fsync", "full_page_writes", "synchronous_commit"]
        weak = {"off", "local"} if found["synchronous_standby_names"] else {"off"}
    else:
        names = ["innodb_flush_log_at_trx_commit"]
        weak = set() if found.get("wsrep_on") == "ON" else {"0", "2"}
    return [f"{name} = {found[name]}" for name in names if found[name] in weak]
