"""Addresses of programs that end with a slash mean the same as without it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

OF_PROGRAMS = frozenset({"api", "fhir", "oauth", "doctors", "appointments", ".well-known"})
"""First parts of the addresses that programs ask for. Those of pages have one form only."""


class WithoutLastSlash:
    """Serve ``/fhir/Patient/`` as ``/fhir/Patient``: many clients join addresses so.

    A redirect would not do, because clients follow none for POST, or send it again as a GET.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer as if the slash had not been sent."""
        path = environ.get("PATH_INFO", "")
        if path.endswith("/") and path.split("/")[1] in OF_PROGRAMS:
            environ = {**environ, "PATH_INFO": path.removesuffix("/")}
        return self.app(environ, start_response)
