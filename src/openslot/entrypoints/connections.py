"""Connections that end where their client does not send or take what is next."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_WITHIN = 10.0
"""Seconds in which a client must have sent the headers of a request that it began."""

LARGEST_HEADERS = 64 * 1024
"""Bytes of headers that are waited for; also of what stands between the parts of a body that comes
in chunks, and after it, where a client may write headers once more."""

TAKEN_WITHIN = 30.0
"""Seconds in which a client must have taken what was written, at most some 64 KiB."""


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's, with times for headers and for answers, which it has none of."""

    _headers_late: asyncio.TimerHandle | None = None
    _answer_late: asyncio.TimerHandle | None = None
    _unread_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # pause_writing tells of all that is not taken yet
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Take what was sent; headers have their time from their first byte."""
        if self._headers_late is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_headers()
        self._unread_size += len(data)
        super().data_received(data)
        if self._unread_size > LARGEST_HEADERS:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Begin with the request; headers that come after its body are none of its own."""
        self._forget_headers()
        self._unread_size = 0
        super().on_headers_complete()
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unread_size = 0
        super().on_body(body)

    def pause_writing(self) -> None:
        """Note that the client has not taken what was written."""
        super().pause_writing()
        self._answer_late = self.loop.call_later(TAKEN_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client has taken it all."""
        self._forget_answer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._forget_headers()
        self._forget_answer()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        self._unread_size = 0
        self._headers_late = self.loop.call_later(HEADERS_WITHIN, self.transport.abort)

    def _forget_headers(self) -> None:
        if self._headers_late is not None:
            self._headers_late.cancel()
            self._headers_late = None

    def _forget_answer(self) -> None:
        if self._answer_late is not None:
            self._answer_late.cancel()
            self._answer_late = None
