"""Queries of schedules, with all that decides when they can be booked."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVarTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, case, delete, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, contains_eager

from openslot.core import keyset
from openslot.core.folding import is_text
from openslot.directory.models import (
    BookableBy,
    Centre,
    Department,
    Practitioner,
    Room,
    Service,
    StaffMember,
)
from openslot.schedules.availability import Span, Weekly, instant_of, span_between
from openslot.schedules.models import (
    Absence,
    AbsenceKind,
    Closure,
    OfferedService,
    OpeningHours,
    Schedule,
)
from openslot.schedules.rules import Offered, Place

Ts = TypeVarTuple("Ts")


def places(
    session: Session, *where: ColumnElement[bool], inactive: bool = False
) -> dict[int, Place]:
    """Return schedules with their hours by id, in one statement, and with their services, in one
    more if there are any; only those that can be booked, unless ``inactive``.

    ``where`` can use columns of Schedule, Centre, Practitioner, Service and Department.
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
            func.coalesce(Service.notice_minutes, Schedule.notice_minutes),
            case(
                (Service.horizon_days < Schedule.horizon_days, Service.horizon_days),
                else_=Schedule.horizon_days,
            ),
            Service.department_id,
            Service.bookable_by,
            Schedule.starts_from,
            Schedule.step_minutes,
            Schedule.flush,
            func.coalesce(Service.minutes_before, 0),
            func.coalesce(Service.minutes_after, 0),
            _OFFERS,
            OpeningHours.weekday,
            OpeningHours.starts,
            OpeningHours.ends,
            OpeningHours.valid_from,
            OpeningHours.valid_until,
            OpeningHours.rule,
            OpeningHours.on_holidays,
        )
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .outerjoin(Room, Room.id == Schedule.room_id)
        .outerjoin(OpeningHours, OpeningHours.schedule_id == Schedule.id)
        .order_by(Schedule.id, OpeningHours.weekday, OpeningHours.starts)
    )
    where = where if inactive else (*where, *bookable())
    rows = session.execute(query.where(*where)).all()
    services: dict[int, list[Offered]] = {}
    if any(row[_OFFERS_AT] for row in rows):
        for schedule_id, *values in session.execute(_offered().where(*where)):
            services.setdefault(schedule_id, []).append(Offered(*values))
    return {
        key: place.offering_all(services.get(key, ())) for key, place in _assemble(rows).items()
    }


def _offered() -> Select[*tuple[Any, ...]]:
    """Return the statement that reads the services that schedules offer, each in order."""
    query = (
        select(
            OfferedService.schedule_id,
            Chosen.id,
            Chosen.name,
            func.coalesce(OfferedService.minutes, Chosen.minutes),
            Chosen.minutes_before,
            Chosen.minutes_after,
            Chosen.mode,
            Chosen.bookable_by,
            func.coalesce(Chosen.notice_minutes, Schedule.notice_minutes),
            case(
                (Chosen.horizon_days < Schedule.horizon_days, Chosen.horizon_days),
                else_=Schedule.horizon_days,
            ),
        )
        .select_from(OfferedService)
        .join(Chosen, Chosen.id == OfferedService.service_id)
        .join(Schedule, Schedule.id == OfferedService.schedule_id)
        .where(Chosen.active.is_(True))
        .order_by(OfferedService.schedule_id, OfferedService.position, Chosen.id)
    )
    return _joined(query)


_OFFERS = exists().where(OfferedService.schedule_id == Schedule.id)
"""Whether a schedule offers services."""

_OFFERS_AT = 22

Chosen = aliased(Service)
"""A service that was chosen among those that a schedule offers, beside the schedule's own."""


def furthest_horizon(session: Session) -> int:
    """Return the days ahead that can be booked at most, in any schedule."""
    return session.scalar(select(func.max(Schedule.horizon_days))) or 0


