"""An identity provider on the loopback interface, which signs whatever a test has it sign.

``with provider() as there: ...`` serves ``there.issuer``. ``there.approve(address, sub="…")`` is
what a person does there: it takes the address that a browser was sent to and returns the one to
which the browser goes back. The real one of the tests is oidc-provider-mock.
"""

import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from openslot.core import clock

CLIENT, SECRET = "openslot", "a secret: with & signs"


def new_key() -> RSAKey:
    """A key pair with a name of its own."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})


@dataclass
class Provider:
    """What it answers, and what it was asked."""

    port: int = 0
    key: RSAKey = field(default_factory=new_key)
    other_keys: list[Any] = field(default_factory=list)
    offer: dict[str, Any] = field(default_factory=dict)
    sign: Callable[["Provider", dict[str, Any]], str] | None = None
    asked: dict[str, str] = field(default_factory=dict)
    codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/realm"

    def approve(self, address: str, *, names_itself: bool = False, **claims: Any) -> str:
        """Sign in there as the person with these claims; None leaves one out."""
        assert address.startswith(f"{self.issuer}/authorize?"), address
        self.asked = asked = dict(parse_qsl(urlsplit(address).query))
        code = secrets.token_hex(8)
        self.codes[code] = (asked, claims)
        sent = {"code": code, "state": asked["state"]}
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?{urlencode(sent | ({'iss': self.issuer} if names_itself else {}))}"

    def token(self, asked: dict[str, str], claims: dict[str, Any]) -> str:
        now = int(clock.now().timestamp())
        whole = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "person-1",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked["nonce"],
            **claims,
        }
        left = {name: value for name, value in whole.items() if value is not None}
        return self.sign(self, left) if self.sign else self.signed(left)

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, Any]:
        self.answers.append(path)
        if path == "/realm/.well-known/openid-configuration":
            ways = ("authorize", "token", "keys", "out")
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
            ends = {name: f"{self.issuer}/{way}" for name, way in zip(names, ways, strict=True)}
            return 200, {"issuer": self.issuer} | ends | self.offer
        if path == "/realm/keys":
            return 200, {"keys": [*self.other_keys, self.key.as_dict(private=False)]}
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        basic = b64decode(headers.get("Authorization", "Basic ").split()[1]).decode()
        assert basic == "openslot:a+secret%3A+with+%26+signs", basic
        asked, claims = self.codes.pop(form["code"], ({}, {}))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        expected = (challenge, form["redirect_uri"])
        if (asked.get("code_challenge"), asked.get("redirect_uri")) != expected:
            return 400, {"error": "invalid_grant"}
        return 200, {"token_type": "Bearer", "id_token": self.token(asked, claims)}


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that runs in threads until the block ends."""
    there = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(b"")

        def do_POST(self) -> None:
            self.reply(self.rfile.read(int(self.headers["Content-Length"])))

        def reply(self, body: bytes) -> None:
            status, found = there.answer(self.path, self.headers, body)
            answer = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    """A port that nothing listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def real_provider(*people: dict[str, Any]) -> Iterator[str]:
    """The issuer of an oidc-provider-mock, a program of its own that knows these people."""
    port = free_port()
    known = [part for one in people for part in ("--user-claims", json.dumps(one))]
    program = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), *known],
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.terminate()
        program.wait()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError


def approve_at(address: str, subject: str) -> str:
    """Press the button of a person at a real provider; return the way back of the browser."""
    parts = urlsplit(address)
    with closing(HTTPConnection(parts.netloc, timeout=5)) as line:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        line.request("POST", f"{parts.path}?{parts.query}", urlencode({"sub": subject}), form)
        back = urlsplit(line.getresponse().headers["Location"])
    return f"{back.path}?{back.query}"
