"""Selects of endpoints and deliveries, and the deletion of old deliveries."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from openslot.core import keyset
from openslot.core.errors import NotFound
from openslot.webhooks.models import Delivery, DeliveryState, Endpoint


def endpoints(session: Session) -> Sequence[Endpoint]:
    """Return all endpoints, the newest first; one statement."""
    return session.scalars(select(Endpoint).order_by(Endpoint.created_at.desc(), Endpoint.id)).all()


def endpoint(session: Session, endpoint_id: UUID) -> Endpoint:
    """Return one endpoint, or raise NotFound."""
    endpoint_row = session.get(Endpoint, endpoint_id)
    if endpoint_row is None:
        raise NotFound
    return endpoint_row


def listening(session: Session, events: frozenset[str]) -> list[Endpoint]:
    """Return the active endpoints that subscribe to any of the events; one statement."""
    active = session.scalars(
        select(Endpoint).where(Endpoint.active.is_(True)).order_by(Endpoint.id)
    )
    return [endpoint_row for endpoint_row in active if events & set(endpoint_row.events.split())]


def delivery(
    session: Session, delivery_id: UUID, *, of: UUID | None = None
) -> tuple[Delivery, Endpoint] | None:
    """Return a delivery with its endpoint, or None; one statement.

    With ``of``, only if it belongs to that endpoint.
    """
    query = (
        select(Delivery, Endpoint)
        .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .where(Delivery.id == delivery_id)
    )
    if of is not None:
        query = query.where(Delivery.endpoint_id == of)
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def deliveries(
    session: Session, endpoint_id: UUID, *, after: keyset.Key | None = None, limit: int
) -> Sequence[Delivery]:
    """Return the deliveries of an endpoint after ``after``, the newest first; one statement."""
    query = select(Delivery).where(Delivery.endpoint_id == endpoint_id)
    newest = (Delivery.created_at.desc(), Delivery.id.desc())
    return session.scalars(keyset.page(query, newest, after, limit)).all()


def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` finished deliveries created before ``before``; return how many."""
    old = select(Delivery.id).where(
        Delivery.created_at < before, Delivery.state != DeliveryState.WAITING
    )
    ids = session.scalars(old.limit(limit)).all()
    if ids:
        session.execute(
            delete(Delivery)
            .where(Delivery.id.in_(ids))
            .execution_options(synchronize_session=False)
        )
    return len(ids)