def bookable() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a schedule and all that it belongs to are active."""
    return (
        Schedule.active.is_(True),
        Centre.active.is_(True),
        func.coalesce(Practitioner.active, Service.active).is_(True),
        func.coalesce(Department.active, True).is_(True),
    )


def _assemble(rows: Iterable[Sequence[Any]]) -> dict[int, Place]:
    """Join the rows of each schedule: twenty-two columns of its own, then one period of hours."""
    by_schedule: dict[int, tuple[Sequence[Any], list[Weekly]]] = {}
    for row in rows:
        _, hours = by_schedule.setdefault(row[0], (row, []))
        if row[_OFFERS_AT + 1] is not None:
            hours.append(Weekly(*row[_OFFERS_AT + 1 :]))
    return {
        key: Place._make(
            (
                *row[:9],
                ZoneInfo(row[9]),
                *row[10:15],
                tuple(hours),
                row[15],
                row[16] or BookableBy.PUBLIC,
                *row[17:20],
                False,  # in_emergency
                None,  # as_of
                *row[20:22],
                (),  # services
                None,  # service_id
                None,  # length_of_slots
            )
        )
        for key, (row, hours) in by_schedule.items()
    }


def bookable_page(
    session: Session, *where: ColumnElement[bool], limit: int
) -> list[tuple[Schedule, Place]]:
    """Return a page of schedules that can be booked, in order of id, in two statements."""
    page = session.scalars(
        _subjects().where(*bookable(), *where).order_by(Schedule.id).limit(limit)
    ).all()
    by_id = places(session, Schedule.id.in_([schedule.id for schedule in page]))
    return [(schedule, by_id[schedule.id]) for schedule in page if schedule.id in by_id]


def bookable_of(
    session: Session, changes: Iterable[tuple[str, int]] | None
) -> list[tuple[Schedule, Place]]:
    """Return the schedules that can be booked, in two statements: those that the changes of the
    directory are about, each a kind and the id of a row, or all."""
    where = () if changes is None else (_concerned(changes),)
    by_id = places(session, *where)
    concerned = _subjects().where(*bookable(), *where).order_by(Schedule.id)
    return [
        (schedule, by_id[schedule.id])
        for schedule in session.scalars(concerned)
        if schedule.id in by_id
    ]


def _concerned(changes: Iterable[tuple[str, int]]) -> ColumnElement[bool]:
    columns = {
        "schedule": Schedule.id,
        "centre": Schedule.centre_id,
        "practitioner": Schedule.practitioner_id,
        "service": Schedule.service_id,
        "department": Service.department_id,
    }
    ids: dict[str, set[int]] = {}
    for kind, row_id in changes:
        ids.setdefault(kind, set()).add(row_id)
    offering = select(OfferedService.schedule_id).where(
        OfferedService.service_id.in_(ids.get("service", ()))
    )
    is_concerned = [columns[kind].in_(of_kind) for kind, of_kind in ids.items()]
    return or_(*is_concerned, Schedule.id.in_(offering))


def bookable_people(session: Session, *, after: int, limit: int) -> list[int]:
    """Return the ids of practitioners with a schedule that can be booked, in order."""
    query = _joined(select(Schedule.practitioner_id)).where(
        *bookable(), Schedule.practitioner_id > after
    )
    page = query.distinct().order_by(Schedule.practitioner_id).limit(limit)
    return [key for key in session.scalars(page) if key is not None]


def room_name(session: Session, room_id: int | None) -> str | None:
    """Return the name of a room, or None."""
    room = session.get(Room, room_id) if room_id is not None else None
    return room.name if room else None


def schedule(session: Session, schedule_id: int) -> Schedule | None:
    """Return the schedule with this id, or None."""
    return session.get(Schedule, schedule_id)


def inactive_schedule(
    session: Session, centre_id: int, *, practitioner_id: int | None, service_id: int | None
) -> Schedule | None:
    """Return the deactivated schedule of a practitioner or service at a centre, or None."""
    return session.scalar(
        select(Schedule).where(
            Schedule.centre_id == centre_id,
            Schedule.practitioner_id == practitioner_id
            if practitioner_id is not None
            else Schedule.service_id == service_id,
            Schedule.active.is_(False),
        )
    )


def hours_of(session: Session, schedule_id: int) -> Sequence[OpeningHours]:
    """Return the periods of a schedule's hours in order."""
    return session.scalars(
        select(OpeningHours)
        .where(OpeningHours.schedule_id == schedule_id)
        .order_by(OpeningHours.weekday, OpeningHours.starts)
    ).all()


