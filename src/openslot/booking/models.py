"""Appointments; a hold is one that is not confirmed yet."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Uuid, false
from sqlalchemy.orm import Mapped, declared_attr, foreign, mapped_column, relationship

from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant, Word
from openslot.directory.models import (
    Centre,
    Department,
    Mode,
    Patient,
    Practitioner,
    Room,
    RoomKind,
    Service,
)
from openslot.schedules.models import Schedule
from openslot.schedules.needs import Member


class Status(StrEnum):
    """The status of an appointment. EXPIRED is a hold that expired or was released."""

    HELD = "held"
    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"
    ENTERED_IN_ERROR = "entered-in-error"
    EXPIRED = "expired"


class Priority(StrEnum):
    """The urgency of an appointment."""

    ROUTINE = "routine"
    URGENT = "urgent"


def minutes_between(starts: datetime, ends: datetime) -> int:
    """Return the whole minutes from one instant to the other."""
    return int((ends - starts).total_seconds()) // 60


def _like(name: str) -> Callable[[Any], Any]:
    return lambda context: context.get_current_parameters()[name]


class _Resource:
    """A room or machine, or a further practitioner, whose diary an appointment or a session claims
    its time in because its service needs them."""

    diary_id: Mapped[int] = mapped_column(
        ForeignKey("diary.id"), primary_key=True, autoincrement=False
    )

    @declared_attr
    @classmethod
    def room(cls) -> Mapped[Room | None]:
        """Return the room or machine, or None for a practitioner."""
        return relationship(
            primaryjoin=lambda: Room.diary_id == foreign(cls.diary_id), viewonly=True, lazy="joined"
        )

    @declared_attr
    @classmethod
    def practitioner(cls) -> Mapped[Practitioner | None]:
        """Return the practitioner, or None for a room or machine."""
        return relationship(
            primaryjoin=lambda: Practitioner.diary_id == foreign(cls.diary_id),
            viewonly=True,
            lazy="joined",
        )

    @property
    def member(self) -> Member:
        """Return the room, machine or practitioner as a member that can serve a need."""
        return Member(self.diary_id, self.row.id, self.row.name, self.kind)

    @property
    def kind(self) -> RoomKind | None:
        """Return the kind of a room, or None for a practitioner."""
        return self.room.kind if self.room else None

    @property
    def row(self) -> Room | Practitioner:
        """Return the room, machine or practitioner."""
        row = self.room or self.practitioner
        if row is None:
            raise LookupError(self.diary_id)
        return row


class GroupSession(Base):
    """A visit of several patients together: a class, or an hour of a clinic.

    It has ``places``, of which ``taken`` are those of its appointments and holds; they change by
    UPDATE only, see sessions/queries.py. It claims its time, from ``busy_from`` to ``busy_until``,
    in the diaries of its schedule, its room and its ``resources`` once, for all its appointments,
    which claim only their patients'. One that staff made (``made_by_staff``) stays when it is
    empty; others are ``released`` then, as all are that were cancelled.
    """

    __tablename__ = "group_session"
    __table_args__ = (Index(None, "schedule_id", "starts_at"), Index(None, "diary_id", "busy_from"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"))
    room_diary_id: Mapped[int | None] = mapped_column(ForeignKey("diary.id"))
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    busy_from: Mapped[datetime] = mapped_column(Instant)
    busy_until: Mapped[datetime] = mapped_column(Instant)
    places: Mapped[int] = mapped_column(Integer)
    taken: Mapped[int] = mapped_column(Integer)
    made_by_staff: Mapped[bool] = mapped_column(Boolean)
    released: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))

    schedule: Mapped[Schedule] = relationship(lazy="raise")
    chosen_service: Mapped[Service | None] = relationship(lazy="joined")
    resources: Mapped[list["SessionResource"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="SessionResource.diary_id"
    )

    room: Mapped[Room | None] = relationship(
        primaryjoin=lambda: Room.diary_id == foreign(GroupSession.room_diary_id), viewonly=True
    )

    @property
    def others(self) -> list[Room | Practitioner]:
        """Return who and what takes part besides the schedule: its room, then what is needed."""
        return _others(self.room, self.resources)

    @property
    def members(self) -> tuple[Member, ...]:
        """Return who and what serves the needs."""
        return tuple(resource.member for resource in self.resources)

    @property
    def minutes(self) -> int:
        """Return the length in minutes."""
        return minutes_between(self.starts_at, self.ends_at)

    @property
    def booked_service(self) -> Service | None:
        """Return what is booked, as of an appointment."""
        return self.chosen_service or self.schedule.service

    @property
    def name(self) -> str:
        """Return the name of what takes place."""
        return self.booked_service.name if self.booked_service else self.schedule.name


class Appointment(Base):
    """An appointment or a hold. It claims its ticks in the diaries of its schedule, its room, its
    patient and its ``resources``. ``diary_id``, ``room_diary_id`` and ``patient_diary_id`` are the
    diaries that it claimed: if the schedule gets another room, the appointment stays in its own.
    The patient is busy from ``starts_at`` to ``ends_at``, and all others from ``busy_from`` to
    ``busy_until``, with preparation and clean-up. Without ``diary_id`` it claims the patient's
    diary only: it has a place of the session ``session_id``, which claims the others, or it was
    ``squeezed_in`` over time that is taken. ``service_id`` is the service that was chosen
    among those that the schedule offers. Appointments that were booked together share
    ``series_id``, if they are of a series, or ``itinerary_id``. ``undo_until`` is until when a
    cancellation or completion can be undone. ``came_at`` is when the patient
    arrived, who then has the centre's next ``day_number`` of that day, and ``called_at`` when they
    went in; ``late_minutes`` is how late they expect to be. ``confirmed_at`` is when they said, of
    the present time, that they will come.

    ``one_a_day`` combines patient, practitioner and local date. It is unique while the appointment
    is live, so that a patient has one appointment per day with a practitioner even in a race; it is
    null where that rule does not apply. ``referral_use`` is unique too: the referral that the
    appointment uses until it is cancelled. ``offered`` marks a hold that was offered to the
    patient. ``opens_record_at`` is null if the appointment gives its practitioner access to the
    patient's health record at once; if the practitioner booked it alone, it is the start of its day
    at the centre (records/access.py). ``version`` rises with every change: an UPDATE names the
    version that was read, so that of two changes at once the second is retried on the result of the
    first. It is also the SEQUENCE of the appointment's calendar entries. ``by_program`` marks what
    a key or a client made: its hold stays until it is booked, released or expires.
    """

    __tablename__ = "appointment"
    __table_args__ = (
        Index(None, "schedule_id", "starts_at"),
        Index(None, "patient_id", "starts_at"),
        Index(None, "status", "held_until"),
        Index(None, "referral_id"),
        Index(None, "service_id"),
        Index(None, "series_id"),
        Index(None, "itinerary_id"),
        Index(None, "session_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_session.id"))
    squeezed_in: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id"))
    diary_id: Mapped[int | None] = mapped_column(ForeignKey("diary.id"))
    room_diary_id: Mapped[int | None] = mapped_column(ForeignKey("diary.id"))
    patient_diary_id: Mapped[int | None] = mapped_column(ForeignKey("diary.id"))
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    busy_from: Mapped[datetime] = mapped_column(Instant, default=_like("starts_at"))
    busy_until: Mapped[datetime] = mapped_column(Instant, default=_like("ends_at"))
    status: Mapped[Status] = mapped_column(Word(Status, 20))
    priority: Mapped[Priority] = mapped_column(Word(Priority, 10), default=Priority.ROUTINE)
    task: Mapped[str | None] = mapped_column(EncryptedText)
    reason: Mapped[str | None] = mapped_column(EncryptedText)
    status_reason: Mapped[str | None] = mapped_column(EncryptedText)
    held_until: Mapped[datetime | None] = mapped_column(Instant)
    extensions: Mapped[int] = mapped_column(Integer, default=0)
    came_at: Mapped[datetime | None] = mapped_column(Instant)
    called_at: Mapped[datetime | None] = mapped_column(Instant)
    late_minutes: Mapped[int | None] = mapped_column(Integer)
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    day_number: Mapped[int | None] = mapped_column(Integer)
    offered: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    referral_id: Mapped[UUID | None] = mapped_column(ForeignKey("referral.id"))
    referral_use: Mapped[UUID | None] = mapped_column(Uuid, unique=True)
    opens_record_at: Mapped[datetime | None] = mapped_column(Instant)
    one_a_day: Mapped[str | None] = mapped_column(String(80), unique=True)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    by_program: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    changed_at: Mapped[datetime] = mapped_column(Instant)
    undo_until: Mapped[datetime | None] = mapped_column(Instant)
    external_id: Mapped[str | None] = mapped_column(String(300), unique=True)
    series_id: Mapped[UUID | None] = mapped_column(Uuid)
    itinerary_id: Mapped[UUID | None] = mapped_column(Uuid)

    schedule: Mapped[Schedule] = relationship(lazy="raise")
    chosen_service: Mapped[Service | None] = relationship(lazy="joined")
    patient: Mapped[Patient | None] = relationship(lazy="raise")
    resources: Mapped[list["AppointmentResource"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="AppointmentResource.diary_id"
    )

    room: Mapped[Room | None] = relationship(
        primaryjoin=lambda: Room.diary_id == foreign(Appointment.room_diary_id), viewonly=True
    )
    group: Mapped[GroupSession | None] = relationship(viewonly=True)

    @property
    def others(self) -> list[Room | Practitioner]:
        """Return who and what takes part besides the schedule: its room, then what is needed; of a
        session, what that has."""
        return self.group.others if self.group else _others(self.room, self.resources)

    @property
    def members(self) -> tuple[Member, ...]:
        """Return who and what serves the needs, also those of its session."""
        if self.group:
            return self.group.members
        return tuple(resource.member for resource in self.resources)

    @property
    def minutes(self) -> int:
        """Return the length in minutes."""
        return minutes_between(self.starts_at, self.ends_at)

    @property
    def is_confirmed(self) -> bool:
        """Return whether the patient is expected, and said that they will come."""
        return self.status is Status.BOOKED and self.confirmed_at is not None

    @property
    def centre(self) -> Centre:
        """Return the centre where the appointment takes place."""
        return self.schedule.centre

    @property
    def practitioner(self) -> Practitioner | None:
        """Return the practitioner, or None for a service of a department."""
        return self.schedule.practitioner

    @property
    def service(self) -> Service | None:
        """Return the service that a department runs, or None for a practitioner."""
        return self.schedule.service

    @property
    def booked_service(self) -> Service | None:
        """Return what is booked: the service that was chosen, or the department's; None if the
        practitioner offers no services."""
        return self.chosen_service or self.schedule.service

    @property
    def video_url(self) -> str | None:
        """Return where the people of a video appointment meet, or None."""
        service = self.booked_service
        if service is None or service.mode is not Mode.VIDEO or not service.video_url:
            return None
        return service.video_url.replace("{id}", str(self.id))

    @property
    def department(self) -> Department | None:
        """Return the department of the service, or None for a practitioner."""
        return self.schedule.department

    @property
    def zone(self) -> ZoneInfo:
        """Return the centre's time zone."""
        return self.schedule.zone

    @property
    def with_whom(self) -> str:
        """Return the name of the practitioner or the service."""
        return self.schedule.name

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own word


class AppointmentResource(_Resource, Base):
    """A room or machine, or a further practitioner, whose diary an appointment claims its time in
    because its service needs them."""

    __tablename__ = "appointment_resource"
    __table_args__ = (Index(None, "diary_id"),)

    appointment_id: Mapped[UUID] = mapped_column(
        ForeignKey("appointment.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class SessionResource(_Resource, Base):
    """The same of a session, which claims it once for all its appointments."""

    __tablename__ = "group_session_resource"
    __table_args__ = (Index(None, "diary_id"),)

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("group_session.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


def _others(
    room: Room | None, resources: Sequence[AppointmentResource] | Sequence[SessionResource]
) -> list[Room | Practitioner]:
    return [*([room] if room else ()), *(resource.row for resource in resources)]
