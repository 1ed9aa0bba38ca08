"""The app on a small network, and clients that are signed in.

``network``     a SQLite database with the people of world.py
``app``         the app on it
``world``       their ids
``client_for``  ``client_for("staff-owner")``: a client signed in as that person;
                ``client_for(None)``: one that is not
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from flask import Flask

from beginnings import half_hour
from engines import DATA_KEYS
from entrypoints.asking import registered
from entrypoints.browsing import Client, ClientFor
from entrypoints.world import PASSWORD, World, build
from openslot.core.config import Settings
from openslot.core.db import Database
from receiver import Receiver, receiver
from serving import app_with

COPIES = count()


@pytest.fixture(autouse=True)
def within_a_day() -> Iterator[None]:
    """No test begins in the last two minutes before a midnight, which may come at any half hour:
    what it makes and what it asks for would be of two days. It goes past them."""
    now = datetime.now(UTC)
    left = half_hour(now) + timedelta(minutes=30) - now
    if left > timedelta(minutes=2):
        yield
        return
    with time_machine.travel(now + left, tick=True):
        yield


@pytest.fixture(scope="session")
def build_at(sqlite_template: Path, scratch: Path) -> Callable[[datetime], tuple[Path, World]]:
    """The network as it is made at a time; tests get copies of the file."""

    @cache
    def build_at(moment: datetime) -> tuple[Path, World]:
        file = scratch / f"network-of-{moment:%Y%m%d%H%M}.sqlite3"
        shutil.copyfile(sqlite_template, file)
        with closing(Database(f"sqlite:///{file}", DATA_KEYS)) as database:
            return file, build(database)

    return build_at


@pytest.fixture
def built(
    within_a_day: None, build_at: Callable[[datetime], tuple[Path, World]]
) -> tuple[Path, World]:
    """The network, made anew each half hour, so that none is of yesterday."""
    return build_at(half_hour(datetime.now(UTC)))


@pytest.fixture
def network(built: tuple[Path, World], scratch: Path) -> Iterator[Database]:
    """A database with the network in it, in a SQLite file of its own."""
    file = scratch / f"network-{next(COPIES)}.sqlite3"
    shutil.copyfile(built[0], file)
    database = Database(f"sqlite:///{file}", DATA_KEYS)
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
        password_tokens=True,  # the shortest way to a person's token; programs send people to pages
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


@pytest.fixture
def client_id(network: Database) -> UUID:
    """A program that people can let act for them."""
    return registered(network)[0]
