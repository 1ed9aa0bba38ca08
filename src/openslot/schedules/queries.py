"""Queries of schedules, with all that decides when they can be booked."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple, TypeVarTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, delete, exists, false, func, or_, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from openslot.core import keyset
from openslot.core.db import fetch
from openslot.core.folding import folded, is_text
from openslot.core.tables import alias_of
from openslot.directory.models import (
    BookableBy,
    Centre,
    Department,
    Practitioner,
    Profession,
    Room,
    Service,
    StaffMember,
)
from openslot.resources import queries as resources
from openslot.resources.models import ServiceNeed
from openslot.schedules.availability import Span, Weekly, instant_of, span_between
from openslot.schedules.models import (
    Absence,
    AbsenceKind,
    CalendarElsewhere,
    Closure,
    HoursService,
    OfferedService,
    OpeningHours,
    Schedule,
)
from openslot.schedules.needs import Member, Need, of_schedule
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
            func.coalesce(Service.places, 1),
            Service.most_a_day,
            Service.most_ahead,
            func.coalesce(Profession.needs_referral, False),
            Schedule.service_id,
            exists().where(ServiceNeed.service_id == Schedule.service_id),
            _OFFERS,
            OpeningHours.weekday,
            OpeningHours.starts,
            OpeningHours.ends,
            OpeningHours.valid_from,
            OpeningHours.valid_until,
            OpeningHours.rule,
            OpeningHours.on_holidays,
            OpeningHours.id,
            HoursService.service_id,
        )
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Profession, Profession.code == Practitioner.profession)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .outerjoin(Room, Room.id == Schedule.room_id)
        .outerjoin(OpeningHours, OpeningHours.schedule_id == Schedule.id)
        .outerjoin(HoursService, HoursService.hours_id == OpeningHours.id)
        .order_by(
            Schedule.id,
            OpeningHours.weekday,
            OpeningHours.starts,
            OpeningHours.id,
            HoursService.service_id,
        )
    )
    where = where if inactive else (*where, *bookable())
    rows: Sequence[Sequence[Any]] = session.execute(query.where(*where)).all()
    by_id = _assemble(rows)
    services: dict[int, list[Offered]] = {}
    own_services = {row[0]: row[_OFFERS_AT - 2] for row in rows}
    needing = {row[_OFFERS_AT - 2] for row in rows if row[_OFFERS_AT - 1]}
    if any(row[_OFFERS_AT] for row in rows):
        for schedule_id, has_needs, *values in session.execute(_offered().where(*where)):
            offered = Offered(*values)
            services.setdefault(schedule_id, []).append(offered)
            needing |= {offered.service_id} if has_needs else set()
    if needing:
        _add_needs(session, by_id, own_services, services, needing)
    return {key: place.offering_all(services.get(key, ())) for key, place in by_id.items()}


def _add_needs(
    session: Session,
    by_id: dict[int, Place],
    own_services: Mapping[int, int | None],
    services: Mapping[int, list[Offered]],
    needing: Collection[int],
) -> None:
    """Set what the services of these schedules need there, in three statements."""
    needs = resources.needs(session, needing)
    centre_ids = {place.centre_id for place in by_id.values()}
    here = resources.here(session, centre_ids)
    professions = {need.profession for rows in needs.values() for need in rows if need.profession}
    working = _working(session, centre_ids, professions)

    def members(need: ServiceNeed, centre_id: int) -> Need:
        if need.profession is not None:
            return tuple(working.get((centre_id, need.profession), ()))
        if need.room_id is not None:
            rooms: Iterable[Room] = [here.rooms[need.room_id]] if need.room_id in here.rooms else []
        elif need.group_id is not None:
            rooms = here.by_group.get(need.group_id, ())
        else:
            rooms = here.by_name.get((centre_id, folded(need.group_name or "")), ())
        return tuple(Member(room.diary_id, room.id, room.name, room.kind) for room in rooms)

    def of(service_id: int | None, place: Place) -> tuple[Need, ...]:
        of_service = needs.get(service_id, ()) if service_id is not None else ()
        all_members = [members(need, place.centre_id) for need in of_service]
        return of_schedule(all_members, place.diary_id, place.room_id)

    for key, place in by_id.items():
        by_id[key] = place._replace(needs=of(own_services[key], place))
        for at, offered in enumerate(services.get(key, ())):
            services[key][at] = offered._replace(needs=of(offered.service_id, place))


def _working(
    session: Session, centre_ids: Collection[int], professions: Collection[str]
) -> dict[tuple[int, str], list[Member]]:
    """Return who can be booked at the centres, with their hours there, by centre and profession."""
    rows = session.execute(
        select(
            Schedule.centre_id,
            Practitioner.profession,
            Practitioner.diary_id,
            Practitioner.id,
            Practitioner.name,
            OpeningHours,
        )
        .join(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(OpeningHours, OpeningHours.schedule_id == Schedule.id)
        .where(
            Schedule.centre_id.in_(centre_ids),
            Practitioner.profession.in_(professions),
            Schedule.active.is_(True),
            Practitioner.active.is_(True),
        )
        .order_by(Practitioner.diary_id, OpeningHours.weekday, OpeningHours.starts)
    )
    members: dict[tuple[int, str], dict[int, Member]] = {}
    for centre_id, profession, diary_id, practitioner_id, name, period in rows:
        of_profession = members.setdefault((centre_id, profession), {})
        known = of_profession.get(diary_id)
        before = known.hours or () if known else ()
        hours = before if period is None else (*before, Weekly(*_fields_of(period)))
        of_profession[diary_id] = Member(diary_id, practitioner_id, name, None, hours)
    return {key: list(by_diary.values()) for key, by_diary in members.items()}


def _fields_of(period: OpeningHours) -> Iterator[Any]:
    """Return the fields of a period, without the services that it is for."""
    return (getattr(period, name) for name in Weekly._fields if name != "services")


def offered(session: Session, *where: ColumnElement[bool]) -> dict[int, list[Offered]]:
    """Return the services that the matching schedules offer, each in order, by schedule; one
    statement."""
    services: dict[int, list[Offered]] = {}
    for schedule_id, _, *values in session.execute(_offered().where(*where)):
        services.setdefault(schedule_id, []).append(Offered(*values))
    return services


def _offered() -> Select[*tuple[Any, ...]]:
    """Return the statement that reads the services that schedules offer, each in order."""
    query = (
        select(
            OfferedService.schedule_id,
            exists().where(ServiceNeed.service_id == Chosen.id),
            Chosen.id,
            Chosen.name,
            Chosen.category,
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
            Chosen.most_a_day,
            Chosen.most_ahead,
            Chosen.places,
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

_OFFERS_AT = 28

Chosen = alias_of(Service)
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
    """Join the rows of each schedule: twenty-eight columns of its own, then one period of hours and
    a service that it is for."""
    by_schedule: dict[int, tuple[Sequence[Any], list[Weekly]]] = {}
    of_hours = groupby(rows, lambda row: (row[0], row[-2]))
    for (schedule_id, hours_id), of_period in of_hours:
        first, *others = of_period
        _, hours = by_schedule.setdefault(schedule_id, (first, []))
        if hours_id is not None:
            services = tuple(row[-1] for row in (first, *others) if row[-1] is not None)
            hours.append(_shared(Weekly._make((*first[_OFFERS_AT + 1 : -2], services))))
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
                *row[20:22],  # before, after
                (),  # services
                None,  # service_id
                None,  # length_of_slots
                (),  # needs
                (),  # members
                row[22],
                None,  # session_id
                False,  # squeezed_in
                *row[23:26],  # most_a_day, most_ahead, by_referral
            )
        )
        for key, (row, hours) in by_schedule.items()
    }


@lru_cache(maxsize=4096)
def _shared(period: Weekly) -> Weekly:
    """Return the period that was read before, if there was an equal one: many schedules have the
    same, and all are kept in memory (see known.py)."""
    return period


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
    return or_(
        *is_concerned,
        Schedule.id.in_(offering),
        _may_need_one_of(ids.get("schedule", ()), ids.get("practitioner", ())),
    )


def _may_need_one_of(
    schedule_ids: Collection[int], practitioner_ids: Collection[int]
) -> ColumnElement[bool]:
    """Return the condition for schedules with a service that needs a profession, at a centre where
    one of these practitioners works."""
    if not schedule_ids and not practitioner_ids:
        return false()
    other = alias_of(Schedule)
    centre_ids = select(other.centre_id).where(
        or_(other.id.in_(schedule_ids), other.practitioner_id.in_(practitioner_ids))
    )
    needing = select(ServiceNeed.service_id).where(ServiceNeed.profession.is_not(None))
    offering = select(OfferedService.schedule_id).where(OfferedService.service_id.in_(needing))
    return and_(
        Schedule.centre_id.in_(centre_ids),
        or_(Schedule.service_id.in_(needing), Schedule.id.in_(offering)),
    )


def matching(session: Session, *where: ColumnElement[bool]) -> Sequence[int]:
    """Return the ids of the matching schedules, also of inactive ones, in order."""
    query = _joined(select(Schedule.id)).where(*where).order_by(Schedule.id)
    return fetch(session, query).scalars().all()


def bookable_people(session: Session, *, after: int, limit: int) -> list[int]:
    """Return the ids of practitioners with a schedule that can be booked, in order."""
    query = _joined(select(Schedule.practitioner_id)).where(
        *bookable(), Schedule.practitioner_id > after
    )
    page = query.distinct().order_by(Schedule.practitioner_id).limit(limit)
    return [key for key in session.scalars(page) if key is not None]


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
        .options(selectinload(OpeningHours.limits))
        .where(OpeningHours.schedule_id == schedule_id)
        .order_by(OpeningHours.weekday, OpeningHours.starts)
    ).all()


def replace_hours(session: Session, schedule_id: int, hours: Iterable[Weekly]) -> None:
    """Replace all periods of a schedule's hours."""
    session.execute(delete(OpeningHours).where(OpeningHours.schedule_id == schedule_id))
    for period in hours:
        values = period._asdict()
        limits = [HoursService(service_id=service_id) for service_id in values.pop("services")]
        session.add(OpeningHours(schedule_id=schedule_id, limits=limits, **values))


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
    entered: bool = False,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Absence]:
    """Return the absences of one diary that overlap the period, in order, after the start and id
    ``after``, in one statement. ``entered`` leaves out busy time elsewhere."""
    query = select(Absence).where(
        Absence.diary_id == diary_id, Absence.ends_at > starts, Absence.starts_at < ends
    )
    if entered:
        query = query.where(Absence.kind != AbsenceKind.ELSEWHERE)
    order = (Absence.starts_at, Absence.id)
    return list(session.scalars(keyset.page(query, order, after, limit)))


