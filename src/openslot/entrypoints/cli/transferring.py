"""The commands import and export, of everything."""

import pkgutil
import time
from collections.abc import Iterable
from pathlib import Path

import click

from openslot.core import clock
from openslot.entrypoints.cli.deployment import Deployment
from openslot.entrypoints.cli.progress import progress_for_people
from openslot.importers.problems import ImportRefused
from openslot.transfers import commands
from openslot.transfers.commands import Contents
from openslot.transfers.packages import FileOfExport

IN_FHIR = "openslot.entrypoints.fhir.everything:files"
"""What makes the files in FHIR; named, as entry points never import each other."""


def run_export(deployment: Deployment, target: Path, contents: Contents) -> None:
    """Write everything, and print the numbers of lines, the time, and who can read it."""
    began = time.monotonic()
    manifest = commands.export_everything(
        deployment.ready_database,
        deployment.settings,
        target,
        contents,
        pkgutil.resolve_name(IN_FHIR),
        now=clock.now(),
        progress=progress_for_people(),
    )
    _show(manifest.files)
    click.echo(f"{target} was written in {time.monotonic() - began:.1f} s.")
    if not contents.recipients:
        click.echo(
            f"{target} HAS HEALTH RECORDS AND PERSONAL DATA IN CLEAR. Only its owner can open it; "
            "keep it so, and delete it when it is no longer needed. --recipient encrypts it.",
            err=True,
        )


def run_import(deployment: Deployment, path: Path, key: Path | None, *, rehearse: bool) -> None:
    """Fill an empty database from an export, and print the numbers of lines; if refused, print
    every problem and exit with code 1."""
    began = time.monotonic()
    try:
        manifest = commands.import_everything(
            deployment.ready_database,
            deployment.settings,
            path,
            key,
            now=clock.now(),
            progress=progress_for_people(),
            rehearse=rehearse,
        )
    except ImportRefused as refused:
        click.echo("\n".join(refused.report()), err=True)
        raise SystemExit(1) from None
    _show(file for file in manifest.files if file.returns)
    click.echo(f"Imported the export of {manifest.made_at} in {time.monotonic() - began:.1f} s.")
    if rehearse:
        click.echo("This was a dry run. Nothing was written.")
    elif not manifest.with_credentials:
        click.echo('Nobody has a password here yet: people set one with "Forgot password?".')


def _show(files: Iterable[FileOfExport]) -> None:
    for file in files:
        if file.lines:
            click.echo(f"{file.name}: {file.lines}")
