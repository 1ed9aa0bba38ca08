"""Commands for the records of patients."""

from uuid import UUID

import click

from openslot.core import clock
from openslot.core.actor import SYSTEM
from openslot.core.work import doing
from openslot.entrypoints.cli.deployment import Deployment
from openslot.usecases import erasing, merging
from openslot.usecases.erasing import Erased


def merge(
    deployment: Deployment,
    patient_id: UUID,
    duplicate_id: UUID,
    *,
    end_access: bool,
    is_sure: bool,
) -> None:
    """Show what would move, ask, merge, and print the id by which it can be undone."""
    preview = deployment.ready_database.read(
        doing(SYSTEM, clock.now(), deployment.settings, merging.preview, patient_id, duplicate_id)
    )
    for name, count in preview.counts.items():
        click.echo(f"{name.replace('_', ' ')}: {count}")
    if not is_sure:
        click.confirm("Merge these records?", abort=True)
    row = deployment.write(merging.merge, patient_id, duplicate_id, end_access=end_access)
    click.echo(f"Merged. To undo it, run: openslot patient unmerge {row.id}")


def unmerge(deployment: Deployment, merge_id: UUID) -> None:
    """Undo a merge."""
    deployment.write(merging.unmerge, merge_id)
    click.echo("The merge is undone.")


def erase(
    deployment: Deployment, patient_id: UUID, *, keep_record: bool, rehearse: bool, is_sure: bool
) -> None:
    """Show what would be removed, ask, and erase the person; with ``rehearse`` only show."""
    preview = deployment.ready_database.read(
        doing(
            SYSTEM,
            clock.now(),
            deployment.settings,
            erasing.preview,
            patient_id,
            keep_record=keep_record,
        )
    )
    _show(preview)
    if rehearse:
        return
    if not is_sure:
        click.confirm("This cannot be undone. Erase this person?", abort=True)
    deployment.write(erasing.erase, patient_id, keep_record=keep_record)
    deployment.database.scrub()
    click.echo("The person is erased. Backups from before still have the data.")


def _show(erased: Erased) -> None:
    click.echo(f"Appointments that lose their texts: {erased.appointments}")
    click.echo(f"Upcoming appointments that are cancelled: {erased.cancelled}")
    click.echo(f"Messages that are deleted: {erased.messages}")
    click.echo(f"Account: {'deleted' if erased.has_account else 'none'}")
    if erased.keeps_record:
        click.echo("Health record: kept without a name")
    else:
        click.echo(
            f"Health record: {erased.entries} entries and {erased.referrals} letters removed"
        )
