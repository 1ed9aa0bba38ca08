"""What many tests begin with is made once a process; after that its rows are copied."""

from collections.abc import Callable, Hashable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, select

from openslot.core.db import Database
from openslot.directory.models import Profession
from openslot.schema import metadata

T = TypeVar("T")


def half_hour(moment: datetime) -> datetime:
    """The half hour that a moment is in; midnight, wherever it is, begins one."""
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


@dataclass(frozen=True)
class Beginning:
    """The rows that were made, by table, and what their maker returned."""

    rows: list[tuple[Table, list[dict[str, Any]]]]
    returned: Any


_BEGINNINGS: dict[Hashable, Beginning] = {}


def once(database: Database, what: Hashable, make: Callable[[], T]) -> T:
    """Return what ``make`` returns, which fills ``database``; copy the rows that it made the last
    time that it was ``what``. A database in which somebody acted already is filled anew.

    Servers go on counting ids where rows were deleted, so their rows fit into that database only.
    """
    with database.engine.connect() as connection:
        has_begun = connection.exec_driver_sql("SELECT count(*) FROM audit_event").scalar()
    if has_begun:
        return make()
    where = database.engine.url if database.engine.dialect.name != "sqlite" else "sqlite"
    if (where, what) not in _BEGINNINGS:
        made = make()
        with database.engine.connect() as connection:
            _BEGINNINGS[where, what] = Beginning(_rows(connection), deepcopy(made))
        return made
    beginning = _BEGINNINGS[where, what]
    with database.engine.begin() as connection:
        connection.execute(delete(Profession))
        for table, rows in beginning.rows:
            connection.execute(table.insert(), rows)
    returned: T = deepcopy(beginning.returned)
    return returned


def _rows(connection: Connection) -> list[tuple[Table, list[dict[str, Any]]]]:
    """All rows, those first that others point to."""
    found = [
        (table, [dict(row) for row in connection.execute(select(table)).mappings()])
        for table in metadata.sorted_tables
    ]
    return [(table, rows) for table, rows in found if rows]
