"""Queries of the diaries that appointments claim time in, besides those in queries.py."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Select,
    bindparam,
    cast,
    inspect,
    null,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from openslot.booking import queries
from openslot.booking.models import (
    Appointment,
    AppointmentResource,
    GroupSession,
    SessionResource,
    Status,
)
from openslot.booking.moves import CLAIMING
from openslot.booking.queries import busy_between, claims_one_of
from openslot.booking.sessions import queries as sessions
from openslot.core.db import fetch
from openslot.core.tables import Instant
from openslot.core.work import Work
from openslot.directory.models import Centre, Practitioner, Room, RoomKind
from openslot.schedules.availability import Span, Window, instant_of, span_between
from openslot.schedules.diaries import MOST_IDS_NAMED
from openslot.schedules.models import Absence, Closure, Schedule
from openslot.schedules.needs import Member

R = TypeVar("R", AppointmentResource, SessionResource)


def resource_of(member: Member, kind: type[R]) -> R:
    """Return what a new appointment or session claims of a member, which shows what was just read
    and does not become part of its session."""
    resource = kind(diary_id=member.diary_id)
    named = {"id": member.row_id, "name": member.name}
    is_room = member.kind is not None
    room = Room(**named, kind=RoomKind(member.kind)) if member.kind else None
    set_committed_value(resource, "room", room)
    set_committed_value(resource, "practitioner", None if is_room else Practitioner(**named))
    return resource


def load_others(reader: Callable[[], Session], appointments: Sequence[Appointment]) -> None:
    """Load who and what takes part in the appointments besides the schedule, where it is not known
    yet: in one statement, two if some have rooms, and two more if some are in sessions. The reader
    is opened if something is to read."""
    _load_groups(reader, [one for one in appointments if "group" not in inspect(one).dict])
    alone = [one for one in appointments if one.group is None]
    _load_rooms(reader, [one for one in alone if "room" not in inspect(one).dict])
    wanted = [one for one in alone if "resources" not in inspect(one).dict]
    if not wanted:
        return
    by_id: dict[UUID, list[AppointmentResource]] = {one.id: [] for one in wanted}
    query = select(AppointmentResource).where(AppointmentResource.appointment_id.in_(by_id))
    for resource in reader().scalars(query.order_by(AppointmentResource.diary_id)):
        by_id[resource.appointment_id].append(resource)
    for appointment in wanted:
        set_committed_value(appointment, "resources", by_id[appointment.id])


def _load_rooms(reader: Callable[[], Session], appointments: Sequence[Appointment]) -> None:
    ids = {one.room_diary_id for one in appointments} - {None}
    rows = reader().scalars(select(Room).where(Room.diary_id.in_(ids))) if ids else ()
    rooms = {room.diary_id: room for room in rows}
    for appointment in appointments:
        room = rooms.get(appointment.room_diary_id) if appointment.room_diary_id else None
        set_committed_value(appointment, "room", room)


def _load_groups(reader: Callable[[], Session], appointments: Sequence[Appointment]) -> None:
    ids = {one.session_id for one in appointments} - {None}
    groups: dict[UUID, GroupSession] = {}
    if ids:
        query = select(GroupSession).where(GroupSession.id.in_(ids)).options(*_OF_GROUP)
        groups = {group.id: group for group in reader().scalars(query)}
    for appointment in appointments:
        group = groups.get(appointment.session_id) if appointment.session_id else None
        set_committed_value(appointment, "group", group)


_OF_GROUP = (joinedload(GroupSession.room), selectinload(GroupSession.resources))

OTHERS = (
    selectinload(Appointment.room),
    selectinload(Appointment.resources),
    selectinload(Appointment.group).options(*_OF_GROUP),
)
"""Options that load the same together with many appointments."""


def in_absences_of(diary_id: int | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition for appointments during an absence of a diary, or of that of a row."""
    overlapping = select(Absence.id).where(
        Absence.diary_id == diary_id,
        Absence.starts_at < Appointment.busy_until,
        Absence.ends_at > Appointment.busy_from,
    )
    return overlapping.exists()


