"""Queries of sessions, and the only statements that change how many of their places are taken.

A place is taken by one UPDATE that names the limit. Of two transactions that change a row at once,
the later waits for the earlier to end, on every engine, and its condition is then tried on what the
earlier left. What is rolled back, because it lost a race elsewhere, gives its place back by that.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from openslot.booking.models import Appointment, GroupSession, SessionResource, Status
from openslot.booking.moves import CLAIMING
from openslot.core import keyset
from openslot.core.actor import Actor, Role
from openslot.core.db import changed
from openslot.core.tables import Instant
from openslot.directory.models import Centre, Department, Practitioner, Service
from openslot.schedules.availability import Span, instant_of, span_between
from openslot.schedules.diaries import MOST_IDS_NAMED, Claim
from openslot.schedules.models import Absence, Closure, Schedule
from openslot.schedules.rules import Place

Condition = ColumnElement[bool]


class OpenGroup(NamedTuple):
    """A session with places left."""

    schedule_id: int
    service_id: int | None
    span: Span
    left: int

    @property
    def minutes(self) -> int:
        """Return the length in minutes."""
        return (self.span.end - self.span.start) * 5

    def is_of(self, place: Place) -> bool:
        """Return whether the session is what the place is for, in its length."""
        mine = (self.schedule_id, self.service_id, self.minutes)
        is_same = mine == (place.schedule_id, place.service_id, place.slot_minutes)
        return is_same and place.has_sessions


def at(session: Session, place: Place, start: datetime) -> GroupSession | None:
    """Return the session of the place's service that starts then, or None, with what it needs, in
    one statement."""
    query = select(GroupSession).where(
        GroupSession.schedule_id == place.schedule_id,
        GroupSession.starts_at == start,
        _is_for(place.service_id),
        GroupSession.released.is_(False),
    )
    with_resources = query.options(joinedload(GroupSession.resources))
    return session.scalars(with_resources).unique().first()


def _is_for(service_id: int | None) -> Condition:
    if service_id is None:
        return GroupSession.service_id.is_(None)
    return GroupSession.service_id == service_id


def loaded(session: Session, session_id: UUID) -> GroupSession | None:
    """Return a session with its schedule and what it needs, in two statements."""
    return session.scalar(_sessions().where(GroupSession.id == session_id))


def page(
    session: Session,
    *where: Condition,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[GroupSession]:
    """Return the matching sessions in order of start, after the key ``after``, in two
    statements."""
    order = (GroupSession.starts_at, GroupSession.id)
    query = _sessions().where(GroupSession.released.is_(False), *where)
    return list(session.scalars(keyset.page(query, order, after, limit)))


def _sessions() -> Select[GroupSession]:
    schedule = contains_eager(GroupSession.schedule)
    return (
        select(GroupSession)
        .join(Schedule, Schedule.id == GroupSession.schedule_id)
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .options(
            schedule.contains_eager(Schedule.centre),
            schedule.contains_eager(Schedule.practitioner),
            schedule.contains_eager(Schedule.service).contains_eager(Service.department),
            joinedload(GroupSession.room),
            selectinload(GroupSession.resources),
        )
        .execution_options(populate_existing=True)
    )


def starting_from(start: datetime) -> Condition:
    """Return the condition for sessions that start then or later."""
    return GroupSession.starts_at >= start


def starting_before(end: datetime) -> Condition:
    """Return the condition for sessions that start before an instant."""
    return GroupSession.starts_at < end


def between(starts: datetime, ends: datetime) -> Condition:
    """Return the condition for sessions that overlap the period."""
    return and_(GroupSession.ends_at > starts, GroupSession.starts_at < ends)


def ending_after(instant: datetime) -> Condition:
    """Return the condition for sessions that end after an instant."""
    return GroupSession.ends_at > instant


def is_empty() -> Condition:
    """Return the condition for sessions of which no place is taken."""
    return GroupSession.taken == 0


def that_need(diary_id: int | ScalarSelect[int]) -> Condition:
    """Return the condition for sessions that need a practitioner, room or machine."""
    needing = select(SessionResource.session_id).where(SessionResource.diary_id == diary_id)
    return GroupSession.id.in_(needing)


def on_schedule(schedule_id: int) -> Condition:
    """Return the condition for sessions of one schedule."""
    return GroupSession.schedule_id == schedule_id


def managed_by(actor: Actor) -> Condition:
    """Return the condition for sessions where the actor gives or arranges care, by the rule of
    relation_to_schedule()."""
    if actor.is_a(Role.NETWORK_ADMIN):
        return true()
    places: list[Condition] = [false()]
    if actor.practitioner_id is not None:
        places.append(Schedule.practitioner_id == actor.practitioner_id)
    if actor.centre_id is not None:
        places.append(Schedule.centre_id == actor.centre_id)
    return or_(*places)


def run_by(practitioner_id: int) -> Condition:
    """Return the condition for sessions of a practitioner."""
    return Schedule.practitioner_id == practitioner_id


def in_session(session_id: UUID) -> Condition:
    """Return the condition for appointments of a session."""
    return Appointment.session_id == session_id


# Places


def take_place(session: Session, session_id: UUID, start: datetime) -> bool:
    """Take one place of a session that starts then; return whether there was one."""
    statement = update(GroupSession).where(
        GroupSession.id == session_id,
        GroupSession.starts_at == start,
        GroupSession.released.is_(False),
        GroupSession.taken < GroupSession.places,
    )
    return changed(session, statement.values(taken=GroupSession.taken + 1)) == 1


def give_back(session: Session, session_id: UUID, count: int) -> None:
    """Give back ``count`` places of a session."""
    statement = update(GroupSession).where(GroupSession.id == session_id)
    changed(session, statement.values(taken=GroupSession.taken - count))


def release_empty(session: Session, session_id: UUID) -> bool:
    """Release a session that has become empty; return False if it stays."""
    statement = update(GroupSession).where(
        GroupSession.id == session_id,
        GroupSession.taken == 0,
        GroupSession.made_by_staff.is_(False),
        GroupSession.released.is_(False),
    )
    return changed(session, statement.values(released=True)) == 1


def release(session: Session, session_id: UUID) -> None:
    """Release a session, whoever made it."""
    changed(
        session, update(GroupSession).where(GroupSession.id == session_id).values(released=True)
    )


def adopt(session: Session, session_id: UUID) -> None:
    """Make a session one of staff, which stays when it is empty; nobody else changes it until the
    transaction ends."""
    changed(
        session,
        update(GroupSession).where(GroupSession.id == session_id).values(made_by_staff=True),
    )


def set_time(session: Session, session_id: UUID, place: Place, span: Span) -> None:
    """Set when a session takes place, when it keeps its schedule busy, and in which room."""
    busy = place.busy(span)
    changed(
        session,
        update(GroupSession)
        .where(GroupSession.id == session_id)
        .values(
            starts_at=instant_of(span.start),
            ends_at=instant_of(span.end),
            busy_from=instant_of(busy.start),
            busy_until=instant_of(busy.end),
            room_diary_id=place.room_id,
        ),
    )


def change_places(session: Session, session_id: UUID, places: int) -> bool:
    """Change the number of places; return False if more are taken."""
    statement = update(GroupSession).where(
        GroupSession.id == session_id,
        GroupSession.released.is_(False),
        GroupSession.taken <= places,
    )
    return changed(session, statement.values(places=places)) == 1


def recount(session: Session, session_id: UUID) -> None:
    """Set how many places are taken to the number of appointments that have one."""
    mine = update(GroupSession).where(GroupSession.id == session_id)
    changed(session, mine.values(taken=GroupSession.taken))  # locks the row before it is counted
    changed(session, mine.values(taken=_COUNTED))


_COUNTED = (
    select(func.count())
    .where(Appointment.session_id == GroupSession.id, Appointment.status.in_(CLAIMING))
    .correlate(GroupSession)
    .scalar_subquery()
)


def miscounted(session: Session) -> list[tuple[GroupSession, int]]:
    """Return the sessions whose number of taken places is wrong, each with the right number."""
    rows = session.execute(
        select(GroupSession, _COUNTED).where(GroupSession.taken != _COUNTED)
    ).all()
    return [(group, count) for group, count in rows]


def expired_in(session: Session, session_id: UUID, now: datetime) -> list[Appointment]:
    """Return the expired holds that have a place of a session."""
    query = select(Appointment).where(Appointment.session_id == session_id, _expired(now))
    return list(session.scalars(query))


def _expired(now: datetime | BindParameter[datetime]) -> Condition:
    return and_(Appointment.status == Status.HELD, Appointment.held_until <= now)


def with_places(
    session: Session,
    schedule_ids: Collection[int],
    over: Span,
    now: datetime,
    *,
    own: Condition | None = None,
) -> list[OpenGroup]:
    """Return the sessions that start in ``over``, have places left, and are outside absences and
    closures, in one statement.

    Places of expired holds and of those that are ``own`` count as free.
    """
    is_free = _expired(now) if own is None else or_(_expired(now), own)
    freed = select(func.count()).where(Appointment.session_id == GroupSession.id, is_free)
    left = GroupSession.places - GroupSession.taken + freed.scalar_subquery()
    query = (
        select(
            GroupSession.schedule_id,
            GroupSession.service_id,
            GroupSession.starts_at,
            GroupSession.ends_at,
            left,
        )
        .join(Schedule, Schedule.id == GroupSession.schedule_id)
        .where(
            GroupSession.released.is_(False),
            GroupSession.starts_at >= instant_of(over.start),
            GroupSession.starts_at < instant_of(over.end),
            left > 0,
            ~_is_away(),
        )
    )
    if len(schedule_ids) <= MOST_IDS_NAMED:
        query = query.where(GroupSession.schedule_id.in_(schedule_ids))
    return [
        OpenGroup(schedule_id, service_id, span_between(starts, ends), count)
        for schedule_id, service_id, starts, ends, count in session.execute(query)
    ]


def _is_away() -> Condition:
    """Return the condition for sessions during a closure, or an absence of whom they take."""
    members = select(SessionResource.diary_id).where(SessionResource.session_id == GroupSession.id)
    absent = exists().where(
        or_(
            Absence.diary_id.in_((GroupSession.diary_id, GroupSession.room_diary_id)),
            Absence.diary_id.in_(members.correlate(GroupSession)),
        ),
        Absence.starts_at < GroupSession.busy_until,
        Absence.ends_at > GroupSession.busy_from,
    )
    closed = exists().where(
        Closure.centre_id == Schedule.centre_id,
        Closure.starts_at < GroupSession.busy_until,
        Closure.ends_at > GroupSession.busy_from,
    )
    return or_(absent, closed)


# Claims


_CLAIMED = (
    GroupSession.diary_id,
    GroupSession.room_diary_id,
    GroupSession.busy_from,
    GroupSession.busy_until,
)


def claims_of(group: GroupSession) -> list[Claim]:
    """Return the claims of a session on the diaries of its schedule, its room and its
    resources."""
    busy = span_between(group.busy_from, group.busy_until)
    members = (resource.diary_id for resource in group.resources)
    ids = (group.diary_id, group.room_diary_id, *members)
    return [(diary_id, busy) for diary_id in ids if diary_id is not None]


def live_claims(session: Session, *where: Condition) -> list[Claim]:
    """Return the claims of sessions, in one statement."""
    where = (GroupSession.released.is_(False), *where)
    query = select(*_CLAIMED).where(*where).union_all(_by_resources().where(*where))
    return [
        (diary_id, span_between(busy_from, busy_until))
        for *diary_ids, busy_from, busy_until in session.execute(query)
        for diary_id in diary_ids
        if diary_id is not None
    ]


def claims_on(diary_ids: Collection[int], over: Span) -> Condition:
    """Return the condition for sessions that claim time of ``over`` in one of the diaries."""
    busy = _busy_between(instant_of(over.start), instant_of(over.end))
    return and_(claims_one_of(diary_ids), busy)


def claims_one_of(diary_ids: Collection[int]) -> Condition:
    """Return the condition for sessions with one of these diaries."""
    needing = select(SessionResource.session_id).where(SessionResource.diary_id.in_(diary_ids))
    own = (GroupSession.diary_id.in_(diary_ids), GroupSession.room_diary_id.in_(diary_ids))
    return or_(*own, GroupSession.id.in_(needing))


def _by_resources(*columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Select the same as _CLAIMED of each of a session's resources, after the columns."""
    query = select(*columns, SessionResource.diary_id, null(), *_CLAIMED[2:])
    return query.join_from(SessionResource, GroupSession)


