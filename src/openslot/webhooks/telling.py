"""Deliveries: queued with the event that they tell of, tried, and tried again.

A try is a message of the outbox. It names the number of the try that it is for, so that a
message which somebody has been faster than does nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit, outbox
from openslot.core.audit import Origin
from openslot.core.ids import new_id
from openslot.webhooks import queries
from openslot.webhooks.delivering import GONE, Answer, Parcel
from openslot.webhooks.events import TOPICS, WEBHOOK, Event, News, news_of
from openslot.webhooks.models import Delivery, DeliveryState, Endpoint
from openslot.webhooks.rules import GIVES_UP, next_try, rest

OFF = "The address was switched off."
SILENT = "No answer came for three days."


@dataclass(frozen=True, slots=True)
class Turn:
    """One try: of which delivery, its number among all tries, how many tries there were since
    it was last begun, and until when it is tried."""

    delivery_id: UUID
    attempt: int
    step: int
    until: datetime

    @classmethod
    def read(cls, packed: Mapping[str, Any]) -> "Turn":
        """What :meth:`packed` wrote."""
        until = datetime.fromisoformat(packed["until"])
        return cls(UUID(packed["delivery"]), packed["attempt"], packed["step"], until)

    def packed(self) -> dict[str, Any]:
        """As the outbox keeps it."""
        return {
            "delivery": str(self.delivery_id),
            "attempt": self.attempt,
            "step": self.step,
            "until": self.until.isoformat(),
        }


def queue(
    session: Session, topic: str, payload: Mapping[str, Any], *, happened: datetime, now: datetime
) -> None:
    """Have every endpoint that asked for it be told what a message of the outbox says; in the
    transaction that marks the message as done, so that it is told once."""
    if topic not in TOPICS:
        return
    endpoints = queries.listening(session, frozenset({TOPICS[topic], Event.FREED}))
    news = list(news_of(topic, payload, now=now)) if endpoints else []
    for endpoint in endpoints:
        for one in news:
            if one.event in endpoint.events.split():
                _queue_one(session, endpoint, one, happened, now)


def _queue_one(
    session: Session, endpoint: Endpoint, news: News, happened: datetime, now: datetime
) -> None:
    delivery = Delivery(
        id=new_id(),
        endpoint_id=endpoint.id,
        event=news.event,
        payload={"type": news.event, "timestamp": happened.isoformat(), "data": news.data},
        state=DeliveryState.WAITING,
        attempts=0,
        created_at=now,
    )
    session.add(delivery)
    send_now(session, delivery, now=now)


def send_now(session: Session, delivery: Delivery, *, now: datetime) -> None:
    """Begin the tries of a delivery."""
    turn = Turn(delivery.id, delivery.attempts + 1, 0, now + GIVES_UP)
    _send(session, delivery, turn, now=now, due=now)


def _send(
    session: Session, delivery: Delivery, turn: Turn, *, now: datetime, due: datetime
) -> None:
    delivery.next_at = due
    outbox.send(session, WEBHOOK, turn.packed(), now=now, due=due)


def parcel_for(session: Session, turn: Turn, *, now: datetime) -> Parcel | None:
    """What to send now; None where :func:`settle` is to be called with no answer."""
    found = _its_turn(session, turn)
    if found is None:
        return None
    delivery, endpoint = found
    if not endpoint.active or (endpoint.rests_until and endpoint.rests_until > now):
        return None
    return Parcel(endpoint.url, delivery.id, delivery.payload, secrets_of(endpoint, now=now))


def secrets_of(endpoint: Endpoint, *, now: datetime) -> tuple[str, ...]:
    """What signs now: the secret, and for a while the one before."""
    ends = endpoint.old_secret_ends_at
    if endpoint.old_secret and ends and ends > now:
        return (endpoint.secret, endpoint.old_secret)
    return (endpoint.secret,)


def settle(session: Session, turn: Turn, answer: Answer | None, *, now: datetime) -> None:
    """Write down how a try went, and have the next one come; ``answer`` is None where nothing
    was sent, since the endpoint is off or rests."""
    found = _its_turn(session, turn)
    if found is None:
        return
    delivery, endpoint = found
    if answer is None:
        _put_off(session, delivery, endpoint, turn, now)
        return
    delivery.attempts = turn.attempt
    delivery.tried_at = now
    delivery.answer = answer.words
    _note(endpoint, answer, now)
    if answer.is_good:
        _end(delivery, DeliveryState.DONE)
    elif answer.status == GONE:
        _switch_off(session, endpoint, now)
        _end(delivery, DeliveryState.FAILED)
    else:
        _try_again(session, delivery, turn, now)


def _its_turn(session: Session, turn: Turn) -> tuple[Delivery, Endpoint] | None:
    """The delivery, unless it is settled, deleted, or another message has made this try."""
    found = queries.delivery(session, turn.delivery_id)
    if found is None:
        return None
    delivery, _ = found
    waits = delivery.state == DeliveryState.WAITING and delivery.attempts + 1 == turn.attempt
    return found if waits else None


def _put_off(
    session: Session, delivery: Delivery, endpoint: Endpoint, turn: Turn, now: datetime
) -> None:
    due = max(endpoint.rests_until or now, now)
    if not endpoint.active:
        delivery.answer = OFF
        _end(delivery, DeliveryState.FAILED)
    elif due > turn.until:
        delivery.answer = delivery.answer or SILENT
        _end(delivery, DeliveryState.FAILED)
    else:
        _send(session, delivery, turn, now=now, due=due)


def _note(endpoint: Endpoint, answer: Answer, now: datetime) -> None:
    """Whether the endpoint answers at all: one that does not would keep all others waiting."""
    if answer.status is not None:
        endpoint.misses, endpoint.rests_until = 0, None
    else:
        endpoint.misses += 1
        endpoint.rests_until = now + rest(endpoint.misses)


def _try_again(session: Session, delivery: Delivery, turn: Turn, now: datetime) -> None:
    due = next_try(turn.step, turn.until, now=now)
    if due is None:
        _end(delivery, DeliveryState.FAILED)
        return
    later = Turn(delivery.id, turn.attempt + 1, turn.step + 1, turn.until)
    _send(session, delivery, later, now=now, due=due)


def _end(delivery: Delivery, state: DeliveryState) -> None:
    delivery.state, delivery.next_at = state, None


def _switch_off(session: Session, endpoint: Endpoint, now: datetime) -> None:
    """The receiver said that it is gone for good."""
    endpoint.active, endpoint.stopped_at = False, now
    by = Origin(program="worker")
    audit.record(session, "webhook.gone", f"webhook:{endpoint.id}", by=by, now=now)
