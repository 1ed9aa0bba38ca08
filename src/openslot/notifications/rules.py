"""Whether what a mail tells of an appointment is still worth telling: a pure decision."""

from datetime import datetime

from openslot.booking.events import AppointmentChanged, Topic
from openslot.booking.models import Appointment, Status
from openslot.notifications import events

REMINDER = events.Topic.REMINDER
OFF = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})


def is_still_news(
    topic: Topic | events.Topic,
    event: AppointmentChanged,
    appointment: Appointment,
    *,
    now: datetime,
) -> bool:
    """Whether the appointment stands as the event says, so that telling it now tells the truth.

    Events may be handled late and in any order. A confirmation after the cancellation, or of a time
    that the appointment has left, is not sent: the later event tells what holds. That an
    appointment is off stays true. A confirmation of what is over already helps nobody, and nobody
    is reminded of an appointment that has begun, or whose patient is here.
    """
    if topic is Topic.CANCELLED:
        return appointment.status in OFF
    if appointment.status in OFF or appointment.ends_at <= now:
        return False
    if topic is REMINDER and (appointment.status != Status.BOOKED or appointment.starts_at <= now):
        return False
    if appointment.version == event.version:
        return True
    stands = (
        appointment.schedule_id,
        appointment.starts_at.isoformat(),
        appointment.ends_at.isoformat(),
    )
    return stands == (event.schedule, event.start, event.end)
