"""When patients come and go in, and their numbers of the day."""

from datetime import datetime

from openslot.booking import queries
from openslot.booking.models import Appointment, Status
from openslot.core.clock import day_in
from openslot.core.locks import lock
from openslot.core.work import Work


def note(work: Work, appointment: Appointment, to: Status) -> None:
    """Note with a change of status that the patient came now, with a number of the day, or did
    not. What is marked on another day than that of the appointment says nothing of when they
    came."""
    if to is Status.BOOKED:
        appointment.came_at = appointment.called_at = appointment.day_number = None
    elif to is Status.ARRIVED and appointment.came_at is None:
        starts, ends = day_in(work.now.astimezone(appointment.zone).date(), appointment.zone)
        if starts <= appointment.starts_at < ends:
            appointment.came_at = work.now
            appointment.day_number = _next_number(work, appointment, starts, ends)


def _next_number(work: Work, appointment: Appointment, starts: datetime, ends: datetime) -> int:
    centre_id = appointment.schedule.centre_id
    with work.session.no_autoflush:
        lock(work.session, f"numbers of {centre_id} on {starts:%Y-%m-%d}")
        return 1 + queries.last_number(work.session, centre_id, starts, ends)
