"""Reading schedules with all that decides when they can be booked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from openslot.directory.models import Centre, Department, Practitioner, Room, Service
from openslot.schedules.availability import Span, Weekly, instant_of, span_between
from openslot.schedules.models import Absence, Closure, OpeningHours, Schedule
from openslot.schedules.rules import Place

DIARY = func.coalesce(Practitioner.diary_id, Service.diary_id)
"""The diary that a schedule's visits are claimed in."""


def places(
    session: Session, *where: ColumnElement[bool], inactive: bool = False
) -> dict[int, Place]:
    """Places by schedule id, those that can be booked only unless ``inactive``; one statement.

    ``where`` may name columns of Schedule, Centre, Practitioner, Service and Department.
    """
    query = (
        select(
            Schedule.id,
            Schedule.centre_id,
            Schedule.practitioner_id,
            Practitioner.profession,
            Practitioner.email,
            DIARY,
            Room.diary_id,
            Centre.diary_id,
            Centre.time_zone,
            Centre.holiday_region,
            Schedule.slot_minutes,
            Schedule.max_slots,
            Schedule.notice_minutes,
            Schedule.horizon_days,
            OpeningHours.weekday,
            OpeningHours.starts,
            OpeningHours.ends,
            OpeningHours.valid_from,
            OpeningHours.valid_until,
        )
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .outerjoin(Room, Room.id == Schedule.room_id)
        .outerjoin(OpeningHours, OpeningHours.schedule_id == Schedule.id)
        .where(*where)
        .order_by(Schedule.id, OpeningHours.weekday, OpeningHours.starts)
    )
    if not inactive:
        query = query.where(*bookable())
    return _assemble(session.execute(query))


def bookable() -> tuple[ColumnElement[bool], ...]:
    """What must be active for a schedule to be booked: itself and all it belongs to."""
    return (
        Schedule.active.is_(True),
        Centre.active.is_(True),
        func.coalesce(Practitioner.active, Service.active).is_(True),
        func.coalesce(Department.active, True).is_(True),
    )


def _assemble(rows: Iterable[Sequence[Any]]) -> dict[int, Place]:
    """One place of the rows of each schedule: fourteen columns of its own, then its hours."""
    found: dict[int, tuple[Sequence[Any], list[Weekly]]] = {}
    for row in rows:
        _, hours = found.setdefault(row[0], (row, []))
        if row[14] is not None:
            hours.append(Weekly(*row[14:]))
    return {
        key: Place._make((*row[:8], ZoneInfo(row[8]), *row[9:14], tuple(hours)))
        for key, (row, hours) in found.items()
    }


def schedule(session: Session, schedule_id: int) -> Schedule | None:
    """The schedule itself."""
    return session.get(Schedule, schedule_id)


def hours_of(session: Session, schedule_id: int) -> Sequence[OpeningHours]:
    """Its weekly periods in order."""
    return session.scalars(
        select(OpeningHours)
        .where(OpeningHours.schedule_id == schedule_id)
        .order_by(OpeningHours.weekday, OpeningHours.starts)
    ).all()


def replace_hours(session: Session, schedule_id: int, hours: Iterable[Weekly]) -> None:
    """Put ``hours`` in the place of all that were there."""
    session.execute(delete(OpeningHours).where(OpeningHours.schedule_id == schedule_id))
    session.add_all(OpeningHours(schedule_id=schedule_id, **period._asdict()) for period in hours)


def absences(session: Session, diary_id: int, starts: datetime, ends: datetime) -> list[Absence]:
    """The absences of one diary that touch the period, in order."""
    query = select(Absence).where(
        Absence.diary_id == diary_id, Absence.ends_at > starts, Absence.starts_at < ends
    )
    return list(session.scalars(query.order_by(Absence.starts_at)))


def absent_spans(
    session: Session, diary_ids: Iterable[int] | None, over: Span
) -> list[tuple[int, Span]]:
    """What absences and closures keep taken of ``over``, by diary (None: all); one statement."""
    starts, ends = instant_of(over.start), instant_of(over.end)
    absent = select(Absence.diary_id, Absence.starts_at, Absence.ends_at).where(
        Absence.ends_at > starts, Absence.starts_at < ends
    )
    closed = (
        select(Centre.diary_id, Closure.starts_at, Closure.ends_at)
        .join(Centre, Centre.id == Closure.centre_id)
        .where(Closure.ends_at > starts, Closure.starts_at < ends)
    )
    if diary_ids is not None:
        wanted = set(diary_ids)
        absent = absent.where(Absence.diary_id.in_(wanted))
        closed = closed.where(Centre.diary_id.in_(wanted))
    rows = session.execute(absent.union_all(closed))
    return [(diary_id, span_between(begin, end)) for diary_id, begin, end in rows]


def practitioner_places(session: Session, practitioner_id: int) -> dict[int, Place]:
    """Where a practitioner works, also what cannot be booked now."""
    return places(session, Schedule.practitioner_id == practitioner_id, inactive=True)


def centre_ids_of(session: Session, practitioner_id: int) -> frozenset[int]:
    """The centres where a practitioner works."""
    query = select(Schedule.centre_id).where(Schedule.practitioner_id == practitioner_id)
    return frozenset(session.scalars(query))


def closures(
    session: Session, centre_id: int, starts: datetime, ends: datetime
) -> Sequence[Closure]:
    """The closures of a centre that touch the period, in order."""
    return session.scalars(
        select(Closure)
        .where(Closure.centre_id == centre_id, Closure.ends_at > starts, Closure.starts_at < ends)
        .order_by(Closure.starts_at)
    ).all()


def rooms(session: Session, centre_id: int) -> Sequence[Room]:
    """The rooms of a centre by name."""
    return session.scalars(
        select(Room).where(Room.centre_id == centre_id).order_by(Room.name)
    ).all()


def every_absence(session: Session) -> list[tuple[int, Span]]:
    """All that absences and closures keep taken, by diary."""
    everything = Span(0, 2**31 // 300)
    return absent_spans(session, None, everything)


def by_service(session: Session, department_id: int) -> dict[int, int]:
    """The bookable schedules of a department by service id."""
    query = (
        select(Service.id, Schedule.id)
        .join(Schedule, Schedule.service_id == Service.id)
        .where(Service.department_id == department_id, Schedule.active.is_(True))
    )
    return {row[0]: row[1] for row in session.execute(query)}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what a schedule books, and where."""

    schedule: Schedule
    centre: Centre
    practitioner: Practitioner | None
    service: Service | None
    department: Department | None

    @property
    def name(self) -> str:
        """The name of the practitioner or the service."""
        named = self.practitioner or self.service
        return named.name if named else self.centre.name

    @property
    def kind(self) -> str:
        """The profession with the expertise, or the department."""
        if self.practitioner:
            parts = (self.practitioner.profession, self.practitioner.expertise)
            return ", ".join(part for part in parts if part)
        return self.department.name if self.department else ""


def subject(session: Session, schedule_id: int) -> Subject | None:
    """Whom or what a schedule books; one statement."""
    row = session.execute(_subjects().where(Schedule.id == schedule_id)).first()
    return Subject(*row) if row else None


def subjects(session: Session, *where: ColumnElement[bool]) -> list[Subject]:
    """The schedules that fit, in order of centre and name; one statement."""
    query = _subjects().where(*where).order_by(Centre.name, Practitioner.name, Service.name)
    return [Subject(*row) for row in session.execute(query)]


def _subjects() -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    return (
        select(Schedule, Centre, Practitioner, Service, Department)
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
    )
