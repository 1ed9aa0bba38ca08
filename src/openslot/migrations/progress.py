"""Progress of a migration on MariaDB, which commits at every CREATE, ALTER and DROP.

Each statement that changes something is recorded in a table that exists only while a migration
runs. If the migration is killed, the next call runs it again and skips what is recorded. Migrations
need nothing for this, except to issue the same statements in the same order.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any

import pymysql
from sqlalchemy import Connection, event, inspect

TABLE = "migration_progress"

_CREATE = (
    "CREATE TABLE {table} (statement CHAR(64) NOT NULL PRIMARY KEY,"
    " direction CHAR(9) NOT NULL, is_done BOOL NOT NULL) ENGINE = InnoDB"
)

_CHANGE = re.compile(
    r"\s*(?:(?P<definition>ALTER|CREATE|DROP|RENAME|TRUNCATE)|DELETE|INSERT|REPLACE|UPDATE)\b", re.I
)
"""A statement that changes something; a definition is committed at once."""

_DONE_ALREADY = frozenset({1005, 1022, 1050, 1051, 1054, 1060, 1061, 1068, 1091, 1146, 1826})
"""Errors of a definition that is repeated: what it makes is there, or what it drops is gone."""


class Direction(StrEnum):
    """Where migrations lead."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"


def keeps_progress(connection: Connection) -> bool:
    """Return whether a migration on this engine can be interrupted half-way."""
    return connection.dialect.name in ("mysql", "mariadb")


def unfinished(connection: Connection) -> Direction | None:
    """Return the direction of a migration that was interrupted half-way."""
    if not (keeps_progress(connection) and inspect(connection).has_table(TABLE)):
        return None
    direction = connection.exec_driver_sql(f"SELECT MIN(direction) FROM {TABLE}").scalar()  # noqa: S608 # nosec B608 - ours
    return Direction(direction) if direction else None


class Progress:
    """Records the statements of the current migration, and skips those of an earlier try."""

    def __init__(self, connection: Connection, direction: Direction):
        """Follow all statements of the connection's engine, which is used for nothing else."""
        self._connection, self._direction = connection, direction
        self._issued: Counter[str] = Counter()
        self._recorded: dict[str, bool] = {}
        self._has_table = inspect(connection).has_table(TABLE)
        if self._has_table:
            rows = connection.exec_driver_sql(f"SELECT statement, is_done FROM {TABLE}")  # noqa: S608 # nosec B608 - ours
            self._recorded = {row[0]: bool(row[1]) for row in rows}
        event.listen(connection.engine, "do_execute", self._execute)
        event.listen(connection.engine, "do_executemany", self._execute_many)

    def forget(self, **_applied: Any) -> None:
        """Delete the record, in the transaction that writes the new revision."""
        self._send("DELETE FROM {table}")
        self._recorded.clear()
        self._issued.clear()

    def drop(self) -> None:
        """Drop the table after the last migration."""
        if self._has_table:
            self._send("DROP TABLE {table}")

    def _execute(self, cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        return self._follow(statement, lambda: cursor.execute(statement, parameters))

    def _execute_many(self, cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        return self._follow(statement, lambda: cursor.executemany(statement, parameters))

    def _follow(self, statement: str, execute: Callable[[], object]) -> bool:
        """Execute a change unless it is done, and return whether the statement is one."""
        change = _CHANGE.match(statement)
        if change is None:
            return False
        if not self._has_table:
            self._send(_CREATE)
            self._has_table = True
        # Without the values: rows that were changed together are committed together.
        self._issued[statement] += 1
        name = hashlib.sha256(f"{self._issued[statement]} {statement}".encode()).hexdigest()
        if self._recorded.get(name):
            return True
        if change["definition"]:
            self._define(name, execute)
        else:
            execute()
            self._send("INSERT INTO {table} VALUES (%s, %s, TRUE)", name, self._direction)
        return True

    def _define(self, name: str, execute: Callable[[], object]) -> None:
        """Execute a definition, which also commits the note that it was begun."""
        was_begun = name in self._recorded
        if not was_begun:
            self._send("INSERT INTO {table} VALUES (%s, %s, FALSE)", name, self._direction)
        try:
            execute()
        except pymysql.MySQLError as error:
            if not (was_begun and error.args[0] in _DONE_ALREADY):
                with suppress(pymysql.MySQLError):
                    self._send("DELETE FROM {table} WHERE statement = %s", name)
                    self._send("COMMIT")
                raise
        self._send("UPDATE {table} SET is_done = TRUE WHERE statement = %s", name)

    def _send(self, statement: str, *values: str) -> None:
        """Send a statement around SQLAlchemy, whose statements are followed."""
        cursor = self._connection.connection.cursor()
        cursor.execute(statement.format(table=TABLE), values)
        cursor.close()
