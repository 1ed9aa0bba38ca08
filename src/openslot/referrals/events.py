"""What is told of a referral, through the outbox."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.referrals.models import Referral


class Topic(StrEnum):
    """What happened to a referral."""

    SENT = "referral.sent"
    REVOKED = "referral.revoked"
    ANSWERED = "referral.answered"


def announce(
    session: Session, topic: Topic, referral: Referral, *, by: UUID | None, now: datetime
) -> None:
    """Have the worker tell whom it concerns, once this transaction is committed."""
    payload = {"referral": str(referral.id), "by": str(by) if by else None}
    outbox.send(session, topic, payload, now=now)
