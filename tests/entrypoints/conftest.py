"""The app on a small network, and clients that are signed in.

``network``     a SQLite database with the people of world.py
``app``         the app on it
``world``       their ids
``client_for``  ``client_for("staff-owner")``: a client signed in as that person;
                ``client_for(None)``: one that is not
"""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from flask import Flask

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import PASSWORD, World, build
from openslot.core.config import Settings
from openslot.core.db import Database
from receiver import Receiver, receiver
from serving import app_with

COPIES = count()


@pytest.fixture(scope="session")
def built(sqlite_template: Path, scratch: Path) -> tuple[Path, World]:
    """The network, made once a run; tests get copies of the file."""
    file = scratch / "network.sqlite3"
    shutil.copyfile(sqlite_template, file)
    database = Database(f"sqlite:///{file}")
    world = build(database)
    database.close()
    return file, world


@pytest.fixture
def network(built: tuple[Path, World], scratch: Path) -> Iterator[Database]:
    """A database with the network in it, in a SQLite file of its own."""
    file = scratch / f"network-{next(COPIES)}.sqlite3"
    shutil.copyfile(built[0], file)
    database = Database(f"sqlite:///{file}")
    yield database
    database.close()
    file.unlink()


@pytest.fixture
def world(built: tuple[Path, World]) -> World:
    """The ids of the network, which are the same in every copy."""
    return built[1]


@pytest.fixture
def settings(network: Database, tmp_path: Path) -> Settings:
    """Settings for a quick app: cheap hashes, and no limits by address."""
    return Settings(
        _env_file=None,
        data_dir=tmp_path,
        database_url=str(network.engine.url),
        secret_key="a key for tests, the same for all of them",
        public_url="http://localhost",
        rate_limits=False,
        password_iterations=1,
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The app on the network; forms need their token, as everywhere."""
    with app_with(settings) as app:
        yield app


@pytest.fixture
def there() -> Iterator[Receiver]:
    """A program that is told of events."""
    with receiver() as serving:
        yield serving


@pytest.fixture
def client_for(app: Flask, world: World) -> ClientFor:
    """Clients by person; each call is another browser."""

    def make(person: str | None) -> Client:
        client = Client(app)
        if person is not None:
            answer = client.send("/login", email=world.emails[person], password=PASSWORD)
            assert answer.status_code == 303, answer.text
            client.token = None  # signing in makes a new session, with another token
        return client

    return make
