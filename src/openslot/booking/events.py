"""What the world is told of a visit, through the outbox."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import outbox


class Topic(StrEnum):
    """What happened to a visit."""

    BOOKED = "appointment.booked"
    MOVED = "appointment.moved"
    CANCELLED = "appointment.cancelled"
    FULFILLED = "appointment.fulfilled"
    NO_SHOW = "appointment.no-show"


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    """The visit as it was right after the change; ``was`` is the start before a move."""

    appointment: str
    version: int
    schedule: int
    start: str
    end: str
    was: str | None
    by: str | None


def announce(
    session: Session,
    topic: Topic,
    visit: Appointment,
    *,
    by: UUID | None,
    now: datetime,
    was: datetime | None = None,
) -> None:
    """Have the worker tell whom it concerns, once this transaction is committed."""
    event = AppointmentChanged(
        appointment=str(visit.id),
        version=visit.version,
        schedule=visit.schedule_id,
        start=visit.starts_at.isoformat(),
        end=visit.ends_at.isoformat(),
        was=was.isoformat() if was else None,
        by=str(by) if by else None,
    )
    outbox.send(session, topic, payload(event), now=now)


def payload(event: AppointmentChanged) -> dict[str, Any]:
    """The event as the outbox keeps it."""
    return asdict(event)
