"""The HTTP client for deliveries, which connects only to addresses that it has just checked.

The host name is resolved once. Every IP address of it is checked, and the connection goes to one of
these, so that a changed DNS answer leads nowhere (DNS rebinding). Proxies of the environment are
not used, and redirects are not followed.
"""

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from openslot.core import tracing
from openslot.core.deadline import ends_within
from openslot.core.tracing import Kind
from openslot.webhooks.errors import BadAddress, NotSecure, PrivateAddress
from openslot.webhooks.rules import Address, check_reachable, read_address

CONNECTS_WITHIN = 4.0
"""Seconds before the next IP address is tried."""

ANSWERS_WITHIN = 10.0
"""Seconds for a whole attempt, however slowly the server answers."""

TRIED_ADDRESSES = 2
READ_BYTES = 4096
"""The part of an answer that is read."""

KEPT_LETTERS = 200
GONE = 410
BUSY = frozenset({429, 503})
TOO_LATE = "The server did not answer in time."


@dataclass(frozen=True, slots=True)
class Target:
    """An address and all the IP addresses that its name has now; every one is allowed."""

    address: Address
    leads_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A request to send: the address, the payload and the secrets to sign it with."""

    url: str
    delivery_id: UUID
    payload: Mapping[str, Any]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of an attempt: the HTTP status, None without an answer, a line of text, and the
    header Retry-After."""

    status: int | None
    words: str
    retry_after: str | None = None

    @property
    def is_good(self) -> bool:
        """True if the receiver accepted the delivery."""
        return self.status is not None and 200 <= self.status < 300


def find(url: str, networks: Sequence[str]) -> Target:
    """Return where an address leads now. It uses DNS, so do not call it in a transaction.

    Raise BadAddress, PrivateAddress and NotSecure. A name without any IP address yet is accepted.
    """
    address = read_address(url)
    leads_to = _resolved(address)
    check_reachable(address, leads_to, networks)
    return Target(address, leads_to)


def send(
    parcel: Parcel, networks: Sequence[str], *, now: datetime, within: float = ANSWERS_WITHIN
) -> Answer:
    """Send a delivery and return the result. Nothing that the receiver does raises an error."""
    body = json.dumps(parcel.payload, separators=(",", ":"))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "OpenSlot-Webhooks",
        **signed(parcel, body, now=now),
    }
    return post(parcel.url, body.encode(), headers, networks, within=within)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    networks: Sequence[str],
    *,
    within: float = ANSWERS_WITHIN,
) -> Answer:
    """Post to an address and return the result. Nothing that the receiver does raises an error."""
    try:
        target = find(url, networks)
    except (BadAddress, PrivateAddress, NotSecure) as error:
        return Answer(None, str(error))
    if not target.leads_to:
        return Answer(None, "The host name was not found.")
    return _post_to_target(target, body, {**headers, "Connection": "close"}, within)


def signed(parcel: Parcel, body: str, *, now: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks 1.0, with a signature for each secret."""
    moment, webhook_id = now.astimezone(UTC), str(parcel.delivery_id)
    signatures = [Webhook(secret).sign(webhook_id, moment, body) for secret in parcel.secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


class Line(HTTPConnection):
    """A connection to one IP address; name and certificate are checked as those of the host."""

    def __init__(self, address: Address, leads_to: str, within: float):
        super().__init__(address.host, address.port, timeout=min(CONNECTS_WITHIN, within))
        self.default_port = 443 if address.secure else 80
        self._leads_to, self._secure, self._within = leads_to, address.secure, within
        self._socket: socket.socket | None = None
        self.is_late = False

    @property
    def was_open(self) -> bool:
        """True if a connection was made."""
        return self._socket is not None

    def connect(self) -> None:
        """Connect, with a TLS handshake for https."""
        self.sock = self._socket = socket.create_connection(
            (self._leads_to, self.port), self.timeout
        )
        self.sock.settimeout(self._within)
        if self._secure:
            context = ssl.create_default_context()
            self.sock = self._socket = context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self._socket.do_handshake()

    def break_off(self) -> None:
        """End the connection from a timer; the thread that waits for it gets an error."""
        self.is_late = True
        if self._socket is not None:
            with suppress(OSError):
                # SSLSocket.shutdown would discard the TLS object that the other thread is using.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _post_to_target(
    target: Target, body: bytes, headers: Mapping[str, str], within: float
) -> Answer:
    """Post to the first IP address; try the next one only if no connection was made."""
    answer = Answer(None, "")
    for leads_to in target.leads_to[:TRIED_ADDRESSES]:
        connection = Line(target.address, leads_to, within)
        answer = _post(connection, target.address.path, body, headers, within)
        if connection.was_open:
            break
    return answer


def _post(line: Line, path: str, body: bytes, headers: Mapping[str, str], within: float) -> Answer:
    try:
        with tracing.span("POST", Kind.CLIENT) as span, ends_within(within, line.break_off):
            line.request("POST", path, body, {**headers, **tracing.headers()})
            with line.getresponse() as response:
                span.set(http__response__status_code=response.status)
                if line.is_late:  # the headers may be cut short
                    return Answer(None, TOO_LATE)
                retry_after = response.getheader("Retry-After")
                return Answer(response.status, _summary(response), retry_after)
    except (OSError, HTTPException) as error:
        return Answer(None, reason(error, is_late=line.is_late))
    finally:
        line.close()


def _summary(response: HTTPResponse) -> str:
    """Return the status and the start of the body on one line, short enough for the table."""
    with suppress(OSError, HTTPException):
        text = response.read(READ_BYTES).decode("utf-8", "replace")
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return f"{response.status} {line}".strip()[:KEPT_LETTERS]
    return str(response.status)


def reason(error: Exception, *, is_late: bool) -> str:
    """Return what went wrong in fixed words, because those of libraries quote addresses and
    keys."""
    if is_late or isinstance(error, TimeoutError):
        return TOO_LATE
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The certificate is not valid for this host."
    if isinstance(error, ssl.SSLError):
        return "A secure connection could not be made."
    if isinstance(error, ConnectionRefusedError):
        return "The host refused the connection."
    return "The connection ended before the server answered."


def _resolved(address: Address) -> tuple[str, ...]:
    try:
        addresses = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(socket_address[0]) for *_, socket_address in addresses))
