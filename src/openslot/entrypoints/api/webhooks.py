"""The addresses that are told of events, and each telling."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.directory.rules import may_run_network
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import close_reader, now, reader, settings, write
from openslot.entrypoints.rules import Rule
from openslot.webhooks import commands, queries
from openslot.webhooks.delivering import find
from openslot.webhooks.events import Event
from openslot.webhooks.models import Delivery as DeliveryRow
from openslot.webhooks.models import DeliveryState, Endpoint
from openslot.webhooks.rules import LONGEST

service = Service("webhooks", "Webhooks", "Addresses that are told of events.")

PATH = "/api/v1/webhooks"
ONE = f"{PATH}/<uuid:webhook_id>"
DELIVERIES = f"{ONE}/deliveries"
AGAIN = f"{DELIVERIES}/<uuid:delivery_id>/again"

Events = Annotated[tuple[Event, ...], Field(min_length=1, max_length=20)]


class Webhook(Shown):
    """An address, and what it is told of; its secret is shown only when it is made."""

    id: UUID
    url: str
    events: list[Event]
    active: bool
    created: AwareDatetime


class NewWebhook(Given):
    """An address to be told of events."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST, description="Begins https://.")]
    events: Events


class WebhookChange(Given):
    """What is to change; `rotate` gives a new secret, and the old one signs for another day."""

    active: bool | None = None
    events: Events | None = None
    rotate: bool = False


class WebhookWithSecret(Webhook):
    """With the secret where it is new, which is shown this once."""

    secret: str | None


class WebhookList(Listing[Webhook]):
    """All addresses."""


class Delivery(Shown):
    """One telling; its id is the `webhook-id` that the receiver sees."""

    id: UUID
    event: Event
    payload: dict[str, Any]
    state: DeliveryState
    attempts: int
    answer: Annotated[str | None, Field(description="How the last try went.")]
    created: AwareDatetime
    tried: AwareDatetime | None
    next_try: AwareDatetime | None


class DeliveryList(Listing[Delivery]):
    """Some deliveries, the newest first."""


@service.operation("GET", PATH, scope="manage", rule=Rule.PROGRAMS, answer=WebhookList)
def list_webhooks() -> WebhookList:
    """List the addresses that are told of events, the newest first."""
    may_run_network(bearer.actor())
    rows = queries.endpoints(reader())
    return WebhookList(items=[Webhook(**_shown(row)) for row in rows], next=None)


@service.operation(
    "POST",
    PATH,
    scope="manage",
    rule=Rule.PROGRAMS,
    body=NewWebhook,
    answer=WebhookWithSecret,
    status=201,
    secret=True,
)
def create_webhook(body: NewWebhook) -> WebhookWithSecret:
    """Have an address told of events; the secret that signs them is shown this once."""
    may_run_network(bearer.actor())
    close_reader()  # the name service may be slow, and a reader holds SQLite's writers back
    target = find(body.url, settings().webhook_networks)
    row = write(
        lambda session: commands.create(session, bearer.actor(), target, body.events, now=now())
    )
    return WebhookWithSecret(**_shown(row), secret=row.secret)


@service.operation(
    "PATCH",
    ONE,
    scope="manage",
    rule=Rule.PROGRAMS,
    body=WebhookChange,
    answer=WebhookWithSecret,
    secret=True,
)
def change_webhook(webhook_id: uuid.UUID, body: WebhookChange) -> WebhookWithSecret:
    """Switch an address on or off, choose its events, or give it a new secret."""
    row = write(lambda session: _change(session, webhook_id, body))
    return WebhookWithSecret(**_shown(row), secret=row.secret if body.rotate else None)


def _change(session: Session, webhook_id: UUID, body: WebhookChange) -> Endpoint:
    actor = bearer.actor()
    may_run_network(actor)
    row = queries.endpoint(session, webhook_id)
    if body.events is not None:
        commands.choose_events(session, actor, webhook_id, body.events, now=now())
    if body.active is not None:
        commands.set_active(session, actor, webhook_id, active=body.active, now=now())
    if body.rotate:
        commands.rotate(session, actor, webhook_id, now=now())
    return row


@service.operation("DELETE", ONE, scope="manage", rule=Rule.PROGRAMS, status=204)
def delete_webhook(webhook_id: uuid.UUID) -> None:
    """Take an address away for good, with its deliveries."""
    write(lambda session: commands.delete(session, bearer.actor(), webhook_id, now=now()))


@service.operation(
    "GET", DELIVERIES, scope="manage", rule=Rule.PROGRAMS, query=Paged, answer=DeliveryList
)
def list_deliveries(webhook_id: uuid.UUID, query: Paged) -> Listing[Delivery]:
    """List what an address was told, the newest first."""
    may_run_network(bearer.actor())
    queries.endpoint(reader(), webhook_id)
    after = read_cursor(query.after, instant, UUID)
    rows = queries.deliveries(reader(), webhook_id, after=after, limit=query.limit + 1)
    return page(DeliveryList, rows, query, _delivery, lambda row: (row.created_at, row.id))


@service.operation("POST", AGAIN, scope="manage", rule=Rule.PROGRAMS, answer=Delivery)
def send_again(webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> Delivery:
    """Send a delivery once more, now, with the id that it had."""
    row = write(
        lambda session: commands.send_again(
            session, bearer.actor(), webhook_id, delivery_id, now=now()
        )
    )
    return _delivery(row)


def _shown(row: Endpoint) -> Mapping[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "events": [Event(one) for one in row.events.split()],
        "active": row.active,
        "created": row.created_at,
    }


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        event=Event(row.event),
        payload=row.payload,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        answer=row.answer,
        created=row.created_at,
        tried=row.tried_at,
        next_try=row.next_at,
    )
