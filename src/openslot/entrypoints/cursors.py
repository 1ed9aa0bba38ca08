"""Places in lists that are read page by page: the key of an item as text in an address."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from openslot.core.errors import NotFound


class BadCursor(NotFound):
    """This place in the list is not known. Begin the list anew.

    Raised for a cursor that no answer of ours gave.
    """


def write(key: Sequence[Any]) -> str:
    """The key of an item as text that an address can carry."""
    parts = [part.isoformat() if isinstance(part, date) else str(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read(text: str, *kinds: Callable[[str], Any], field: str) -> list[Any]:
    """The key that :func:`write` wrote, each part as one of ``kinds``; BadCursor, which blames
    the parameter ``field``, for what none of our answers wrote."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError(text)
        if not all(str(part).isprintable() for part in parts):
            raise ValueError(text)
        return [
            (_number if kind is int else kind)(str(part))
            for kind, part in zip(kinds, parts, strict=True)
        ]
    except (ValueError, binascii.Error, OverflowError, RecursionError):
        raise BadCursor(field=field) from None


def instant(text: str) -> datetime:
    """An instant of a key; ValueError for one without an offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)


def _number(text: str) -> int:
    """A number of a key; ValueError for what no column can hold."""
    number = int(text)
    if abs(number) >= 2**31:
        raise ValueError(text)
    return number
