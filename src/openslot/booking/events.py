"""Events of appointments, published through the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import CLAIMING
from openslot.core import audit, events
from openslot.core.work import Work
from openslot.schedules.rules import Place


class Topic(StrEnum):
    """The kinds of events of an appointment."""

    BOOKED = "appointment.booked"
    MOVED = "appointment.moved"
    CANCELLED = "appointment.cancelled"
    FULFILLED = "appointment.fulfilled"
    NO_SHOW = "appointment.no-show"
    FREED = "appointment.freed"
    """An appointment that had begun was entered in error, and the rest of its time is free."""
    MESSAGE = "session.message"
    """The care team writes to the patient of a session."""


class Together(StrEnum):
    """The kinds of events of several appointments that were booked together."""

    BOOKED = "appointments.booked"
    MOVED = "appointments.moved"
    CANCELLED = "appointments.cancelled"


_TOPICS = {
    Status.CANCELLED: Topic.CANCELLED,
    Status.FULFILLED: Topic.FULFILLED,
    Status.NO_SHOW: Topic.NO_SHOW,
    # For patient and practitioner the appointment is cancelled.
    Status.ENTERED_IN_ERROR: Topic.CANCELLED,
}


def news_of(was: Status, to: Status, *, is_over: bool) -> Topic | None:
    """Return the event of a change of status, or None. Marking an appointment as entered in error
    cancels it if it was booked and is not over; otherwise it only frees the rest of its time."""
    if to is not Status.ENTERED_IN_ERROR or (was is Status.BOOKED and not is_over):
        return _TOPICS.get(to)
    frees = was in CLAIMING and was is not Status.HELD and not is_over
    return Topic.FREED if frees else None


class Former(NamedTuple):
    """The schedule and time of an appointment before it was moved."""

    schedule_id: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    """The appointment right after the change. After a move ``was``, ``was_end`` and
    ``was_schedule`` are its previous start, end and schedule. With ``together``, people are told
    of it with others (see :func:`tell_together`)."""

    appointment: str
    version: int
    schedule: int
    start: str
    end: str
    was: str | None
    by: str | None
    was_schedule: int | None = None
    was_end: str | None = None
    together: bool = False


def former(appointment: Appointment) -> Former:
    """Return the schedule and time of an appointment that is about to be moved."""
    return Former(appointment.schedule_id, appointment.starts_at, appointment.ends_at)


def publish(
    work: Work, topic: Topic, appointment: Appointment, *, was: Former | None = None
) -> None:
    """Publish a change as an :class:`AppointmentChanged`."""
    events.publish(
        work,
        topic,
        appointment=appointment.id,
        version=appointment.version,
        schedule=appointment.schedule_id,
        start=appointment.starts_at,
        end=appointment.ends_at,
        was=was.start if was else None,
        by=work.actor.account_id,
        was_schedule=was.schedule_id if was else None,
        was_end=was.end if was else None,
        together=work.together,
    )


def tell_together(work: Work, topic: Together, appointments: Sequence[Appointment]) -> None:
    """Have people told once of appointments that were changed by work that is ``together``: the
    patient of all, and each of those who give the care of theirs."""
    schedules = {one.schedule_id for one in appointments}
    for of_schedule in (None, *sorted(schedules)):
        told = [one for one in appointments if of_schedule in (None, one.schedule_id)]
        ids = ",".join(str(one.id) for one in told)
        by, for_practice = work.actor.account_id, of_schedule is not None
        events.publish(work, topic, appointments=ids, by=by, for_practice=for_practice)


def subject_of(appointment_id: UUID) -> str:
    """Return the subject of audit events on an appointment."""
    return f"appointment:{appointment_id}"


def record_and_publish(
    work: Work, appointment: Appointment, topic: Topic, *, was: Former | None = None
) -> None:
    """Record an event of the appointment in the audit log, and publish it."""
    details = {"was": was.start.isoformat()} if was else {}
    audit.record(work, topic, subject_of(appointment.id), **details)
    publish(work, topic, appointment, was=was)


def record_booked(work: Work, appointment: Appointment, place: Place) -> None:
    """Record and publish a booking."""
    record_and_publish(work, appointment, Topic.BOOKED)
    record_special(work, appointment, place)


def record_special(work: Work, appointment: Appointment, place: Place) -> None:
    """Record that an appointment took time that is kept free, or taken; it has the reason itself,
    where erasing reaches it."""
    if place.in_emergency:
        audit.record(work, "appointment.emergency", subject_of(appointment.id))
    if place.squeezed_in:
        audit.record(work, "appointment.squeezed-in", subject_of(appointment.id))
