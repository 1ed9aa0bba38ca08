"""Mail preferences."""

from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, false
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.tables import Base
from openslot.identity.models import CalendarFeed

__all__ = ["CalendarFeed", "Preference"]


class Preference(Base):
    """The kinds of mail that an account has switched on or off, and those that it wants by SMS too;
    without a row, all mail is on and no SMS.

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
    sms_appointments: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    sms_reminders: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    sms_offers: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
