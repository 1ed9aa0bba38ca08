"""What is told of a department's request, through the outbox."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.requests.models import ServiceRequest


class Topic(StrEnum):
    """What happened to a request."""

    MADE = "request.made"
    AMENDED = "request.amended"
    PROPOSED = "request.proposed"
    ACCEPTED = "request.accepted"
    DECLINED = "request.declined"
    CANCELLED = "request.cancelled"
    COMPLETED = "request.completed"


def announce(
    session: Session,
    topic: Topic,
    request: ServiceRequest,
    *,
    by: UUID | None,
    now: datetime,
    moved: bool = False,
) -> None:
    """Have the worker tell the other department, once this transaction is committed.

    ``moved`` says that its appointment was moved with it, of which booking tells besides.
    """
    payload = {
        "request": str(request.id),
        "version": request.version,
        "by": str(by) if by else None,
        "moved": moved,
    }
    outbox.send(session, topic, payload, now=now)
