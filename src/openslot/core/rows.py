"""Rows that a session adds when it is told to write, without an object for each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import Column, insert, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault

from openslot.core.statements import Prepared
from openslot.core.tables import Base

Values = dict[str, Any]
BaseT = TypeVar("BaseT", bound=Base)

Proof = tuple[type[Base], Values]
"""A row that a transaction adds, by its table and values."""

NEW, BESIDE, PROOF = "new", "rows", "proof"
"""Where a session keeps, in its ``info``, the rows to add first, those to add at the end, and the
one that proves that it was saved."""


class NewRow(NamedTuple):
    """A row of a table that is added before anything else is done."""

    kind: type[Base]
    values: Values


@dataclass
class RowsBeside:
    """Rows of one table that are added at the end: ``always``, or ``once`` by their ids."""

    always: list[Values] = field(default_factory=list)
    once: dict[Any, Values] = field(default_factory=dict)

    def new(self, kind: type[Base], connection: Connection) -> list[Values]:
        """Return the rows without those ``once`` that are there already."""
        if not self.once:
            return self.always
        key = inspect(kind).primary_key[0]
        there = set(connection.scalars(select(key).where(key.in_(self.once))))
        return [*self.always, *(row for id_, row in self.once.items() if id_ not in there)]


def all_of(several: Iterable[Mapping[type[Base], RowsBeside]]) -> dict[type[Base], RowsBeside]:
    """Return the rows of each table that several sessions add."""
    found: defaultdict[type[Base], RowsBeside] = defaultdict(RowsBeside)
    for by_kind in several:
        for kind, rows in by_kind.items():
            found[kind].always += rows.always
            found[kind].once |= rows.once
    return found


@lru_cache(maxsize=256)
def inserting(kind: type[Base], names: tuple[str, ...]) -> Prepared:
    """Return the INSERT of rows with values of these columns."""
    return Prepared(insert(kind), names)


def add_row(
    session: Session, kind: type[Base], *, once: bool = False, proves: bool = False, **values: Any
) -> None:
    """Have the session add a row that the command itself does not look at again: a third of the
    work of adding an object. All of a table are written together. With ``once``, nothing is added
    if there is a row with this id. One that ``proves`` is never deleted soon, and shows whether a
    commit happened that was not answered."""
    rows = session.info.setdefault(BESIDE, defaultdict(RowsBeside))[kind]
    if proves:
        session.info.setdefault(PROOF, (kind, values))
    if once:
        rows.once.setdefault(values["id"], values)
    else:
        rows.always.append(values)


def write_new(session: Session, kind: type[BaseT], **values: Any) -> BaseT:
    """Have the session write a new row before anything else that it does, and return it as if it
    had been read: a quarter of the work of adding an object."""
    for name, default in _defaults(kind).items():
        if name not in values:
            values[name] = default()
    session.info.setdefault(NEW, []).append(NewRow(kind, values))
    row = as_read(session, kind, values)
    session.add(row)
    return row


def as_read(session: Session, kind: type[BaseT], values: Mapping[str, Any]) -> BaseT:
    """Return a row that was read by a prepared statement, with all its columns, as an object: that
    which the session has, or one that is not part of it."""
    key = inspect(kind).identity_key_from_primary_key((values["id"],))
    known = session.identity_map.get(key)
    if known is not None:
        return cast(BaseT, known)
    row = kind()
    vars(row).update(values)
    make_transient_to_detached(row)
    return row


@cache
def _defaults(kind: type[Base]) -> dict[str, Callable[[], Any]]:
    """Return what makes the default of each column."""
    return {key: _default_of(column) for key, column in inspect(kind).columns.items()}


def _default_of(column: Column[Any]) -> Callable[[], Any]:
    default = column.default
    if isinstance(default, CallableColumnDefault):
        return partial(default.arg, None)  # type: ignore[arg-type] # SQLAlchemy wraps it
    value = default.arg if isinstance(default, ScalarElementColumnDefault) else None
    return lambda: value
