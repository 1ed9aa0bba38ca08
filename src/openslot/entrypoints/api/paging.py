"""Paged lists; a cursor holds the key of the last item, not a page number."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import Field

from openslot.entrypoints import cursors
from openslot.entrypoints.api.operations import Given, Shown
from openslot.entrypoints.request import root

T = TypeVar("T")
Row = TypeVar("Row")

MOST = 100
MOST_BARE = 500
NEXT = {"Link": 'The next page, if there is one (RFC 8288, `rel="next"`).'}


class Paged(Given):
    """The parameters of every list."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="Maximum number of items.")] = 20
    after: Annotated[
        str | None, Field(max_length=500, description="Cursor of the next page, from `next`.")
    ] = None


class Bounded(Given):
    """The parameters of a list that is answered without a frame; `Link` has its next page."""

    limit: Annotated[int, Field(ge=1, le=MOST_BARE, description="Maximum number of items.")] = (
        MOST_BARE
    )
    after: Annotated[
        str | None, Field(max_length=500, description="Cursor of the next page, from `Link`.")
    ] = None


class Listing(Shown, Generic[T]):
    """A page of a list, and the address of the next page."""

    items: list[T]
    next: str | None


def page(
    kind: type[Listing[T]],
    rows: Sequence[Row],
    query: Paged,
    show: Callable[[Row], T],
    key: Callable[[Row], Sequence[Any]],
) -> Listing[T]:
    """Return a page of ``rows``; the caller reads one row more than ``query.limit``."""
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    after = cursors.write(key(shown[-1])) if more else None
    return kind(items=[show(row) for row in shown], next=_address(after) if after else None)


def next_page(after: Sequence[Any] | None) -> dict[str, str]:
    """Return the header that leads to the page after a key; none if there is no key."""
    return {} if after is None else {"Link": f'<{_address(cursors.write(after))}>; rel="next"'}


def read_cursor(text: str | None, *kinds: Callable[[str], Any]) -> list[Any] | None:
    """Return the key in a cursor, each part parsed by one of ``kinds``, or raise BadCursor."""
    return None if text is None else cursors.read(text, *kinds, field="after")


def _address(after: str) -> str:
    """Return the address of this request, with another cursor."""
    parameters = [
        (name, value) for name, value in request.args.items(multi=True) if name != "after"
    ]
    return f"{root()}{request.path}?{urlencode([*parameters, ('after', after)])}"
