"""Tokens for signed assertions over HTTP, and every way not to get one."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from flask import Flask
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.test import TestResponse

from entrypoints.programs import Program
from openslot.app import create_app
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity.assertions import create_client
from working import work

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
URL = "http://localhost/oauth/token"
EC = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
OTHER = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
NEW = ECKey.generate_key("P-384", {"kid": "new"}, private=True)


def public(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def registered(database: Database, jwks_url: str | None = None) -> str:
    """The id of a client."""
    jwks = None if jwks_url else public(EC, RSA)
    client = database.run(
        lambda session: create_client(
            work(session, Actor(), datetime.now(UTC)),
            "Booking hub",
            ["system/Slot.rs", "system/Schedule.rs"],
            jwks=jwks,
            jwks_url=jwks_url,
        )
    )
    return str(client.id)


@pytest.fixture
def client(network: Database) -> str:
    return registered(network)


def signed(
    client: str, key: Any = EC, alg: str = "ES384", kid: str | None = None, **changes: Any
) -> str:
    claims = {
        "iss": client,
        "sub": client,
        "aud": URL,
        "jti": str(uuid4()),
        "exp": int(datetime.now(UTC).timestamp()) + 240,
    } | changes
    return jwt.encode({"alg": alg, "kid": kid or key.kid}, claims, key, algorithms=[alg])


def ask(app: Flask, assertion: str | None, **more: str) -> TestResponse:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": TYPE,
        "client_assertion": assertion or "",
    } | more
    return app.test_client(use_cookies=False).post("/oauth/token", data=form)


def refusal(answer: TestResponse) -> tuple[int, str]:
    body: dict[str, str] = answer.json  # type: ignore[assignment] # an object
    assert set(body) == {"error", "error_description"}
    assert body["error_description"].isascii()
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, body["error"]


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES384"), (RSA, "RS384")])
def test_a_signed_assertion_gets_a_token_that_works(
    app: Flask, client: str, key: Any, alg: str
) -> None:
    known = app.test_client().get("/.well-known/smart-configuration").json
    assert known["token_endpoint"] == URL  # type: ignore[index] # an object
    answer = ask(app, signed(client, key, alg), scope="system/Slot.rs system/Patient.rs")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json  # type: ignore[assignment] # an object
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "bearer",
        300,
        "system/Slot.rs",
    )
    assert answer.headers["Cache-Control"] == "no-store"
    program = Program(app, body["access_token"])
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    assert program.get(f"/fhir/Slot?start={day}")["resourceType"] == "Bundle"
    assert program.send("GET", "/fhir/Patient").status_code == 403


def test_the_audience_is_the_public_address(
    settings: Settings, network: Database, client: str
) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://slots.example/"}))
    good = signed(client, aud="https://slots.example/oauth/token")
    assert ask(app, good).status_code == 200
    assert refusal(ask(app, signed(client))) == (401, "invalid_client")
    app.extensions["openslot"].database.close()


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "https://elsewhere.example/token"},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"sub": "x"},
        {"iss": "x"},
        {"jti": ""},
        {"key": OTHER},
        {"kid": "unknown"},
        {"key": RSA, "alg": "RS384", "kid": "ec"},
        {"jti": 7},
        {"aud": None},
    ],
    ids=lambda change: " ".join(change),
)
def test_assertions_that_do_not_hold_are_refused(
    app: Flask, client: str, change: dict[str, Any]
) -> None:
    assert refusal(ask(app, signed(client, **change))) == (401, "invalid_client")


def test_a_client_id_names_the_client_of_the_assertion(app: Flask, client: str) -> None:
    """RFC 7521, 4.2."""
    assert ask(app, signed(client), client_id=client).status_code == 200
    for other in ("x", str(uuid4()), client.upper()):
        answer = ask(app, signed(client), client_id=other)
        assert refusal(answer) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("system/Slot.r", "system/Slot.r"),
        ("system/Slot.read", "system/Slot.read"),
        ("system/*.rs", "system/Schedule.rs system/Slot.rs"),
        ("system/Slot.cruds", "system/Slot.rs"),
    ],
)
def test_less_than_what_is_registered_is_given(
    app: Flask, client: str, asked: str, given: str
) -> None:
    answer = ask(app, signed(client), scope=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json["scope"] == given  # type: ignore[index] # an object


@pytest.mark.parametrize("path", ["/fhir/Patient", "/api/v1/me", "/api/v1/keys"])
def test_a_refused_token_is_told_why(app: Flask, client: str, path: str) -> None:
    """RFC 6750, 3 and 3.1."""

    def challenge(token: str | None) -> tuple[int, str | None]:
        answer = Program(app, token).send("GET", path)
        return answer.status_code, answer.headers.get("WWW-Authenticate")

    assert challenge(None) == (401, 'Bearer realm="OpenSlot"')
    assert challenge("nonsense") == (401, 'Bearer realm="OpenSlot", error="invalid_token"')
    token = ask(app, signed(client)).json["access_token"]  # type: ignore[index] # an object
    status, said = challenge(token)
    if path != "/api/v1/me":
        wanted = "system/Patient.s" if "fhir" in path else "manage"
        assert (status, said) == (
            403,
            f'Bearer realm="OpenSlot", error="insufficient_scope", scope="{wanted}"',
        )


def test_an_assertion_works_once(app: Flask, client: str) -> None:
    assertion = signed(client)
    assert ask(app, assertion).status_code == 200
    assert refusal(ask(app, assertion)) == (401, "invalid_client")


def test_an_assertion_without_a_signature_is_refused(app: Flask, client: str) -> None:
    header, claims, _ = signed(client).split(".")
    none = "eyJhbGciOiJub25lIiwia2lkIjoiZWMifQ"  # {"alg":"none","kid":"ec"}
    for forged in (f"{none}.{claims}.", f"{header}.{claims}.", f"{header}.{claims}", "a.b.c", "ü"):
        assert refusal(ask(app, forged)) == (401, "invalid_client")
    assert refusal(ask(app, "x" * 20_000)) == (401, "invalid_client")


def written(header: dict[str, Any], claims: Any, key: Any = None, sign: str = "") -> str:
    """An assertion with a header and claims as they are, signed with ``key`` if one is given."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode()]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    if isinstance(key, bytes):
        made = hmac.new(key, text.encode(), hashlib.sha256).digest()
        sign = base64.urlsafe_b64encode(made).decode().rstrip("=")
    elif key is not None:
        return jws.serialize_compact(header, json.dumps(claims), key, algorithms=[header["alg"]])
    return f"{text}.{sign}"


