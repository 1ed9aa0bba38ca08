"""Lists that are read page by page, by the key of the last item rather than by number."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import Field

from openslot.core.errors import NotFound
from openslot.entrypoints.api.operations import Given, Shown
from openslot.entrypoints.request import root

T = TypeVar("T")
Row = TypeVar("Row")

MOST = 100


class Paged(Given):
    """The parameters of every list."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="How many at most.")] = 20
    after: Annotated[
        str | None, Field(max_length=500, description="Where to go on; `next` has it.")
    ] = None


class Listing(Shown, Generic[T]):
    """Some of a list, and the address of those that follow."""

    items: list[T]
    next: str | None


class BadCursor(NotFound):
    """A place in a list that none of our answers named."""

    code = "bad-cursor"
    sentence = "This place in the list is not known. Begin the list anew."


def page(
    kind: type[Listing[T]],
    rows: Sequence[Row],
    query: Paged,
    show: Callable[[Row], T],
    key: Callable[[Row], Sequence[Any]],
) -> Listing[T]:
    """A page of ``rows``, of which the caller has read one more than ``query.limit``."""
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    after = write_cursor(key(shown[-1])) if more else None
    return kind(items=[show(row) for row in shown], next=_address(after) if after else None)


def write_cursor(key: Sequence[Any]) -> str:
    """The key of an item as text that an address can carry."""
    written = json.dumps([str(part) for part in key]).encode()
    return base64.urlsafe_b64encode(written).decode().rstrip("=")


def read_cursor(text: str | None, *kinds: Callable[[str], Any]) -> list[Any] | None:
    """The key that :func:`write_cursor` wrote, each part as one of ``kinds``; BadCursor."""
    if text is None:
        return None
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
        raise BadCursor(field="after") from None


def _number(text: str) -> int:
    """A number of a key; ValueError for what no column can hold."""
    number = int(text)
    if abs(number) >= 2**31:
        raise ValueError(text)
    return number


def instant(text: str) -> datetime:
    """An instant of a key; ValueError for one without an offset."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)


def _address(after: str) -> str:
    """This request's own address, from another place on."""
    given = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    return f"{root()}{request.path}?{urlencode([*given, ('after', after)])}"
