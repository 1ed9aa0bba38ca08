"""Checks of the diaries and the audit log, and repair of diaries."""

from datetime import datetime

import click

from openslot.booking import check, queries
from openslot.core import clock, sealing
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.sealing import Sealed
from openslot.core.work import doing
from openslot.entrypoints.cli.deployment import check_file
from openslot.usecases import retention


def run_check(database: Database, settings: Settings, *, repair: bool) -> None:
    """Print each fault of the file, the diaries and the audit log, and what is due to be removed;
    raise ClickException if faults remain."""
    check_file(database)
    advice = [*_check_diaries(database, repair=repair), *_check_audit(database)]
    due = database.read(doing(SYSTEM, clock.now(), settings, retention.due))
    click.echo(
        f"Due to be removed by the worker: {due.records} health records, "
        f"{due.audit_events} audit events."
    )
    if advice:
        raise click.ClickException(" ".join(advice))


def _check_diaries(database: Database, *, repair: bool) -> list[str]:
    """Print the faults of the diaries; return advice if any remain."""
    faults = check.faults(database)
    names = database.read(queries.diary_names) if faults else {}
    for fault in faults:
        click.echo(f"{names.get(fault.diary_id, 'unknown')}: {fault}")
    if not faults:
        click.echo("All diaries match their appointments, holds and absences.")
        return []
    if repair:
        pages = check.repair(database, faults)
        click.echo(f"Repaired pages: {pages}.")
        faults = check.faults(database)
    if not faults:
        return []
    advice = "Run: openslot check --repair"
    if repair and any(fault.is_overlap for fault in faults):
        advice = "Move one of the two appointments that are booked at the same time."
    return [f"Remaining faults: {len(faults)}. {advice}"]


def _check_audit(database: Database) -> list[str]:
    """Print the broken seals and the state of sealing; return advice if any seal is broken."""
    faults = 0
    with database.reading(snapshot=True) as session:
        for fault in sealing.broken(session):
            click.echo(fault)
            faults += 1
        state = sealing.state(session)
    if not faults:
        click.echo(_intact(state))
    if state.unsealed:
        since = (
            f", the oldest from {_minute(state.oldest_unsealed)}" if state.oldest_unsealed else ""
        )
        click.echo(f"Audit events not sealed yet: {state.unsealed}{since}.")
    if not faults:
        return []
    return [
        f"Broken seals: {faults}. The audit log was changed outside OpenSlot. Keep the database "
        "as it is and compare it with a backup."
    ]


def _intact(state: Sealed) -> str:
    if state.newest is None:
        return "The audit log has no seal yet. The worker will seal it."
    seal = state.newest
    return (
        f"All seals of the audit log are intact. The newest is number {seal.number} from "
        f"{_minute(seal.sealed_at)}: {seal.digest}"
    )


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
