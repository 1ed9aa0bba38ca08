"""The tables of ratings and favourites."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant


class Rating(Base):
    """A patient's latest rating, 1 to 5 stars, of one practitioner or one centre."""

    __tablename__ = "rating"
    __table_args__ = (
        UniqueConstraint("patient_id", "practitioner_id"),
        UniqueConstraint("patient_id", "centre_id", name="uq_rating_patient_centre"),
        CheckConstraint("(practitioner_id IS NULL) <> (centre_id IS NULL)", name="one_subject"),
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        Index(None, "practitioner_id"),
        Index(None, "centre_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    centre_id: Mapped[int | None] = mapped_column(ForeignKey("centre.id"))
    stars: Mapped[int] = mapped_column(Integer)
    rated_at: Mapped[datetime] = mapped_column(Instant)


class Favourite(Base):
    """A centre, department or practitioner that an account has marked as a favourite."""

    __tablename__ = "favourite"
    __table_args__ = (
        UniqueConstraint("account_id", "practitioner_id"),
        UniqueConstraint("account_id", "centre_id", name="uq_favourite_account_centre"),
        UniqueConstraint("account_id", "department_id", name="uq_favourite_account_department"),
        CheckConstraint(
            "(CASE WHEN practitioner_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN centre_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN department_id IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_subject",
        ),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    centre_id: Mapped[int | None] = mapped_column(ForeignKey("centre.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    since: Mapped[datetime] = mapped_column(Instant)
