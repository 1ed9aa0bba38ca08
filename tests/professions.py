"""The professions that every database has from its migrations, for tables that tests make."""

from importlib import import_module
from typing import Any

from sqlalchemy import Connection, event, insert

from openslot.directory.models import Profession

ROWS: list[dict[str, Any]] = import_module("openslot.migrations.versions.0030_professions").ROWS
CODES = [row["code"] for row in ROWS]


def add_built_in(connection: Connection) -> None:
    """Add the professions that the migration adds."""
    connection.execute(insert(Profession), ROWS)


@event.listens_for(Profession.__table__, "after_create")
def _created(_table: object, connection: Connection, **_more: object) -> None:
    add_built_in(connection)
