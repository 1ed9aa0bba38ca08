"""Who waits for an earlier time, which times are offered, and what absences do to appointments."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from openslot.booking.models import Priority
from openslot.core.db import Base, Instant
from openslot.core.ids import new_id


class Waiting(StrEnum):
    """Where an entry of the waiting list stands. ENDED are those whose window is over, or who
    let several offers run out."""

    WAITING = "waiting"
    SERVED = "served"
    LEFT = "left"
    ENDED = "ended"


class WaitingEntry(Base):
    """Somebody waits for a time with a schedule, a practitioner, or anybody of a profession.

    A patient waits, or a department for a service that it asked for. ``appointment_id`` is an
    appointment that they have and that the earlier time would replace. A start fits from
    ``starts_from`` to before ``starts_until``.
    """

    __tablename__ = "waiting_entry"
    __table_args__ = (
        CheckConstraint("(patient_id IS NULL) <> (department_id IS NULL)", name="one_waits"),
        Index(None, "status", "created_at"),
        Index(None, "patient_id"),
        Index(None, "department_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    profession: Mapped[str | None] = mapped_column(String(40))
    minutes: Mapped[int] = mapped_column(Integer)
    starts_from: Mapped[datetime] = mapped_column(Instant)
    starts_until: Mapped[datetime] = mapped_column(Instant)
    priority: Mapped[str] = mapped_column(String(10), default=Priority.ROUTINE)
    status: Mapped[str] = mapped_column(String(10), default=Waiting.WAITING)
    missed: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word


class WaitingCentre(Base):
    """A centre that somebody who waits would come to; none means any."""

    __tablename__ = "waiting_centre"

    entry_id: Mapped[UUID] = mapped_column(
        ForeignKey("waiting_entry.id", ondelete="CASCADE"), primary_key=True
    )
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"), primary_key=True)


class Choice(StrEnum):
    """What becomes of an appointment inside an absence."""

    KEEP = "keep"
    MOVE = "move"
    CANCEL = "cancel"


class Progress(StrEnum):
    """How far a decision is carried out. FAILED needs somebody to decide anew."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"


class AbsenceDecision(Base):
    """What is to become of one appointment inside an absence; carried out one by one.

    With MOVE, ``schedule_id`` and ``starts_at`` are the time that the patient is offered.
    """

    __tablename__ = "absence_decision"
    __table_args__ = (UniqueConstraint("absence_id", "appointment_id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    absence_id: Mapped[UUID] = mapped_column(ForeignKey("absence.id", ondelete="CASCADE"))
    appointment_id: Mapped[UUID] = mapped_column(ForeignKey("appointment.id"))
    choice: Mapped[str] = mapped_column(String(10))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id"))
    starts_at: Mapped[datetime | None] = mapped_column(Instant)
    progress: Mapped[str] = mapped_column(String(10), default=Progress.PLANNED)
    problem: Mapped[str | None] = mapped_column(String(60))
    version: Mapped[int] = mapped_column(Integer)
    decided_at: Mapped[datetime] = mapped_column(Instant)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    done_at: Mapped[datetime | None] = mapped_column(Instant)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word


class OfferStatus(StrEnum):
    """What became of an offer. WITHDRAWN are those whose time, or whose appointment, is gone."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Offer(Base):
    """A time kept for somebody until ``expires_at``: ``hold_id`` is the hold that keeps it.

    It comes off the waiting list (``entry_id``) or out of an absence (``decision_id``). With
    ``appointment_id`` taking it moves that appointment; without, it books the hold.
    """

    __tablename__ = "offer"
    __table_args__ = (
        Index(None, "status", "expires_at"),
        Index(None, "entry_id"),
        Index(None, "appointment_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    entry_id: Mapped[UUID | None] = mapped_column(ForeignKey("waiting_entry.id"))
    decision_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("absence_decision.id", ondelete="SET NULL")
    )
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    hold_id: Mapped[UUID] = mapped_column(ForeignKey("appointment.id"), unique=True)
    status: Mapped[str] = mapped_column(String(10), default=OfferStatus.OPEN)
    version: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    answered_at: Mapped[datetime | None] = mapped_column(Instant)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word
