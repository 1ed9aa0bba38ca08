"""Commands for webhooks, for administrators of the network."""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.directory.rules import Actor, may_run_network
from openslot.webhooks import queries
from openslot.webhooks.delivering import Target
from openslot.webhooks.errors import SwitchedOff
from openslot.webhooks.models import Delivery, DeliveryState, Endpoint
from openslot.webhooks.rules import OLD_SECRET_LASTS, check_events
from openslot.webhooks.telling import send_now

PREFIX = "whsec_"
"""The prefix of secrets (Standard Webhooks), by which scanners recognise a leaked one."""

SECRET_BYTES = 32


def create(
    session: Session, actor: Actor, target: Target, events: Iterable[str], *, now: datetime
) -> Endpoint:
    """Create an endpoint; its secret is shown this once.

    ``target`` is the result of delivering.find() for the address, called before the transaction
    because it uses DNS. Raise UnknownEvent.
    """
    may_run_network(actor)
    endpoint = Endpoint(
        id=new_id(),
        url=target.address.url,
        events=check_events(events),
        secret=_new_secret(),
        active=True,
        created_at=now,
        created_by=actor.account_id,
        misses=0,
    )
    session.add(endpoint)
    _record(session, actor, endpoint, "created", now)
    return endpoint


def choose_events(
    session: Session, actor: Actor, endpoint_id: UUID, events: Iterable[str], *, now: datetime
) -> Endpoint:
    """Replace the events of an endpoint. Raise UnknownEvent."""
    endpoint = _endpoint(session, actor, endpoint_id)
    endpoint.events = check_events(events)
    _record(session, actor, endpoint, "changed", now)
    return endpoint


def rotate(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> Endpoint:
    """Give an endpoint a new secret, which is shown this once.

    The old secret signs as well for OLD_SECRET_LASTS, so that the receiver can change over without
    losing an event.
    """
    endpoint = _endpoint(session, actor, endpoint_id)
    endpoint.old_secret, endpoint.secret = endpoint.secret, _new_secret()
    endpoint.old_secret_ends_at = now + OLD_SECRET_LASTS
    _record(session, actor, endpoint, "rotated", now)
    return endpoint


def set_active(
    session: Session, actor: Actor, endpoint_id: UUID, *, active: bool, now: datetime
) -> Endpoint:
    """Switch an endpoint on or off. It never gets the events that happen while it is off."""
    endpoint = _endpoint(session, actor, endpoint_id)
    if endpoint.active == active:
        return endpoint
    endpoint.active, endpoint.stopped_at = active, None if active else now
    endpoint.misses, endpoint.rests_until = 0, None
    _record(session, actor, endpoint, "switched-on" if active else "switched-off", now)
    return endpoint


def delete(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> None:
    """Delete an endpoint and its deliveries."""
    endpoint = _endpoint(session, actor, endpoint_id)
    remove(session, endpoint)
    _record(session, actor, endpoint, "deleted", now)


def send_again(
    session: Session, actor: Actor, endpoint_id: UUID, delivery_id: UUID, *, now: datetime
) -> Delivery:
    """Start the attempts of a delivery again, with the same id. Raise SwitchedOff."""
    may_run_network(actor)
    delivery_and_endpoint = queries.delivery(session, delivery_id, of=endpoint_id)
    if delivery_and_endpoint is None:
        raise NotFound
    delivery, endpoint = delivery_and_endpoint
    if not endpoint.active:
        raise SwitchedOff
    endpoint.rests_until = None
    delivery.state = DeliveryState.WAITING
    send_now(session, delivery, now=now)
    _record(session, actor, endpoint, "sent-again", now, delivery=str(delivery.id))
    return delivery


def _endpoint(session: Session, actor: Actor, endpoint_id: UUID) -> Endpoint:
    may_run_network(actor)
    return queries.endpoint(session, endpoint_id)


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _record(
    session: Session, actor: Actor, endpoint: Endpoint, act: str, now: datetime, **details: str
) -> None:
    events = {"events": endpoint.events} if act in ("created", "changed") else {}
    audit.record(
        session,
        f"webhook.{act}",
        f"webhook:{endpoint.id}",
        by=actor.origin,
        now=now,
        **events,
        **details,
    )
