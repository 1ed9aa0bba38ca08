"""Sending one delivery over the network, to an address that was checked a moment before.

The name is resolved once; every address that it has is checked, and the connection goes to one
of those and to nothing else, so that a name whose answer changes in between leads nowhere.
Proxies of the environment are not used, and redirects are not followed.
"""

import json
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from openslot.webhooks.errors import BadAddress, NotSecure, PrivateAddress
from openslot.webhooks.rules import Address, check_reachable, read_address

CONNECTS_WITHIN = 4.0
"""Seconds until the next of a name's addresses is tried."""

ANSWERS_WITHIN = 10.0
"""Seconds for all of one try, however slowly the other side talks."""

TRIED_ADDRESSES = 2
READ_BYTES = 4096
"""Of an answer; the rest is never read."""

KEPT_LETTERS = 200
GONE = 410
TOO_LATE = "No answer came in time."


@dataclass(frozen=True, slots=True)
class Target:
    """An address, with all the IP addresses that its name leads to now; every one is allowed."""

    address: Address
    leads_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be sent where, and signed with what."""

    url: str
    delivery_id: UUID
    payload: Mapping[str, Any]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try went: the status of the answer, None where none came, and a line about it."""

    status: int | None
    words: str

    @property
    def is_good(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


def find(url: str, networks: Sequence[str]) -> Target:
    """Where an address leads, now. Asks the name service, so not for use in a transaction.

    Raises BadAddress, PrivateAddress and NotSecure. A name that leads nowhere yet is taken.
    """
    address = read_address(url)
    leads_to = _resolved(address)
    check_reachable(address, leads_to, networks)
    return Target(address, leads_to)


def send(
    parcel: Parcel, networks: Sequence[str], *, now: datetime, within: float = ANSWERS_WITHIN
) -> Answer:
    """Send it, and say how that went. Never raises for anything that the other side does."""
    try:
        target = find(parcel.url, networks)
    except (BadAddress, PrivateAddress, NotSecure) as error:
        return Answer(None, str(error))
    if not target.leads_to:
        return Answer(None, "This name leads to no address.")
    body = json.dumps(parcel.payload, separators=(",", ":"))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "OpenSlot-Webhooks",
        "Connection": "close",
        **signed(parcel, body, now=now),
    }
    return _ask(target, body.encode(), headers, within)


def signed(parcel: Parcel, body: str, *, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0; a signature for each secret."""
    moment, name = now.astimezone(UTC), str(parcel.delivery_id)
    signatures = [Webhook(one).sign(name, moment, body) for one in parcel.secrets]
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


class Line(HTTPConnection):
    """A connection to one IP address; name and certificate stay those of the host."""

    def __init__(self, address: Address, leads_to: str, within: float):
        super().__init__(address.host, address.port, timeout=min(CONNECTS_WITHIN, within))
        self.default_port = 443 if address.secure else 80
        self._leads_to, self._secure, self._within = leads_to, address.secure, within
        self._socket: socket.socket | None = None
        self.is_late = False

    @property
    def was_open(self) -> bool:
        """Whether somebody picked up."""
        return self._socket is not None

    def connect(self) -> None:
        """Connect, and have the other side prove who it is, as far as https does."""
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
        """Called by a timer: whoever waits for this connection wakes up to its end."""
        self.is_late = True
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes apart what the other thread is using.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _ask(target: Target, body: bytes, headers: Mapping[str, str], within: float) -> Answer:
    """Of several addresses the next is tried only where nobody picked up."""
    answer = Answer(None, "")
    for leads_to in target.leads_to[:TRIED_ADDRESSES]:
        line = Line(target.address, leads_to, within)
        answer = _ask_one(line, target.address.path, body, headers, within)
        if line.was_open:
            break
    return answer


def _ask_one(
    line: Line, path: str, body: bytes, headers: Mapping[str, str], within: float
) -> Answer:
    timer = threading.Timer(within, line.break_off)
    timer.daemon = True
    timer.start()
    try:
        line.request("POST", path, body, dict(headers))
        with line.getresponse() as response:
            if line.is_late:  # its headers were cut short: they are no answer
                return Answer(None, TOO_LATE)
            return Answer(response.status, _words(response))
    except (OSError, HTTPException) as error:
        return Answer(None, reason(error, is_late=line.is_late))
    finally:
        timer.cancel()
        line.close()


def _words(response: HTTPResponse) -> str:
    """The status and the beginning of the body, on one line that a table can keep."""
    with suppress(OSError, HTTPException):
        text = response.read(READ_BYTES).decode("utf-8", "replace")
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return f"{response.status} {line}".strip()[:KEPT_LETTERS]
    return str(response.status)


def reason(error: Exception, *, is_late: bool) -> str:
    """What went wrong, in our own words: those of libraries quote addresses and keys."""
    if is_late or isinstance(error, TimeoutError):
        return TOO_LATE
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The certificate does not prove that this is the host of the address."
    if isinstance(error, ssl.SSLError):
        return "No secure connection could be made."
    if isinstance(error, ConnectionRefusedError):
        return "The host refused the connection."
    return "The connection ended before an answer came."


def _resolved(address: Address) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))