def that_need_practitioner(
    session: Session,
    practitioner_id: int | None,
    *where: ColumnElement[bool],
    groups: ColumnElement[bool],
) -> list[Appointment | GroupSession]:
    """Return the matching appointments with others that need a practitioner, and the matching
    ``groups``, also empty ones, in order of start; two statements, and one more for each if there
    are any."""
    own = _diary_of(practitioner_id)
    alone = _shown(session, _alone(own, *where))
    together = sessions.page(session, sessions.that_need(own), groups)
    return sorted([*alone, *together], key=lambda one: one.starts_at)


def _diary_of(practitioner_id: int | None) -> ScalarSelect[int]:
    own = select(Practitioner.diary_id).where(Practitioner.id == practitioner_id)
    return own.scalar_subquery()


def _alone(diary_id: ScalarSelect[int], *where: ColumnElement[bool]) -> Select[UUID]:
    """Return the query of the ids of what needs a practitioner, room or machine, by itself."""
    query = select(Appointment.id).join(AppointmentResource)
    return query.where(AppointmentResource.diary_id == diary_id, *where)


def _shown(session: Session, ids: Select[UUID]) -> list[Appointment]:
    """Return the appointments with these ids. They are few, and PostgreSQL would read all
    appointments first if it were asked for them with everything that they show: it does not weigh
    the order of more than eight tables."""
    found = session.scalars(ids).all()
    return queries.appointments(session, Appointment.id.in_(found)) if found else []


