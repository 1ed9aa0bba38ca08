"""The commands for backups."""

import time
from pathlib import Path

import click

from openslot.backups import archives, commands, queries
from openslot.backups.commands import Found
from openslot.core import clock
from openslot.entrypoints.cli.checking import check_database
from openslot.entrypoints.cli.deployment import Deployment
from openslot.entrypoints.cli.progress import progress_for_people
from openslot.migrations import revisions


def back_up(deployment: Deployment, target: Path, keep: int | None) -> None:
    """Write a backup, remove older ones, and print the files and the time."""
    if keep is not None and not target.is_dir():
        raise click.UsageError(f"--keep needs a folder, and {target} is none.")
    settings, database = deployment.settings, deployment.database
    began = time.monotonic()
    file = commands.back_up(
        database, settings, target, now=clock.now(), progress=progress_for_people()
    )
    size = file.stat().st_size / 1_000_000
    click.echo(f"{file}: {size:.1f} MB in {time.monotonic() - began:.1f} s.")
    if not settings.backup_recipients:
        click.echo(
            "The backup is not encrypted, and has no secret key in it. Set "
            "OPENSLOT_BACKUP_RECIPIENTS; `openslot backup-key` makes a key.",
            err=True,
        )
    for older in commands.remove_older(file, database, settings, keep=keep) if keep else ():
        click.echo(f"{older}: removed.")


def new_key(file: Path) -> None:
    """Write a secret key and print its public key."""
    click.echo(archives.new_key(file))


def restore(deployment: Deployment, found: Found, *, tries: bool) -> None:
    """Restore a backup, or try it, and print what is in it and the time."""
    began = time.monotonic()
    if tries:
        advice = _try(deployment, found)
    else:
        _restore(deployment, found)
        advice = []
    click.echo(f"It took {time.monotonic() - began:.1f} s.")
    if advice:
        raise click.ClickException(" ".join(advice))


def _try(deployment: Deployment, found: Found) -> list[str]:
    """Check a restored copy, print the counts, and return advice if it has faults."""
    with commands.tried(
        deployment.database, deployment.settings, found, progress=progress_for_people()
    ) as (manifest, copy, settings):
        click.echo(f"Backup of {manifest.made_at}, version {manifest.version}.")
        _say_who(found)
        for name, count in queries.counts(copy).items():
            click.echo(f"{name}: {count}")
        return check_database(copy, settings)


def _say_who(found: Found) -> None:
    """Print by which data key a backup is sealed, so that nobody without it has written it."""
    if found.sealed_by:
        click.echo(f"It is sealed with the data key {found.sealed_by}.")
    else:
        click.echo("It has no seal: nothing tells who wrote it.", err=True)


def _restore(deployment: Deployment, found: Found) -> None:
    manifest = commands.restore(
        deployment.database, deployment.settings, found, progress=progress_for_people()
    )
    click.echo(f"Restored the backup of {manifest.made_at}, version {manifest.version}.")
    _say_who(found)
    upgrade = "" if manifest.revision == revisions.head() else "openslot db upgrade, then: "
    click.echo(f"Run: {upgrade}openslot check")
