"""What the worker does for other programs: queue what they are told, and tell them."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage, State
from openslot.webhooks import delivering, telling
from openslot.webhooks.telling import Turn

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Task(Protocol):
    """A leased message, and what is needed to do it."""

    @property
    def database(self) -> Database:
        """Where it stands."""

    @property
    def settings(self) -> Settings:
        """How this deployment runs."""

    @property
    def message(self) -> OutboxMessage:
        """The message."""

    @property
    def now(self) -> Callable[[], datetime]:
        """The time."""

    def mark(self, session: Session, state: State) -> None:
        """Mark the message in the transaction of what was done for it."""


def tell_programs(session: Session, task: Task) -> None:
    """Queue the deliveries that an event gives rise to, in the transaction that marks it."""
    message = task.message
    telling.queue(
        session, message.topic, message.payload, happened=message.created_at, now=task.now()
    )


def deliver(task: Task) -> None:
    """Make one try of a delivery, and write down how it went together with the mark.

    A worker that dies in between has the try made again, with the same webhook-id.
    """
    turn = Turn.read(task.message.payload)
    now = task.now()
    parcel = task.database.read(lambda session: telling.parcel_for(session, turn, now=now))
    answer = None
    if parcel is not None:
        answer = delivering.send(parcel, task.settings.webhook_networks, now=now)
        log.info("webhook.tried", delivery=str(turn.delivery_id), status=answer.status)

    def work(session: Session) -> None:
        telling.settle(session, turn, answer, now=task.now())
        task.mark(session, State.DONE)

    task.database.run(work)
