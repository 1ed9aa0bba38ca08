"""Queries of appointments and of their claims on diaries."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    false,
    func,
    inspect,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, contains_eager
from sqlalchemy.orm.attributes import set_committed_value

from openslot.booking.models import Appointment, AppointmentResource, GroupSession, Status
from openslot.booking.moves import CLAIMING, LIVE
from openslot.booking.rules import day_prefix
from openslot.booking.sessions import queries as sessions
from openslot.core import keyset
from openslot.core.actor import Actor, Role
from openslot.core.db import read_rows
from openslot.core.rows import write_new
from openslot.core.statements import Prepared
from openslot.core.tables import Instant
from openslot.core.work import Work
from openslot.directory.models import Centre, Department, Diary, Patient, Practitioner, Service
from openslot.schedules.availability import Span, Window, instant_of, span_between, whole_days
from openslot.schedules.diaries import Claim
from openslot.schedules.models import Absence, Closure, Schedule
from openslot.schedules.rules import KnownBy, Place

Condition = ColumnElement[bool]
"""A condition on appointments; the functions below return some."""

_Moment = datetime | BindParameter[datetime]


_schedule = contains_eager(Appointment.schedule)
LOADED = (
    _schedule.contains_eager(Schedule.centre),
    _schedule.contains_eager(Schedule.practitioner),
    _schedule.contains_eager(Schedule.service).contains_eager(Service.department),
    contains_eager(Appointment.patient),
)
"""Options that load all that a page or a message shows of an appointment, for a select that joins
these tables."""


def _appointments() -> Select[Appointment]:
    return (
        select(Appointment)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .outerjoin(Patient, Patient.id == Appointment.patient_id)
        .options(*LOADED)
    )


def appointment(session: Session, appointment_id: UUID) -> Appointment | None:
    """Return an appointment, or None, in one statement; in none if the session has it whole."""
    known = _read_whole(session).get(appointment_id)
    if known is not None and _is_whole(session, known):
        return known
    found = read_ahead(session, [appointment_id])
    return found[0] if found else None


def read_ahead(session: Session, ids: Collection[UUID]) -> list[Appointment]:
    """Return those of the appointments that there are, in one statement, and have the session keep
    them for :func:`appointment`."""
    found = list(session.scalars(_BY_IDS, {"ids": list(ids)})) if ids else []
    _read_whole(session).update((one.id, one) for one in found)
    return found


def _read_whole(session: Session) -> dict[UUID, Appointment]:
    """Return the appointments that the session keeps; by itself it forgets what nobody holds."""
    whole: dict[UUID, Appointment] = session.info.setdefault(Appointment, {})
    return whole


def _is_whole(session: Session, appointment: Appointment) -> bool:
    """Return whether the session has an appointment still, and all that LOADED loads of it."""
    return (
        appointment in session
        and not inspect(appointment).unloaded.intersection(("schedule", "patient"))
        and not inspect(appointment.schedule).unloaded.intersection(_OF_SCHEDULE)
    )


_OF_SCHEDULE = ("centre", "practitioner", "service")
_BY_IDS = _appointments().where(Appointment.id.in_(bindparam("ids", expanding=True)))


def appointments(
    session: Session,
    *where: ColumnElement[bool],
    newest_first: bool = False,
    after: keyset.Key | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Appointment]:
    """Return the matching appointments in order of start, after the key ``after`` and without
    expired holds, in one statement."""
    columns = (Appointment.starts_at, Appointment.id)
    order = [column.desc() for column in columns] if newest_first else columns
    query = _appointments().where(Appointment.status != Status.EXPIRED, *where)
    query = keyset.page(query, order, after, limit)
    return list(session.scalars(query.offset(offset or None)))


def count(session: Session, *where: ColumnElement[bool]) -> int:
    """Return the number of matching appointments, without expired holds."""
    query = (
        select(func.count())
        .select_from(Appointment)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(Appointment.status != Status.EXPIRED, *where)
    )
    return session.scalar(query) or 0


def last_number(session: Session, centre_id: int, starts: datetime, ends: datetime) -> int:
    """Return the last number that was given at a centre to somebody of that period, or 0."""
    query = (
        select(func.max(Appointment.day_number))
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(at_centre(centre_id), Appointment.starts_at >= starts, Appointment.starts_at < ends)
    )
    return session.scalar(query) or 0


def whole(session: Session, *where: ColumnElement[bool]) -> list[Appointment]:
    """Return the matching appointments in order of start, with all holds, also expired ones, in one
    statement."""
    in_order = _appointments().where(*where).order_by(Appointment.starts_at, Appointment.id)
    return list(session.scalars(in_order))


def of_patient(patient_id: UUID) -> ColumnElement[bool]:
    """Return the condition for appointments of a patient, without holds, which lists leave out."""
    return and_(Appointment.patient_id == patient_id, Appointment.status != Status.HELD)


def of_patients(patient_ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Return the condition for appointments of any of the patients, without holds."""
    is_theirs = Appointment.patient_id.in_(set(patient_ids))
    return and_(is_theirs, Appointment.status != Status.HELD)


