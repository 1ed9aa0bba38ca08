"""Reads request bodies from the event loop, and turns ASGI requests into WSGI ones."""

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
"""Maximum bytes of a body in memory; a larger one is stored in a file."""

DISCARDED = 64 * 1024 * 1024
"""Bytes of a too large body that are read and discarded: a client that still sends does not read
the response."""

LISTS = {"HTTP_COOKIE": "; "}
"""Separators between the values of a repeated header; a comma for all others."""


class Gone(Exception):
    """The client closed the connection."""


@dataclass
class Body:
    """A request body in a file; ``size`` is None if there is no body."""

    file: IO[bytes] = field(default_factory=BytesIO)
    size: int | None = None
    is_read: bool = True

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_error: object) -> None:
        self.file.close()


def has_body(scope: Scope) -> bool:
    """Return whether the headers announce a body."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def read(scope: Scope, receive: Receive, largest: int) -> Body:
    """Return the body, or raise Gone.

    A body of more than ``largest`` bytes is discarded; ``is_read`` is false if part of it was not
    read.
    """
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
    """Return the value of a header in lower case, or an empty value."""
    return next((value.lower() for key, value in scope["headers"] if key == name), b"")


def environ_of(scope: Scope, body: Body) -> dict[str, Any]:
    """Return the WSGI environment (PEP 3333); it always has the size of the body."""
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
    values: dict[str, str] = {}
    for name, value in scope["headers"]:
        # An underscore would make it look like another header, for example of a trusted proxy.
        if b"_" in name or name in (b"content-length", b"transfer-encoding"):
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        text = value.decode("latin-1")
        text = text.lower() if key == "HTTP_HOST" else text  # names of hosts have no case
        values[key] = f"{values[key]}{LISTS.get(key, ',')}{text}" if key in values else text
    return values
