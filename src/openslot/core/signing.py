"""Signed texts for links and forms."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

Keys = str | Sequence[str]
"""A key, or several, oldest first: all of them are valid, and the last one signs."""


class NotSigned(Exception):
    """The text was not signed with this key for this purpose, or has expired."""


def sign(key: Keys, purpose: str, content: Any) -> str:
    """Return ``content``, which must be JSON, as a signed text that does not expire.

    A text that is signed for one ``purpose`` is not valid for another.
    """
    return str(URLSafeSerializer(key, salt=purpose).dumps(content))


def sign_dated(key: Keys, purpose: str, content: Any) -> str:
    """Return a signed text that includes its date, for :func:`read_dated`."""
    return str(URLSafeTimedSerializer(key, salt=purpose).dumps(content))


def read(key: Keys, purpose: str, text: str) -> Any:
    """Return the signed content. Raises NotSigned."""
    try:
        return URLSafeSerializer(key, salt=purpose).loads(text)
    except (BadData, ValueError):
        raise NotSigned from None


def read_dated(key: Keys, purpose: str, text: str, *, lasts: timedelta) -> Any:
    """Return content that was signed no longer than ``lasts`` ago. Raises NotSigned."""
    try:
        return URLSafeTimedSerializer(key, salt=purpose).loads(
            text, max_age=int(lasts.total_seconds())
        )
    except (BadData, ValueError):
        raise NotSigned from None
