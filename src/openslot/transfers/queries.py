"""What exports and imports of everything ask of the database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.sessions import queries as sessions
from openslot.core import keyset
from openslot.core.db import fetch
from openslot.core.outbox import OutboxMessage, State
from openslot.core.refusals import Refusal, refusal_of, taken_columns
from openslot.core.values import Cell, cell_of
from openslot.notifications.events import Topic
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schema import metadata
from openslot.transfers.catalogue import (
    CREDENTIALS,
    NEVER,
    OF_REMINDERS,
    READABLE,
    RETURNING,
    SECRET,
    SEEDED,
)

AT_ONCE = 1000

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A table in an export: its file, and the cells of a row by the names of columns."""

    table: Table
    with_credentials: bool

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return self.table.name

    @property
    def returns(self) -> bool:
        """Return whether it is imported again."""
        return self.name not in READABLE

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return f"{'tables' if self.returns else 'reading'}/{self.name}.ndjson"

    @cached_property
    def cells(self) -> Mapping[str, Cell]:
        """Return the cells, without those of columns that are made of others."""
        return {one.name: cell_of(one) for one in self.table.c if self._is_written(one)}

    def _is_written(self, column: Column[object]) -> bool:
        name = f"{self.name}.{column.name}"
        if self.name == "outbox_message":
            return column.name in OF_REMINDERS
        is_shown = self.with_credentials or name not in SECRET
        return is_shown and name not in NEVER and "key of" not in column.info

    @cached_property
    def own_links(self) -> tuple[str, ...]:
        """Return the columns that name another row of the same table."""
        keys = self.table.foreign_keys
        return tuple(key.parent.name for key in keys if key.column.table is self.table)


def kinds(*, with_credentials: bool) -> Iterator[Kind]:
    """Yield the tables of an export, those first that others name."""
    written = RETURNING | READABLE | (CREDENTIALS if with_credentials else frozenset())
    for one in metadata.sorted_tables:
        if one.name in written:
            yield Kind(one, with_credentials)


def count(session: Session, kind: Kind) -> int:
    """Return the number of rows of an export."""
    return session.scalar(select(func.count()).select_from(kind.table).where(*_only(kind))) or 0


def rows(session: Session, kind: Kind) -> Iterator[RowMapping]:
    """Yield the rows of an export in the order of their keys, AT_ONCE of them in a statement."""
    order = list(kind.table.primary_key.columns)
    query = select(*(cell.column for cell in kind.cells.values())).where(*_only(kind))
    after: keyset.Key | None = None
    while found := fetch(session, keyset.page(query, order, after, AT_ONCE)).mappings().all():
        yield from found
        after = [found[-1][one.name] for one in order]


def _only(kind: Kind) -> list[ColumnElement[bool]]:
    """Return the condition of reminders that are to come: what else waits in the outbox is of this
    installation."""
    if kind.table is not OutboxMessage.__table__:
        return []
    is_reminder = OutboxMessage.topic.in_([*Topic])
    return [and_(is_reminder, OutboxMessage.state == State.WAITING)]


def not_empty(session: Session) -> list[str]:
    """Return the names of tables in which an import would find other rows."""
    names = (RETURNING | CREDENTIALS) - SEEDED
    return [
        one.name
        for one in metadata.sorted_tables
        if one.name in names and fetch(session, select(1).select_from(one).limit(1)).first()
    ]


def clear(session: Session) -> None:
    """Delete the rows that an empty database has."""
    for one in metadata.sorted_tables:
        if one.name in SEEDED:
            session.execute(delete(one))


def add(session: Session, into: Table, new: Sequence[Row]) -> tuple[int, str | None] | None:
    """Insert rows. Return the place of the first one that the database refuses, and the column to
    blame; None if there is none."""
    if not new or _is_added(session, into, new):
        return None
    for place, row in enumerate(new):
        try:
            with session.connection().begin_nested():
                fetch(session, insert(into), [dict(row)])
        except DBAPIError as error:
            return place, _blamed(session, into, row, error)
    raise RuntimeError(f"{into.name} was refused as a whole only")


def _is_added(session: Session, into: Table, new: Sequence[Row]) -> bool:
    try:
        with session.connection().begin_nested():
            fetch(session, insert(into), [dict(row) for row in new])
    except DBAPIError as error:
        if refusal_of(error.orig) not in (Refusal.TAKEN, Refusal.DANGLING, Refusal.FORBIDDEN):
            raise
        return False
    return True


def _blamed(session: Session, into: Table, row: Row, error: DBAPIError) -> str | None:
    """Return the column that names no row, or whose value another row has."""
    if refusal_of(error.orig) is Refusal.TAKEN:
        own = [str(one.name) for one in into.primary_key.columns]
        return next(iter(taken_columns(metadata, error)), own[0])
    for key in into.foreign_keys:
        value = row.get(key.parent.name)
        there = select(1).where(key.column == value)
        if value is not None and fetch(session, there).first() is None:
            return str(key.parent.name)
    return None


def link(session: Session, kind: Kind, links: Sequence[Sequence[Any]]) -> None:
    """Set the columns of rows that name others of their table, which are all there now: ``links``
    are ids of rows, each with its values. Nothing notes that the rows were changed."""
    if not links:
        return
    stored = table(kind.name, *(column(one.name, one.type) for one in kind.table.c))
    (key,) = kind.table.primary_key.columns
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in kind.own_links}
    statement = stored.update().where(stored.c[key.name] == bindparam("this")).values(values)
    named = ("this", *(f"new_{name}" for name in kind.own_links))
    fetch(session, statement, [dict(zip(named, one, strict=True)) for one in links])


def continue_numbers(session: Session, tables: Iterable[Table]) -> None:
    """Have PostgreSQL number new rows after those that were inserted with their ids; the other
    engines do so by themselves."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for one in tables:
        key = one.autoincrement_column
        if key is not None:
            sequence = func.pg_get_serial_sequence(one.name, key.name)
            highest = select(func.max(key)).scalar_subquery()
            fetch(session, select(func.setval(sequence, func.coalesce(highest + 1, 1), False)))


def fill_diaries(session: Session) -> None:
    """Write the pages of all diaries, from appointments, sessions, absences and closures, and count
    the places of sessions."""
    for group, _count in sessions.miscounted(session):
        sessions.recount(session, session_id=group.id)
    claims = [*booking.every_claim(session), *schedules.every_absence(session)]
    diaries.fill(session, claims)