def claims_of(client: str, **changes: Any) -> dict[str, Any]:
    """Good claims but for ``changes``; None takes one out."""
    claims = {
        "iss": client,
        "sub": client,
        "aud": URL,
        "jti": str(uuid4()),
        "exp": int(datetime.now(UTC).timestamp()) + 240,
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


@pytest.mark.parametrize("key", [EC, RSA], ids=["ec", "rsa"])
@pytest.mark.parametrize("form", ["pem", "der", "jwk", "n"])
def test_a_public_key_is_no_secret(app: Flask, client: str, key: Any, form: str) -> None:
    """Whoever signs with HS256 and our copy of the public key proves nothing."""
    known = key.as_dict(private=False)
    secret = {
        "pem": key.as_pem(private=False),
        "der": key.as_der(private=False),
        "jwk": json.dumps(known).encode(),
        "n": known.get("n", known.get("x")).encode(),
    }
    header = {"alg": "HS256", "kid": key.kid}
    forged = written(header, claims_of(client), secret[form])
    assert refusal(ask(app, forged)) == (401, "invalid_client")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 7, ["ES384"], "HS384"])
def test_no_spelling_of_none_is_an_algorithm(app: Flask, client: str, alg: Any) -> None:
    for sign in ("", "AAAA"):
        forged = written({"alg": alg, "kid": "ec"}, claims_of(client), sign=sign)
        assert refusal(ask(app, forged)) == (401, "invalid_client")


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_comes_along_proves_nothing(app: Flask, client: str, name: str) -> None:
    own = {"jwk": OTHER.as_dict(private=False), "jku": "http://127.0.0.1:9/", "x5c": ["AAAA"]}
    header = {"alg": "ES384", "kid": "ec", name: own.get(name, "http://127.0.0.1:9/")}
    forged = written(header, claims_of(client), OTHER)
    assert refusal(ask(app, forged)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "change",
    [
        {"jti": None},
        {"exp": None},
        {"aud": None},
        {"iss": None},
        {"sub": None},
        {"exp": True},
        {"exp": "4000000000"},
        {"exp": 10**400},
        {"exp": -(10**400)},
        {"exp": 1e300},
        {"exp": 1.5},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": []},
        {"aud": []},
        {"aud": {}},
        {"aud": [URL + "x"]},
        {"aud": URL + "/"},
        {"aud": URL.upper()},
        {"jti": "x" * 201},
        {"jti": ["a"]},
        {"jti": {}},
        {"sub": "0190b3c2-8c53-7000-8000-000000000000"},
        {"iss": {}},
        {"iss": 10**30},
        {"iss": "\ud800"},
        {"sub": ["x"]},
    ],
    ids=lambda change: (
        " ".join(f"{name} {str(value)[:12]}" for name, value in change.items())
        .encode("ascii", "backslashreplace")
        .decode()
    ),
)
def test_signed_claims_that_do_not_hold_are_refused(
    app: Flask, client: str, change: dict[str, Any]
) -> None:
    """Signed by the client itself, so that nothing else is wrong."""
    assertion = written({"alg": "ES384", "kid": "ec"}, claims_of(client, **change), EC)
    assert refusal(ask(app, assertion)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "later",
    [600, 600.5, 10**400, float("inf"), "soon"],
    ids=["600", "600.5", "huge", "inf", "soon"],
)
def test_an_assertion_for_later_is_refused(app: Flask, client: str, later: Any) -> None:
    begins = later if isinstance(later, str) else int(datetime.now(UTC).timestamp()) + later
    assertion = written({"alg": "ES384", "kid": "ec"}, claims_of(client, nbf=begins), EC)
    assert refusal(ask(app, assertion)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "ES384"},
        {"alg": "ES384", "kid": 7},
        {"alg": "ES384", "kid": ["ec"]},
        {"alg": "ES384", "kid": {}},
        {"alg": "ES384", "kid": "ec", "crit": ["exp"]},
        {"alg": "ES384", "kid": "ec", "crit": "x"},
        {"alg": "ES384", "kid": "ec", "b64": False},
        {"alg": "ES384", "kid": "\ud800"},
        {"kid": "ec"},
        {"alg": "RS384", "kid": "ec"},
        {},
    ],
    ids=lambda header: json.dumps(header),
)
def test_odd_headers_are_refused(app: Flask, client: str, header: dict[str, Any]) -> None:
    for sign in ("", "AAAA", "A" * 128, "\u00e9", "="):
        forged = written(header, claims_of(client), sign=sign)
        assert refusal(ask(app, forged)) == (401, "invalid_client")


