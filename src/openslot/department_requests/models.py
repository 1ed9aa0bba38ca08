"""The table of requests between departments."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Uuid,
    case,
    type_coerce,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import LIVE
from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant, Word
from openslot.directory.models import Centre, Department, Patient, Service
from openslot.identity.models import Account


class Kept(StrEnum):
    """Stored status of a request. The state of an accepted one follows its appointment: see
    :attr:`ServiceRequest.state`."""

    NEW = "new"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class State(StrEnum):
    """How a request stands, as people see it."""

    NEW = "new"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class ServiceRequest(Base):
    """A service that one department requests from another, for a task or a patient.

    ``department_id`` is the department that requests. An accepted request has an appointment of the
    service. ``version`` rises with every change, as for appointments.
    """

    __tablename__ = "service_request"
    __table_args__ = (
        CheckConstraint("stars IS NULL OR stars BETWEEN 1 AND 5", name="stars"),
        Index(None, "service_id", "status"),
        Index(None, "department_id", "status"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"))
    department_id: Mapped[int] = mapped_column(ForeignKey("department.id"))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    task: Mapped[str] = mapped_column(EncryptedText)
    description: Mapped[str | None] = mapped_column(EncryptedText)
    priority: Mapped[Priority] = mapped_column(Word(Priority, 10), default=Priority.ROUTINE)
    starts_at: Mapped[datetime] = mapped_column(Instant)
    minutes: Mapped[int] = mapped_column(Integer)
    status: Mapped[Kept] = mapped_column(Word(Kept, 10), default=Kept.NEW)
    proposed_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[str | None] = mapped_column(EncryptedText)
    appointment_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"), unique=True)
    stars: Mapped[int | None] = mapped_column(Integer)
    rated_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime] = mapped_column(Instant)

    service: Mapped[Service] = relationship(lazy="raise")
    requesting_department: Mapped[Department] = relationship(lazy="raise")
    patient: Mapped[Patient | None] = relationship(lazy="raise")
    appointment: Mapped[Appointment | None] = relationship(lazy="raise")
    requested_by: Mapped[Account | None] = relationship(lazy="raise")

    @property
    def department(self) -> Department:
        """Return the department that provides the service."""
        return self.service.run_by

    @property
    def centre(self) -> Centre:
        """Return the centre of both departments."""
        return self.department.centre

    @property
    def zone(self) -> ZoneInfo:
        """Return the centre's time zone."""
        return ZoneInfo(self.centre.time_zone)

    @hybrid_property
    def state(self) -> State:
        """Return the status, or for an accepted request what became of its appointment."""
        if self.status is not Kept.ACCEPTED:
            return State(self.status)
        if self.appointment and self.appointment.status is Status.FULFILLED:
            return State.COMPLETED
        is_live = self.appointment and self.appointment.status in LIVE
        return State.ACCEPTED if is_live else State.CANCELLED

    @state.inplace.expression
    @classmethod
    def _state_in_sql(cls) -> ColumnElement[State]:
        """Return the state for a select that joins the appointment."""
        state_of_appointment = case(
            (Appointment.status == Status.FULFILLED, State.COMPLETED),
            (Appointment.status.in_(LIVE), State.ACCEPTED),
            else_=State.CANCELLED,
        )
        state = case((cls.status != Kept.ACCEPTED, cls.status), else_=state_of_appointment)
        return type_coerce(state, Word(State, 10))

    @property
    def current_start(self) -> datetime:
        """Return the booked start, else the proposed one, else the requested one."""
        if self.appointment:
            return self.appointment.starts_at
        proposed_at = self.proposed_at if self.state is State.PROPOSED else None
        return proposed_at or self.starts_at

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word
