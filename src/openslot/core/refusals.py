"""The errors of the three engines' drivers, mapped to a few kinds.

Each engine has its own codes for the same causes: contention, a duplicate or dangling key, a
slow statement, a database that cannot work.
"""

import re
import sqlite3
from collections.abc import Mapping
from enum import Enum, auto

import psycopg
import pymysql
from sqlalchemy import MetaData, UniqueConstraint
from sqlalchemy.exc import DBAPIError


class Refusal(Enum):
    """The reason why a database refused a statement."""

    CONTENDED = auto()
    """Another transaction was in the way: a deadlock, a lock timeout, a busy file."""

    TAKEN = auto()
    """A unique key has this value already."""

    DANGLING = auto()
    """A foreign key has no target, or the row is still the target of one."""

    FORBIDDEN = auto()
    """A check of the table forbids these values together."""

    SLOW = auto()
    """The statement exceeded its time limit."""

    AWAY = auto()
    """The database is unreachable, starting, stopping, full or read-only."""


_READ_ONLY: frozenset[str | int] = frozenset({"25006", 1290, 1792, 1836})

_SQLSTATES: Mapping[str, Refusal] = {
    "40001": Refusal.CONTENDED,
    "40P01": Refusal.CONTENDED,
    "55P03": Refusal.CONTENDED,  # lock_timeout
    "23505": Refusal.TAKEN,
    "23503": Refusal.DANGLING,
    "23514": Refusal.FORBIDDEN,
    "57014": Refusal.SLOW,  # statement_timeout
    "25006": Refusal.AWAY,  # read-only
    "25P03": Refusal.AWAY,  # idle_in_transaction_session_timeout
    "XX001": Refusal.AWAY,  # a damaged page
    "XX002": Refusal.AWAY,
}
_AWAY_CLASSES = ("08", "53", "57P", "58")
"""Connection errors, lack of resources, shutdown and startup, system errors."""

_MYSQL_CODES: Mapping[int, Refusal] = {
    **dict.fromkeys((1020, 1205, 1213), Refusal.CONTENDED),
    **dict.fromkeys((1062, 1586), Refusal.TAKEN),
    **dict.fromkeys((1216, 1217, 1451, 1452), Refusal.DANGLING),
    4025: Refusal.FORBIDDEN,
    **dict.fromkeys((1317, 1969, 3024), Refusal.SLOW),
    # 3, 28, 1021, 1030, 1114, 1878: the disk is full or broken; 1040, 1041, 1203, 1226: too many
    # connections or too little memory; 1290, 1792, 1836: read-only; 1047: a cluster node that is
    # not ready; 1180: a failed commit; the rest: the server stops, or closed the connection.
    **dict.fromkeys(
        (
            0,
            3,
            28,
            1021,
            1030,
            1040,
            1041,
            1047,
            1053,
            1077,
            1079,
            1114,
            1152,
            1153,
            1158,
            1159,
            1160,
            1161,
            1180,
            1184,
            1194,
            1195,
            1203,
            1226,
            1290,
            1792,
            1836,
            1878,
            1927,
            4031,
        ),
        Refusal.AWAY,
    ),
}
_IN_DOUBT = frozenset({1047, 1053, 1180})
"""A cluster node that is cut off, a server that stops, a commit that failed on the way to other
nodes: if a commit ends with one of these, it may have happened all the same."""

_MYSQL_CLIENT_CODES = range(2000, 3000)
"""Codes of the driver itself: no connection, or a lost one."""

_SQLITE_CODES: Mapping[int, Refusal] = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), Refusal.CONTENDED),
    **dict.fromkeys(
        (
            sqlite3.SQLITE_CONSTRAINT_UNIQUE,
            sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
            sqlite3.SQLITE_CONSTRAINT_ROWID,
        ),
        Refusal.TAKEN,
    ),
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: Refusal.DANGLING,
    sqlite3.SQLITE_CONSTRAINT_CHECK: Refusal.FORBIDDEN,
    sqlite3.SQLITE_INTERRUPT: Refusal.SLOW,
    **dict.fromkeys(
        (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_NOTADB,
            sqlite3.SQLITE_PROTOCOL,
            sqlite3.SQLITE_READONLY,
        ),
        Refusal.AWAY,
    ),
}


def refusal_of(error: BaseException | None) -> Refusal | None:
    """Return the kind of a driver's error, or None for an error in the program."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return _SQLITE_CODES.get(code) or _SQLITE_CODES.get(code & 0xFF)
    if isinstance(error, psycopg.Error):
        return _postgresql_refusal(error)
    if isinstance(error, pymysql.MySQLError):
        code = error.args[0] if error.args else 0
        return Refusal.AWAY if code in _MYSQL_CLIENT_CODES else _MYSQL_CODES.get(code)
    return None


def is_read_only(error: BaseException) -> bool:
    """Return whether a server refused to write on this connection."""
    return getattr(error, "sqlstate", _mysql_code(error)) in _READ_ONLY


def is_cut_off(error: BaseException) -> bool:
    """Return whether a server can do nothing more on this connection, though it answers; so another
    may, and if it was to commit, nobody knows whether it did."""
    return _mysql_code(error) in _IN_DOUBT


def _mysql_code(error: BaseException) -> object:
    return error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None


def _postgresql_refusal(error: psycopg.Error) -> Refusal | None:
    if error.sqlstate is None:
        # An error of the driver itself: no connection, or a lost one.
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return Refusal.AWAY if lost else None
    if error.sqlstate.startswith(_AWAY_CLASSES):
        return Refusal.AWAY
    return _SQLSTATES.get(error.sqlstate)


_SQLITE_COLUMNS = re.compile(r"UNIQUE constraint failed: (.+)")
_MYSQL_KEY = re.compile(r"for key '(?:[^'.]+\.)?([^'.]+)'$")
"""Anchored at the end: the value comes before, and can contain any text."""


def taken_columns(metadata: MetaData, error: DBAPIError) -> tuple[str, ...]:
    """Return the columns of the violated unique key; none if the error does not name it."""
    original = error.orig
    if isinstance(original, psycopg.Error):
        return _columns_of(metadata, original.diag.constraint_name or "")
    message = str(original.args[-1] if original and original.args else original)
    if columns := _SQLITE_COLUMNS.search(message):
        return tuple(column.rpartition(".")[2] for column in columns[1].split(", "))
    key = _MYSQL_KEY.search(message)
    return _columns_of(metadata, key[1]) if key else ()


def _columns_of(metadata: MetaData, key: str) -> tuple[str, ...]:
    for table in metadata.tables.values():
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint) and constraint.name == key:
                return tuple(column.name for column in constraint.columns)
    return ()
