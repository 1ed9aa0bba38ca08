"""What administrators of the network do about the addresses that are told of events."""

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
"""How secrets begin (Standard Webhooks), so that a leaked one is recognised."""

SECRET_BYTES = 32


def create(
    session: Session, actor: Actor, target: Target, events: Iterable[str], *, now: datetime
) -> Endpoint:
    """A new endpoint, with the secret that its owner is to be shown this once.

    ``target`` is what delivering.find() gave for the address: it was checked before the
    transaction, since that asks the name service. Raises UnknownEvent.
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
    """Tell an endpoint of these events from now on. Raises UnknownEvent."""
    endpoint = _endpoint(session, actor, endpoint_id)
    endpoint.events = check_events(events)
    _record(session, actor, endpoint, "changed", now)
    return endpoint


def rotate(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> Endpoint:
    """Give an endpoint a new secret, to be shown this once; the old one signs besides for
    OLD_SECRET_LASTS, so that the receiver can change over without losing anything."""
    endpoint = _endpoint(session, actor, endpoint_id)
    endpoint.old_secret, endpoint.secret = endpoint.secret, _new_secret()
    endpoint.old_secret_ends_at = now + OLD_SECRET_LASTS
    _record(session, actor, endpoint, "rotated", now)
    return endpoint


def set_active(
    session: Session, actor: Actor, endpoint_id: UUID, *, active: bool, now: datetime
) -> Endpoint:
    """Switch an endpoint on or off. What happens while it is off is never told to it."""
    endpoint = _endpoint(session, actor, endpoint_id)
    if endpoint.active == active:
        return endpoint
    endpoint.active, endpoint.stopped_at = active, None if active else now
    endpoint.misses, endpoint.rests_until = 0, None
    _record(session, actor, endpoint, "switched-on" if active else "switched-off", now)
    return endpoint


def delete(session: Session, actor: Actor, endpoint_id: UUID, *, now: datetime) -> None:
    """Take an endpoint away for good, with its deliveries."""
    endpoint = _endpoint(session, actor, endpoint_id)
    remove(session, endpoint)
    _record(session, actor, endpoint, "deleted", now)


def send_again(
    session: Session, actor: Actor, endpoint_id: UUID, delivery_id: UUID, *, now: datetime
) -> Delivery:
    """Try a delivery now, with the same id, and as often as a new one. Raises SwitchedOff."""
    may_run_network(actor)
    found = queries.delivery(session, delivery_id, of=endpoint_id)
    if found is None:
        raise NotFound
    delivery, endpoint = found
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
    told = {"events": endpoint.events} if act in ("created", "changed") else {}
    audit.record(
        session,
        f"webhook.{act}",
        f"webhook:{endpoint.id}",
        by=actor.origin,
        now=now,
        **told,
        **details,
    )
