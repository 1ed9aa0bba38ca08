"""Security and caching headers."""

import secrets

from flask import Response, g, request

from openslot.entrypoints import shields
from openslot.entrypoints.request import settings
from openslot.entrypoints.rules import STATIC

STATIC_SECONDS = 365 * 24 * 3600
"""Static files have a fingerprint in their address, so they can be cached for a year."""


_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'nonce-{nonce}'",
        "style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

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


def add_headers(response: Response) -> Response:
    """Set the security headers (OWASP ASVS 5.0, chapter 3) and caching of every response."""
    headers = response.headers
    headers["Content-Security-Policy"] = _POLICY.format(nonce=csp_nonce())
    headers.update(_ALWAYS)
    headers.update(shields.for_any_answer(is_https=settings().is_https or request.is_secure))
    if request.endpoint in STATIC:
        response.cache_control.immutable = True
    else:
        headers.setdefault("Cache-Control", "private, no-store")
    return response
