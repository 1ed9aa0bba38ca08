"""Rows that a session adds when it is told to write, without an object for each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import insert, inspect, select
from sqlalchemy.engine import Connection

from openslot.core.statements import Prepared

Values = dict[str, Any]


class NewRow(NamedTuple):
    """A row of a table that is added before anything else is done."""

    kind: type[Any]
    values: Values


@dataclass
class RowsBeside:
    """Rows of one table that are added at the end: ``always``, or ``once`` by their ids."""

    always: list[Values] = field(default_factory=list)
    once: dict[Any, Values] = field(default_factory=dict)

    def new(self, kind: type[Any], connection: Connection) -> list[Values]:
        """Return the rows without those ``once`` that are there already."""
        if not self.once:
            return self.always
        key = inspect(kind).primary_key[0]
        there = set(connection.scalars(select(key).where(key.in_(self.once))))
        return [*self.always, *(row for id_, row in self.once.items() if id_ not in there)]


def all_of(several: Iterable[Mapping[type[Any], RowsBeside]]) -> dict[type[Any], RowsBeside]:
    """Return the rows of each table that several sessions add."""
    found: defaultdict[type[Any], RowsBeside] = defaultdict(RowsBeside)
    for by_kind in several:
        for kind, rows in by_kind.items():
            found[kind].always += rows.always
            found[kind].once |= rows.once
    return found


@lru_cache(maxsize=256)
def inserting(kind: type[Any], names: tuple[str, ...]) -> Prepared:
    """Return the INSERT of rows with values of these columns."""
    return Prepared(insert(kind), names)