def replace_hours(session: Session, schedule_id: int, hours: Iterable[Weekly]) -> None:
    """Replace all periods of a schedule's hours."""
    session.execute(delete(OpeningHours).where(OpeningHours.schedule_id == schedule_id))
    session.add_all(OpeningHours(schedule_id=schedule_id, **period._asdict()) for period in hours)


def replace_offered(
    session: Session, schedule_id: int, offerings: Sequence[Mapping[str, Any]]
) -> None:
    """Replace all services that a schedule offers, in their order."""
    session.execute(delete(OfferedService).where(OfferedService.schedule_id == schedule_id))
    session.add_all(
        OfferedService(schedule_id=schedule_id, position=position, **offering)
        for position, offering in enumerate(offerings)
    )


def offered_by(session: Session, schedule_id: int) -> list[tuple[OfferedService, Service]]:
    """Return the services that a schedule offers, also inactive ones, in order."""
    rows = session.execute(
        select(OfferedService, Chosen)
        .join(Chosen, Chosen.id == OfferedService.service_id)
        .where(OfferedService.schedule_id == schedule_id)
        .order_by(OfferedService.position, Chosen.id)
    )
    return [(offered, service) for offered, service in rows]


def absences(
    session: Session,
    diary_id: int,
    starts: datetime,
    ends: datetime,
    *,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Absence]:
    """Return the absences of one diary that overlap the period, in order, after the start and id
    ``after``, in one statement."""
    query = select(Absence).where(
        Absence.diary_id == diary_id, Absence.ends_at > starts, Absence.starts_at < ends
    )
    order = (Absence.starts_at, Absence.id)
    return list(session.scalars(keyset.page(query, order, after, limit)))


def absent_practitioner(session: Session, absence_id: UUID) -> int | None:
    """Return the id of the practitioner of an absence, or None."""
    return session.scalar(
        select(Practitioner.id)
        .join(Absence, Absence.diary_id == Practitioner.diary_id)
        .where(Absence.id == absence_id)
    )


def absent_spans(
    session: Session, diary_ids: Iterable[int] | None, over: Span, *, in_emergency: bool = False
) -> list[tuple[int, Span]]:
    """Return the diary and span of each absence and closure that overlaps ``over``, in one
    statement; for all diaries if ``diary_ids`` is None. ``in_emergency`` leaves out the time that
    is kept free for emergencies."""
    starts, ends = instant_of(over.start), instant_of(over.end)
    absent = select(Absence.diary_id, Absence.starts_at, Absence.ends_at).where(
        Absence.ends_at > starts, Absence.starts_at < ends
    )
    if in_emergency:
        absent = absent.where(Absence.kind != AbsenceKind.KEPT_FREE)
    closed = (
        select(Centre.diary_id, Closure.starts_at, Closure.ends_at)
        .join(Centre, Centre.id == Closure.centre_id)
        .where(Closure.ends_at > starts, Closure.starts_at < ends)
    )
    if diary_ids is not None:
        ids = set(diary_ids)
        absent = absent.where(Absence.diary_id.in_(ids))
        closed = closed.where(Centre.diary_id.in_(ids))
    rows = session.execute(absent.union_all(closed))
    return [(diary_id, span_between(begin, end)) for diary_id, begin, end in rows]


def practitioner_places(session: Session, practitioner_id: int) -> dict[int, Place]:
    """Return the schedules of a practitioner, also inactive ones."""
    return places(session, Schedule.practitioner_id == practitioner_id, inactive=True)


def centre_ids_of(session: Session, practitioner_id: int) -> frozenset[int]:
    """Return the ids of the centres where a practitioner works."""
    query = select(Schedule.centre_id).where(Schedule.practitioner_id == practitioner_id)
    return frozenset(session.scalars(query))


def works_at(centre_id: int) -> ColumnElement[bool]:
    """Return the condition for practitioners with an active schedule at a centre."""
    return _works(Schedule.centre_id == centre_id)