@pytest.mark.parametrize("claims", [[], None, 7, "x", [[]], {"iss": None}], ids=str)
def test_claims_that_are_none_are_refused(app: Flask, claims: Any) -> None:
    for signed_by in (None, EC):
        forged = written({"alg": "ES384", "kid": "ec"}, claims, signed_by)
        assert refusal(ask(app, forged)) == (401, "invalid_client")


def test_a_jti_of_odd_letters_is_only_a_jti(app: Flask, client: str) -> None:
    claims = {
        "iss": client,
        "sub": client,
        "aud": URL,
        "jti": "\ud800",
        "exp": int(datetime.now(UTC).timestamp()) + 240,
    }
    header = {"alg": "ES384", "kid": "ec"}
    written = json.dumps(claims)  # half a character, as an escape
    assertion = jws.serialize_compact(header, written, EC, algorithms=["ES384"])
    assert ask(app, assertion).status_code == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_assertion_type": "x"}, "invalid_request"),
        ({"scope": "system/Patient.rs"}, "invalid_scope"),
    ],
    ids=str,
)
def test_other_requests_are_refused_in_words_of_oauth(
    app: Flask, client: str, change: dict[str, str], error: str
) -> None:
    assert refusal(ask(app, signed(client), **change)) == (400, error)


