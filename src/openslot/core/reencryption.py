"""Encrypts anew what earlier data keys encrypted, and finds what no key opens.

What is left to do is told by the values themselves, so the work can be interrupted at any time.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    TableClause,
    and_,
    bindparam,
    column,
    func,
    select,
    table,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from openslot.core import keyset
from openslot.core.data_keys import DataKeys, DoesNotOpen, place_of
from openslot.core.db import Database, fetch
from openslot.core.encryption import Blind, EncryptedText, Place, encrypted_columns, keys_of
from openslot.core.folding import key_for
from openslot.core.tables import Base

AT_ONCE = 200
"""Rows that are encrypted anew in one transaction."""


class Step(NamedTuple):
    """Some rows that were gone through: how many values of a column were encrypted anew, which
    could not be opened, and the key of the last row."""

    column: str
    renewed: int
    lost: list[DoesNotOpen]
    last: keyset.Key


def renew(database: Database) -> Iterator[Step]:
    """Encrypt everything with the newest key, while people work; yield each step once it is
    committed. A value that somebody changes meanwhile stays as it then is."""
    for place in _places():
        after: keyset.Key | None = None
        while step := database.run(partial(_renew_some, place=place, after=after)):
            yield step
            after = step.last


def left(session: Session) -> int:
    """Return the number of values that another key than the newest encrypted."""
    newest, count = _keys(session).newest, 0
    for place in _places():
        stored = _stored(place.column.table)
        query = select(func.count()).select_from(stored).where(_is_old(stored, place, newest))
        count += fetch(session, query).scalar_one()
    return count


def faults(session: Session) -> Iterator[DoesNotOpen]:
    """Yield a fault for each value that no key opens."""
    keys = _keys(session)
    for place in _places():
        for row in _every(session, place):
            try:
                _opened(keys, place, row)
            except DoesNotOpen as fault:
                yield fault


def _keys(session: Session) -> DataKeys:
    return keys_of(session.get_bind().dialect)


def _places() -> Iterator[Place]:
    for kind in Base.metadata.sorted_tables:
        yield from encrypted_columns(kind)


# Tables as they are stored


def _stored(kind: Table) -> TableClause:
    """Return a table whose encrypted columns and hashes are read and written as they are."""
    columns = [
        column(one.name, one.type.impl if isinstance(one.type, EncryptedText | Blind) else one.type)
        for one in kind.c
    ]
    return table(kind.name, *columns)


def _is_old(stored: TableClause, place: Place, newest: str) -> ColumnElement[bool]:
    text = stored.c[place.column.name]
    return and_(text != "", ~text.startswith(f"{newest}."))


def _every(session: Session, place: Place) -> Iterator[RowMapping]:
    stored, key = _stored(place.column.table), place.key.name
    query, after = select(stored).where(stored.c[place.column.name] != ""), None
    while rows := _page(session, query, stored.c[key], after, keyset.AT_ONCE):
        yield from rows
        after = [rows[-1][key]]


def _page(
    session: Session, query: Select[Any], key: Any, after: keyset.Key | None, limit: int
) -> Sequence[RowMapping]:
    return fetch(session, keyset.page(query, [key], after, limit)).mappings().all()


def _opened(keys: DataKeys, place: Place, row: RowMapping) -> str:
    return keys.decrypt(row[place.column.name], _where(place, row))


def _where(place: Place, row: RowMapping) -> str:
    return place_of(place.kind.name, row[place.key.name])


def _renew_some(session: Session, *, place: Place, after: keyset.Key | None) -> Step | None:
    """Encrypt the values of the next rows anew; return None if there are none. Each is compared and
    set, so that a change of somebody else is not lost."""
    keys, stored = _keys(session), _stored(place.column.table)
    key, text = stored.c[place.key.name], stored.c[place.column.name]
    query = select(stored).where(_is_old(stored, place, keys.newest))
    rows = _page(session, query, key, after, AT_ONCE)
    changes, lost = [], []
    for row in rows:
        try:
            new = _renewed(keys, place, row)
            changes.append({"this": row[key.name], "was": row[text.name], **new})
        except DoesNotOpen as fault:
            lost.append(fault)
    if changes:
        same = (key == bindparam("this"), text == bindparam("was"))
        fetch(session, stored.update().where(*same), changes)
    return Step(place.kind.name, len(changes), lost, [rows[-1][key.name]]) if rows else None


def _renewed(keys: DataKeys, place: Place, row: RowMapping) -> dict[str, str | None]:
    """Return a value, and the hash beside it, as the newest key makes them."""
    plain = _opened(keys, place, row)
    hashes = {
        one.name: keys.hash_of(key, one.type.name)
        for one in place.column.table.c
        if isinstance(one.type, Blind) and one.info["key of"][0] == place.column.key
        if (key := key_for(one, plain))
    }
    return {place.column.name: keys.encrypt(plain, _where(place, row)), **hashes}
