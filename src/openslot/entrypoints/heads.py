"""HEAD as GET without a body (RFC 9110, 9.3.2), for all views."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class HeadAsGet:
    """Serve HEAD as GET and drop the body, so that no view ever sees a HEAD.

    A view that shows a form for GET, and acts for any other method, would act for mail scanners,
    prefetchers and ``curl -I``; and HEAD needs no CSRF token.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with the status and headers of GET."""
        if environ["REQUEST_METHOD"] != "HEAD":
            return self.app(environ, start_response)
        body = self.app({**environ, "REQUEST_METHOD": "GET"}, start_response)
        close = getattr(body, "close", None)
        if close is not None:
            close()  # ends the request, for example its transaction
        return ()
