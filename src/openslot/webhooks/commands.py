"""Commands for webhooks, for administrators of the network."""

import base64
import secrets
from collections.abc import Iterable
from uuid import UUID

from openslot.core import audit
from openslot.core.changes import set_values
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.directory.rules import may_run_network
from openslot.webhooks import queries
from openslot.webhooks.deliveries import send_now
from openslot.webhooks.errors import SwitchedOff
from openslot.webhooks.models import Delivery, DeliveryState, Endpoint
from openslot.webhooks.rules import OLD_SECRET_LASTS, check_events
from openslot.webhooks.sending import Target

PREFIX = "whsec_"
"""The prefix of secrets (Standard Webhooks), by which scanners recognise a leaked one."""

SECRET_BYTES = 32


def create(work: Work, target: Target, events: Iterable[str]) -> Endpoint:
    """Create an endpoint; its secret is shown this once.

    ``target`` is the result of delivering.find() for the address, called before the transaction
    because it uses DNS. Raise UnknownEvent.
    """
    may_run_network(work.actor)
    endpoint = Endpoint(
        id=new_id(),
        url=target.address.url,
        events=check_events(events),
        secret=_new_secret(),
        active=True,
        created_at=work.now,
        created_by=work.actor.account_id,
        misses=0,
    )
    work.session.add(endpoint)
    _record(work, endpoint, "created")
    return endpoint


def choose_events(work: Work, endpoint_id: UUID, events: Iterable[str]) -> Endpoint:
    """Replace the events of an endpoint. Raise UnknownEvent."""
    endpoint = _endpoint(work, endpoint_id)
    if set_values(endpoint, {"events": check_events(events)}):
        _record(work, endpoint, "changed")
    return endpoint


def rotate(work: Work, endpoint_id: UUID) -> Endpoint:
    """Give an endpoint a new secret, which is shown this once.

    The old secret signs as well for OLD_SECRET_LASTS, so that the receiver can change over without
    losing an event.
    """
    endpoint = _endpoint(work, endpoint_id)
    endpoint.old_secret, endpoint.secret = endpoint.secret, _new_secret()
    endpoint.old_secret_ends_at = work.now + OLD_SECRET_LASTS
    _record(work, endpoint, "rotated")
    return endpoint


def set_active(work: Work, endpoint_id: UUID, *, active: bool) -> Endpoint:
    """Switch an endpoint on or off. It never gets the events that happen while it is off."""
    endpoint = _endpoint(work, endpoint_id)
    if endpoint.active == active:
        return endpoint
    endpoint.active, endpoint.stopped_at = active, None if active else work.now
    endpoint.misses, endpoint.rests_until = 0, None
    _record(work, endpoint, "switched-on" if active else "switched-off")
    return endpoint


def delete(work: Work, endpoint_id: UUID) -> None:
    """Delete an endpoint and its deliveries."""
    endpoint = _endpoint(work, endpoint_id)
    remove(work.session, endpoint)
    _record(work, endpoint, "deleted")


def send_again(work: Work, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Start the attempts of a delivery again, with the same id. Raise SwitchedOff."""
    may_run_network(work.actor)
    delivery_and_endpoint = queries.delivery(work.session, delivery_id, of=endpoint_id)
    if delivery_and_endpoint is None:
        raise NotFound
    delivery, endpoint = delivery_and_endpoint
    if not endpoint.active:
        raise SwitchedOff
    endpoint.rests_until = None
    delivery.state = DeliveryState.WAITING
    send_now(work, delivery)
    _record(work, endpoint, "sent-again", delivery=str(delivery.id))
    return delivery


def _endpoint(work: Work, endpoint_id: UUID) -> Endpoint:
    may_run_network(work.actor)
    return queries.endpoint(work.session, endpoint_id)


def _new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _record(work: Work, endpoint: Endpoint, act: str, **details: str) -> None:
    events = {"events": endpoint.events} if act in ("created", "changed") else {}
    audit.record(work, f"webhook.{act}", f"webhook:{endpoint.id}", **events, **details)
