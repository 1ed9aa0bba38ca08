"""What a client sends, read from an event loop and given to the application as WSGI has it."""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import unquote_to_bytes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

IN_MEMORY = 64 * 1024
"""Bytes of a body that are kept in memory; a larger one waits in a file."""

DISCARDED = 64 * 1024 * 1024
"""Bytes of too large a body that are read all the same: who still sends sees no answer."""

LISTS = {"HTTP_COOKIE": "; "}
"""What is put between the values of a header that comes several times; else a comma."""


class Gone(Exception):
    """The client closed the connection."""


@dataclass
class Body:
    """A body, kept in a file. ``size`` is None where there is none."""

    file: IO[bytes] = field(default_factory=BytesIO)
    size: int | None = None
    is_read: bool = True

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_error: object) -> None:
        self.file.close()


def has_body(scope: Scope) -> bool:
    """Whether the client sends a body, as its headers say."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def read(scope: Scope, receive: Receive, largest: int) -> Body:
    """Read the body, or Gone. Of more than ``largest`` bytes none is kept, and ``is_read`` is
    false where the client was not heard out."""
    body = Body(SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - closed with the body
    try:
        await _fill(body, scope, receive, largest)
    except BaseException:
        body.file.close()
        raise
    return body


async def _fill(body: Body, scope: Scope, receive: Receive, largest: int) -> None:
    declared = int(header(scope, b"content-length") or 0)
    if declared > largest and (header(scope, b"expect") or declared > DISCARDED):
        body.size, body.is_read = declared, False
        return
    size, more = 0, True
    while more and size <= DISCARDED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        size += len(message["body"])
        if size <= largest:
            body.file.write(message["body"])
        more = message["more_body"]
    body.size, body.is_read = size, not more
    body.file.seek(0)


def header(scope: Scope, name: bytes) -> bytes:
    """The value of a header in lower case, or nothing."""
    return next((value.lower() for key, value in scope["headers"] if key == name), b"")


def environ_of(scope: Scope, body: Body) -> dict[str, Any]:
    """The request as PEP 3333 has it; the size of its body is always told."""
    client, server = scope["client"] or ("", 0), scope["server"] or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body.file,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_headers(scope),
    }
    if body.size is not None:
        environ["CONTENT_LENGTH"] = str(body.size)
    return environ


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        # With an underscore it would be taken for another header, such as a trusted proxy's.
        if b"_" in name or name in (b"content-length", b"transfer-encoding"):
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        text = value.decode("latin-1")
        found[key] = f"{found[key]}{LISTS.get(key, ',')}{text}" if key in found else text
    return found
