"""The outbox messages about referrals."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import outbox
from openslot.referrals.models import Referral


class Topic(StrEnum):
    """Topics of the outbox."""

    SENT = "referral.sent"
    REVOKED = "referral.revoked"
    ANSWERED = "referral.answered"


def announce(
    session: Session, topic: Topic, referral: Referral, *, by: UUID | None, now: datetime
) -> None:
    """Queue the notifications about a referral; they go out after the commit."""
    payload = {"referral": str(referral.id), "by": str(by) if by else None}
    outbox.send(session, topic, payload, now=now)
