"""Health checks and metrics under any host name."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class ProbesFromAnywhere:
    """Serve health checks as if they had asked for ``host``, the server's own.

    Load balancers, containers and Prometheus ask by address, which is none of the trusted
    hosts; and these answers have no link that a forged host could change.
    """

    def __init__(self, app: "WSGIApplication", host: str) -> None:
        self.app, self.host = app, host

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with the host replaced, if this is a health check."""
        if environ.get("PATH_INFO") in PROBES:
            environ = {**environ, "HTTP_HOST": self.host}
        return self.app(environ, start_response)