def of_practitioner(practitioner_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments with a practitioner at any centre."""
    return Schedule.practitioner_id == practitioner_id


def at_centre(centre_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments at a centre."""
    return Schedule.centre_id == centre_id


def on_schedule(schedule_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments of one schedule."""
    return Appointment.schedule_id == schedule_id


def for_service(service_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments for a service, on its own schedule or another that
    offers it."""
    return or_(Schedule.service_id == service_id, Appointment.service_id == service_id)


def to_come(now: datetime) -> ColumnElement[bool]:
    """Return the condition for live appointments that are not over."""
    return and_(Appointment.ends_at > now, Appointment.status.in_(LIVE))


def live() -> ColumnElement[bool]:
    """Return the condition for appointments that are upcoming or in progress."""
    return Appointment.status.in_(LIVE)


def live_or_done() -> ColumnElement[bool]:
    """Return the condition for appointments that are upcoming, in progress or fulfilled."""
    return Appointment.status.in_(LIVE | {Status.FULFILLED})


def gone_by(now: datetime) -> ColumnElement[bool]:
    """Return the condition for appointments that are over or will not take place."""
    return or_(Appointment.ends_at <= now, Appointment.status.not_in(LIVE))


def between(starts: _Moment, ends: _Moment) -> ColumnElement[bool]:
    """Return the condition for appointments that overlap the period."""
    return and_(Appointment.ends_at > starts, Appointment.starts_at < ends)


def booked_from(start: datetime) -> ColumnElement[bool]:
    """Select booked appointments that begin at ``start``."""
    return and_(Appointment.starts_at == start, Appointment.status == Status.BOOKED)


def showing(now: datetime) -> ColumnElement[bool]:
    """Return the condition for what a calendar shows: all that claims time, without expired
    holds."""
    return and_(
        Appointment.status.in_(CLAIMING),
        or_(Appointment.status != Status.HELD, Appointment.held_until > now),
    )


def add(session: Session, resources: list[AppointmentResource], **values: Any) -> Appointment:
    """Write a new appointment, with the resources that it claims, and return it."""
    appointment = write_new(session, Appointment, **values)
    for resource in resources:
        resource.appointment_id = appointment.id
    session.add_all(resources)
    set_committed_value(appointment, "resources", resources)
    return appointment


def show(
    appointment: Appointment, schedule: Schedule, patient: Patient | None, service: Service | None
) -> None:
    """Let a new appointment show what was just read, which does not become part of its session."""
    set_committed_value(appointment, "schedule", schedule)
    set_committed_value(appointment, "patient", patient)
    set_committed_value(appointment, "chosen_service", service)


def service_of(session: Session, place: Place) -> Service | None:
    """Return the service that the place is for, if somebody can choose among several or one."""
    return None if place.service_id is None else session.get(Service, place.service_id)


class ForWhom(NamedTuple):
    """The patient to book for, with their diary, the daily keys of their appointments (see
    :func:`openslot.booking.rules.day_key`), and whom they are ``known`` to (see
    :func:`openslot.booking.patients.queries.known_to`)."""

    patient_id: UUID
    diary_id: int
    email: str | None = None
    keys: frozenset[str] = frozenset()
    known: frozenset[KnownBy] = frozenset()

    def taken_days(self, place: Place, window: Window) -> int:
        """Return the ticks of days on which the patient has an appointment with the
        practitioner."""
        if place.practitioner_id is None or not self.keys:
            return 0
        prefix = day_prefix(self.patient_id, place.practitioner_id)
        days = [
            date.fromisoformat(key.removeprefix(prefix))
            for key in self.keys
            if key.startswith(prefix)
        ]
        return whole_days(days, place.zone, window) if days else 0

    def without(self, key: str | None) -> Self:
        """Return the same patient without the appointment that has this key."""
        return self._replace(keys=self.keys - {key})


def for_whom(work: Work, patient_id: UUID) -> ForWhom | None:
    """Return an active patient with the daily keys of their appointments and whom they are known
    to, in one statement. Holds that a booking of the actor replaces are left out."""
    is_keyed = and_(
        Appointment.one_a_day.is_not(None),
        not_(or_(_expired(work.now), _replaceable(work.actor.program is not None))),
    )
    rows = work.session.execute(
        select(
            Patient.diary_id,
            Patient.email,
            Appointment.one_a_day,
            live_or_done(),
            Schedule.practitioner_id,
            Service.department_id,
        )
        .outerjoin(
            Appointment,
            and_(Appointment.patient_id == Patient.id, or_(is_keyed, live_or_done())),
        )
        .outerjoin(Schedule, Schedule.id == Appointment.schedule_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .where(Patient.id == patient_id, Patient.active.is_(True))
        .distinct()
    ).all()
    if not rows:
        return None
    keys = frozenset(row[2] for row in rows if row[2])
    known = frozenset((row[4], row[5]) for row in rows if row[3])
    return ForWhom(patient_id, *rows[0][:2], keys, known)


def replaceable_by(work: Work, patient_id: UUID) -> Condition:
    """Return the condition for holds of a patient that a booking of the actor replaces."""
    own = Appointment.patient_id == patient_id
    return and_(own, _replaceable(work.actor.program is not None))


def for_move(work: Work, appointment: Appointment) -> ForWhom | None:
    """Return the patient of an appointment without its own key, so that its day stays possible;
    None for an appointment without a patient."""
    if appointment.patient_id is None:
        return None
    whom = for_whom(work, appointment.patient_id)
    if whom is None or appointment.one_a_day is None:
        return whom and whom._replace(keys=frozenset())
    return whom.without(appointment.one_a_day)


def claims_of(session: Session, appointments: Sequence[Appointment]) -> list[Claim]:
    """Return the claims of the appointments in all their diaries, in one statement."""
    if not appointments:
        return []
    return _claims(session, Appointment.id.in_([appointment.id for appointment in appointments]))


def claims_left_by(work: Work, appointments: Sequence[Appointment], window: Window) -> list[Claim]:
    """Return what becomes free in ``window`` when the appointments are moved: their own claims,
    and those of sessions that they leave empty."""
    left = claims_of(work.session, appointments)
    if any(one.session_id for one in appointments):
        going = or_(_expired(work.now), Appointment.id.in_([one.id for one in appointments]))
        over = (instant_of(window.start), instant_of(window.end))
        left += sessions.live_claims(work.session, *sessions.kept_only_by(going, *over))
    return left


def expired_spans(
    work: Work, window: Window, *, patient_id: UUID | None = None
) -> tuple[list[Claim], list[Claim]]:
    """Return the claims of expired holds in ``window``, and the absences in their diaries, whose
    time stays taken, in one statement.

    With a patient, those of their holds count as expired that a booking of the actor replaces.
    """
    values = {
        "now": work.now,
        "since": instant_of(window.start),
        "until": instant_of(window.end),
        "patient": patient_id,
    }
    statement = _expired_and_absent(patient_id is not None, work.actor.program is not None)
    expired: list[Claim] = []
    absent: list[Claim] = []
    for is_hold, *claim in read_rows(work.session, statement, values):
        (expired if is_hold else absent).extend(_claims_of_row(*claim))
    return expired, absent


@cache
def _expired_and_absent(has_patient: bool, is_program: bool) -> Prepared:
    """Return the statement of :func:`expired_spans`."""
    now, since, until = (bindparam(name, type_=Instant) for name in ("now", "since", "until"))
    is_expired = _expired(now)
    if has_patient:
        own = and_(_replaceable(is_program), Appointment.patient_id == bindparam("patient"))
        is_expired = or_(is_expired, own)
    expired_holds = (is_expired, busy_between(since, until))
    # Asked once for all parts; psycopg reads a statement of more than 4096 letters again each time.
    free = union_all(
        select(*_CLAIMED).where(*expired_holds),
        _by_resources().where(*expired_holds),
        *sessions.claimed_when(*sessions.kept_only_by(is_expired, since, until)),
    ).cte("free")
    times = (Absence.starts_at, Absence.ends_at)
    absences = select(literal(value=False), Absence.diary_id, null(), null(), *times, *times).where(
        Absence.starts_at < until,
        Absence.ends_at > since,
        or_(
            Absence.diary_id.in_(select(free.c.diary_id)),
            Absence.diary_id.in_(select(free.c.room_diary_id)),
        ),
    )
    return Prepared(select(select(literal(value=True), *free.c).union_all(absences).subquery()))


def expired_holds(work: Work, diary_ids: Iterable[int], over: Span) -> list[Appointment]:
    """Return the expired holds that still claim ticks of ``over`` in one of the diaries."""
    query = select(Appointment).where(
        _expired(work.now), _over(over), _takes_one_of(set(diary_ids), over)
    )
    return list(work.session.scalars(query))


def offered_in(session: Session, diary_id: int, over: Span) -> list[Appointment]:
    """Return the offered holds that claim ticks of ``over`` in one diary."""
    query = select(Appointment).where(
        Appointment.status == Status.HELD,
        Appointment.offered.is_(True),
        _over(over),
        _takes_one_of([diary_id], over),
    )
    return list(session.scalars(query))


def of_visitors(session: Session, schedule_id: int, since: datetime) -> list[Appointment]:
    """Return the holds that visitors made with a schedule since then, also released ones."""
    query = select(Appointment).where(
        Appointment.schedule_id == schedule_id,
        Appointment.status.in_([Status.HELD, Status.EXPIRED]),
        Appointment.patient_id.is_(None),
        Appointment.created_by.is_(None),
        Appointment.by_program.is_(False),
        Appointment.created_at > since,
    )
    return list(session.scalars(query))


def all_expired(work: Work, *, limit: int) -> list[Appointment]:
    """Return expired holds, oldest first."""
    query = select(Appointment).where(_expired(work.now)).order_by(Appointment.held_until)
    return list(work.session.scalars(query.limit(limit)))


def live_claims(session: Session, diary_ids: Collection[int], over: Span) -> list[Claim]:
    """Return the claims of appointments and sessions on ``over`` in the diaries."""
    claims = _claims(session, _over(over), claims_one_of(diary_ids))
    claims += sessions.live_claims(session, sessions.claims_on(diary_ids, over))
    return [claim for claim in claims if claim[0] in diary_ids]


def every_claim(session: Session) -> list[Claim]:
    """Return the claims of all appointments and sessions."""
    return _claims(session) + sessions.live_claims(session)


_DIARIES = (Appointment.diary_id, Appointment.room_diary_id, Appointment.patient_diary_id)
"""The diaries that an appointment claims its time in, besides those of its resources."""


def claims_one_of(diary_ids: Collection[int] | BindParameter[int]) -> ColumnElement[bool]:
    """Return the condition for appointments with one of these diaries."""
    needing = select(AppointmentResource.appointment_id).where(
        AppointmentResource.diary_id.in_(diary_ids)
    )
    return or_(*(column.in_(diary_ids) for column in _DIARIES), Appointment.id.in_(needing))


def _takes_one_of(diary_ids: Collection[int], over: Span) -> ColumnElement[bool]:
    """Return the condition for appointments with one of these diaries, or a session that has."""
    taking = select(GroupSession.id).where(sessions.claims_on(diary_ids, over))
    return or_(claims_one_of(diary_ids), Appointment.session_id.in_(taking))


def _expired(now: _Moment) -> ColumnElement[bool]:
    return and_(Appointment.status == Status.HELD, Appointment.held_until <= now)


_FIRST_TO_EXPIRE = (
    select(Appointment.held_until)
    .where(Appointment.status == Status.HELD, Appointment.held_until.is_not(None))
    .order_by(Appointment.held_until)
    .limit(1)
)
HAS_EXPIRED = _FIRST_TO_EXPIRE.scalar_subquery() <= bindparam("now", type_=Instant)
"""Whether a hold has expired whose time was not released yet: a look at the beginning of an index.
For EXISTS, PostgreSQL may expect to meet such a row soon, and read the whole table for none."""


def _replaceable(is_program: bool) -> ColumnElement[bool]:
    """Return the condition for holds that give way to whatever a program, or a person, books for
    their patient (see :func:`openslot.booking.rules.is_replaceable_hold`)."""
    by_people = false() if is_program else Appointment.by_program.is_(False)
    return and_(Appointment.status == Status.HELD, or_(Appointment.offered.is_(True), by_people))


def _over(span: Span) -> ColumnElement[bool]:
    return busy_between(instant_of(span.start), instant_of(span.end))


def busy_between(starts: _Moment, ends: _Moment) -> ColumnElement[bool]:
    """Return the condition for appointments that take time of somebody in the period; the patient
    is never busy when nobody gives care."""
    return and_(Appointment.busy_until > starts, Appointment.busy_from < ends)


def _claims(session: Session, *where: ColumnElement[bool]) -> list[Claim]:
    where = (Appointment.status.in_(CLAIMING), *where)
    query = select(*_CLAIMED).where(*where).union_all(_by_resources().where(*where))
    return [claim for row in session.execute(query) for claim in _claims_of_row(*row)]


_TIMES = (
    Appointment.busy_from,
    Appointment.busy_until,
    Appointment.starts_at,
    Appointment.ends_at,
)

_CLAIMED = (*_DIARIES, *_TIMES)
"""The diaries of an appointment, and the times that it takes there."""


def _by_resources() -> Select[*tuple[Any, ...]]:
    """Select the same of each of an appointment's resources."""
    query = select(AppointmentResource.diary_id, null(), null(), *_TIMES)
    return query.join_from(AppointmentResource, Appointment)


def _claims_of_row(
    diary_id: int | None,
    room_id: int | None,
    patient_id: int | None,
    busy_from: datetime,
    busy_until: datetime,
    starts: datetime,
    ends: datetime,
) -> Iterator[Claim]:
    """Yield the claims of an appointment, from its columns."""
    busy = span_between(busy_from, busy_until)
    for claimed_id in (diary_id, room_id):
        if claimed_id is not None:
            yield claimed_id, busy
    if patient_id is not None:
        yield patient_id, span_between(starts, ends)


def diary_names(session: Session) -> dict[int, str]:
    """Return a name for each diary, for the report of ``openslot check``."""
    return {
        diary_id: f"{kind} (diary {diary_id})"
        for diary_id, kind in session.execute(select(Diary.id, Diary.kind))
    }


def in_department(department_id: int) -> ColumnElement[bool]:
    """Return the condition for appointments of a department's services."""
    return Schedule.service_id.in_(select(Service.id).where(Service.department_id == department_id))


def squeezed_in(schedule_id: int, starts: datetime, ends: datetime) -> ColumnElement[bool]:
    """Return the condition for appointments that were squeezed in on a schedule and start in the
    period."""
    return and_(
        on_schedule(schedule_id),
        Appointment.squeezed_in.is_(True),
        Appointment.status.in_(CLAIMING),
        Appointment.starts_at >= starts,
        Appointment.starts_at < ends,
    )


def in_closures(now: datetime) -> ColumnElement[bool]:
    """Return the condition for live upcoming appointments during a closure of their centre."""
    closed = select(Closure.id).where(
        Closure.centre_id == Schedule.centre_id,
        Closure.starts_at < Appointment.ends_at,
        Closure.ends_at > Appointment.starts_at,
    )
    return and_(to_come(now), closed.exists())


def seen_by(actor: Actor, now: datetime) -> Condition:
    """Return the condition for appointments that the actor has a relation to, by the rule of
    relation_to(), without expired holds. For selects of Appointment and Schedule."""
    return and_(still_there(now), _part_of(actor), _reached_by(actor, Appointment.patient_id))


def still_there(now: datetime) -> Condition:
    """Return the condition for appointments that are not expired or released holds."""
    return and_(
        Appointment.status != Status.EXPIRED,
        or_(Appointment.status != Status.HELD, Appointment.held_until > now),
    )


def reasons_seen_by(actor: Actor, now: datetime) -> Condition:
    """Return the condition for appointments of which the actor may read why the patient comes, by
    the rule of may_see_reason(). For selects of Appointment, Schedule and its Service."""
    if actor.program is not None:
        return seen_by(actor, now)
    relations = _own(actor)
    if not actor.is_a(Role.CENTRE_ADMIN, Role.NETWORK_ADMIN):
        in_department = Service.department_id == actor.department_id
        relations.append(and_(Schedule.centre_id.in_(actor.centres), in_department))
    return and_(still_there(now), or_(*relations), _reached_by(actor, Appointment.patient_id))


def _reached_by(actor: Actor, patient: Any) -> Condition:
    """Return ``Actor.reaches`` for a column with the id of a patient."""
    return true() if actor.only_patient is None else patient == actor.only_patient


def _part_of(actor: Actor) -> Condition:
    if actor.is_a(Role.NETWORK_ADMIN):
        return true()
    relations = _own(actor)
    if actor.centres:
        relations.append(Schedule.centre_id.in_(actor.centres))
    return or_(*relations)


def _own(actor: Actor) -> list[Condition]:
    """Return the conditions for appointments of the actor as a patient, carer or practitioner."""
    relations: list[Condition] = [false()]
    patient_ids = {actor.patient_id} - {None} | actor.dependents
    if patient_ids:
        relations.append(Appointment.patient_id.in_(patient_ids))
    if actor.practitioner_id is not None:
        relations.append(Schedule.practitioner_id == actor.practitioner_id)
    return relations


def patients_seen_by(actor: Actor, now: datetime) -> Condition:
    """Return the condition for patients that the actor can list: themselves, their dependents
    and, for staff and centre administrators, the patients of appointments that they can see."""
    own = {actor.patient_id} - {None} | actor.dependents
    if actor.is_a(Role.NETWORK_ADMIN):
        return _reached_by(actor, Patient.id)
    if actor.is_a(Role.PRACTITIONER):
        return Patient.id.in_(own)
    appointments = (
        select(Appointment.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(seen_by(actor, now), Appointment.patient_id.is_not(None))
        .correlate(None)
    )
    return or_(Patient.id.in_(own), Patient.id.in_(appointments))


def appointments_for(
    work: Work,
    *where: Condition,
    newest_first: bool = False,
    after: keyset.Key | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Appointment]:
    """Return the matching appointments that the actor can see, in order of start, after the key
    ``after``, in one statement."""
    return appointments(
        work.session,
        seen_by(work.actor, work.now),
        *where,
        newest_first=newest_first,
        after=after,
        limit=limit,
        offset=offset,
    )


def count_for(work: Work, *where: Condition) -> int:
    """Return the number of matching appointments that the actor can see."""
    return count(work.session, seen_by(work.actor, work.now), *where)


def external_id_exists(session: Session, external_id: str) -> bool:
    """Return whether an appointment has this external identifier."""
    query = select(Appointment.id).where(Appointment.external_id == external_id).limit(1)
    return session.scalar(query) is not None