def _busy_between(starts: Any, ends: Any) -> Condition:
    return and_(GroupSession.busy_until > starts, GroupSession.busy_from < ends)


# Each a parameter of its own, so that the statements can be prepared.
_CLAIMING = [literal(status, Appointment.status.type) for status in sorted(CLAIMING)]


def kept_only_by(going: Condition, since: Any, until: Any) -> tuple[Condition, ...]:
    """Return the conditions for sessions in a period that are released when appointments with the
    condition ``going`` leave them."""
    kept = exists().where(
        Appointment.session_id == GroupSession.id, Appointment.status.in_(_CLAIMING), ~going
    )
    return (
        GroupSession.released.is_(False),
        GroupSession.made_by_staff.is_(False),
        _busy_between(since, until),
        ~kept,
    )


def claimed_when(*where: Condition) -> tuple[Select[*tuple[Any, ...]], ...]:
    """Return the statements of what sessions claim, with the columns of what appointments do."""
    # Asked once for both; psycopg reads a statement of more than 4096 letters again each time.
    groups = select(GroupSession.id, *_CLAIMED).where(*where).cte("sessions")
    _, diary_id, room_id, *times = groups.c
    rest = (null(), *times, *times)
    own = select(diary_id, room_id, *rest)
    also = select(SessionResource.diary_id, null(), *rest)
    return own, also.join(groups, groups.c.id == SessionResource.session_id)


def occupied(starts: Any, ends: Any) -> Any:
    """Return the statement of taken time, with the columns of those in booking/diaries.py."""
    return select(
        GroupSession.schedule_id,
        GroupSession.service_id,
        *_CLAIMED[:2],
        literal(Status.BOOKED.value),
        cast(null(), Instant),
        GroupSession.starts_at,
        GroupSession.ends_at,
        *_CLAIMED[2:],
    ).where(GroupSession.released.is_(False), _busy_between(starts, ends))
