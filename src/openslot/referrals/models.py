"""The table of referrals."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.db import Base, Instant
from openslot.core.ids import new_id


class Kept(StrEnum):
    """Stored status of a referral. Used and expired are derived from other data: see rules.py."""

    DRAFT = "draft"
    SENT = "sent"
    REVOKED = "revoked"


class Referral(Base):
    """A referral by a GP to one specialist, or to any with an area of expertise.

    An appointment uses it by holding its id in ``appointment.referral_use``, which is unique; the
    column is cleared when the appointment is cancelled.
    """

    __tablename__ = "referral"
    __table_args__ = (
        CheckConstraint("(practitioner_id IS NULL) <> (expertise IS NULL)", name="one_addressee"),
        Index(None, "patient_id", "created_at"),
        Index(None, "gp_id", "created_at"),
        Index(None, "practitioner_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    gp_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    expertise: Mapped[str | None] = mapped_column(String(100))
    letter: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    answered_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(Integer)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word