def that_need(diary_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments that need a practitioner, room or machine, also in
    their session."""
    needing = select(AppointmentResource.appointment_id).where(
        AppointmentResource.diary_id == diary_id
    )
    groups = select(GroupSession.id).where(sessions.that_need(diary_id))
    return or_(Appointment.id.in_(needing), Appointment.session_id.in_(groups))


def taking_part(diary_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments that need a practitioner, room or machine, or take
    place in the room. To find what is needed only, :func:`that_need` reads few rows."""
    there = select(GroupSession.id).where(GroupSession.room_diary_id == diary_id)
    in_room = or_(Appointment.room_diary_id == diary_id, Appointment.session_id.in_(there))
    return or_(in_room, that_need(diary_id))


class Part(NamedTuple):
    """When a practitioner takes part in an appointment with somebody else, and in what. It says
    nothing of the patient: to be needed gives no access to them."""

    starts_at: datetime
    ends_at: datetime
    what: str
    with_whom: str


def parts_of(work: Work, starts: datetime, ends: datetime) -> list[Part]:
    """Return the appointments and sessions in a period that need the actor, a practitioner, in
    order; see :func:`that_need_practitioner`."""
    needing = that_need_practitioner(
        work.session,
        work.actor.practitioner_id,
        queries.showing(work.now),
        queries.between(starts, ends),
        groups=sessions.between(starts, ends),
    )
    return sorted(map(_part_in, needing), key=lambda part: part.starts_at)


def _part_in(what: Appointment | GroupSession) -> Part:
    service = what.booked_service
    return Part(
        what.busy_from, what.busy_until, service.name if service else "", with_whom(what.schedule)
    )


def with_whom(schedule: Schedule) -> str:
    """Return whom somebody who is needed works with: the practitioner or the department."""
    return schedule.department.name if schedule.department else schedule.name


class Occupied(NamedTuple):
    """Taken time of diaries: of an appointment or, if ``status`` is None, of an absence or a
    closure. ``diary_ids`` of an appointment are those of schedule and room, or that of somebody or
    something it needs, not the patient's; there it takes ``busy``, with the time around it."""

    schedule_id: int | None
    service_id: int | None
    diary_ids: tuple[int, ...]
    status: Status | None
    span: Span
    busy: Span
    expired: bool


LONGEST = timedelta(days=16)
"""The length of 48 slots of 8 hours, which no appointment exceeds."""


def occupied(
    work: Work, window: Window, diary_ids: Collection[int], schedule_ids: Collection[int]
) -> list[Occupied]:
    """Return the appointments and sessions of the schedules, and all holds, absences and closures
    in the diaries, in one statement.

    For more than MOST_IDS_NAMED diaries it returns those of all.
    """
    starts = instant_of(window.start)
    values: dict[str, Any] = {
        "since": starts - LONGEST,
        "starts": starts,
        "ends": instant_of(window.end),
    }
    is_named = len(diary_ids) <= MOST_IDS_NAMED
    if is_named:
        values |= {"diaries": list(diary_ids), "schedules": list(schedule_ids)}
    rows = fetch(work.session, _occupied(is_named=is_named), values)
    return [_occupant(work, *row) for row in rows]


@cache
def _occupied(*, is_named: bool) -> Any:
    """Return the statement of :func:`occupied`; each part of it finds its rows by an index."""
    since, starts, ends = (bindparam(name, type_=Instant) for name in ("since", "starts", "ends"))
    booked = _appointments(Appointment.diary_id).where(
        Appointment.status.in_(CLAIMING - {Status.HELD}),
        Appointment.starts_at > since,
        Appointment.starts_at < ends,
        Appointment.ends_at > starts,
    )
    groups = sessions.occupied(starts, ends)
    is_held = (Appointment.status == Status.HELD, busy_between(starts, ends))
    held = _appointments(Appointment.diary_id).where(*is_held)
    also = _appointments(AppointmentResource.diary_id).join(AppointmentResource).where(*is_held)
    absences = _away(Absence.diary_id, Absence).where(
        Absence.ends_at > starts, Absence.starts_at < ends
    )
    closures = (
        _away(Centre.diary_id, Closure)
        .join(Centre, Centre.id == Closure.centre_id)
        .where(Closure.ends_at > starts, Closure.starts_at < ends)
    )
    if is_named:
        diaries: BindParameter[int] = bindparam("diaries", expanding=True)
        schedules: BindParameter[int] = bindparam("schedules", expanding=True)
        booked = booked.where(Appointment.schedule_id.in_(schedules))
        groups = groups.where(GroupSession.schedule_id.in_(schedules))
        held = held.where(claims_one_of(diaries))
        also = also.where(AppointmentResource.diary_id.in_(diaries))
        absences = absences.where(Absence.diary_id.in_(diaries))
        closures = closures.where(Centre.diary_id.in_(diaries))
    return booked.union_all(groups, held, also, absences, closures)


def _appointments(diary_id: Any) -> Any:
    return select(
        Appointment.schedule_id,
        Appointment.service_id,
        diary_id,
        Appointment.room_diary_id,
        Appointment.status,
        Appointment.held_until,
        Appointment.starts_at,
        Appointment.ends_at,
        Appointment.busy_from,
        Appointment.busy_until,
    ).where(Appointment.diary_id.is_not(None))


def _away(diary_id: Any, kind: type[Absence] | type[Closure]) -> Any:
    times = (kind.starts_at, kind.ends_at)
    nothing = cast(null(), Instant)
    return select(null(), null(), diary_id, null(), null(), nothing, *times, *times)


def _occupant(
    work: Work,
    schedule_id: int | None,
    service_id: int | None,
    diary_id: int,
    room_id: int | None,
    status: Status | None,
    held_until: Any,
    *times: Any,
) -> Occupied:
    starts, ends, busy_from, busy_until = times
    return Occupied(
        schedule_id,
        service_id,
        (diary_id,) if room_id is None else (diary_id, room_id),
        Status(status) if status else None,
        span_between(starts, ends),
        span_between(busy_from, busy_until),
        expired=status == Status.HELD and held_until is not None and held_until <= work.now,
    )
