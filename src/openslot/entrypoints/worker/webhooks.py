"""Sends webhook deliveries."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage, State
from openslot.core.work import Work
from openslot.webhooks import deliveries, sending
from openslot.webhooks.deliveries import Attempt

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Task(Protocol):
    """A leased message, and what is needed to handle it."""

    @property
    def database(self) -> Database:
        """The database of the message."""

    @property
    def settings(self) -> Settings:
        """The settings of this deployment."""

    def work(self, session: Session) -> Work:
        """Return the work of handling the message."""

    @property
    def message(self) -> OutboxMessage:
        """The leased message."""

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""

    def mark(self, session: Session, state: State) -> None:
        """Mark the message in the transaction that did its work."""


def deliver(task: Task) -> None:
    """Send a delivery once, and store the result together with the mark.

    If the worker dies in between, the delivery is sent again with the same webhook-id.
    """
    attempt = Attempt.read(task.message.payload)
    request = task.database.read(lambda session: deliveries.parcel_for(task.work(session), attempt))
    answer = None
    if request is not None:
        answer = sending.send(request, task.settings.webhook_networks, now=task.now())
        log.info("webhook.tried", delivery=str(attempt.delivery_id), status=answer.status)

    def settle(session: Session) -> None:
        deliveries.settle(task.work(session), attempt, answer)
        task.mark(session, State.DONE)

    task.database.run(settle)
