"""What happens to a health record and is published through the outbox."""

from enum import StrEnum


class Topic(StrEnum):
    """What happened to a health record; the payload names the emergency ``access``."""

    EMERGENCY = "record.emergency-access"
