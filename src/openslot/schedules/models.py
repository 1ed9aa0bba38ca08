"""Schedules with their opening hours, closures, absences, and the pages of taken time."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BINARY,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openslot.core.encryption import EncryptedText
from openslot.core.ids import new_id
from openslot.core.tables import Base, Dated, Instant, Word
from openslot.directory.models import Centre, Department, Practitioner, Service

Bitmap = LargeBinary(36).with_variant(BINARY(36), "mysql", "mariadb")
"""288 bits, one per tick; bytes, so that no engine compares them as text."""


class DiaryPage(Base):
    """The taken time of one diary on one UTC day (counted from 1 January 1970).

    Bit ``i`` of ``taken``, little-endian, is the tick that starts ``5 * i`` minutes after
    midnight UTC. ``version`` rises with every write, even if the bits stay the same: see
    diaries.py. On the page of the day before all dates nothing is taken: what is counted about all
    days of a patient rests on its version.
    """

    __tablename__ = "diary_page"

    diary_id: Mapped[int] = mapped_column(
        ForeignKey("diary.id"), primary_key=True, autoincrement=False
    )
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    taken: Mapped[bytes] = mapped_column(Bitmap)
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")


class StartsFrom(StrEnum):
    """Where the starts of a schedule are counted from: the beginning of each period of hours, or
    local midnight."""

    OPENING = "opening"
    MIDNIGHT = "midnight"


class Schedule(Base, Dated):
    """A practitioner or a service that can be booked at one centre.

    Slots start every ``step_minutes`` (if null, one after the other), from the beginning of each
    period of hours or from local midnight; with ``flush`` also directly beside what is taken. A
    booking takes up to ``max_slots`` of them, and starts between ``notice_minutes`` and
    ``horizon_days`` from now.
    """

    __tablename__ = "schedule"
    __table_args__ = (
        UniqueConstraint("practitioner_id", "centre_id"),
        CheckConstraint("(practitioner_id IS NULL) <> (service_id IS NULL)", name="one_subject"),
        Index(None, "centre_id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    practitioner_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"))
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"), unique=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"))
    slot_minutes: Mapped[int] = mapped_column(Integer, default=30)
    max_slots: Mapped[int] = mapped_column(Integer, default=4)
    notice_minutes: Mapped[int] = mapped_column(Integer, default=0)
    horizon_days: Mapped[int] = mapped_column(Integer, default=180)
    starts_from: Mapped[StartsFrom] = mapped_column(
        Word(StartsFrom, 20), default=StartsFrom.OPENING, server_default=StartsFrom.MIDNIGHT
    )
    step_minutes: Mapped[int | None] = mapped_column(Integer)
    flush: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    centre: Mapped[Centre] = relationship(lazy="raise")
    practitioner: Mapped[Practitioner | None] = relationship(lazy="raise")
    service: Mapped[Service | None] = relationship(lazy="raise")

    @property
    def department(self) -> Department | None:
        """Return the department of the service, or None for a practitioner."""
        return self.service.department if self.service else None

    @property
    def zone(self) -> ZoneInfo:
        """Return the centre's time zone."""
        return ZoneInfo(self.centre.time_zone)

    @property
    def name(self) -> str:
        """Return the name of the practitioner or the service."""
        owner = self.practitioner or self.service
        return owner.name if owner else self.centre.name

    @property
    def kind(self) -> str:
        """Return the profession with the expertise, or the name of the department."""
        if self.practitioner:
            parts = (self.practitioner.profession_name, self.practitioner.expertise)
            return ", ".join(part for part in parts if part)
        return self.department.name if self.department else ""


class OfferedService(Base):
    """A service that a practitioner's schedule offers, perhaps with a length of its own there. The
    first by ``position`` is what is booked unless somebody chooses."""

    __tablename__ = "offered_service"
    __table_args__ = (Index(None, "service_id"),)

    schedule_id: Mapped[int] = mapped_column(
        ForeignKey("schedule.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    service_id: Mapped[int] = mapped_column(
        ForeignKey("service.id"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(Integer)
    minutes: Mapped[int | None] = mapped_column(Integer)


class HoursService(Base):
    """A service that a period of hours is for; a period without any is for all."""

    __tablename__ = "hours_service"
    __table_args__ = (Index(None, "service_id"),)

    hours_id: Mapped[int] = mapped_column(
        ForeignKey("opening_hours.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    service_id: Mapped[int] = mapped_column(
        ForeignKey("service.id"), primary_key=True, autoincrement=False
    )


class OpeningHours(Base):
    """A period in the centre's wall-clock time, weekly or as its ``rule`` says.

    ``weekday`` 0 is Monday; with a rule it is the weekday of the first day. ``starts`` and ``ends``
    are minutes after midnight, ``ends`` up to 1440 (24:00). An end at or before the start is on the
    next day. ``rule`` is one of RFC 5545, counted from ``valid_from``: see recurrence.py.
    """

    __tablename__ = "opening_hours"
    __table_args__ = (Index(None, "schedule_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id", ondelete="CASCADE"))
    weekday: Mapped[int] = mapped_column(Integer)
    starts: Mapped[int] = mapped_column(Integer)
    ends: Mapped[int] = mapped_column(Integer)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    rule: Mapped[str | None] = mapped_column(String(200))
    on_holidays: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())

    limits: Mapped[list[HoursService]] = relationship(lazy="raise", passive_deletes=True)

    @property
    def services(self) -> tuple[int, ...]:
        """Return the services that the period is for; none if it is for all."""
        return tuple(sorted(limit.service_id for limit in self.limits))


class Closure(Base):
    """A period when a whole centre is closed, claimed in the centre's own diary."""

    __tablename__ = "closure"
    __table_args__ = (Index(None, "centre_id", "ends_at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    centre_id: Mapped[int] = mapped_column(ForeignKey("centre.id"))
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(String(200))


class AbsenceKind(StrEnum):
    """The kind of an absence; ELSEWHERE is busy time in a calendar that is kept elsewhere."""

    LEAVE = "leave"
    KEPT_FREE = "kept-free"
    ELSEWHERE = "elsewhere"


class Absence(Base):
    """A period when one diary cannot be booked: leave, time kept free for emergencies, or busy time
    elsewhere."""

    __tablename__ = "absence"
    __table_args__ = (Index(None, "diary_id", "ends_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    diary_id: Mapped[int] = mapped_column(ForeignKey("diary.id"))
    kind: Mapped[str] = mapped_column(String(20))
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str | None] = mapped_column(EncryptedText)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(Instant)


class CalendarElsewhere(Base):
    """The address of a calendar that a practitioner keeps elsewhere, and how it was read last.

    ``etag`` and ``modified`` are what its server said of it; it was last read as a whole at
    ``whole_at``, without ``unread`` entries, and found unchanged or read at ``read_at``. After
    ``misses`` attempts in a row that failed, ``problem`` is why the last one did.
    """

    __tablename__ = "calendar_elsewhere"

    practitioner_id: Mapped[int] = mapped_column(
        ForeignKey("practitioner.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    url: Mapped[str] = mapped_column(EncryptedText)
    etag: Mapped[str | None] = mapped_column(String(200))
    modified: Mapped[str | None] = mapped_column(String(100))
    read_at: Mapped[datetime | None] = mapped_column(Instant)
    whole_at: Mapped[datetime | None] = mapped_column(Instant)
    unread: Mapped[int] = mapped_column(Integer, default=0)
    tried_at: Mapped[datetime | None] = mapped_column(Instant)
    next_at: Mapped[datetime] = mapped_column(Instant, index=True)
    misses: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(String(200))
