"""The outbox messages about health records."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.records.models import EmergencyAccess


class Topic(StrEnum):
    """Topics of the outbox."""

    EMERGENCY = "record.emergency-access"


def announce_emergency(session: Session, access: EmergencyAccess, *, now: datetime) -> None:
    """Queue the notification of the patient and the centre's administrators."""
    outbox.send(session, Topic.EMERGENCY, {"access": str(access.id)}, now=now)
