"""Security and caching headers."""

import secrets
from collections.abc import Sequence
from functools import cache

from flask import Response, g, request

from openslot.entrypoints import shields
from openslot.entrypoints.request import settings
from openslot.entrypoints.rules import STATIC

STATIC_SECONDS = 365 * 24 * 3600
"""Static files have a fingerprint in their address, so they can be cached for a year."""


_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'{nonce}",
        "style-src 'self'{nonce}",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

_WITHOUT_NONCE = _POLICY.format(nonce="")

_ALWAYS = {
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(self), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def csp_nonce() -> str:
    """Return the nonce for the style and script elements of this response."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


@cache
def _always(*, is_https: bool) -> Sequence[tuple[str, str]]:
    return tuple((_ALWAYS | shields.for_any_answer(is_https=is_https)).items())


def add_headers(response: Response) -> Response:
    """Set the security headers (OWASP ASVS 5.0, chapter 3) and caching of every response."""
    headers, nonce = response.headers, g.get("csp_nonce")
    policy = _POLICY.format(nonce=f" 'nonce-{nonce}'") if nonce else _WITHOUT_NONCE
    headers.add("Content-Security-Policy", policy)
    headers.extend(_always(is_https=settings().is_https or request.is_secure))
    if request.endpoint in STATIC:
        response.cache_control.immutable = True
    else:
        headers.setdefault("Cache-Control", "private, no-store")
    return response
