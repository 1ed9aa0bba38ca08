"""Waiting list entries, offers, and decisions about appointments that an absence displaces."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openslot.booking.models import Appointment, Priority, Status
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant
from openslot.directory.models import Profession, Service


class Waiting(StrEnum):
    """Status of a waiting list entry. ENDED: its period is over, or several offers expired."""

    WAITING = "waiting"
    SERVED = "served"
    LEFT = "left"
    ENDED = "ended"


class WaitingEntry(Base):
    """A wait for an earlier time on a schedule, with a practitioner or in a profession.

    It is for the service ``service_id``, with the length that it has there; without one for
    ``minutes`` of what is usual there, or of what ``appointment_id`` is for.
    A patient waits, or a department for a service that it requested. The earlier time would replace
    ``appointment_id``, if set. A start fits from ``starts_from`` to before ``starts_until``.
    """

    __tablename__ = "waiting_entry"
    __table_args__ = (
        CheckConstraint("(patient_id IS NULL) <> (department_id IS NULL)", name="one_waits"),
        Index(None, "status", "created_at"),
        Index(None, "patient_id"),
        Index(None, "department_id"),
        Index(None, "profession"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    profession: Mapped[str | None] = mapped_column(ForeignKey("profession.code"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
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

    service: Mapped[Service | None] = relationship(lazy="joined")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word

    profession_row: Mapped[Profession | None] = relationship(lazy="joined", viewonly=True)

    @property
    def profession_name(self) -> str | None:
        """Return what people call the profession that somebody waits for."""
        return self.profession_row.name if self.profession_row else None


class WaitingCentre(Base):
    """A centre that suits a waiting patient; an entry without any accepts every centre."""

    __tablename__ = "waiting_centre"

    entry_id: Mapped[UUID] = mapped_column(
        ForeignKey("waiting_entry.id", ondelete="CASCADE"), primary_key=True
    )
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"), primary_key=True)


class Choice(StrEnum):
    """Decision about an appointment inside an absence."""

    KEEP = "keep"
    MOVE = "move"
    CANCEL = "cancel"


class Progress(StrEnum):
    """Progress of a decision. FAILED: someone has to decide again."""

    PLANNED = "planned"
    DONE = "done"
    FAILED = "failed"


class AbsenceDecision(Base):
    """A decision about one appointment inside an absence; each is carried out on its own.

    With MOVE, ``schedule_id`` and ``starts_at`` are the time offered to the patient.
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
    """Status of an offer. WITHDRAWN: its time, or the appointment to replace, is gone."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Offer(Base):
    """A time held for a patient or a department until ``expires_at``, by the hold ``hold_id``.

    It comes from the waiting list (``entry_id``) or from an absence (``decision_id``). Accepting it
    moves ``appointment_id`` if that is set, and books the hold otherwise.
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

    hold: Mapped[Appointment] = relationship(foreign_keys=hold_id, lazy="raise")
    appointment: Mapped[Appointment | None] = relationship(
        foreign_keys=appointment_id, lazy="raise"
    )
    entry: Mapped[WaitingEntry | None] = relationship(lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word

    def is_open(self, now: datetime) -> bool:
        """Return whether the offer can be accepted at ``now``.

        The status alone is not enough: the offer may have expired, or its appointments changed,
        before the worker closes it.
        """
        return (
            self.status == OfferStatus.OPEN
            and self.expires_at > now
            and self.hold.status is Status.HELD
            and (self.appointment is None or self.appointment.status is Status.BOOKED)
        )

    @property
    def is_rebooking(self) -> bool:
        """Return whether the offer replaces an appointment inside an absence."""
        return self.decision_id is not None
