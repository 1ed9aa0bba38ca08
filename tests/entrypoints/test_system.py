"""What those who watch over the server are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from entrypoints.browsing import ClientFor
from openslot.app import create_app
from openslot.core.config import Settings
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


def test_a_server_with_its_schema_is_ready(migrated: Flask) -> None:
    answer = migrated.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json
    assert answer.json["migrations"] == "current"
    assert answer.json["outbox_lag_seconds"] == 0


def test_a_server_with_another_schema_is_not(client_for: ClientFor) -> None:
    answer = client_for(None).get("/readyz")
    assert answer.status_code == 503
    assert answer.json
    assert answer.json["migrations"] == "behind"


def test_a_server_without_its_database_is_not(tmp_path: Path) -> None:
    nobody_listens = "postgresql://nobody@127.0.0.1:1/nothing"
    app = create_app(Settings(_env_file=None, data_dir=tmp_path, database_url=nobody_listens))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "database": "unreachable"}
