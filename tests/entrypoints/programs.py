"""A client of the API for tests."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from engines import DATA_KEYS
from entrypoints.world import PASSWORD, World
from factories import NOW
from importing import found_demo
from openslot.core import clock
from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.identity.keys import create_key
from serving import app_on
from working import work


class Program:
    """Sends JSON with a bearer token."""

    def __init__(self, app: Flask, token: str | None = None):
        self.client = app.test_client(use_cookies=False)
        self.token = token

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request; ``headers`` have underscores for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        return self.client.open(path, method=method, json=body, headers=sent)

    def send_form(self, path: str, fields: dict[str, str]) -> TestResponse:
        """Post a form."""
        proof = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.post(path, data=fields, headers=proof)

    def get(self, path: str, **headers: str) -> Any:
        """The JSON of a page that is there."""
        answer = self.send("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json


def signed_in(app: Flask, world: World, person: str) -> Program:
    """A program that acts for a person of the world."""
    program = Program(app)
    credentials = {"email": world.emails[person], "password": PASSWORD}
    answer = program.send("POST", "/api/v1/tokens", credentials)
    assert answer.status_code == 201, answer.text
    return Program(app, answer.json["access_token"])  # type: ignore[index] # it is an object


def with_key(
    app: Flask, database: Database, *scopes: str, networks: tuple[str, ...] = ()
) -> Program:
    """A program with a key of these scopes."""
    _, text = database.run(
        lambda session: create_key(work(session, Actor(), clock.now()), "Test", scopes, networks)
    )
    return Program(app, text)


@contextmanager
def demonstration(template: Path, folder: Path, public_url: str) -> Iterator[Flask]:
    """The app on the demonstration network as it is at NOW, for the block."""
    file = shutil.copyfile(template, folder / "demo.sqlite3")
    with (
        closing(Database(f"sqlite:///{file}", DATA_KEYS)) as database,
        app_on(database, folder, public_url=public_url) as app,
    ):
        found_demo(database)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(clock, "now", lambda: NOW)
            yield app
