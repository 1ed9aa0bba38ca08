"""What backups ask of a database, and the database that a backup is tried in."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine, Table, func, inspect, select
from sqlalchemy.exc import DBAPIError

from openslot.backups.errors import NoScratch
from openslot.booking.models import Appointment
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.core.engines import make_engine
from openslot.core.errors import Unavailable
from openslot.core.schemas import current_schema
from openslot.core.servers import options_of
from openslot.core.tables import Base
from openslot.directory.models import Patient
from openslot.identity.models import Account
from openslot.schema import metadata

PUBLIC = "public"
"""The schema of a database that nobody shares."""

_COUNTED = {
    "appointments": Appointment,
    "patients": Patient,
    "accounts": Account,
    "audit events": AuditEvent,
}


@dataclass(frozen=True, slots=True)
class Location:
    """A database as client programs name it; of SQLite, ``database`` is the file."""

    engine: str
    database: str
    options: Mapping[str, Any]
    schema: str | None = None
    """The schema of PostgreSQL, where others share the database."""


def location_of(database: Database) -> Location:
    """Return where the database is, with the options that its driver connects with."""
    engine = database.engine
    name = "mariadb" if engine.dialect.name == "mysql" else engine.dialect.name
    schema = current_schema(engine)
    return Location(
        name,
        str(engine.url.database),
        options_of(engine),
        schema if schema != PUBLIC else None,
    )


def has_tables(engine: Engine) -> bool:
    """Return whether there is any table."""
    with engine.execution_options(openslot_reads=True).connect() as connection:
        return bool(inspect(connection).get_table_names())


def counts(database: Database) -> Mapping[str, int]:
    """Return the number of rows that people would miss first, and of all rows."""
    with database.reading(snapshot=True) as session:

        def rows(table: type[Base] | Table) -> int:
            return session.scalar(select(func.count()).select_from(table)) or 0

        found = {name: rows(model) for name, model in _COUNTED.items()}
        return {**found, "rows in all": sum(map(rows, metadata.sorted_tables))}


def drop_tables(engine: Engine) -> None:
    """Drop every table of a database that was empty before."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET FOREIGN_KEY_CHECKS = 0")
        for name in inspect(connection).get_table_names():
            connection.exec_driver_sql(f"DROP TABLE `{name}`")


@contextmanager
def scratch_database(database: Database) -> Iterator[str]:
    """Create a database on the same server, yield its URL, and drop it.

    Raises NoScratch if the server does not let us.
    """
    name = f"openslot_check_{secrets.token_hex(6)}"
    is_postgresql = database.engine.dialect.name == "postgresql"
    schema = current_schema(database.engine)
    encoding = " TEMPLATE template0 ENCODING 'UTF8'" if is_postgresql else ""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.exec_driver_sql(f"CREATE DATABASE {name}{encoding}")
        except (DBAPIError, Unavailable) as error:
            reason = str(getattr(error, "orig", error)).partition("\n")[0]
            raise NoScratch(reason=reason) from error
        try:
            url = database.engine.url.set(database=name)
            if schema not in (None, PUBLIC):
                _make_schema(url, str(schema))
            yield url.render_as_string(hide_password=False)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def _make_schema(url: URL, name: str) -> None:
    engine = make_engine(url, hurried=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
