"""What those who watch over the server are told."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from entrypoints.browsing import ClientFor
from entrypoints.programs import with_key
from openslot.app import create_app
from openslot.core import db, facts
from openslot.core.config import Settings
from openslot.core.data_keys import DataKeys, new_key
from openslot.migrations import run


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Flask]:
    """The app on a database made by the migrations."""
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    run.upgrade(app.extensions["openslot"].database.engine)
    yield app
    app.extensions["openslot"].database.close()


def test_a_running_server_says_so(client_for: ClientFor) -> None:
    assert client_for(None).get("/healthz").json == {"status": "alive"}


def readiness(app: Flask) -> tuple[int, object]:
    """What a program with a key for everything is told."""
    answer = with_key(app, app.extensions["openslot"].database, "manage").send("GET", "/readyz")
    return answer.status_code, answer.json


def test_a_server_with_its_schema_is_ready(migrated: Flask) -> None:
    answer = migrated.test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})
    assert readiness(migrated) == (
        200,
        {
            "status": "ready",
            "database": "reachable",
            "data_keys": "complete",
            "migrations": "current",
            "outbox_lag_seconds": 0,
        },
    )


def test_a_server_without_a_key_of_what_is_stored_is_not(migrated: Flask) -> None:
    database = migrated.extensions["openslot"].database
    database.run(lambda session: facts.note_keys(session, DataKeys(new_key())))
    status, told = readiness(migrated)
    assert status == 503
    assert isinstance(told, dict)
    assert (told["database"], told["data_keys"]) == ("reachable", "missing")


def test_a_server_with_another_schema_is_not(app: Flask) -> None:
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "not ready"})
    status, told = readiness(app)
    assert status == 503
    assert isinstance(told, dict)
    assert (told["status"], told["migrations"]) == ("not ready", "behind")


def test_a_server_without_its_database_is_not(tmp_path: Path) -> None:
    nobody_listens = "postgresql://nobody@127.0.0.1:1/nothing"
    app = create_app(Settings(_env_file=None, data_dir=tmp_path, database_url=nobody_listens))
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "not ready"})


def test_a_server_that_can_only_read_is_not_ready(migrated: Flask) -> None:
    engine = migrated.extensions["openslot"].database.engine
    program = with_key(migrated, migrated.extensions["openslot"].database, "manage")
    engine.dispose()

    def only_read(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA query_only = ON")

    event.listen(engine, "connect", only_read)
    answer = program.send("GET", "/readyz")
    assert answer.status_code == 503
    assert answer.json
    assert (answer.json["status"], answer.json["database"]) == ("not ready", "not writable")
    event.remove(engine, "connect", only_read)
    assert migrated.test_client().get("/readyz").status_code == 200


def test_a_server_beside_a_busy_one_is_ready(
    migrated: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "PATIENCE", 0.1)
    engine = migrated.extensions["openslot"].database.engine
    with engine.connect() as writing:
        engine.dispose()
        event.listen(
            engine, "connect", lambda one, _record: one.execute("PRAGMA busy_timeout = 10")
        )
        writing.begin()
        assert migrated.test_client().get("/readyz").status_code == 200
