"""The revision of a database, told without Alembic, which web processes have no other use for."""

import pkgutil

from sqlalchemy import Connection, Engine, column, inspect, select, table

from openslot.migrations import versions
from openslot.migrations.progress import unfinished

_VERSION = table("alembic_version", column("version_num"))


def current(engine: Engine) -> str | None:
    """Return the revision that the database is at; None where it was never migrated."""
    with engine.execution_options(openslot_reads=True).connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the connection's database; None where it was never migrated."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def head() -> str:
    """Return the newest revision, which this code expects: the number of the last file."""
    return max(_all())


def is_known(revision: str) -> bool:
    """Return whether this code has a migration to the revision."""
    return revision in _all()


def _all() -> set[str]:
    modules = pkgutil.iter_modules(versions.__path__)
    return {module.name.partition("_")[0] for module in modules}


def is_current(engine: Engine) -> bool:
    """Return whether the database has the whole schema that this code expects."""
    with engine.execution_options(openslot_reads=True).connect() as connection:
        return revision_of(connection) == head() and unfinished(connection) is None
