"""Whether what a mail tells of a visit is still worth telling: a pure decision."""

from datetime import datetime

from openslot.booking.events import AppointmentChanged, Topic
from openslot.booking.models import Appointment, Status
from openslot.notifications import events

REMINDER = events.Topic.REMINDER
OFF = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})


def is_still_news(
    topic: Topic | events.Topic, event: AppointmentChanged, visit: Appointment, *, now: datetime
) -> bool:
    """Whether the visit stands as the event says, so that telling it now tells the truth.

    Events may be handled late and in any order. A confirmation after the cancellation, or of
    a time that the visit has left, is not sent: the later event tells what holds. That a visit
    is off stays true. A confirmation of what is over already helps nobody, and nobody is
    reminded of a visit that has begun, or whose patient is here.
    """
    if topic is Topic.CANCELLED:
        return visit.status in OFF
    if visit.status in OFF or visit.ends_at <= now:
        return False
    if topic is REMINDER and (visit.status != Status.BOOKED or visit.starts_at <= now):
        return False
    if visit.version == event.version:
        return True
    stands = (visit.schedule_id, visit.starts_at.isoformat(), visit.ends_at.isoformat())
    return stands == (event.schedule, event.start, event.end)
