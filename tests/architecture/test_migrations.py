"""Rule: migrations lead to exactly the schema of the models, on every engine, up and down."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from engines import DATA_KEYS
from openslot.core.db import Database, make_engine
from openslot.migrations import revisions, run
from openslot.schema import metadata

SOMETHING: dict[type, Any] = {
    str: "x",
    bytes: bytes(32),
    bool: True,
    int: 1,
    UUID: UUID(int=1),
    # Instant names no type of its own
    object: datetime(2026, 1, 1, tzinfo=UTC),
}

REBUILD_ACCOUNT = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade():
    with op.batch_alter_table("account", recreate="always"):
        pass
    {then}


def downgrade():
    pass
"""


def differences(engine: Engine) -> list[Any]:
    """What Alembic would still change to reach the models."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def shape(engine: Engine) -> dict[str, Any]:
    """All that the database tells about its tables, names of constraints included."""
    found = inspect(engine)
    return {
        table: {
            # A migration adds columns at the end, wherever the models have them.
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"], column["default"])
                for column in found.get_columns(table)
            ),
            "primary key": found.get_pk_constraint(table),
            "foreign keys": sorted(found.get_foreign_keys(table), key=_name),
            "unique": sorted(found.get_unique_constraints(table), key=_name),
            "indexes": sorted(found.get_indexes(table), key=_name),
            "checks": sorted(found.get_check_constraints(table), key=_name),
        }
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def _name(described: Any) -> str:
    return str(described["name"])


def test_a_migrated_database_leaves_alembic_nothing_to_add(blank_engine: Engine) -> None:
    run.upgrade(blank_engine)
    assert differences(blank_engine) == []


def test_alembic_does_see_a_column_that_the_models_lack(blank_engine: Engine) -> None:
    run.upgrade(blank_engine)
    with blank_engine.begin() as connection:
        connection.execute(text("ALTER TABLE diary ADD COLUMN spare INTEGER"))
    assert [difference[0] for difference in differences(blank_engine)] == ["remove_column"]


def test_a_migrated_database_has_every_name_and_type_that_the_models_make(
    database: Database, blank_engine: Engine
) -> None:
    run.upgrade(blank_engine)
    made_by_models = shape(database.engine)
    assert made_by_models.keys() == set(metadata.tables)
    assert shape(blank_engine) == made_by_models


def test_a_database_tells_its_revision(blank_engine: Engine) -> None:
    assert revisions.current(blank_engine) is None
    assert not revisions.is_current(blank_engine)
    run.upgrade(blank_engine)
    assert revisions.current(blank_engine) == revisions.head()
    assert revisions.is_current(blank_engine)


def test_down_to_nothing_and_up_again_on_every_engine(blank_engine: Engine) -> None:
    run.upgrade(blank_engine)
    run.downgrade(blank_engine, "base")
    assert set(inspect(blank_engine).get_table_names()) <= {"alembic_version"}
    run.upgrade(blank_engine)
    run.upgrade(blank_engine)  # a second call finds nothing to do
    assert revisions.is_current(blank_engine)


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a migration after the newest, which rebuilds the accounts and then does ``then``."""

    def add(then: str) -> None:
        source = REBUILD_ACCOUNT.format(head=revisions.head(), then=then)
        (tmp_path / "9999_rebuild.py").write_text(source)
        monkeypatch.setattr(run, "config_for", with_more)

    original = run.config_for

    def with_more(connection: Connection | None = None) -> Config:
        config = original(connection)
        config.set_main_option("path_separator", "newline")
        both = f"{Path(run.__file__).with_name('versions')}\n{tmp_path}"
        config.set_main_option("version_locations", both)
        return config

    return add


@pytest.fixture
def signed_in(tmp_path: Path) -> Engine:
    """A migrated SQLite database with an account, and a session that goes with it."""
    engine = make_engine(f"sqlite:///{tmp_path}/openslot.sqlite3", DATA_KEYS)
    run.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(metadata.tables["account"].insert(), [_row("account")])
        connection.execute(metadata.tables["account_session"].insert(), [_row("account_session")])
    return engine


@pytest.mark.parametrize("revision", ["0003", "0099"])
def test_a_database_of_an_unknown_revision_is_refused_in_a_sentence(
    signed_in: Engine, revision: str
) -> None:
    with signed_in.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    for change in (run.upgrade, lambda engine: run.downgrade(engine, "base")):
        with pytest.raises(run.UnknownRevision, match=f"is at revision {revision}, .* knows 0006 "):
            change(signed_in)
    assert revisions.current(signed_in) == revision
    assert sessions(signed_in) == 1


def _row(table: str) -> dict[str, Any]:
    """Something in each column that must have a value; the ids are the same in each table."""
    columns = metadata.tables[table].columns
    return {c.name: SOMETHING[c.type.python_type] for c in columns if not c.nullable}


def sessions(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM account_session")) or 0)


def foreign_keys_are_on(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("PRAGMA foreign_keys")))


def test_rebuilding_a_table_of_sqlite_keeps_the_rows_that_point_to_it(
    signed_in: Engine, next_migration: Callable[[str], None]
) -> None:
    next_migration("pass")
    run.upgrade(signed_in)
    assert revisions.current(signed_in) == "9999"
    assert sessions(signed_in) == 1
    assert foreign_keys_are_on(signed_in)


def test_a_migration_of_sqlite_that_orphans_rows_is_undone_whole(
    signed_in: Engine, next_migration: Callable[[str], None]
) -> None:
    next_migration('op.execute("DELETE FROM account")')
    before = revisions.current(signed_in)
    with pytest.raises(run.BrokenReferences, match="1 rows of account_session"):
        run.upgrade(signed_in)
    assert revisions.current(signed_in) == before
    with signed_in.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM account")) == 1
    assert foreign_keys_are_on(signed_in)
