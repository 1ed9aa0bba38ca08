"""Proving that the diaries and the audit are right, and putting diaries right."""

from datetime import datetime

import click

from openslot.booking import check, queries
from openslot.core import sealing
from openslot.core.db import Database
from openslot.core.sealing import Sealed


def run_check(database: Database, *, repair: bool) -> None:
    """Print each fault of the diaries and of the audit; exit code 1 where some are left."""
    advice = [*_check_diaries(database, repair=repair), *_check_audit(database)]
    if advice:
        raise click.ClickException(" ".join(advice))


def _check_diaries(database: Database, *, repair: bool) -> list[str]:
    """Print what is wrong with the diaries; what to do about what is left of it."""
    found = check.faults(database)
    names = database.read(queries.diary_names) if found else {}
    for fault in found:
        click.echo(f"{names.get(fault.diary_id, 'unknown')}: {fault}")
    if not found:
        click.echo("Every diary holds exactly its appointments, holds and absences.")
        return []
    left = found
    if repair:
        pages = check.repair(database, found)
        click.echo(f"Pages put right: {pages}.")
        left = check.faults(database)
    if not left:
        return []
    advice = "Run: openslot check --repair"
    if repair and any(fault.is_overlap for fault in left):
        advice = "Two appointments at one time are for people to part."
    return [f"Faults left: {len(left)}. {advice}"]


def _check_audit(database: Database) -> list[str]:
    """Print what is wrong with the seals, and how far the audit is sealed."""
    faults = 0
    with database.reading(snapshot=True) as session:
        for fault in sealing.broken(session):
            click.echo(fault)
            faults += 1
        state = sealing.state(session)
    if not faults:
        click.echo(_whole(state))
    if state.unsealed:
        click.echo(_unsealed(state.unsealed, state.oldest_unsealed))
    if not faults:
        return []
    return [
        f"Broken seals: {faults}. The audit was changed by something other than OpenSlot. Keep "
        "the database as it is, and compare it with a backup."
    ]


def _whole(state: Sealed) -> str:
    if state.newest is None:
        return "The audit has no seal yet; the worker seals it."
    seal = state.newest
    return (
        f"Every seal of the audit holds. The newest is {seal.number} of {_minute(seal.sealed_at)}: "
        f"{seal.digest}"
    )


def _unsealed(count: int, oldest: datetime | None) -> str:
    since = f", the oldest of {_minute(oldest)}" if oldest else ""
    return f"Events of the audit that are not sealed yet: {count}{since}."


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
