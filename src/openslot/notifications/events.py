"""What the worker does later, through the outbox."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from openslot.core import outbox


class Topic(StrEnum):
    """REMINDER: an appointment comes near."""

    REMINDER = "appointment.reminder"


def remind_later(
    session: Session, event: Mapping[str, Any], *, due: datetime, now: datetime
) -> None:
    """Have the worker remind of the appointment as the event says it stands; once for each time.

    An appointment that is moved away and back again has one reminder, not two.
    """
    stands = f"{event['appointment']} {event['schedule']} {event['start']}"
    outbox.send(session, Topic.REMINDER, dict(event), now=now, due=due, once=stands)
