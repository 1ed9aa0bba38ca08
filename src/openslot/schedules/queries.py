"""Reading schedules with all that decides when they can be booked."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session, contains_eager

from openslot.core import keyset
from openslot.directory import queries as directory
from openslot.directory.models import (
    Centre,
    Department,
    Practitioner,
    Room,
    Service,
    StaffMember,
)
from openslot.schedules.availability import Span, Weekly, instant_of, span_between
from openslot.schedules.models import Absence, Closure, OpeningHours, Schedule
from openslot.schedules.rules import Place


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
            Practitioner.expertise,
            Practitioner.email,
            func.coalesce(Practitioner.diary_id, Service.diary_id),
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
    """One place of the rows of each schedule: fifteen columns of its own, then its hours."""
    found: dict[int, tuple[Sequence[Any], list[Weekly]]] = {}
    for row in rows:
        _, hours = found.setdefault(row[0], (row, []))
        if row[15] is not None:
            hours.append(Weekly(*row[15:]))
    return {
        key: Place._make((*row[:9], ZoneInfo(row[9]), *row[10:15], tuple(hours)))
        for key, (row, hours) in found.items()
    }


def bookable_page(
    session: Session, *where: ColumnElement[bool], limit: int
) -> list[tuple[Schedule, Place]]:
    """Some schedules that can be booked, by id; two statements."""
    page = session.scalars(
        _subjects().where(*bookable(), *where).order_by(Schedule.id).limit(limit)
    ).all()
    known = places(session, Schedule.id.in_([one.id for one in page]))
    return [(one, known[one.id]) for one in page if one.id in known]


def room_name(session: Session, room_id: int | None) -> str | None:
    """What a room is called."""
    room = session.get(Room, room_id) if room_id is not None else None
    return room.name if room else None


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


def absences(
    session: Session,
    diary_id: int,
    starts: datetime,
    ends: datetime,
    *,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Absence]:
    """Return the absences of one diary that touch the period, by start and id, from after the key
    ``after``; one statement."""
    query = select(Absence).where(
        Absence.diary_id == diary_id, Absence.ends_at > starts, Absence.starts_at < ends
    )
    order = (Absence.starts_at, Absence.id)
    return list(session.scalars(keyset.page(query, order, after, limit)))


def absent_practitioner(session: Session, absence_id: UUID) -> int | None:
    """Whose absence it is; None where there is none."""
    return session.scalar(
        select(Practitioner.id)
        .join(Absence, Absence.diary_id == Practitioner.diary_id)
        .where(Absence.id == absence_id)
    )


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


def works_at(centre_id: int) -> ColumnElement[bool]:
    """Practitioners with an active schedule at a centre."""
    return _works(Schedule.centre_id == centre_id)


def works_in(suburb: str) -> ColumnElement[bool]:
    """Practitioners with an active schedule at a centre in a suburb."""
    there = select(Centre.id).where(directory.is_text(Centre.suburb, suburb))
    return _works(Schedule.centre_id.in_(there))


def _works(where: ColumnElement[bool]) -> ColumnElement[bool]:
    here = select(Schedule.practitioner_id).where(
        where,
        Schedule.active.is_(True),
        Schedule.practitioner_id.is_not(None),
    )
    return Practitioner.id.in_(here)


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


def subject(session: Session, schedule_id: int) -> Schedule | None:
    """Whom or what a schedule books; one statement."""
    return session.scalar(_subjects().where(Schedule.id == schedule_id))


def subjects(session: Session, *where: ColumnElement[bool]) -> list[Schedule]:
    """The schedules that fit, in order of centre and name; one statement."""
    query = _subjects().where(*where).order_by(Centre.name, Practitioner.name, Service.name)
    return list(session.scalars(query))


LOADED = (
    contains_eager(Schedule.centre),
    contains_eager(Schedule.practitioner),
    contains_eager(Schedule.service).contains_eager(Service.department),
)
"""Fills a schedule with whom or what it books, and where, from a select that joins these tables."""


def _subjects() -> Select[Schedule]:
    return (
        select(Schedule)
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .options(*LOADED)
    )


class People(NamedTuple):
    """The accounts of a centre: its staff, and practitioners who work only or also here."""

    staff: frozenset[UUID]
    only_here: frozenset[UUID]
    also_here: frozenset[UUID]


def people_of(session: Session, centre_id: int) -> People:
    """Who works at a centre and has an account; two statements."""
    staff = session.scalars(
        select(StaffMember.account_id).where(StaffMember.centre_id == centre_id)
    ).all()
    works = select(Schedule.practitioner_id).where(Schedule.centre_id == centre_id)
    rows = session.execute(
        select(Practitioner.account_id, Schedule.centre_id)
        .join(Schedule, Schedule.practitioner_id == Practitioner.id)
        .where(Practitioner.id.in_(works), Practitioner.account_id.is_not(None))
    ).all()
    everybody: set[UUID] = {account_id for account_id, _ in rows if account_id}
    elsewhere: set[UUID] = {one for one, where in rows if one and where != centre_id}
    return People(frozenset(staff), frozenset(everybody - elsewhere), frozenset(elsewhere))


def parts_of(session: Session, centre_id: int) -> list[str]:
    """A centre with all that belongs to it, as the audit names it; three statements."""
    departments = session.scalars(
        select(Department.id).where(Department.centre_id == centre_id)
    ).all()
    services = session.scalars(
        select(Service.id)
        .join(Department, Department.id == Service.department_id)
        .where(Department.centre_id == centre_id)
    ).all()
    schedules = session.scalars(select(Schedule.id).where(Schedule.centre_id == centre_id)).all()
    return [
        f"centre:{centre_id}",
        *(f"department:{one}" for one in departments),
        *(f"service:{one}" for one in services),
        *(f"schedule:{one}" for one in schedules),
    ]
