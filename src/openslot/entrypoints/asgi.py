"""Runs the WSGI application behind an event loop, so that no client can block a thread.

A request body is read, with a time limit, before a thread is used, and a response is sent in
pieces: threads never wait for a client.
"""

import asyncio
import contextvars
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from wsgiref.types import WSGIApplication

import structlog

from openslot.core import metrics
from openslot.entrypoints.bodies import (
    Body,
    Gone,
    Receive,
    Scope,
    environ_of,
    has_body,
    header,
    read,
)
from openslot.entrypoints.failures import Problem, as_json

T = TypeVar("T")

Send = Callable[[dict[str, Any]], Any]

ALIVE = "/healthz"

PIECE = 64 * 1024
"""Bytes of a response that are sent at a time."""

SHARES = 4
"""Networks that can have all their threads busy at once, where a process serves several."""

WAITS = 10.0
"""Maximum seconds that a request waits for a thread."""

BUSY = Problem(503, "busy", "The server is busy. Try again in a few seconds.")
LATE = Problem(408, "too-slow", "Your request did not arrive in time. Send it again.")

log = structlog.get_logger(__name__)


ONE_BY_ONE = "one by one"
"""The share of what is long and can wait: it has one place, which is free while clients take what
was made."""


class Places:
    """Places for requests in the threads: ``each`` for those of one share, and so many in ``all``.

    So a share whose database hangs leaves places for the others. ONE_BY_ONE has one place.
    """

    def __init__(self, each: int, all: int) -> None:
        self._each = each
        self._all = asyncio.Semaphore(all)
        self._of = {ONE_BY_ONE: asyncio.Semaphore(1)}

    def _share(self, name: str) -> asyncio.Semaphore:
        return self._of.setdefault(name, asyncio.Semaphore(self._each))

    def is_full(self, share: str) -> bool:
        """Return whether a request would have to wait."""
        return self._all.locked() or self._share(share).locked()

    async def take(self, share: str) -> None:
        """Wait for a place."""
        own = self._share(share)
        await own.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            own.release()
            raise

    def give_back(self, share: str) -> None:
        """Make a place free."""
        self._all.release()
        self._share(share).release()


