"""What the drivers of the three engines mean by their errors, in words of our own.

Each engine has codes of its own for the same few things: somebody else was faster, a value is
there already, a statement took too long, the database cannot work at all.
"""

import re
import sqlite3
from collections.abc import Mapping
from enum import Enum, auto

import psycopg
import pymysql  # type: ignore[import-untyped] # it carries no types
from sqlalchemy import MetaData, Table, UniqueConstraint
from sqlalchemy.exc import DBAPIError


class Refusal(Enum):
    """Why a database did not do what it was told."""

    CONTENDED = auto()
    """Somebody else was in the way: a deadlock, a lock that was not given, a busy file."""

    TAKEN = auto()
    """A unique key has this value already."""

    DANGLING = auto()
    """A foreign key points to what is not there, or is still pointed to."""

    SLOW = auto()
    """The statement took longer than a statement may."""

    AWAY = auto()
    """The database cannot be reached, is starting or ending, is full or only to be read."""


_SQLSTATES: Mapping[str, Refusal] = {
    "40001": Refusal.CONTENDED,
    "40P01": Refusal.CONTENDED,
    "55P03": Refusal.CONTENDED,  # lock_timeout
    "23505": Refusal.TAKEN,
    "23503": Refusal.DANGLING,
    "57014": Refusal.SLOW,  # statement_timeout
    "25006": Refusal.AWAY,  # read-only
    "25P03": Refusal.AWAY,  # the server ended a transaction that was idle for too long
    "XX001": Refusal.AWAY,  # a damaged page
    "XX002": Refusal.AWAY,
}
_AWAY_CLASSES = ("08", "53", "57P", "58")
"""Connections, resources such as the disk, shutting down and starting, errors of the system."""

_MYSQL_CODES: Mapping[int, Refusal] = {
    **dict.fromkeys((1020, 1205, 1213), Refusal.CONTENDED),
    **dict.fromkeys((1062, 1586), Refusal.TAKEN),
    **dict.fromkeys((1216, 1217, 1451, 1452), Refusal.DANGLING),
    **dict.fromkeys((1317, 1969, 3024), Refusal.SLOW),
    # 3, 28, 1021, 1030, 1114, 1878: the disk is full or broken; 1040, 1041, 1203, 1226: too many
    # connections or too little memory; 1290, 1792, 1836: read-only; 1047: a node of a cluster
    # that is not ready; 1180: a commit that failed; the rest: a server that ends, or a connection
    # that it ended.
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
_MYSQL_CLIENT_CODES = range(2000, 3000)
"""What the driver says by itself: no connection, or none any more."""

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
    """What an error of a driver means; None for mistakes of ours."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return _SQLITE_CODES.get(code) or _SQLITE_CODES.get(code & 0xFF)
    if isinstance(error, psycopg.Error):
        return _of_postgresql(error)
    if isinstance(error, pymysql.MySQLError):
        code = error.args[0] if error.args else 0
        return Refusal.AWAY if code in _MYSQL_CLIENT_CODES else _MYSQL_CODES.get(code)
    return None


def _of_postgresql(error: psycopg.Error) -> Refusal | None:
    if error.sqlstate is None:
        # The driver's own: no connection, or one that ended.
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return Refusal.AWAY if lost else None
    if error.sqlstate.startswith(_AWAY_CLASSES):
        return Refusal.AWAY
    return _SQLSTATES.get(error.sqlstate)


_SQLITE_COLUMNS = re.compile(r"UNIQUE constraint failed: (.+)")
_MYSQL_KEY = re.compile(r"for key '(?:[^'.]+\.)?([^'.]+)'$")
"""At the end, since the value stands before it, which may hold anything."""


def taken_columns(metadata: MetaData, error: DBAPIError) -> tuple[str, ...]:
    """The columns of the unique key that has the value already; none where it is not told."""
    original = error.orig
    if isinstance(original, psycopg.Error):
        return _columns_of(metadata, original.diag.constraint_name or "")
    told = str(original.args[-1] if original and original.args else original)
    if found := _SQLITE_COLUMNS.search(told):
        return tuple(column.rpartition(".")[2] for column in found[1].split(", "))
    key = _MYSQL_KEY.search(told)
    return _columns_of(metadata, key[1]) if key else ()


def _columns_of(metadata: MetaData, key: str) -> tuple[str, ...]:
    for table in metadata.tables.values():
        for constraint in _unique_keys(table):
            if constraint.name == key:
                return tuple(column.name for column in constraint.columns)
    return ()


def _unique_keys(table: Table) -> list[UniqueConstraint]:
    return [one for one in table.constraints if isinstance(one, UniqueConstraint)]
