"""Lists that are read page by page, each page from the key of the last row that was shown.

So pages are complete and without doubles while rows come and go. An order is a sequence of
columns, ascending or ``.desc()``, of which the last is unique. A key has a value for each; one with
fewer goes on after all rows that share those values.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar

from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import operators

AT_ONCE = 500

Key = Sequence[Any]
Row = TypeVar("Row")


class Pageable(Protocol):
    """A select; versions 2.0 and 2.1 of SQLAlchemy name the types of those differently."""

    def where(self, *conditions: ColumnElement[bool]) -> Self:
        """Narrow it."""

    def order_by(self, *columns: Any) -> Self:
        """Order it."""

    def limit(self, limit: int | None) -> Self:
        """Cut it off."""


Query = TypeVar("Query", bound=Pageable)


def page(query: Query, order: Sequence[Any], after: Key | None, limit: int | None = None) -> Query:
    """Return the select in this order, of at most ``limit`` rows after the key ``after``."""
    if after is not None:
        query = query.where(_follows(order, after))
    return query.order_by(*order).limit(limit)


def every(session: Session, query: Select[Row], key: InstrumentedAttribute[Any]) -> Iterator[Row]:
    """Yield every row of a select of one entity, AT_ONCE of them in a statement, by a unique key.

    No cursor stays open, so it works without a transaction, and while rows are deleted.
    """
    after: Key | None = None
    while rows := session.scalars(page(query, [key], after, AT_ONCE)).all():
        yield from rows
        after = [getattr(rows[-1], key.key)]


def _follows(order: Sequence[Any], key: Key) -> ColumnElement[bool]:
    """Written out column by column: not every engine uses an index to compare whole rows. Ids are
    compared by the database, as it orders them: engines do not agree how."""
    column, descends = order[0], False
    if isinstance(column, UnaryExpression) and column.modifier is operators.desc_op:
        column, descends = column.element, True
    beyond: ColumnElement[bool] = column < key[0] if descends else column > key[0]
    if len(key) == 1:
        return beyond
    return or_(beyond, and_(column == key[0], _follows(order[1:], key[1:])))


def sort_after(
    rows: Iterable[Row],
    key_of: Callable[[Row], tuple[Any, ...]],
    after: Key | None,
    *,
    reverse: bool = False,
) -> list[Row]:
    """Return the rows after the key ``after``, sorted by their keys: for short lists that are read
    whole."""
    ordered = sorted(rows, key=key_of, reverse=reverse)
    if after is None:
        return ordered
    follows = operator.lt if reverse else operator.gt
    return [row for row in ordered if follows(key_of(row)[: len(after)], tuple(after))]
