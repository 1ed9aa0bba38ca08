"""The table of referrals."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Uuid,
    and_,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import LIVE
from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant, Word, alias_of
from openslot.directory.models import Centre, Patient, Practitioner
from openslot.schedules.models import Schedule


class Kept(StrEnum):
    """Stored status of a referral; its :class:`State` depends on the appointment and the time."""

    DRAFT = "draft"
    SENT = "sent"
    REVOKED = "revoked"


class State(StrEnum):
    """The state of a referral, as people see it."""

    DRAFT = "draft"
    SENT = "sent"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


SEEN = frozenset({Status.ARRIVED, Status.FULFILLED})
"""Statuses of an appointment to which the patient came."""


COUNTED = LIVE | {Status.FULFILLED, Status.NO_SHOW}
"""Statuses of appointments that count for the number that a referral allows."""


class Referral(Base):
    """A referral by a GP to one specialist, or to any with an area of expertise.

    An appointment uses it by holding its id in ``appointment.referral_use``, which is unique; the
    column is cleared when the appointment is cancelled. ``appointment`` is None while there is
    only a hold. With the first appointment and its follow-ups, ``most_appointments`` can be booked,
    or as many as are needed until it expires.
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
    letter: Mapped[str] = mapped_column(EncryptedText)
    most_appointments: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[Kept] = mapped_column(Word(Kept, 10))
    created_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[str | None] = mapped_column(EncryptedText)
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    answered_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(Integer)

    patient: Mapped[Patient] = relationship(lazy="raise")
    gp: Mapped[Practitioner] = relationship(foreign_keys=gp_id, lazy="raise")
    addressee: Mapped[Practitioner | None] = relationship(
        foreign_keys=practitioner_id, lazy="raise"
    )
    appointment: Mapped[Appointment | None] = relationship(
        primaryjoin=lambda: and_(
            foreign(Appointment.referral_use) == Referral.id, Appointment.status != Status.HELD
        ),
        viewonly=True,
        lazy="raise",
    )

    @property
    def seen_by(self) -> Practitioner | None:
        """Return the practitioner of the appointment that uses it, if any."""
        return self.appointment.practitioner if self.appointment else None

    @property
    def centre(self) -> Centre | None:
        """Return the centre of the appointment that uses it, if any."""
        return self.appointment.centre if self.appointment else None

    def state_at(self, now: datetime) -> State:
        """Return the state at ``now``; a used referral stays so after its time."""
        if self.status != Kept.SENT:
            return State(self.status)
        if self.appointment is not None:
            return State.USED
        is_over = self.expires_at is not None and self.expires_at <= now
        return State.EXPIRED if is_over else State.SENT

    @classmethod
    def for_follow_ups(cls, now: datetime) -> ColumnElement[bool]:
        """Match referrals with which the specialist who has seen the patient may see them again, in
        a select that joins ``Referral.appointment``."""
        is_valid = or_(cls.expires_at.is_(None), cls.expires_at > now)
        is_left = or_(cls.most_appointments.is_(None), cls._booked() < cls.most_appointments)
        return and_(cls.in_state(State.USED, now), Appointment.status.in_(SEEN), is_valid, is_left)

    @classmethod
    def _booked(cls) -> Any:
        """Return the number of appointments that count for it: the first, and the patient's later
        ones with that specialist that were booked with no other referral."""
        later, there, first = alias_of(Appointment), alias_of(Schedule), alias_of(Schedule)
        return (
            select(func.count(later.id))
            .join(there, there.id == later.schedule_id)
            .join(first, first.practitioner_id == there.practitioner_id)
            .where(
                first.id == Appointment.schedule_id,
                later.patient_id == cls.patient_id,
                later.status.in_(COUNTED),
                later.starts_at >= Appointment.starts_at,
                or_(later.referral_id.is_(None), later.referral_id == cls.id),
            )
            .correlate(cls, Appointment)
            .scalar_subquery()
        )

    @classmethod
    def in_state(cls, state: State, now: datetime) -> ColumnElement[bool]:
        """Match referrals in a state by the rule of :meth:`state_at`, in a select that joins
        ``Referral.appointment``."""
        sent, is_used = cls.status == Kept.SENT, Appointment.id.is_not(None)
        expires = cls.expires_at
        return {
            State.DRAFT: cls.status == Kept.DRAFT,
            State.REVOKED: cls.status == Kept.REVOKED,
            State.USED: and_(sent, is_used),
            State.EXPIRED: and_(sent, ~is_used, expires.is_not(None), expires <= now),
            State.SENT: and_(sent, ~is_used, or_(expires.is_(None), expires > now)),
        }[state]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word
