"""A client that fills in forms the way a browser does: with the token of the page."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qsl

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from openslot.core import clock, outbox
from openslot.core.db import Database

TOKEN = re.compile(r'name="csrf_token" (?:type="hidden" )?value="([^"]+)"')


class Client:
    """A browser of one person."""

    def __init__(self, app: Flask) -> None:
        self.http: FlaskClient = app.test_client()
        self.token: str | None = None

    def get(self, path: str, **headers: str) -> TestResponse:
        """The page at ``path``; no redirect is followed."""
        # Read to the end, as a browser does: files come in pieces.
        return self.http.get(path, headers=headers, buffered=True)

    def send(self, path: str, *, page: str | None = None, **fields: object) -> TestResponse:
        """Post a form to ``path``, with the token of ``page``, by default of ``path`` itself."""
        return self.http.post(path, data={"csrf_token": self.token_of(page or path), **fields})

    def post(self, path: str, **fields: object) -> TestResponse:
        """Post a form with a token that this browser got before."""
        if self.token is None:
            self.token_of("/forgot")
        return self.http.post(path, data={"csrf_token": self.token, **fields})

    def search(self, address: str) -> TestResponse:
        """The results of a form with the fields of ``address``, which is sent by POST; a page
        without a form, if that is what the reader gets."""
        path, _, fields = address.partition("?")
        page = self.get(path)
        token = TOKEN.search(page.text)
        if not fields or not token:
            return page
        data = {"csrf_token": unescape(token[1]), **dict(parse_qsl(fields))}
        return self.http.post(path, data=data, follow_redirects=True, buffered=True)

    def token_of(self, path: str) -> str:
        """The token in the forms of a page."""
        found = TOKEN.search(self.http.get(path).text)
        assert found, f"no form on {path}"
        self.token = unescape(found[1])
        return self.token


ClientFor = Callable[[str | None], Client]
"""A browser that is signed in as the named person, or as nobody."""


def mails(database: Database) -> list[dict[str, str]]:
    """The mails in the outbox, newest first."""
    return database.read(
        lambda session: [
            one.payload for one in outbox.messages(session, "mail", limit=50, offset=0)
        ]
    )


def link_in(mail: dict[str, str]) -> str:
    """The path of the link that a mail carries."""
    found = re.search(r"http://localhost(/\S+)", mail["text"])
    assert found, mail["text"]
    return found[1]


def next_week() -> str:
    """A day of next week: of this one only minutes may be left, too few to cancel."""
    return (clock.now() + timedelta(days=7)).date().isoformat()
