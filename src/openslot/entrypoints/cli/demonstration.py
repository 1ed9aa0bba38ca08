"""The demonstration network: loads it, resets it and shows its logins."""

from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from openslot.core import clock, facts
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.demo.load import LOGINS, is_demo, load_demo
from openslot.entrypoints.cli.progress import progress_for_people
from openslot.importers import queries
from openslot.migrations import revisions
from openslot.migrations import run as migrations

NOT_THE_DEMO = (
    "This database has data that is not the demonstration. Nothing was changed. Set "
    "OPENSLOT_DATABASE_URL to an empty database, or OPENSLOT_DATA_DIR to another folder."
)


def prepare(database: Database, settings: Settings, *, fresh: bool) -> None:
    """Load the demonstration network if it is not there; with ``fresh``, replace it.

    Raises ClickException if the database has other data, and DataKeyMissing.
    """
    has_tables = revisions.current(database.engine) is not None
    if has_tables and not (is_demo(database) or database.read(queries.is_unused)):
        raise click.ClickException(NOT_THE_DEMO)
    if has_tables and fresh:
        start_over(database)
    migrations.upgrade(database.engine)
    database.read(lambda session: facts.knows_keys(session, settings.encryption_keys))
    load_demo(database, settings, now=clock.now(), progress=progress_for_people())


def start_over(database: Database) -> None:
    """Delete all tables; for the embedded database, delete its file."""
    file = embedded_file(database)
    if file is None:
        migrations.downgrade(database.engine, "base")
        return
    database.close()
    for suffix in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def embedded_file(database: Database) -> Path | None:
    """Return the file of an SQLite database; None for other engines, and for one in memory."""
    url = database.engine.url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def show_logins(address: str) -> None:
    """Print the address of the demonstration and its logins."""
    table = Table("Sign in as", "Email", "Password", box=box.SIMPLE)
    for login in LOGINS:
        table.add_row(login.role, login.email, login.password)
    console = Console(highlight=False)
    console.print(f"Open the demonstration network at {address}")
    console.print(table)
