"""The outbox messages about requests between departments."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.requests.models import ServiceRequest


class Topic(StrEnum):
    """Topics of the outbox."""

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
    """Queue the notification of the other department; it goes out after the commit.

    ``moved`` means that the appointment moved as well, which booking publishes separately.
    """
    payload = {
        "request": str(request.id),
        "version": request.version,
        "by": str(by) if by else None,
        "moved": moved,
    }
    outbox.send(session, topic, payload, now=now)
