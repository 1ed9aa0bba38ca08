"""Operations on webhooks and their deliveries."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.core.work import Work
from openslot.directory.rules import may_run_network
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import close_reader, reader, settings
from openslot.entrypoints.rules import Rule
from openslot.webhooks import commands, queries
from openslot.webhooks.events import Event
from openslot.webhooks.models import Delivery as DeliveryRow
from openslot.webhooks.models import DeliveryState, Endpoint
from openslot.webhooks.rules import LONGEST
from openslot.webhooks.sending import find

service = Service("webhooks", "Webhooks", "Addresses to which events are sent.")

PATH = "/api/v1/webhooks"
ONE = f"{PATH}/<uuid:webhook_id>"
DELIVERIES = f"{ONE}/deliveries"
AGAIN = f"{DELIVERIES}/<uuid:delivery_id>/again"

Events = Annotated[tuple[Event, ...], Field(min_length=1, max_length=20)]


class Webhook(Shown):
    """An address and the events sent to it; its secret is shown only when it is created."""

    id: UUID
    url: str
    events: list[Event]
    active: bool
    created: AwareDatetime


class NewWebhook(Given):
    """A webhook to create."""

    url: Annotated[
        str, Field(min_length=1, max_length=LONGEST, description="Starts with https://.")
    ]
    events: Events


class WebhookChange(Given):
    """Changes to a webhook; `rotate` makes a new secret, and the old one works for one more day."""

    active: bool | None = None
    events: Events | None = None
    rotate: bool = False


class WebhookWithSecret(Webhook):
    """A webhook, with its secret if that is new; the secret is not shown again."""

    secret: str | None


class WebhookList(Listing[Webhook]):
    """All webhooks."""


class Delivery(Shown):
    """A delivery of an event; its id is sent to the receiver as `webhook-id`."""

    id: UUID
    event: Event
    payload: dict[str, Any]
    state: DeliveryState
    attempts: int
    answer: Annotated[str | None, Field(description="Result of the last attempt.")]
    created: AwareDatetime
    tried: AwareDatetime | None
    next_try: AwareDatetime | None


class DeliveryList(Listing[Delivery]):
    """A page of deliveries, newest first."""


@service.operation("GET", PATH, scope="manage", rule=Rule.PROGRAMS, answer=WebhookList)
def list_webhooks() -> WebhookList:
    """List all webhooks, newest first."""
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
    """Create a webhook; the secret that signs its messages is shown only now."""
    may_run_network(bearer.actor())
    close_reader()  # DNS may be slow, and an open reader blocks SQLite's writers
    target = find(body.url, settings().webhook_networks)
    row = bearer.write(commands.create, target, body.events)
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
    """Switch a webhook on or off, choose its events, or make a new secret."""
    row = bearer.write(_change, webhook_id, body)
    return WebhookWithSecret(**_shown(row), secret=row.secret if body.rotate else None)


def _change(work: Work, webhook_id: UUID, body: WebhookChange) -> Endpoint:
    actor = bearer.actor()
    may_run_network(actor)
    row = queries.endpoint(work.session, webhook_id)
    if body.events is not None:
        commands.choose_events(work, webhook_id, body.events)
    if body.active is not None:
        commands.set_active(work, webhook_id, active=body.active)
    if body.rotate:
        commands.rotate(work, webhook_id)
    return row


@service.operation("DELETE", ONE, scope="manage", rule=Rule.PROGRAMS, status=204)
def delete_webhook(webhook_id: uuid.UUID) -> None:
    """Delete a webhook and its deliveries."""
    bearer.write(commands.delete, webhook_id)


@service.operation(
    "GET", DELIVERIES, scope="manage", rule=Rule.PROGRAMS, query=Paged, answer=DeliveryList
)
def list_deliveries(webhook_id: uuid.UUID, query: Paged) -> Listing[Delivery]:
    """List the deliveries of a webhook, newest first."""
    may_run_network(bearer.actor())
    queries.endpoint(reader(), webhook_id)
    after = read_cursor(query.after, instant, UUID)
    rows = queries.deliveries(reader(), webhook_id, after=after, limit=query.limit + 1)
    return page(DeliveryList, rows, query, _delivery, lambda row: (row.created_at, row.id))


@service.operation("POST", AGAIN, scope="manage", rule=Rule.PROGRAMS, answer=Delivery)
def send_again(webhook_id: uuid.UUID, delivery_id: uuid.UUID) -> Delivery:
    """Send a delivery again, now, with the same id."""
    row = bearer.write(commands.send_again, webhook_id, delivery_id)
    return _delivery(row)


def _shown(row: Endpoint) -> Mapping[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "events": [Event(name) for name in row.events.split()],
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
