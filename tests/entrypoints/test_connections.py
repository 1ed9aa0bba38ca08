"""What a client writes beside the parts of a body that it sends in chunks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from openslot.entrypoints.connections import LARGEST_HEADERS, Connection

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_ONE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LAST = b"0\r\n"
MUCH = 8 * LARGEST_HEADERS


async def _headers_seen(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Answer with the size of the body, once it was read, and the names of the headers."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    names = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d of %s" % (size, names)})


async def _exchange(*sent: bytes) -> bytes:
    """What is received until the connection is closed, where ``sent`` are sent one by one."""
    config = uvicorn.Config(_headers_seen, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.Server(config).server_state
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(config, state, {}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    received = b""
    with suppress(ConnectionError):
        for some in sent:
            writer.write(some)
            await writer.drain()
        async with asyncio.timeout(30):
            received = await reader.read()
    writer.close()
    server.close()
    return received


@pytest.mark.parametrize(
    "endless",
    [LAST + b"X-Long: " + b"x" * MUCH, LAST + b"X: y\r\n" * MUCH, b"1;" + b"x" * MUCH],
    ids=["a header", "headers", "a chunk's words"],
)
def test_what_has_no_end_closes_the_connection(endless: bytes) -> None:
    assert asyncio.run(_exchange(CHUNKED, b"1\r\n{\r\n", endless)) == b""


def test_headers_after_a_body_are_nobodys() -> None:
    late = b"X-Forwarded-For: 10.0.0.1\r\nAuthorization: Bearer mine\r\n"
    received = asyncio.run(_exchange(CHUNKED + b"2\r\n{}\r\n" + LAST + late + b"\r\n", LAST_ONE))
    assert b"2 of host transfer-encoding" in received
    assert b"0 of host connection" in received
    assert b"authorization" not in received
    assert b"x-forwarded-for" not in received


def test_a_body_in_very_small_chunks_is_read_whole() -> None:
    parts = [b"1\r\n \r\n" * 1000] * 100
    received = asyncio.run(_exchange(CHUNKED, *parts, LAST + b"\r\n", LAST_ONE))
    assert b"100000 of host" in received
