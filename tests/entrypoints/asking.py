"""Programs that ask people, as a program and a reader do."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.browsing import Client
from entrypoints.programs import Program
from openslot.core import clock
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.identity.authorization import challenge_of
from openslot.identity.programs import ProgramDetails, create_program
from working import work

VERIFIER = "a" * 43
BACK = "https://app.example/back?of=us"
EVERYTHING = (
    "openid",
    "fhirUser",
    "launch",
    "launch/patient",
    "offline_access",
    "online_access",
    "account:read",
    "account:write",
    "appointments:read",
    "directory:read",
    "patient/*.cruds",
    "user/*.cruds",
)


def registered(database: Database, **changes: Any) -> tuple[UUID, str | None]:
    """The id and secret of a program."""
    more = {name: changes.pop(name) for name in ("has_secret", "jwks") if name in changes}
    usual = {"name": "Growth chart", "redirects": (BACK,), "scopes": EVERYTHING}
    details = ProgramDetails(**(usual | changes))

    def create(session: Any) -> tuple[UUID, str | None]:
        client, secret = create_program(work(session, SYSTEM, clock.now()), details, **more)
        return client.id, secret

    return database.run(create)


def asking(client_id: UUID, scope: str, /, **changes: str | None) -> str:
    """The address to which a program sends people."""
    sent = {
        "response_type": "code",
        "client_id": str(client_id),
        "redirect_uri": BACK,
        "scope": scope,
        "state": "of ours",
        "aud": "http://localhost/fhir",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    } | changes
    kept = {name: value for name, value in sent.items() if value is not None}
    return f"/oauth/authorize?{urlencode(kept)}"


def leads_to(answer: TestResponse) -> str | None:
    """The address to which a page leads, if it leads anywhere."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
    return unescape(found[1]) if found else None


def brought(answer: TestResponse) -> dict[str, str]:
    """What the program gets from where the page leads."""
    address = leads_to(answer)
    assert address, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def allowed(browser: Client, address: str, **fields: Any) -> TestResponse:
    """The answer to a reader who presses Allow on the page."""
    shown = re.search(r'name="shown" value="([^"]+)"', browser.get(address).text)
    assert shown, address
    return browser.send(address, decision="yes", shown=shown[1], **fields)


def agreed(browser: Client, address: str, **fields: Any) -> dict[str, str]:
    """What a program gets when the reader presses Allow, or has done so before."""
    page = browser.get(address)
    if leads_to(page):
        return brought(page)
    answer = allowed(browser, address, **fields)
    assert answer.status_code == 200, answer.text
    return brought(answer)


def exchanged(app: Flask, client_id: UUID, code: str, /, **changes: str) -> TestResponse:
    """The answer to a program that exchanges a code."""
    form = {
        "grant_type": "authorization_code",
        "client_id": str(client_id),
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    return Program(app).send_form("/oauth/token", form | changes)


def refreshed(app: Flask, client_id: UUID, token: str, **changes: str) -> TestResponse:
    """The answer to a program that sends a refresh token."""
    form = {"grant_type": "refresh_token", "client_id": str(client_id), "refresh_token": token}
    return Program(app).send_form("/oauth/token", form | changes)


def tokens_of(
    app: Flask, browser: Client, client_id: UUID, scope: str, **fields: Any
) -> dict[str, Any]:
    """The tokens of a program that the reader lets act for them."""
    code = agreed(browser, asking(client_id, scope), **fields)["code"]
    answer = exchanged(app, client_id, code)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json  # type: ignore[assignment] # an object
    return found