@dataclass
class Answer:
    """A response, or its first piece; ``rest`` yields the others, as :func:`pieces` does."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    rest: Generator[bytes, None, None] | None = None


class AsgiApp:
    """Runs a WSGI application in its own ``threads`` threads.

    If ``share_of`` says that requests belong to several shares, each has so many threads, and all
    together have SHARES times as many. Requests that ``can_wait`` have one thread.

    What it answers without the application has the headers ``always``. A body must arrive within
    ``body_seconds``. If it has more than ``largest_body`` bytes, only its size is passed on, and
    the application refuses it.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        threads: int,
        largest_body: int,
        body_seconds: float,
        always: Mapping[str, str] | None = None,
        share_of: Callable[[dict[str, Any]], str] | None = None,
        can_wait: Callable[[dict[str, Any]], bool] = lambda _environ: False,
    ) -> None:
        self._application = application
        self._largest_body = largest_body
        self._body_seconds = body_seconds
        self._always = dict(always or {})
        self._share_of = share_of or (lambda _environ: "")
        self._can_wait = can_wait
        most = threads * SHARES if share_of else threads
        self._places = Places(threads, most)
        self._pool = ThreadPoolExecutor(most, "request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["path"] == ALIVE and scope["method"] in ("GET", "HEAD"):
            # Answered here, so that it works even if all threads are busy.
            await self._send_own(_alive(), send)
            return
        try:
            body = await self._body(scope, receive)
        except TimeoutError:
            metrics.REFUSED.labels(LATE.code).inc()
            await self._send_own(_refusal(LATE, scope, {"Connection": "close"}), send)
            return
        except Gone:
            return
        with body, suppress(Gone):
            await self._answer(scope, body, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> Body:
        """Return the body, or raise TimeoutError or Gone."""
        if not has_body(scope):
            return Body()
        async with asyncio.timeout(self._body_seconds):
            return await read(scope, receive, self._largest_body)

    async def _answer(self, scope: Scope, body: Body, receive: Receive, send: Send) -> None:
        context = contextvars.copy_context()
        environ = environ_of(scope, body)
        share = ONE_BY_ONE if self._can_wait(environ) else self._share_of(environ)
        try:
            await self._take_place(share, receive)
        except TimeoutError:
            log.warning("request.no-thread")
            metrics.REFUSED.labels(BUSY.code).inc()
            await self._send_own(_refusal(BUSY, scope, {"Retry-After": "2"}), send)
            return
        answer = await self._work(share, context, begin, self._application, environ)
        if not body.is_read:
            answer.headers.append(("Connection", "close"))
        await _send(answer, send)
        if answer.rest is not None:
            await self._send_rest(share, context, answer.rest, receive, send)

    async def _send_own(self, answer: Answer, send: Send) -> None:
        answer.headers += self._always.items()
        await _send(answer, send)

    async def _take_place(self, share: str, receive: Receive) -> None:
        """Wait for a free thread; raise TimeoutError, or Gone if the client disconnects first."""
        if not self._places.is_full(share):
            await self._places.take(share)
            return
        async with asyncio.timeout(WAITS), _watch(receive) as is_gone:
            await self._places.take(share)
            if is_gone():
                self._places.give_back(share)
                raise Gone

    async def _send_rest(
        self,
        share: str,
        context: contextvars.Context,
        rest: Generator[bytes, None, None],
        receive: Receive,
        send: Send,
    ) -> None:
        """Send the other pieces; each is made after the client has taken the one before."""
        async with _watch(receive) as is_gone:
            more = True
            while more and not is_gone():
                await self._places.take(share)
                piece = await self._work(share, context, next, rest)
                more = len(piece) >= PIECE
                await _send_body(piece, send, more=more)
        await self._places.take(share)
        await self._work(share, context, rest.close)

    async def _work(
        self, share: str, context: contextvars.Context, work: Callable[..., T], *arguments: Any
    ) -> T:
        """Call ``work`` in a thread, return its result, and release the acquired thread.

        What the thread returns goes straight to the loop; run_in_executor takes a second future
        for that, and a tenth more time for a small request.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()

        def do() -> None:
            try:
                result = context.run(work, *arguments)
            except BaseException as error:
                loop.call_soon_threadsafe(_end, ended, error, None)
            else:
                loop.call_soon_threadsafe(_end, ended, None, result)

        self._pool.submit(do)
        try:
            return await ended
        finally:
            self._places.give_back(share)


def _end(future: asyncio.Future[Any], error: BaseException | None, result: Any) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def begin(application: WSGIApplication, environ: dict[str, Any]) -> Answer:
    """Call the application, and return the first piece of its response."""
    answer = Answer(500, [], b"")

    def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
        answer.status, answer.headers = int(status.split(" ", 1)[0]), list(headers)

    rest = pieces(application(environ, start))
    answer.body = next(rest)
    if len(answer.body) < PIECE or _is_whole(answer):
        rest.close()
    else:
        answer.rest = rest
    return answer


def _is_whole(answer: Answer) -> bool:
    """Return whether the first piece is the response; to ask for another takes a thread twice."""
    lengths = (value for name, value in answer.headers if name.lower() == "content-length")
    return str(len(answer.body)) == next(lengths, None)


def pieces(parts: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Join parts into pieces of at least PIECE bytes; only the last one is shorter."""
    gathered, size = list[bytes](), 0
    try:
        for part in parts:
            gathered.append(part)
            size += len(part)
            if size >= PIECE:
                yield b"".join(gathered)
                gathered, size = [], 0
        yield b"".join(gathered)
    finally:
        if hasattr(parts, "close"):
            parts.close()


@asynccontextmanager
async def _watch(receive: Receive) -> AsyncIterator[Callable[[], bool]]:
    """Yield a function that returns whether the client has disconnected."""

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.ensure_future(until_gone())
    try:
        yield task.done
    finally:
        task.cancel()


async def _send(answer: Answer, send: Send) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await _send_body(answer.body, send, more=answer.rest is not None)


async def _send_body(body: bytes, send: Send, *, more: bool) -> None:
    """Send ``body`` in parts; each waits until the client has taken the one before."""
    last = max(len(body) - 1, 0) // PIECE * PIECE
    for start in range(0, last + 1, PIECE):
        part = body[start : start + PIECE]
        await send({"type": "http.response.body", "body": part, "more_body": more or start < last})


def _alive() -> Answer:
    return _json(200, {"status": "alive"}, "application/json", {"Cache-Control": "no-store"})


def _refusal(problem: Problem, scope: Scope, headers: dict[str, str]) -> Answer:
    """Return a problem as text for browsers, and as JSON for programs."""
    if b"text/html" in header(scope, b"accept"):
        text = f"{problem.sentence}\n".encode()
        return _answer(problem.status, text, "text/plain; charset=utf-8", headers)
    return _json(problem.status, as_json(problem), "application/problem+json", headers)


def _json(status: int, value: dict[str, Any], kind: str, headers: dict[str, str]) -> Answer:
    return _answer(status, json.dumps(value).encode() + b"\n", kind, headers)


def _answer(status: int, body: bytes, kind: str, headers: dict[str, str]) -> Answer:
    always = {"Content-Type": kind, "Content-Length": str(len(body))}
    return Answer(status, [*always.items(), *headers.items()], body)
