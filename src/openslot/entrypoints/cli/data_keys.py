"""Commands for the keys of encrypted columns."""

import click

from openslot.core import facts, reencryption
from openslot.core.data_keys import new_key
from openslot.entrypoints.cli.deployment import Deployment
from openslot.entrypoints.cli.progress import progress_for_people


def new() -> None:
    """Print a new key."""
    click.echo(new_key())
    click.echo(
        "Keep a copy of this key apart from the database and its backups: without it, what is "
        "encrypted is lost.",
        err=True,
    )


def rotate(deployment: Deployment) -> None:
    """Encrypt everything with the newest key, and say which keys are no longer needed; raise
    ClickException if some are."""
    database, keys = deployment.ready_database, deployment.settings.encryption_keys
    progress, count, lost = progress_for_people(), 0, 0
    for step in reencryption.renew(database):
        count, lost = count + step.renewed, lost + len(step.lost)
        for fault in step.lost:
            click.echo(fault)
        progress.say(f"{step.column}: {count} values encrypted anew so far.")
    click.echo(f"Encrypted anew with the key {keys.newest}: {count} values.")
    if lost:
        raise click.ClickException(f"{lost} values cannot be read, and are as they were.")
    if left := database.read(reencryption.left):
        raise click.ClickException(
            f"{left} values were encrypted with an earlier key meanwhile. Restart all servers and "
            "workers, so that they have the new key, and run this again."
        )
    if gone := keys.names - {keys.newest}:
        database.run(lambda session: facts.note_keys(session, keys, gone=gone))
        click.echo(f"No longer needed, but for older backups: {', '.join(sorted(gone))}.")
