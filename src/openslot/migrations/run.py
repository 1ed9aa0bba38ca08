"""Migrations without an alembic.ini: bring a database to the schema that this code expects.

Nothing here names a schema, so the same call serves a database or a search path per tenant.
On SQLite and PostgreSQL a migration happens whole or not at all. MariaDB commits at every CREATE or
ALTER; there the next call goes on from where the last one was interrupted. Several calls at once
wait for each other.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Transaction
from sqlalchemy.exc import DBAPIError

from openslot.core.encryption import keys_in_use
from openslot.core.engines import make_engine
from openslot.core.errors import Failure
from openslot.core.refusals import Refusal, refusal_of
from openslot.migrations.progress import Direction, Progress, keeps_progress, unfinished
from openslot.migrations.revisions import revision_of

ASKS_AGAIN_AFTER = 0.2
"""Seconds between two tries to begin on SQLite while another process writes."""

_MARIADB_LOCK = "CONCAT('openslot-', SHA1(DATABASE()))"


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


class Interrupted(Failure):
    """The last {direction} of the tables was interrupted half-way. Run: openslot db {direction}

    The opposite direction would start from tables that are of neither revision.
    """


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to ``revision``, by default the newest schema; nothing happens where it
    is there already.

    Raises CannotKeepText, UnknownRevision for a database of a much older or a newer version,
    Interrupted after half a downgrade, and BrokenReferences where rows would lose what they point
    to; then everything is as before.
    """
    _check_encoding(engine)
    _migrate(engine, Direction.UPGRADE, lambda config: command.upgrade(config, revision))


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to ``revision``; ``base`` is a database without our tables.

    Raises UnknownRevision, Interrupted and BrokenReferences as `upgrade` does.
    """
    _migrate(engine, Direction.DOWNGRADE, lambda config: command.downgrade(config, revision))


def config_for(connection: Connection | None = None) -> Config:
    """Alembic's settings; env.py works on ``connection``, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", "openslot:migrations")
    config.attributes["connection"] = connection
    return config


def _migrate(engine: Engine, direction: Direction, change: Callable[[Config], None]) -> None:
    with (
        _unhurried(engine) as unhurried,
        unhurried.connect() as connection,
        _foreign_keys_off(connection),
        _begin_alone(connection),
    ):
        _check_revision(connection)
        _check_direction(connection, direction)
        config = config_for(connection)
        progress = Progress(connection, direction) if keeps_progress(connection) else None
        if progress:
            config.attributes["applied"] = progress.forget
        change(config)
        _check_references(connection)
        if progress:
            progress.drop()


@contextmanager
def _begin_alone(connection: Connection) -> Iterator[None]:
    """Begin a transaction that no other migration of this database runs beside; wait for it."""
    with _begun(connection):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0"
            )
            # "openslot" in bytes. It ends with the transaction, also behind a pooler.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({0x6F70656E736C6F74})")
        if keeps_progress(connection):  # it ends with the connection
            while not connection.exec_driver_sql(f"SELECT GET_LOCK({_MARIADB_LOCK}, 60)").scalar():
                pass
        yield


def _begun(connection: Connection) -> Transaction:
    """Begin a transaction. On SQLite that takes the file's lock, which may take long to get."""
    while True:
        try:
            return connection.begin()
        except DBAPIError as error:
            if refusal_of(error.orig) is not Refusal.CONTENDED:
                raise
        time.sleep(ASKS_AGAIN_AFTER)


@contextmanager
def _unhurried(engine: Engine) -> Iterator[Engine]:
    """The same database without limits: a table with many rows takes its time to change."""
    if engine.dialect.name == "sqlite":
        yield engine
        return
    unhurried = make_engine(engine.url, keys_in_use(engine), hurried=False)
    try:
        yield unhurried
    finally:
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


def _check_revision(connection: Connection) -> None:
    revision = revision_of(connection)
    script = ScriptDirectory.from_config(config_for())
    known = [step.revision for step in script.walk_revisions()]
    if revision is not None and revision not in known:
        raise UnknownRevision(revision=revision, first=known[-1], last=known[0])


def _check_direction(connection: Connection, direction: Direction) -> None:
    interrupted = unfinished(connection)
    if interrupted not in (None, direction):
        raise Interrupted(direction=interrupted)


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
