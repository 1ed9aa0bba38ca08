"""Texts that links and forms carry, signed so that nobody else can make one."""

from datetime import timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer


class NotSigned(Exception):
    """A text that we did not sign for this purpose, or too long ago."""


def sign(key: str, purpose: str, content: Any) -> str:
    """Return ``content``, which must fit into JSON, as a signed text that does not run out.

    ``purpose`` keeps a text that was signed for one thing from doing another.
    """
    return str(URLSafeSerializer(key, salt=purpose).dumps(content))


def sign_dated(key: str, purpose: str, content: Any) -> str:
    """Return a signed text that carries its date as well, for :func:`read_dated`."""
    return str(URLSafeTimedSerializer(key, salt=purpose).dumps(content))


def read(key: str, purpose: str, text: str) -> Any:
    """Return what was signed. Raises NotSigned."""
    try:
        return URLSafeSerializer(key, salt=purpose).loads(text)
    except (BadData, ValueError):
        raise NotSigned from None


def read_dated(key: str, purpose: str, text: str, *, lasts: timedelta) -> Any:
    """Return what was signed within ``lasts``. Raises NotSigned."""
    try:
        return URLSafeTimedSerializer(key, salt=purpose).loads(
            text, max_age=int(lasts.total_seconds())
        )
    except (BadData, ValueError):
        raise NotSigned from None
