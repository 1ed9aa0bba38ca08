"""A real HTTP server on the loopback interface that is told of events, with the moods of real
ones: ``with receiver() as there: ...`` serves ``there.url``; what it got is in ``there.taken``."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook

from clinic import NOW
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.webhooks import commands, queries
from openslot.webhooks.events import Event
from openslot.webhooks.models import Delivery, Endpoint
from openslot.webhooks.sending import find
from working import work

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True)
class Letter:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def is_signed_with(self, secret: str, *, at: datetime = NOW) -> bool:
        """Whether the library of receivers takes it."""
        with time_machine.travel(at, tick=False):
            try:
                Webhook(secret).verify(self.body, self.headers)
            except Exception:
                return False
            return True


@dataclass
class Receiver:
    """What it answers, and what it got."""

    port: int = 0
    status: int = 204
    answer: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False
    before: Callable[[], None] = lambda: None
    taken: list[Letter] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?from=openslot"


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A server that runs in threads until the block ends."""
    there = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.take(self.rfile.read(int(self.headers["Content-Length"])), there.status)

        def do_GET(self) -> None:
            asked = self.headers.get("If-None-Match")
            known = asked is not None and asked == there.headers.get("ETag")
            self.take(b"", 304 if known else there.status)

        def take(self, body: bytes, status: int) -> None:
            there.taken.append(Letter(self.path, dict(self.headers), body))
            there.before()
            if there.drips:
                self.drip()
                return
            self.send_response(status)
            for name, value in there.headers.items():
                self.send_header(name, value)
            answer = b"" if status == 304 else there.answer
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def drip(self) -> None:
            """A header that never ends, a letter at a time."""
            self.wfile.write(there.answer or b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not there.ends.wait(0.02):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """A client that hangs up is no fault of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    there.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield there
    finally:
        there.ends.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def certified(folder: Path, name: str) -> ssl.SSLContext:
    """A server's TLS with a certificate for ``name``, which stands in ``certificate.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


def settings() -> Settings:
    """Settings under which the loopback interface may be told of events."""
    return Settings(_env_file=None, webhook_networks=LOOPBACK, calendar_networks=LOOPBACK)


def tell(database: Database, url: str, *events: Event, at: datetime = NOW) -> Endpoint:
    """Add an endpoint, for every event unless some are named."""
    target = find(url, LOOPBACK)
    return database.run(
        lambda session: commands.create(work(session, SYSTEM, at), target, events or tuple(Event))
    )


def deliveries(database: Database, endpoint: Endpoint) -> list[Delivery]:
    """All that it was to be told, the oldest first."""
    with database.reading() as session:
        return list(queries.deliveries(session, endpoint.id, limit=1000))[::-1]


def again(database: Database, endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is now."""
    return database.read(lambda session: queries.endpoint(session, endpoint.id))