def absences_in(
    session: Session, diary_ids: Collection[int], starts: datetime, ends: datetime
) -> list[Absence]:
    """Return the absences of several diaries that overlap the period, in order, in one
    statement."""
    query = select(Absence).where(
        Absence.diary_id.in_(diary_ids), Absence.ends_at > starts, Absence.starts_at < ends
    )
    return list(session.scalars(query.order_by(Absence.starts_at, Absence.id)))


def elsewhere_from(session: Session, diary_id: int, since: datetime | None) -> list[Absence]:
    """Return the busy times elsewhere of one diary that end after ``since``, in order; all of them
    if it is None."""
    query = select(Absence).where(
        Absence.diary_id == diary_id, Absence.kind == AbsenceKind.ELSEWHERE
    )
    if since is not None:
        query = query.where(Absence.ends_at > since)
    return list(session.scalars(query.order_by(Absence.starts_at)))


def calendars_due(session: Session, now: datetime, limit: int) -> list[CalendarElsewhere]:
    """Return calendars elsewhere of active practitioners that are to be read now, the longest due
    first."""
    due = select(CalendarElsewhere).join(
        Practitioner, Practitioner.id == CalendarElsewhere.practitioner_id
    )
    due = due.where(CalendarElsewhere.next_at <= now, Practitioner.active.is_(True))
    return list(session.scalars(due.order_by(CalendarElsewhere.next_at).limit(limit)))


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


def zone_of(places: Iterable[Place], otherwise: str) -> ZoneInfo:
    """Return the zone in which a practitioner's days are meant: that of their first centre."""
    return next((place.zone for place in places), ZoneInfo(otherwise))


def centre_ids_of(session: Session, practitioner_id: int) -> frozenset[int]:
    """Return the ids of the centres where a practitioner works."""
    query = select(Schedule.centre_id).where(Schedule.practitioner_id == practitioner_id)
    return frozenset(session.scalars(query))


def works_at(centre_id: int, *, inactive: bool = False) -> ColumnElement[bool]:
    """Return the condition for practitioners with a schedule at a centre, an active one unless
    ``inactive``."""
    here = Schedule.centre_id == centre_id
    return _works(here) if inactive else _works(here, Schedule.active.is_(True))


def works_in(suburb: str) -> ColumnElement[bool]:
    """Return the condition for practitioners with an active schedule in a suburb."""
    centre_ids = select(Centre.id).where(is_text(Centre.suburb, suburb))
    return _works(Schedule.centre_id.in_(centre_ids), Schedule.active.is_(True))


def _works(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    practitioner_ids = select(Schedule.practitioner_id).where(
        *where, Schedule.practitioner_id.is_not(None)
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
