"""The events that other programs can subscribe to: ids and times, never names or reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from openslot.booking import events as booking
from openslot.booking.events import AppointmentChanged
from openslot.referrals import events as referrals

WEBHOOK = "webhook"
"""The outbox topic of deliveries."""


class Event(StrEnum):
    """Events to subscribe to. Names have words, dots and underscores (Standard Webhooks)."""

    BOOKED = "appointment.booked"
    MOVED = "appointment.moved"
    CANCELLED = "appointment.cancelled"
    FULFILLED = "appointment.fulfilled"
    NO_SHOW = "appointment.no_show"
    REFERRAL_SENT = "referral.sent"
    FREED = "slot.freed"


ABOUT: Mapping[Event, str] = {
    Event.BOOKED: "An appointment was booked.",
    Event.MOVED: "An appointment was moved to another time or place.",
    Event.CANCELLED: "An appointment was cancelled.",
    Event.FULFILLED: "An appointment took place.",
    Event.NO_SHOW: "A patient did not attend.",
    Event.REFERRAL_SENT: "A referral was sent.",
    Event.FREED: "A booked time became free.",
}
"""A sentence about each event."""

TOPICS: Mapping[str, Event] = {
    booking.Topic.BOOKED: Event.BOOKED,
    booking.Topic.MOVED: Event.MOVED,
    booking.Topic.CANCELLED: Event.CANCELLED,
    booking.Topic.FULFILLED: Event.FULFILLED,
    booking.Topic.NO_SHOW: Event.NO_SHOW,
    booking.Topic.FREED: Event.FREED,
    referrals.Topic.SENT: Event.REFERRAL_SENT,
}
"""The event of each outbox topic."""


@dataclass(frozen=True, slots=True)
class News:
    """An event and its payload."""

    event: Event
    data: dict[str, Any]


def news_of(topic: str, payload: Mapping[str, Any], *, now: datetime) -> Iterator[News]:
    """Yield the events for an outbox message; ``topic`` is one of TOPICS.

    A freed slot is an event of its own after the change that freed it, unless it is over.
    """
    event = TOPICS[topic]
    if event is Event.REFERRAL_SENT:
        yield News(event, {"referral": payload["referral"]})
        return
    changed = AppointmentChanged(**payload)
    former = _former(changed)
    if event is not Event.FREED:
        yield News(event, _appointment(changed) | ({"was": former} if former else {}))
    freed = _span(changed) if event in (Event.CANCELLED, Event.FREED) else former
    if freed and datetime.fromisoformat(freed["end"]) > now:
        yield News(Event.FREED, freed)


def _appointment(changed: AppointmentChanged) -> dict[str, Any]:
    return {"appointment": changed.appointment, "version": changed.version, **_span(changed)}


def _span(changed: AppointmentChanged) -> dict[str, Any]:
    return {"schedule": changed.schedule, "start": changed.start, "end": changed.end}


def _former(changed: AppointmentChanged) -> dict[str, Any] | None:
    if changed.was is None or changed.was_end is None:
        return None
    return {"schedule": changed.was_schedule, "start": changed.was, "end": changed.was_end}
