"""Cursors of paged lists: the key of an item, encoded for an address."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from openslot.core.errors import NotFound


class BadCursor(NotFound):
    """This page of the list was not found. Start from the first page.

    The cursor was not made by this system.
    """


def write(key: Sequence[Any]) -> str:
    """Return the key of an item, encoded for an address."""
    parts = [part.isoformat() if isinstance(part, date) else str(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read(text: str, *kinds: Callable[[str], Any], field: str) -> list[Any]:
    """Return the key that :func:`write` encoded, each part parsed by one of ``kinds``.

    Raises BadCursor, about the parameter ``field``, for any other text.
    """
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
    """Parse an instant in a key; raise ValueError if it has no offset."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(text)
    return value.astimezone(UTC)


def _number(text: str) -> int:
    """Parse a number in a key; raise ValueError if no column can hold it."""
    number = int(text)
    if abs(number) >= 2**31:
        raise ValueError(text)
    return number
