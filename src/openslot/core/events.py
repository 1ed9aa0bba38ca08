"""Events: what has happened, published through the outbox for the worker to act on."""

from datetime import datetime
from uuid import UUID

from openslot.core import metrics, outbox
from openslot.core.work import Work


def publish(work: Work, topic: str, **payload: UUID | datetime | str | int | None) -> None:
    """Have the worker act on an event once this transaction is committed.

    The outbox keeps the payload as JSON: UUIDs as text, instants in ISO 8601.
    """
    metrics.note_event(work.session, topic)
    outbox.send(work, topic, {name: _plain(value) for name, value in payload.items()})


def _plain(value: UUID | datetime | str | int | None) -> str | int | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
