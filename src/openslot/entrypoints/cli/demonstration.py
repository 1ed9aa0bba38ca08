"""The demonstration network: loaded once, shown, and started over where that is wished."""

from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.cli.progress import progress_for_people
from openslot.exchange import queries
from openslot.exchange.demo import LOGINS, is_demo, load_demo
from openslot.migrations import run as migrations

NOT_THE_DEMO = (
    "This database holds something else than the demonstration network, and is left alone. "
    "Name an empty one in OPENSLOT_DATABASE_URL, or another folder in OPENSLOT_DATA_DIR."
)


def prepare(database: Database, settings: Settings, *, fresh: bool) -> None:
    """Have the demonstration network in the database, a new one with ``fresh``.

    A ClickException where the database holds anything else.
    """
    was_made = migrations.current(database.engine) is not None
    if was_made and not (is_demo(database) or database.read(queries.is_unused)):
        raise click.ClickException(NOT_THE_DEMO)
    if was_made and fresh:
        start_over(database)
    migrations.upgrade(database.engine)
    load_demo(database, settings, now=clock.now(), progress=progress_for_people())


def start_over(database: Database) -> None:
    """Take everything out of the database; of the embedded one, delete the file."""
    file = embedded_file(database)
    if file is None:
        migrations.downgrade(database.engine, "base")
        return
    database.close()
    for part in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + part).unlink(missing_ok=True)


def embedded_file(database: Database) -> Path | None:
    """The file of an SQLite database; None of other engines, and in memory."""
    url = database.engine.url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def show_logins(address: str) -> None:
    """Say where the demonstration is, and how to sign in to it."""
    table = Table("Sign in as", "E-mail", "Password", box=box.SIMPLE)
    for login in LOGINS:
        table.add_row(login.role, login.email, login.password)
    console = Console(highlight=False)
    console.print(f"The demonstration network is at {address}")
    console.print(table)
