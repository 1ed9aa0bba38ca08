"""Deliveries: created with their event, attempted, and attempted again.

An attempt is an outbox message with the number of the attempt, so a message that was overtaken by
another does nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit, outbox
from openslot.core.actor import Actor
from openslot.core.ids import new_id
from openslot.core.outbox import OutboxMessage
from openslot.core.work import Work
from openslot.webhooks import queries
from openslot.webhooks.events import TOPICS, WEBHOOK, Event, News, news_of
from openslot.webhooks.models import Delivery, DeliveryState, Endpoint
from openslot.webhooks.rules import GIVES_UP, asked_rest, next_try, rest
from openslot.webhooks.sending import BUSY, GONE, Answer, Parcel

OFF = "The webhook was switched off."
SILENT = "The server did not answer for three days."


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a delivery.

    ``number`` is its number among all attempts, ``step`` the number of attempts before it since
    the delivery was last started, and ``until`` the time of the last one.
    """

    delivery_id: UUID
    number: int
    step: int
    until: datetime

    @classmethod
    def read(cls, packed: Mapping[str, Any]) -> "Attempt":
        """Return the attempt that :meth:`packed` stored."""
        until = datetime.fromisoformat(packed["until"])
        return cls(UUID(packed["delivery"]), packed["attempt"], packed["step"], until)

    def packed(self) -> dict[str, Any]:
        """Return the attempt as an outbox payload."""
        return {
            "delivery": str(self.delivery_id),
            "attempt": self.number,
            "step": self.step,
            "until": self.until.isoformat(),
        }


def queue(work: Work, messages: Sequence[OutboxMessage]) -> None:
    """Create the deliveries of outbox messages for every endpoint that subscribes to them.

    Call it in the transaction that marks the messages as done, so that each is created once.
    """
    told = [message for message in messages if message.topic in TOPICS]
    events = frozenset(TOPICS[message.topic] for message in told)
    endpoints = queries.listening(work.session, events | {Event.FREED}) if told else []
    for message in told if endpoints else ():
        news = list(news_of(message.topic, message.payload, now=work.now))
        for endpoint in endpoints:
            for event_news in news:
                if event_news.event in endpoint.events.split():
                    _create_delivery(work, endpoint, event_news, message.created_at)


def _create_delivery(work: Work, endpoint: Endpoint, news: News, happened: datetime) -> None:
    delivery = Delivery(
        id=new_id(),
        endpoint_id=endpoint.id,
        event=news.event,
        payload={"type": news.event, "timestamp": happened.isoformat(), "data": news.data},
        state=DeliveryState.WAITING,
        attempts=0,
        created_at=work.now,
    )
    work.session.add(delivery)
    send_now(work, delivery)


def send_now(work: Work, delivery: Delivery) -> None:
    """Start the attempts of a delivery."""
    attempt = Attempt(delivery.id, delivery.attempts + 1, 0, work.now + GIVES_UP)
    _schedule_attempt(work, delivery, attempt, due=work.now)


def _schedule_attempt(work: Work, delivery: Delivery, attempt: Attempt, *, due: datetime) -> None:
    delivery.next_at = due
    outbox.send(work, f"{WEBHOOK}:{delivery.endpoint_id}", attempt.packed(), due=due)


def parcel_for(work: Work, attempt: Attempt) -> Parcel | None:
    """Return what to send now, or None if :func:`settle` is to be called without an answer."""
    current = _current_delivery(work.session, attempt)
    if current is None:
        return None
    delivery, endpoint = current
    if not endpoint.active or (endpoint.rests_until and endpoint.rests_until > work.now):
        return None
    return Parcel(endpoint.url, delivery.id, delivery.payload, secrets_of(endpoint, now=work.now))


def secrets_of(endpoint: Endpoint, *, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign now: the current one, and for a while the previous one."""
    ends = endpoint.old_secret_ends_at
    if endpoint.old_secret and ends and ends > now:
        return (endpoint.secret, endpoint.old_secret)
    return (endpoint.secret,)


def settle(work: Work, attempt: Attempt, answer: Answer | None) -> None:
    """Store the result of an attempt and schedule the next one.

    ``answer`` is None if nothing was sent because the endpoint is off or pausing.
    """
    current = _current_delivery(work.session, attempt)
    if current is None:
        return
    delivery, endpoint = current
    if answer is None:
        _postpone(work, delivery, endpoint, attempt)
        return
    delivery.attempts = attempt.number
    delivery.tried_at = work.now
    delivery.answer = answer.words
    _count_misses(endpoint, answer, work.now)
    if answer.is_good:
        _finish(delivery, DeliveryState.DONE)
    elif answer.status == GONE:
        _switch_off(work, endpoint)
        _finish(delivery, DeliveryState.FAILED)
    else:
        _try_again(work, delivery, attempt)


def _current_delivery(session: Session, attempt: Attempt) -> tuple[Delivery, Endpoint] | None:
    """Return the delivery if this attempt is its next one; None if it was overtaken or is
    finished."""
    current = queries.delivery(session, attempt.delivery_id)
    if current is None:
        return None
    delivery, _ = current
    is_current = delivery.state == DeliveryState.WAITING and delivery.attempts + 1 == attempt.number
    return current if is_current else None


def _postpone(work: Work, delivery: Delivery, endpoint: Endpoint, attempt: Attempt) -> None:
    due = max(endpoint.rests_until or work.now, work.now)
    if not endpoint.active:
        delivery.answer = OFF
        _finish(delivery, DeliveryState.FAILED)
    elif due > attempt.until:
        delivery.answer = delivery.answer or SILENT
        _finish(delivery, DeliveryState.FAILED)
    else:
        _schedule_attempt(work, delivery, attempt, due=due)


def _count_misses(endpoint: Endpoint, answer: Answer, now: datetime) -> None:
    """Pause an endpoint that does not answer, which would delay all others, or asks for it."""
    if answer.status is not None:
        asked = asked_rest(answer.retry_after, now=now) if answer.status in BUSY else None
        endpoint.misses, endpoint.rests_until = 0, now + asked if asked else None
    else:
        endpoint.misses += 1
        endpoint.rests_until = now + rest(endpoint.misses)


def _try_again(work: Work, delivery: Delivery, attempt: Attempt) -> None:
    due = next_try(attempt.step, attempt.until, now=work.now)
    if due is None:
        _finish(delivery, DeliveryState.FAILED)
        return
    later = Attempt(delivery.id, attempt.number + 1, attempt.step + 1, attempt.until)
    _schedule_attempt(work, delivery, later, due=due)


def _finish(delivery: Delivery, state: DeliveryState) -> None:
    delivery.state, delivery.next_at = state, None


def _switch_off(work: Work, endpoint: Endpoint) -> None:
    """Switch off an endpoint that answered that it is gone for good."""
    endpoint.active, endpoint.stopped_at = False, work.now
    audit.record(work.by(Actor(program="worker")), "webhook.gone", f"webhook:{endpoint.id}")
