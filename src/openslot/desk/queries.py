"""The appointments of a centre's day, as the front desk shows them."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ScalarSelect, func, null, select
from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.models import (
    Appointment,
    AppointmentResource,
    GroupSession,
    Priority,
    SessionResource,
    Status,
)
from openslot.booking.moves import LIVE
from openslot.booking.queries import Condition
from openslot.core.births import BirthDate
from openslot.core.people import read_about
from openslot.core.tables import alias_of
from openslot.core.work import Work
from openslot.desk.rules import Standing, standing
from openslot.directory.models import Patient, Practitioner, Room, RoomKind, Service
from openslot.schedules.models import Schedule
from openslot.schedules.queries import Chosen


class Entry(NamedTuple):
    """An appointment of the day with what a desk says of it; it is read as columns, since a day of
    a large centre has hundreds."""

    id: UUID
    schedule_id: int
    starts_at: datetime
    ends_at: datetime
    status: Status
    offered: bool
    priority: Priority
    came_at: datetime | None
    called_at: datetime | None
    late_minutes: int | None
    confirmed_at: datetime | None
    day_number: int | None
    reason: str | None
    task: str | None
    service_name: str | None
    session_id: UUID | None
    squeezed_in: bool
    department_id: int | None
    with_whom: str
    room: str | None
    patient_id: UUID | None
    patient_name: str | None
    born: BirthDate | None
    phone: str | None
    medicare_number: str | None

    @property
    def standing(self) -> Standing:
        """Return how the patient stands."""
        return standing(self.status, self.called_at, self.late_minutes, offered=self.offered)

    @property
    def is_confirmed(self) -> bool:
        """Return whether the patient is expected, and said that they will come."""
        return self.standing is Standing.EXPECTED and self.confirmed_at is not None


_OtherRoom = alias_of(Room)


def _needed_room(
    kind: type[AppointmentResource] | type[SessionResource], is_own: Condition
) -> ScalarSelect[str]:
    rooms = select(func.min(_OtherRoom.name)).join(kind, kind.diary_id == _OtherRoom.diary_id)
    own = rooms.where(is_own, _OtherRoom.kind == RoomKind.ROOM)
    return own.correlate(Appointment).scalar_subquery()


_ROOM = func.coalesce(
    Room.name,
    select(_OtherRoom.name)
    .join(GroupSession, GroupSession.room_diary_id == _OtherRoom.diary_id)
    .where(GroupSession.id == Appointment.session_id)
    .correlate(Appointment)
    .scalar_subquery(),
    _needed_room(AppointmentResource, AppointmentResource.appointment_id == Appointment.id),
    _needed_room(SessionResource, SessionResource.session_id == Appointment.session_id),
)
"""The room of an appointment: that of its schedule or session, else one that was needed."""

_ENTRIES = (
    select(
        Appointment.id,
        Appointment.schedule_id,
        Appointment.starts_at,
        Appointment.ends_at,
        Appointment.status,
        Appointment.offered,
        Appointment.priority,
        Appointment.came_at,
        Appointment.called_at,
        Appointment.late_minutes,
        Appointment.confirmed_at,
        Appointment.day_number,
        Appointment.reason,
        Appointment.task,
        Chosen.name,
        Appointment.session_id,
        Appointment.squeezed_in,
        Service.department_id,
        func.coalesce(Practitioner.name, Service.name),
        _ROOM,
        Appointment.patient_id,
        Patient.name,
    )
    .select_from(Appointment)
    .join(Schedule, Schedule.id == Appointment.schedule_id)
    .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
    .outerjoin(Service, Service.id == Schedule.service_id)
    .outerjoin(Chosen, Chosen.id == Appointment.service_id)
    .outerjoin(Room, Room.diary_id == Appointment.room_diary_id)
    .outerjoin(Patient, Patient.id == Appointment.patient_id)
    .order_by(Appointment.starts_at, Appointment.id)
)


_PLAIN = _ENTRIES.add_columns(null(), null(), null())
_DETAILED = _ENTRIES.add_columns(Patient.born, Patient.phone, Patient.medicare_number)


def entries(
    work: Work, centre_id: int, starts: datetime, ends: datetime, *, detailed: bool = False
) -> list[Entry]:
    """Return what begins at the centre in the period, in order and in one statement; for staff of a
    department only what is done there. Lists need the patients' details too."""
    query = (_DETAILED if detailed else _PLAIN).where(
        booking.seen_by(work.actor, work.now),
        booking.at_centre(centre_id),
        booking.showing(work.now),
        Appointment.starts_at >= starts,
        Appointment.starts_at < ends,
    )
    if work.actor.department_id is not None:
        query = query.where(Service.department_id == work.actor.department_id)
    found = [Entry._make(row) for row in work.session.execute(query)]
    read_about(work.session, (entry.patient_id for entry in found))
    return found


def live(session: Session, centre_id: int, starts: datetime, ends: datetime) -> list[Appointment]:
    """Return the appointments of a centre that start in the period and are to come or going on, in
    order."""
    return booking.appointments(
        session,
        booking.at_centre(centre_id),
        Appointment.status.in_(LIVE),
        Appointment.starts_at >= starts,
        Appointment.starts_at <= ends,
    )


def is_here() -> Condition:
    """Match appointments whose patient has come and has a number."""
    return (Appointment.status == Status.ARRIVED) & Appointment.came_at.is_not(None)


def machines(work: Work, appointment_ids: Collection[UUID]) -> list[tuple[UUID, str]]:
    """Return which rooms and machines the appointments, or their sessions, take that their services
    need, by name, in one statement."""
    alone = (
        select(AppointmentResource.appointment_id, Room.name)
        .join(Room, Room.diary_id == AppointmentResource.diary_id)
        .where(AppointmentResource.appointment_id.in_(appointment_ids))
    )
    together = (
        select(Appointment.id, Room.name)
        .join(SessionResource, SessionResource.session_id == Appointment.session_id)
        .join(Room, Room.diary_id == SessionResource.diary_id)
        .where(Appointment.id.in_(appointment_ids))
    )
    return [(key, name) for key, name in work.session.execute(alone.union_all(together))]


class Number(NamedTuple):
    """A number of the day, as the waiting room sees it: nothing about who it is."""

    number: int
    called_at: datetime | None
    room: str | None


def numbers(session: Session, centre_id: int, starts: datetime, ends: datetime) -> list[Number]:
    """Return the numbers of those who are at a centre, in the order in which they came."""
    query = (
        select(Appointment.day_number, Appointment.called_at, _ROOM)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .outerjoin(Room, Room.diary_id == Appointment.room_diary_id)
        .where(
            booking.at_centre(centre_id),
            is_here(),
            Appointment.starts_at >= starts,
            Appointment.starts_at < ends,
        )
        .order_by(Appointment.came_at, Appointment.day_number)
    )
    return [Number(number or 0, called, room) for number, called, room in session.execute(query)]