def works_in(suburb: str) -> ColumnElement[bool]:
    """Return the condition for practitioners with an active schedule in a suburb."""
    centre_ids = select(Centre.id).where(is_text(Centre.suburb, suburb))
    return _works(Schedule.centre_id.in_(centre_ids))


def _works(where: ColumnElement[bool]) -> ColumnElement[bool]:
    practitioner_ids = select(Schedule.practitioner_id).where(
        where, Schedule.active.is_(True), Schedule.practitioner_id.is_not(None)
    )
    return Practitioner.id.in_(practitioner_ids)


def closures(
    session: Session, centre_id: int, starts: datetime, ends: datetime
) -> Sequence[Closure]:
    """Return the closures of a centre that overlap the period, in order."""
    return session.scalars(
        select(Closure)
        .where(Closure.centre_id == centre_id, Closure.ends_at > starts, Closure.starts_at < ends)
        .order_by(Closure.starts_at)
    ).all()


def rooms(session: Session, centre_id: int) -> Sequence[Room]:
    """Return the rooms of a centre in order of name."""
    return session.scalars(
        select(Room).where(Room.centre_id == centre_id).order_by(Room.name)
    ).all()


def every_absence(session: Session) -> list[tuple[int, Span]]:
    """Return the diary and span of every absence and closure."""
    everything = Span(0, 2**31 // 300)
    return absent_spans(session, None, everything)


def by_service(session: Session, department_id: int) -> dict[int, int]:
    """Return the ids of a department's active schedules by service id."""
    query = (
        select(Service.id, Schedule.id)
        .join(Schedule, Schedule.service_id == Service.id)
        .where(Service.department_id == department_id, Schedule.active.is_(True))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def subject(session: Session, schedule_id: int) -> Schedule | None:
    """Return a schedule with its owner and centre, in one statement."""
    return session.scalar(_subjects().where(Schedule.id == schedule_id))


def subjects(session: Session, *where: ColumnElement[bool]) -> list[Schedule]:
    """Return the matching schedules with owner and centre, in order of centre and name, in one
    statement."""
    query = _subjects().where(*where).order_by(Centre.name, Practitioner.name, Service.name)
    return list(session.scalars(query))


LOADED = (
    contains_eager(Schedule.centre),
    contains_eager(Schedule.practitioner),
    contains_eager(Schedule.service).contains_eager(Service.department),
)
"""Options that load a schedule's owner and centre, for a select that joins these tables."""


def _subjects() -> Select[Schedule]:
    return _joined(select(Schedule)).options(*LOADED)


def _joined(query: Select[*Ts]) -> Select[*Ts]:
    """Join a schedule's owner and centre."""
    return (
        query.join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
    )


class People(NamedTuple):
    """The accounts of a centre: its staff, and its practitioners by whether they also work at
    another centre."""

    staff: frozenset[UUID]
    only_here: frozenset[UUID]
    also_here: frozenset[UUID]


def people_of(session: Session, centre_id: int) -> People:
    """Return the accounts of people who work at a centre, in two statements."""
    staff = session.scalars(
        select(StaffMember.account_id).where(StaffMember.centre_id == centre_id)
    ).all()
    works = select(Schedule.practitioner_id).where(Schedule.centre_id == centre_id)
    rows = session.execute(
        select(Practitioner.account_id, Schedule.centre_id)
        .join(Schedule, Schedule.practitioner_id == Practitioner.id)
        .where(Practitioner.id.in_(works), Practitioner.account_id.is_not(None))
    ).all()
    practitioners: set[UUID] = {account_id for account_id, _ in rows if account_id}
    elsewhere: set[UUID] = {
        account_id for account_id, workplace in rows if account_id and workplace != centre_id
    }
    return People(frozenset(staff), frozenset(practitioners - elsewhere), frozenset(elsewhere))


def parts_of(session: Session, centre_id: int) -> list[str]:
    """Return the audit subjects of a centre and all that belongs to it, in three statements."""
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
        *(f"department:{department_id}" for department_id in departments),
        *(f"service:{service_id}" for service_id in services),
        *(f"schedule:{schedule_id}" for schedule_id in schedules),
    ]
