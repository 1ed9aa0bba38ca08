"""Connections to servers: what is set once, what stays prepared, and what is tried before use."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import engines
from engines import DATA_KEYS
from openslot.core import servers
from openslot.core.db import Database

POSTGRESQL = [name for name in engines.SERVERS if name == "postgresql"]

on_postgresql = pytest.mark.parametrize("engine_name", POSTGRESQL, indirect=True)


def prepared(session: Session) -> int:
    return int(session.scalar(text("SELECT count(*) FROM pg_prepared_statements")) or 0)


@on_postgresql
def test_statements_stay_prepared_from_one_reading_to_the_next(database: Database) -> None:
    for _ in range(servers.PREPARED_FROM + 3):
        database.read(lambda session: session.execute(text("SELECT 1 + 1")))
    assert database.read(prepared) > 0


@on_postgresql
def test_reading_needs_no_transaction_and_a_snapshot_has_one(database: Database) -> None:
    def instants(session: Session) -> set[object]:
        asked = [session.scalar(text("SELECT transaction_timestamp()"))]
        time.sleep(0.002)
        return {*asked, session.scalar(text("SELECT transaction_timestamp()"))}

    database.read(instants)
    assert len(database.read(instants)) == 2
    assert len(database.read(instants, snapshot=True)) == 1
    assert len(database.run(instants)) == 1


@on_postgresql
@pytest.mark.parametrize("hurried", [True, False])
def test_limits_hold_for_every_statement_of_the_connection(
    database: Database, hurried: bool
) -> None:
    other = Database(
        database.engine.url.render_as_string(hide_password=False), DATA_KEYS, hurried=hurried
    )
    limit = text("SHOW statement_timeout")
    for _ in range(2):
        seen = {work(lambda session: session.scalar(limit)) for work in (other.read, other.run)}
        assert seen == ({f"{servers.ANSWERS_WITHIN}s"} if hurried else {"0"})
    other.close()


@pytest.mark.parametrize("engine_name", engines.SERVERS, indirect=True)
def test_a_connection_that_broke_while_it_was_idle_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "TRUSTED_FOR", 0.0)
    name = {"postgresql": "pg_backend_pid", "mariadb": "connection_id"}[
        database.engine.dialect.name
    ]
    whose = text(f"SELECT {name}()")
    old = database.read(lambda session: session.scalar(whose))
    other = Database(database.engine.url.render_as_string(hide_password=False), DATA_KEYS)
    ending = {"postgresql": f"SELECT pg_terminate_backend({old})", "mariadb": f"KILL {old}"}
    other.run(lambda session: session.execute(text(ending[database.engine.dialect.name])))
    other.close()
    assert database.read(lambda session: session.scalar(whose)) != old


def test_settings_are_named_by_which_a_server_can_lose_what_it_confirmed(
    database: Database,
) -> None:
    """The servers of the tests are quick rather than safe."""
    assert (
        database.unsafe_settings()
        == {
            "sqlite": [],
            "postgresql": ["fsync = off", "full_page_writes = off", "synchronous_commit = off"],
            "mariadb": ["innodb_flush_log_at_trx_commit = 0"],
        }[database.engine.dialect.name]
    )
