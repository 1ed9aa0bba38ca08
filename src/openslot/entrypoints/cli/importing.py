"""The import command."""

from collections.abc import Sequence
from pathlib import Path

import click

from openslot.core import clock
from openslot.entrypoints.cli.deployment import Deployment
from openslot.entrypoints.cli.progress import progress_for_people
from openslot.importers.commands import import_paths
from openslot.importers.problems import ImportRefused


def run_import(
    deployment: Deployment, paths: Sequence[Path], zone: str | None, *, rehearse: bool
) -> None:
    """Import files and print the result; if refused, print every problem and exit with code 1."""
    settings = deployment.settings
    try:
        outcome = import_paths(
            deployment.ready_database,
            settings,
            paths,
            zone=zone or settings.time_zone,
            now=clock.now(),
            progress=progress_for_people(),
            rehearse=rehearse,
        )
    except ImportRefused as refused:
        click.echo("\n".join(refused.report()), err=True)
        raise SystemExit(1) from None
    for line in (*outcome.notices, *outcome.lines()):
        click.echo(line)
    if rehearse:
        click.echo("This was a dry run. Nothing was written.")
