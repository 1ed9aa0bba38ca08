"""Proving that the diaries are right, and putting them right."""

import click

from openslot.booking import check, queries
from openslot.core.db import Database


def run_check(database: Database, *, repair: bool) -> None:
    """Print each fault; exit code 1 where some are left."""
    found = database.read(check.faults)
    names = database.read(queries.diary_names) if found else {}
    for fault in found:
        name = names.get(fault.diary_id, "unknown")
        click.echo(f"{name}: {fault}")
    if not found:
        click.echo("Every diary holds exactly its visits, holds and absences.")
        return
    left = found
    if repair:
        pages = database.run(check.repair)
        click.echo(f"Pages put right: {pages}.")
        left = database.read(check.faults)
    if left:
        advice = "Two visits at one time are for people to part." if repair else (
            "Run: openslot check --repair"
        )  # fmt: skip
        raise click.ClickException(f"Faults left: {len(left)}. {advice}")
