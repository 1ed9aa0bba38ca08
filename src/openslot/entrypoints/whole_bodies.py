"""Bodies are read whole or refused, also those that do not say how large they are."""

from typing import IO, cast

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream


class WholeBody(LimitedStream):
    """A stream of unknown length; RequestEntityTooLarge where it goes on after its limit.

    Werkzeug's own ends there, so that the beginning of a body would be taken for all of it.
    """

    def on_exhausted(self) -> None:
        """At the limit: whether there is more."""
        if self._stream.read(1):
            raise RequestEntityTooLarge

    def readall(self) -> bytes:
        """All there is."""
        found = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return found


class WholeRequest(Request):
    """A request whose body is never cut off."""

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, up to the largest that the app takes."""
        most = self.max_content_length
        unsized = self.content_length is None and "wsgi.input_terminated" in self.environ
        if most is None or not unsized:
            return super().stream
        return cast(IO[bytes], WholeBody(self.environ["wsgi.input"], most, is_max=True))