def test_what_is_no_form_is_refused(app: Flask) -> None:
    sender = app.test_client()
    assert refusal(sender.post("/oauth/token", json={})) == (400, "invalid_request")
    twice = {"grant_type": ["client_credentials", "password"]}
    assert refusal(sender.post("/oauth/token", data=twice)) == (400, "invalid_request")
    assert refusal(sender.get("/oauth/token")) == (405, "invalid_request")


@dataclass
class KeyServer:
    """A real server with a key set, on the loopback interface."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with serving(KeyServer(body=json.dumps(public(EC)).encode())) as there:
        yield there


@contextmanager
def serving(there: KeyServer) -> Iterator[KeyServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked.append(self.path)
            self.send_response(there.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(there.body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.url = f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def app_inside(settings: Settings) -> Iterator[Flask]:
    """An app that may fetch from the loopback interface."""
    app = create_app(settings.model_copy(update={"webhook_networks": ("127.0.0.0/8",)}))
    yield app
    app.extensions["openslot"].database.close()


def test_keys_are_fetched_and_remembered(
    app_inside: Flask, network: Database, keys: KeyServer
) -> None:
    client = registered(network, keys.url)
    start = datetime.now(UTC)

    def status(seconds: int, key: Any = EC) -> int:
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            return ask(app_inside, signed(client, key)).status_code

    assert [status(0), status(1), len(keys.asked)] == [200, 200, 1]
    keys.body = json.dumps(public(NEW)).encode()
    assert [status(5, NEW), len(keys.asked)] == [401, 1]  # anybody can name a key: not so soon
    assert [status(60, NEW), len(keys.asked)] == [200, 2]
    assert [status(359, NEW), len(keys.asked)] == [200, 2]
    assert [status(361, NEW), len(keys.asked)] == [200, 3]
    assert [status(400), len(keys.asked)] == [401, 4]  # the old key is withdrawn


def _redirects(there: KeyServer) -> None:
    there.status = 302


def _too_long(there: KeyServer) -> None:
    there.body += b" " * 70_000


def _no_keys(there: KeyServer) -> None:
    there.body = b'{"keys": [7]}'


def _private(there: KeyServer) -> None:
    there.body = json.dumps({"keys": [EC.as_dict(private=True)]}).encode()


@pytest.mark.parametrize("spoil", [_redirects, _too_long, _no_keys, _private])
def test_an_address_without_good_keys_proves_nothing(
    app_inside: Flask, network: Database, keys: KeyServer, spoil: Callable[[KeyServer], None]
) -> None:
    spoil(keys)
    client = registered(network, keys.url)
    assert refusal(ask(app_inside, signed(client))) == (401, "invalid_client")
    assert keys.asked == ["/jwks.json"]


def test_keys_are_not_fetched_from_inside_unless_the_settings_allow_it(
    app: Flask, network: Database, keys: KeyServer
) -> None:
    client = registered(network, keys.url)
    assert refusal(ask(app, signed(client))) == (401, "invalid_client")
    assert keys.asked == []
