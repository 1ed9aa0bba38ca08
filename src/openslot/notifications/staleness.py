"""When an event is stale, so that a mail about it would no longer tell the truth.

It is asked when a mail is written, and again right before it is sent: events may be handled
late and in any order, and the later event says what is true now.
"""

from collections.abc import Mapping
from datetime import datetime

from openslot.booking.events import AppointmentChanged, Topic
from openslot.booking.models import Appointment, Status
from openslot.department_requests.events import Topic as RequestTopic
from openslot.department_requests.models import Kept
from openslot.notifications.events import (
    OFF,
    AppointmentEvent,
    AppointmentsEvent,
    OfferEvent,
    ReferralEvent,
    RequestEvent,
)
from openslot.notifications.events import Topic as ReminderTopic
from openslot.notifications.queries import AsItIs
from openslot.referrals.events import Topic as ReferralTopic
from openslot.referrals.models import State
from openslot.waiting_list.models import OfferStatus

REQUEST_STATUS: Mapping[str, Kept] = {
    RequestTopic.MADE: Kept.NEW,
    RequestTopic.AMENDED: Kept.NEW,
    RequestTopic.PROPOSED: Kept.PROPOSED,
    RequestTopic.ACCEPTED: Kept.ACCEPTED,
    RequestTopic.DECLINED: Kept.DECLINED,
    RequestTopic.CANCELLED: Kept.CANCELLED,
}
"""The status of a request in which mail about it is still true, if it has changed since."""


def appointment_is_stale(event: AppointmentEvent) -> bool:
    """Return whether the appointment is no longer as the event says."""
    return has_changed(event.topic, event.change, event.appointment, now=event.work.now)


def has_changed(
    topic: str, change: AppointmentChanged, appointment: Appointment | AsItIs, *, now: datetime
) -> bool:
    """Return whether an appointment is no longer as an event says, or the event is of no use.

    A cancellation stays true. A confirmation is of no use once the appointment is over, and a
    reminder once it has begun or the patient is here.
    """
    is_off = appointment.status in OFF
    if topic == Topic.CANCELLED:
        return not is_off
    if is_off or appointment.ends_at <= now:
        return True
    has_begun = appointment.status != Status.BOOKED or appointment.starts_at <= now
    if topic in tuple(ReminderTopic) and has_begun:
        return True
    if appointment.version == change.version:
        return False
    start, end = appointment.starts_at.isoformat(), appointment.ends_at.isoformat()
    return (appointment.schedule_id, start, end) != (change.schedule, change.start, change.end)


def appointments_are_stale(event: AppointmentsEvent) -> bool:
    """Return whether all of the appointments are over; of the rest, the event is still true."""
    return all(one.ends_at <= event.work.now for one in event.appointments)


def referral_is_stale(event: ReferralEvent) -> bool:
    """Return whether a referral that was sent was withdrawn or has expired since, or one that was
    withdrawn or answered no longer is."""
    if event.topic == ReferralTopic.ANSWERED:
        return event.referral.answered_at is None
    state = event.referral.state_at(event.work.now)
    if event.topic == ReferralTopic.REVOKED:
        return state is not State.REVOKED
    return state not in (State.SENT, State.USED)


def request_is_stale(event: RequestEvent) -> bool:
    """Return whether a request has changed since, so that the event no longer describes it.

    Its appointment may have been cancelled directly, which has mail of its own. A new request
    may still change before it is answered.
    """
    request, appointment = event.request, event.request.appointment
    is_off = appointment is not None and appointment.status in OFF
    if event.topic == RequestTopic.CANCELLED and appointment is not None:
        return not is_off
    if is_off:
        return True
    if request.version == event.version:
        return False
    if event.topic == RequestTopic.COMPLETED:
        return appointment is None or appointment.status != Status.FULFILLED
    return request.status != REQUEST_STATUS[event.topic]


def offer_is_stale(event: OfferEvent) -> bool:
    """Return whether an offer was answered or withdrawn, or has expired."""
    return event.offer.status != OfferStatus.OPEN or event.offer.expires_at <= event.work.now
