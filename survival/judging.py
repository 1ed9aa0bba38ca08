"""What is in the database, compared with what the clients were told."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from faults.serving_process import OPENSLOT
from openslot.booking.models import Appointment, Status
from openslot.core import clock
from openslot.core.db import Database
from openslot.core.errors import Busy, TookTooLong, Unavailable
from openslot.core.outbox import OutboxMessage, State
from survival.load import Told

T = TypeVar("T")

CATCHES_UP_WITHIN = 60
"""Seconds after which a node must answer that stood still."""


@dataclass
class Faults:
    """What went wrong; all zero if nothing did."""

    lost: int = 0
    twice: int = 0
    overlaps: int = 0
    check: int = 0

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(*(one + more for one, more in zip(self.all, other.all, strict=True)))

    @property
    def all(self) -> tuple[int, int, int, int]:
        """The numbers, in the order of the table."""
        return self.lost, self.twice, self.overlaps, self.check


def faults(database: Database, told: Told, environment: dict[str, str]) -> Faults:
    """Compare, and run `openslot check`."""
    rows = _read(database, _appointments)
    status = {row[0]: row[1] for row in rows}
    lost = sum(not _is_there(one, status.get(one), told) for one in told.booked)
    asked = Counter((row[2], row[3], row[4]) for row in rows)
    live = Counter((row[2], row[3]) for row in rows if row[1] == Status.BOOKED)
    of_patients = Counter((row[4], row[3]) for row in rows if row[1] == Status.BOOKED)
    checked = subprocess.run(
        [*OPENSLOT, "check"], env=os.environ | environment, capture_output=True, check=False
    )
    return Faults(
        lost=lost,
        twice=_more_than_once(asked),
        overlaps=_more_than_once(live) + _more_than_once(of_patients),
        check=int(checked.returncode != 0),
    )


def waiting(database: Database) -> int:
    """The number of messages that the worker has yet to handle."""
    due = (OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= clock.now())
    return _read(database, lambda session: session.scalar(select(func.count()).where(*due)) or 0)


def _read(database: Database, work: Callable[[Session], T]) -> T:
    """Read as a visitor would who tries again: a node that stood still has to catch up first."""
    deadline = monotonic() + CATCHES_UP_WITHIN
    while True:
        try:
            return database.read(work)
        except (Busy, TookTooLong, Unavailable):
            if monotonic() > deadline:
                raise
        sleep(0.5)


def _appointments(session: Session) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in session.execute(
            select(
                Appointment.id,
                Appointment.status,
                Appointment.schedule_id,
                Appointment.starts_at,
                Appointment.patient_id,
            )
        )
    ]


def _is_there(one: UUID, status: Status | None, told: Told) -> bool:
    if one in told.cancelled:
        return status == Status.CANCELLED
    if one in told.unknown:
        return status in (Status.CANCELLED, Status.BOOKED)
    return status == Status.BOOKED


def _more_than_once(counted: Counter[Any]) -> int:
    return sum(number > 1 for number in counted.values())
