"""Connections with time limits for slow clients."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_WITHIN = 10.0
"""Seconds that a client has to send the headers of a request."""

LARGEST_HEADERS = 64 * 1024
"""Maximum bytes of headers; also of the data between the chunks of a body and of its trailers."""

TAKEN_WITHIN = 30.0
"""Seconds that a client has to take the data that was written, about 64 KiB at most."""

LAST_REQUEST_WITHIN = 1.0
"""Seconds that an idle connection stays open while the server stops: a request may be under way."""


class Connection(HttpToolsProtocol):
    """A uvicorn connection, with the time limits for headers and responses that uvicorn lacks."""

    _is_last = False
    _headers_late: asyncio.TimerHandle | None = None
    _answer_late: asyncio.TimerHandle | None = None
    _unread_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit for headers."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # so that pause_writing is called for any unsent byte
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Handle received data; the time limit for headers starts with their first byte."""
        if self._headers_late is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_headers()
        self._unread_size += len(data)
        super().data_received(data)
        if self._unread_size > LARGEST_HEADERS:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Start the request; trailers that follow its body are not added to its headers."""
        self._forget_headers()
        self._unread_size = 0
        super().on_headers_complete()
        self.headers = []
        if self._is_last:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Handle a part of the body."""
        self._unread_size = 0
        super().on_body(body)

    def pause_writing(self) -> None:
        """Start the time limit for the response."""
        super().pause_writing()
        self._answer_late = self.loop.call_later(TAKEN_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """End the time limit: the client has taken all data."""
        self._forget_answer()
        super().resume_writing()

    def shutdown(self) -> None:
        """Close after the current request; without one, answer one that comes within a second."""
        if self.cycle is None or self.cycle.response_complete:
            self._is_last = True
            self.loop.call_later(LAST_REQUEST_WITHIN, super().shutdown)
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all time limits."""
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
