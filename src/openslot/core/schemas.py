"""Schemas of PostgreSQL for networks that share a database, each with a role of its own.

The role finds its schema by its own search path and may use no other. That holds behind a pooler
too, which lends connections by role, and would lose a search path that a client sets.
"""

import secrets

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError

from openslot.core.engines import make_engine
from openslot.core.errors import Failure, Unavailable

_SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT COALESCE(SUM(pg_total_relation_size(oid)), 0) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
    "mysql": "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables "
    "WHERE table_schema = DATABASE()",
}


class NeedsPostgresql(Failure):
    """Only PostgreSQL has schemas. Set OPENSLOT_DATABASE_URL of the installation to the database in
    which they are made.
    """


class NotMade(Failure):
    """The schema and role {name} could not be made or removed: {reason}"""


def schema_of(tenant: str) -> str:
    """Return the name of the schema, and of the role, of a network."""
    return f"openslot_{tenant.replace('-', '_')}"


def make(database: str, name: str) -> str:
    """Make a schema and a role for it; return the URL with which the role connects.

    The user of the URL needs the right to create both. Raises NotMade; then nothing is left.
    """
    password = secrets.token_urlsafe(24)
    engine = _engine(database)
    try:
        with engine.begin() as connection:
            # What the server logs has no password.
            driver = connection.connection.driver_connection
            assert driver is not None
            hidden = driver.pgconn.encrypt_password(password.encode(), name.encode(), None)
            for statement in (
                f"CREATE ROLE {name} LOGIN PASSWORD '{hidden.decode()}'",
                f"GRANT {name} TO CURRENT_USER",
                f"CREATE SCHEMA {name} AUTHORIZATION {name}",
                f"ALTER ROLE {name} SET search_path = {name}",
            ):
                connection.exec_driver_sql(statement)
    except (DBAPIError, Unavailable) as error:
        raise NotMade(name=name, reason=_reason(error)) from error
    finally:
        engine.dispose()
    return (
        make_url(database)
        .set(username=name, password=password)
        .render_as_string(hide_password=False)
    )


def remove(database: str, name: str) -> None:
    """Remove a schema with all that is in it, and its role. Raises NotMade."""
    engine = _engine(database)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")
    except (DBAPIError, Unavailable) as error:
        raise NotMade(name=name, reason=_reason(error)) from error
    finally:
        engine.dispose()


def current_schema(engine: Engine) -> str | None:
    """Return the schema in which tables are made; None on engines where the database is all."""
    if engine.dialect.name != "postgresql":
        return None
    with engine.execution_options(openslot_reads=True).connect() as connection:
        found: str | None = connection.exec_driver_sql("SELECT current_schema()").scalar()
        return found


def size_of(engine: Engine) -> int:
    """Return the bytes that the tables and indexes take."""
    with engine.execution_options(openslot_reads=True).connect() as connection:
        kind = engine.dialect.name.replace("mariadb", "mysql")
        return int(connection.exec_driver_sql(_SIZES[kind]).scalar_one())


def is_of(url: str, name: str) -> bool:
    """Return whether a database is reached with the role ``name``."""
    return make_url(url).username == name


def without_password(url: str) -> str:
    """Return the URL as it can be shown."""
    return make_url(url).render_as_string()


def _engine(database: str) -> Engine:
    if make_url(database).get_backend_name() != "postgresql":
        raise NeedsPostgresql
    return make_engine(database, hurried=False)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error.__cause__ or error).partition("\n")[0]
