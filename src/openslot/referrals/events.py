"""What happens to a referral and is published through the outbox."""

from enum import StrEnum


class Topic(StrEnum):
    """What happened to a referral; the payload names the ``referral``, and ``by`` which account."""

    SENT = "referral.sent"
    REVOKED = "referral.revoked"
    ANSWERED = "referral.answered"
