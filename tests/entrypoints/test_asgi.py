"""The application behind an event loop: its threads work, and wait for no client."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from threading import Event
from time import sleep
from typing import Any

import pytest

from openslot.entrypoints import asgi
from openslot.entrypoints.asgi import PIECE, AsgiApp, begin
from openslot.entrypoints.bodies import Body, environ_of

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/page",
    "raw_path": b"/page",
    "query_string": b"",
    "http_version": "1.1",
    "scheme": "http",
    "headers": [],
    "client": ("192.0.2.1", 5000),
    "server": ("127.0.0.1", 8000),
}


class Client:
    """A client that takes what it is sent, and each further message only after ``takes``."""

    def __init__(self, *, takes: Awaitable[object] | None = None, gone: bool = False) -> None:
        self.sent: list[dict[str, Any]] = []
        self._takes = takes
        self._gone = gone

    async def receive(self) -> dict[str, Any]:
        if not self._gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if self._takes is not None and message["type"] == "http.response.body":
            await self._takes
            self._takes = None

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(one["body"] for one in self.sent[1:])


def app_of(
    answer: Callable[[], Iterable[bytes]],
    share_of: Callable[[dict[str, Any]], str] | None = None,
    threads: int = 1,
    **more: Any,
) -> AsgiApp:
    """One thread, or one for each share, and an application that answers with ``answer``."""

    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return answer() if environ["PATH_INFO"] == "/page" else [b"other"]

    return AsgiApp(
        application,
        threads=threads,
        largest_body=100,
        body_seconds=5,
        always={"Strict-Transport-Security": "max-age=1"},
        share_of=share_of,
        **more,
    )


async def ask(app: AsgiApp, client: Client, **scope: object) -> Client:
    await app({**SCOPE, **scope}, client.receive, client.send)
    return client


def test_it_is_alive_while_all_threads_wait_and_busy_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "WAITS", 0.05)
    goes_on = Event()

    def answer() -> list[bytes]:
        goes_on.wait(20)
        return [b"done"]

    async def ask_all() -> tuple[Client, Client, Client, Client]:
        app = app_of(answer)
        first = asyncio.create_task(ask(app, Client()))
        await asyncio.sleep(0)  # it has the thread
        alive = await ask(app, Client(), path="/healthz")
        program = await ask(app, Client())
        browser = await ask(app, Client(), headers=[(b"accept", b"text/html")])
        goes_on.set()
        return await first, alive, program, browser

    first, alive, program, browser = asyncio.run(ask_all())
    assert (first.status, alive.status, program.status, browser.status) == (200, 200, 503, 503)
    assert (b"retry-after", b"2") in program.sent[0]["headers"]
    for own in (alive, program, browser):
        assert (b"strict-transport-security", b"max-age=1") in own.sent[0]["headers"]
    assert b"strict-transport-security" not in dict(first.sent[0]["headers"]), "those are its own"
    assert b'"code": "busy"' in program.body
    assert b"Try again" in browser.body
    assert b"{" not in browser.body


def test_one_share_whose_threads_all_wait_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "WAITS", 0.05)
    goes_on = Event()

    def answer() -> list[bytes]:
        goes_on.wait(20)
        return [b"done"]

    async def ask_all() -> list[int]:
        app = app_of(answer, lambda environ: environ["QUERY_STRING"])
        hanging = [asyncio.create_task(ask(app, Client(), query_string=b"alder")) for _ in range(6)]
        await asyncio.sleep(0.2)
        other = await ask(app, Client(), raw_path=b"/other", query_string=b"birch")
        goes_on.set()
        return [other.status, *sorted([(await one).status for one in hanging])]

    assert asyncio.run(ask_all()) == [200, 200, *[503] * 5]


def test_an_answer_that_is_not_taken_holds_no_thread() -> None:
    made: list[int] = []

    def answer() -> Iterable[bytes]:
        for number in range(4):
            made.append(number)
            yield b"x" * PIECE

    async def ask_both() -> tuple[Client, Client, int]:
        app, taken = app_of(answer), asyncio.Event()
        slow = asyncio.create_task(ask(app, Client(takes=taken.wait())))
        await asyncio.sleep(0)  # it has the thread
        other = await ask(app, Client(), raw_path=b"/other")
        made_untaken = len(made)
        taken.set()
        return await slow, other, made_untaken

    slow, other, made_untaken = asyncio.run(ask_both())
    assert other.body == b"other"
    assert made_untaken == 1
    assert slow.body == b"x" * PIECE * 4
    assert [one["more_body"] for one in slow.sent[1:]] == [True, True, True, True, False]


def test_what_can_wait_is_made_one_piece_at_a_time_and_no_slow_client_holds_it_up() -> None:
    making = 0
    most = 0

    def answer() -> Iterable[bytes]:
        nonlocal making, most
        for _ in range(3):
            making += 1
            most = max(most, making)
            sleep(0.01)
            making -= 1
            yield b"x" * PIECE

    async def ask_all() -> tuple[list[Client], Client]:
        app = app_of(answer, threads=4, can_wait=lambda _environ: True)
        taken = asyncio.Event()
        slow = asyncio.create_task(ask(app, Client(takes=taken.wait())))
        await asyncio.sleep(0)  # it has the place
        others = await asyncio.gather(*(ask(app, Client()) for _ in range(3)))
        taken.set()
        return others, await slow

    others, slow = asyncio.run(ask_all())
    assert [len(one.body) for one in (*others, slow)] == [3 * PIECE] * 4
    assert most == 1


def test_no_more_is_made_for_a_client_that_is_gone() -> None:
    ended = Event()

    def answer() -> Iterable[bytes]:
        try:
            while True:
                yield b"x" * PIECE
        finally:
            ended.set()

    client = asyncio.run(ask(app_of(answer), Client(gone=True)))
    assert len(client.body) < 10 * PIECE
    assert ended.is_set()


def test_a_large_answer_is_handed_over_in_parts() -> None:
    client = asyncio.run(ask(app_of(lambda: [b"x" * (PIECE + 1), b"y"]), Client()))
    assert client.body == b"x" * (PIECE + 1) + b"y"
    assert max(len(one["body"]) for one in client.sent[1:]) == PIECE
    assert client.sent[-1]["more_body"] is False


@pytest.mark.parametrize("more", [0, 1])
def test_a_thread_is_asked_for_more_only_if_there_is_more(more: int) -> None:
    def application(_environ: Any, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", str(2 * PIECE + more))])
        return [b"x" * 2 * PIECE, b"x" * more]

    assert (begin(application, {}).rest is None) is (more == 0)


def test_the_application_sees_the_request_as_it_came() -> None:
    headers = [
        (b"host", b"Example.ORG"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-for", b"192.0.2.8"),
        (b"x_forwarded_for", b"10.0.0.1"),
        (b"content-type", b"text/plain"),
        (b"transfer-encoding", b"chunked"),
    ]
    scope = {**SCOPE, "headers": headers, "raw_path": b"/caf%C3%A9%2Fx", "query_string": b"q=%20"}
    environ = environ_of(scope, Body(size=7))
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/café/x"
    assert environ["HTTP_HOST"] == "example.org"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.7,192.0.2.8"
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "7")
    assert (environ["REMOTE_ADDR"], environ["QUERY_STRING"]) == ("192.0.2.1", "q=%20")
    assert "HTTP_TRANSFER_ENCODING" not in environ
