"""Whether what a message tells still holds, looked at again right before it goes out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import events as booking
from openslot.booking import queries as appointments
from openslot.booking.events import AppointmentChanged
from openslot.booking.models import Status
from openslot.notifications import events
from openslot.notifications.messages import AppointmentTopic
from openslot.notifications.rules import OFF, is_still_news
from openslot.offers import events as offers
from openslot.offers.models import Offer, OfferStatus
from openslot.referrals import events as referrals
from openslot.referrals import queries as letters
from openslot.referrals.rules import State
from openslot.requests import events as requests
from openslot.requests.models import Kept, ServiceRequest

Event = Mapping[str, Any]
Judge = Callable[[Session, str, Event, datetime], bool]

LETTER_IS: Mapping[str, frozenset[State]] = {
    referrals.Topic.SENT: frozenset({State.SENT, State.USED}),
    referrals.Topic.REVOKED: frozenset({State.REVOKED}),
}

REQUEST_IS: Mapping[str, Kept] = {
    requests.Topic.PROPOSED: Kept.PROPOSED,
    requests.Topic.ACCEPTED: Kept.ACCEPTED,
    requests.Topic.DECLINED: Kept.DECLINED,
    requests.Topic.CANCELLED: Kept.CANCELLED,
}
"""How a request stands while the news holds; cancelled may also be its appointment."""


def still_holds(session: Session, topic: str, event: Event, *, now: datetime) -> bool:
    """Whether telling it now tells the truth; what nobody judges always holds."""
    judge = JUDGES.get(topic)
    return judge is None or judge(session, topic, event, now)


def appointment_topic(topic: str) -> AppointmentTopic:
    """The topic of an event about an appointment."""
    return events.Topic(topic) if topic in set(events.Topic) else booking.Topic(topic)


def _appointment(session: Session, topic: str, event: Event, now: datetime) -> bool:
    changed = AppointmentChanged(**event)
    appointment = appointments.appointment(session, UUID(changed.appointment))
    return appointment is not None and is_still_news(
        appointment_topic(topic), changed, appointment, now=now
    )


def _referral(session: Session, topic: str, event: Event, now: datetime) -> bool:
    letter = letters.letter(session, UUID(event["referral"]))
    if letter is None:
        return False
    if topic == referrals.Topic.ANSWERED:
        return letter.referral.answered_at is not None
    return letter.state(now) in LETTER_IS[topic]


def _request(session: Session, topic: str, event: Event, _now: datetime) -> bool:
    """A request stands as the news says; before it was answered, what was asked may change."""
    request = session.get(ServiceRequest, UUID(event["request"]))
    if request is None:
        return False
    appointment = (
        appointments.appointment(session, request.appointment_id)
        if request.appointment_id
        else None
    )
    if topic == requests.Topic.CANCELLED and appointment is not None:
        return appointment.status in OFF
    if appointment is not None and appointment.status in OFF:
        # It was cancelled on its own page meanwhile, and news of that is on its way.
        return False
    if request.version == event["version"]:
        return True
    if topic in (requests.Topic.MADE, requests.Topic.AMENDED):
        return request.status == Kept.NEW
    if topic == requests.Topic.COMPLETED:
        return appointment is not None and appointment.status is Status.FULFILLED
    return request.status == REQUEST_IS[topic]


def _offer(session: Session, _topic: str, event: Event, now: datetime) -> bool:
    offer = session.get(Offer, UUID(event["offer"]))
    return offer is not None and offer.status == OfferStatus.OPEN and offer.expires_at > now


JUDGES: Mapping[str, Judge] = {
    **dict.fromkeys((*booking.Topic, *events.Topic), _appointment),
    **dict.fromkeys(referrals.Topic, _referral),
    **dict.fromkeys(requests.Topic, _request),
    offers.Topic.MADE: _offer,
}
"""Emergency access to a history is told whatever has become of it."""
