"""Clients that neither send nor take what is next hold no thread: others are answered."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from socket import SHUT_WR, SO_RCVBUF, SOL_SOCKET, socket

import pytest

from faults.serving_process import free_port, serving, status, until, until_ready
from openslot.app import LARGEST_REQUEST

TOKENS = b"POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LOGIN = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
BODY = b"Content-Length: 1000\r\n\r\n"
LARGE_ANSWER = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"

BEGINNINGS = {
    "nothing": (b"", b""),
    "empty lines": (b"\r\n", b"\r\n"),
    "headers": (b"POST /login HTTP/1.1\r\nHost:", b"x"),
    "a form": (LOGIN + BODY + b"email=", b"a"),
    "JSON": (TOKENS + BODY + b"{", b" "),
    "chunks": (TOKENS + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
    "after 100": (TOKENS + b"Expect: 100-continue\r\n" + BODY, b" "),
    "too much": (TOKENS + b"Content-Length: 99999999999\r\n\r\n{", b" "),
    "a second request": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + TOKENS + BODY, b" "),
    "a body to a page": (b"GET /login HTTP/1.1\r\nHost: localhost\r\n" + BODY, b" "),
}
"""What a client sends at first, and what it adds now and then."""

CLIENTS = 200
BODY_SECONDS = 3


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with one web process, which waits for bodies for BODY_SECONDS."""
    data, number = tmp_path_factory.mktemp("slow"), free_port()
    words = ("--workers", "1", "--no-worker")
    with serving(data, number, *words, OPENSLOT_BODY_SECONDS=str(BODY_SECONDS)):
        until_ready(number)
        until(lambda: status(number, "/login") == 200)  # the first page of a process takes longer
        yield number


@contextmanager
def connected(port: int, number: int, *, window: int | None = None) -> Iterator[list[socket]]:
    with ExitStack() as stack:
        clients = []
        for _ in range(number):
            client = stack.enter_context(socket())
            client.settimeout(20)
            if window:
                client.setsockopt(SOL_SOCKET, SO_RCVBUF, window)
            client.connect(("127.0.0.1", port))
            clients.append(client)
        yield clients


def all_of(client: socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    try:
        while some := client.recv(65536):
            received += some
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_who_does_not_finish_a_request_holds_up_nobody(port: int, kind: str) -> None:
    first, more = BEGINNINGS[kind]
    with connected(port, CLIENTS) as clients:
        for client in clients:
            client.sendall(first)
        for _ in range(2):
            assert status(port, "/healthz", within=5) == 200
            assert status(port, "/login", within=5) == 200
            for client in clients:
                with suppress(ConnectionError):  # some were refused at once
                    client.send(more)


def test_who_stops_sending_for_good_holds_up_nobody(port: int) -> None:
    with connected(port, CLIENTS) as clients:
        for client in clients:
            client.sendall(TOKENS + BODY + b"{")
            client.shutdown(SHUT_WR)
        assert status(port, "/login") == 200


def test_who_does_not_take_a_large_answer_holds_up_nobody(port: int) -> None:
    with connected(port, CLIENTS, window=2048) as clients:
        for client in clients:
            client.sendall(LARGE_ANSWER * 3)
        until(lambda: status(port, "/login") == 200)
        assert status(port) == 200


def test_a_body_that_drips_is_refused_in_time(port: int) -> None:
    with connected(port, 1) as [client]:
        client.sendall(TOKENS + BODY)
        began, received = time.monotonic(), b""
        client.settimeout(0.2)
        while not received:
            client.send(b" ")
            try:
                received = client.recv(65536)
            except TimeoutError:
                assert time.monotonic() - began < BODY_SECONDS + 20
        assert received.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in received
        assert time.monotonic() - began >= BODY_SECONDS


def test_headers_without_end_close_the_connection(port: int) -> None:
    with connected(port, 1) as [client]:
        with suppress(ConnectionError):
            client.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 2_000_000)
        assert all_of(client) == b""


@pytest.mark.parametrize("size", [LARGEST_REQUEST + 1, 10_000_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_too_large_a_body_is_answered_as_one(port: int, size: int, chunked: bool) -> None:
    client = HTTPConnection("127.0.0.1", port, timeout=30)
    parts = iter([b"x" * size]) if chunked else b"x" * size
    client.request("POST", "/api/v1/tokens", parts, {"Content-Type": "application/json"})
    answer = client.getresponse()
    assert (answer.status, b'"code":"too-large"' in answer.read()) == (413, True)
    client.close()


def test_who_asks_first_need_not_send_too_large_a_body(port: int) -> None:
    with connected(port, 1) as [client]:
        client.sendall(TOKENS + b"Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n")
        assert all_of(client).startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_read_whole(port: int) -> None:
    client = HTTPConnection("127.0.0.1", port, timeout=30)
    parts = iter([b'{"email": "a@b.example",', b" " * 70_000, b'"password": "wrong"}'])
    client.request("POST", "/api/v1/tokens", parts, {"Content-Type": "application/json"})
    assert client.getresponse().status == 401
    client.close()
