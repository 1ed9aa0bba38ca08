"""What happens to an appointment and is published through the outbox."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment, Status
from openslot.booking.rules import CLAIMING
from openslot.core import audit, events
from openslot.directory.rules import Actor


class Topic(StrEnum):
    """What happened to a visit."""

    BOOKED = "appointment.booked"
    MOVED = "appointment.moved"
    CANCELLED = "appointment.cancelled"
    FULFILLED = "appointment.fulfilled"
    NO_SHOW = "appointment.no-show"
    FREED = "appointment.freed"
    """Nobody expects the visit any more, and its time can be booked again."""


_TOPICS = {
    Status.CANCELLED: Topic.CANCELLED,
    Status.FULFILLED: Topic.FULFILLED,
    Status.NO_SHOW: Topic.NO_SHOW,
    # To those who expected the visit it is cancelled.
    Status.ENTERED_IN_ERROR: Topic.CANCELLED,
}


def news_of(was: Status, to: Status, *, is_over: bool) -> Topic | None:
    """What is told of a step. A visit that nobody expects any more, and that was entered in
    error, gives back what is left of its time, and that is all."""
    if to is not Status.ENTERED_IN_ERROR or (was is Status.BOOKED and not is_over):
        return _TOPICS.get(to)
    frees = was in CLAIMING and was is not Status.HELD and not is_over
    return Topic.FREED if frees else None


class Former(NamedTuple):
    """Where and when a visit was before it was moved."""

    schedule_id: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    """The visit as it was right after the change; ``was`` is the start before a move, and
    ``was_schedule`` and ``was_end`` the rest of its former place."""

    appointment: str
    version: int
    schedule: int
    start: str
    end: str
    was: str | None
    by: str | None
    was_schedule: int | None = None
    was_end: str | None = None


def former(visit: Appointment) -> Former:
    """The present place of a visit that is about to be moved."""
    return Former(visit.schedule_id, visit.starts_at, visit.ends_at)


def publish(
    session: Session,
    topic: Topic,
    visit: Appointment,
    *,
    by: UUID | None,
    now: datetime,
    was: Former | None = None,
) -> None:
    """Publish a change as an :class:`AppointmentChanged`."""
    events.publish(
        session,
        topic,
        now=now,
        appointment=visit.id,
        version=visit.version,
        schedule=visit.schedule_id,
        start=visit.starts_at,
        end=visit.ends_at,
        was=was.start if was else None,
        by=by,
        was_schedule=was.schedule_id if was else None,
        was_end=was.end if was else None,
    )


def subject_of(appointment_id: UUID) -> str:
    """How the audit names a visit."""
    return f"appointment:{appointment_id}"


def record_and_publish(
    session: Session,
    actor: Actor,
    visit: Appointment,
    topic: Topic,
    now: datetime,
    *,
    was: Former | None = None,
) -> None:
    """Write an audit event, and publish the change to everybody whom it affects."""
    details = {"was": was.start.isoformat()} if was else {}
    audit.record(session, topic, subject_of(visit.id), by=actor.origin, now=now, **details)
    publish(session, topic, visit, by=actor.account_id, now=now, was=was)
