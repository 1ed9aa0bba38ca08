"""What is told of a history, through the outbox."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.records.models import EmergencyAccess


class Topic(StrEnum):
    """What happened to a history."""

    EMERGENCY = "record.emergency-access"


def announce_emergency(session: Session, access: EmergencyAccess, *, now: datetime) -> None:
    """Have the patient and the centre's administrators told, once this is committed."""
    outbox.send(session, Topic.EMERGENCY, {"access": str(access.id)}, now=now)
