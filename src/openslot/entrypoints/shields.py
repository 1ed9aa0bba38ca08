"""Headers that keep browsers safe whatever an answer is, also without the application."""

from openslot.core.config import Settings

HSTS = "max-age=31536000; includeSubDomains"
"""A year of HTTPS only, for the host and what is below it (RFC 6797)."""


def for_any_answer(*, is_https: bool) -> dict[str, str]:
    """Return the headers of every answer: its type holds, and no other site frames it."""
    headers = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
    return headers | ({"Strict-Transport-Security": HSTS} if is_https else {})


def for_answers_without_pages(settings: Settings) -> dict[str, str]:
    """Return the headers of what is no page, so nothing may be loaded for it."""
    policy = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
    return policy | for_any_answer(is_https=settings.is_https)
