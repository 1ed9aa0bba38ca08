"""The client's address, scheme and host, as trusted proxies in front of the server say."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Address = IPv4Address | IPv6Address

SCHEMES = ("http", "https")


class BehindProxies:
    """Serve requests as if they came from the client of the outermost trusted proxy.

    ``trusted`` are address ranges, or one number: so many proxies, whatever their addresses. From
    the right of ``X-Forwarded-For`` on, the first address that is not a trusted proxy's is taken.
    """

    def __init__(self, app: "WSGIApplication", trusted: Sequence[str]) -> None:
        self.app = app
        self._number = int(trusted[0]) if trusted[0].isdecimal() else None
        self._networks = [] if self._number else [ip_network(text) for text in trusted]

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer with what the proxies said in place of what the connection shows."""
        return self.app(self.seen(environ), start_response)

    def seen(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        """Return the request as the proxies say that it is."""
        peer = read_address(environ.get("REMOTE_ADDR", ""))
        before = map(read_address, reversed(_values(environ, "HTTP_X_FORWARDED_FOR")))
        path = [peer, *takewhile(lambda address: address is not None, before)]
        proxies = self._number or len(list(takewhile(self._is_trusted, path)))
        if proxies:
            scheme = _said(environ, "HTTP_X_FORWARDED_PROTO", proxies).lower()
            said = {
                "REMOTE_ADDR": str(path[min(proxies, len(path) - 1)] or ""),
                "wsgi.url_scheme": scheme if scheme in SCHEMES else "",
                "HTTP_HOST": _said(environ, "HTTP_X_FORWARDED_HOST", proxies).lower(),
            }
            environ = {**environ, **{name: value for name, value in said.items() if value}}
        return environ

    def _is_trusted(self, address: Address | None) -> bool:
        return any(address in network for network in self._networks if address is not None)


def read_address(text: str) -> Address | None:
    """Return the IP address of a text that may have a port or a zone, or None if it has none."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    with suppress(ValueError):
        address = ip_address(host.partition("%")[0])
        return getattr(address, "ipv4_mapped", None) or address
    return None


def _said(environ: "WSGIEnvironment", header: str, proxies: int) -> str:
    """Return what the outermost of the trusted proxies wrote into a header, or nothing."""
    return next(iter(_values(environ, header)[-proxies:]), "")


def _values(environ: "WSGIEnvironment", header: str) -> list[str]:
    return [value for part in environ.get(header, "").split(",") if (value := part.strip())]
