"""Mail preferences and private calendar addresses."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.db import Base, Instant
from openslot.identity.models import Digest


class Preference(Base):
    """The kinds of mail that an account has switched on or off; without a row, all are on.

    Mails about the account itself, and about emergency access to a health record, are always sent.
    """

    __tablename__ = "notification_preference"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    appointments: Mapped[bool] = mapped_column(Boolean, default=True)
    reminders: Mapped[bool] = mapped_column(Boolean, default=True)
    offers: Mapped[bool] = mapped_column(Boolean, default=True)
    referrals: Mapped[bool] = mapped_column(Boolean, default=True)
    requests: Mapped[bool] = mapped_column(Boolean, default=True)


class CalendarFeed(Base):
    """The address at which an account's calendar can be read without signing in.

    It contains a random token, this row the token's SHA-256; a new token ends the old address.
    """

    __tablename__ = "calendar_feed"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    token_hash: Mapped[bytes] = mapped_column(Digest, unique=True)
    made_at: Mapped[datetime] = mapped_column(Instant)
