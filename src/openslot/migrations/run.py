"""Migrations without an alembic.ini: bring a database to the schema that this code expects.

Nothing here names a schema, so the same call serves a database or a search path per tenant.
On SQLite and PostgreSQL a migration happens whole or not at all; MariaDB ends its transaction
with every CREATE or ALTER, so that there one that breaks off must be finished by hand.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from openslot.core.db import make_engine
from openslot.core.errors import Failure


class BrokenReferences(Failure):
    """{rows} rows of {tables} would point to nothing. The database is as it was before.

    Raised by a migration on SQLite, which was undone.
    """


class CannotKeepText(Failure):
    """The database was made with the encoding {encoding}, which cannot keep every name. Make it
    anew: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0

    The encoding of the database has the letters of some languages only.
    """


class UnknownRevision(Failure):
    """The database is at revision {revision}, and this version of OpenSlot knows {first} to {last}.
    Bring it to one of these first, with the version of OpenSlot that was used before.
    """


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``, by default the newest schema; nothing happens where it
    is there already.

    Raises CannotKeepText, UnknownRevision for a database of a much older or a newer version, and
    BrokenReferences where rows would lose what they point to; then everything is as before.
    """
    _check_encoding(engine)
    _migrate(engine, lambda config: command.upgrade(config, revision))


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to ``revision``; ``base`` is a database without our tables.

    Raises UnknownRevision and BrokenReferences as `upgrade` does.
    """
    _migrate(engine, lambda config: command.downgrade(config, revision))


def current(engine: Engine) -> str | None:
    """The revision that the database is at; None where it was never migrated."""
    with engine.execution_options(openslot_reads=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision, which this code expects."""
    newest = ScriptDirectory.from_config(config_for()).get_current_head()
    if newest is None:
        raise LookupError("there is no migration")
    return newest


def is_current(engine: Engine) -> bool:
    """Whether the database has the schema that this code expects."""
    return current(engine) == head()


def config_for(connection: Connection | None = None) -> Config:
    """Alembic's settings; env.py works on ``connection``, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", "openslot:migrations")
    config.attributes["connection"] = connection
    return config


def _migrate(engine: Engine, change: Callable[[Config], None]) -> None:
    _check_revision(engine)
    with (
        _unhurried(engine) as unhurried,
        unhurried.connect() as connection,
        _foreign_keys_off(connection),
        connection.begin(),
    ):
        change(config_for(connection))
        _check_references(connection)


@contextmanager
def _unhurried(engine: Engine) -> Iterator[Engine]:
    """The same database without limits: a table with many rows takes its time to change."""
    if engine.dialect.name == "sqlite":
        yield engine
        return
    unhurried = make_engine(engine.url, hurried=False)
    yield unhurried
    unhurried.dispose()


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by copying and dropping it, and with foreign keys on the drop
    deletes the rows that point to it. The switch only works outside a transaction, so it goes
    around SQLAlchemy, which would begin one."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.cursor()
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.close()


def _check_revision(engine: Engine) -> None:
    revision = current(engine)
    script = ScriptDirectory.from_config(config_for())
    known = [step.revision for step in script.walk_revisions()]
    if revision is not None and revision not in known:
        raise UnknownRevision(revision=revision, first=known[-1], last=known[0])


def _check_encoding(engine: Engine) -> None:
    """SQLite keeps every letter, and so do our tables on MariaDB, whatever the database does."""
    if engine.dialect.name != "postgresql":
        return
    with engine.execution_options(openslot_reads=True).connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise CannotKeepText(encoding=encoding)


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        tables = sorted({str(row[0]) for row in broken})
        raise BrokenReferences(rows=len(broken), tables=", ".join(tables))
