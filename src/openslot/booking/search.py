"""Appointments that an actor can see, and the taken time of diaries. Entry points read
appointments only through this module, which checks access."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, cast, false, null, or_, select, true
from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.models import Appointment, Status
from openslot.booking.queries import Condition, claims_one_of
from openslot.booking.rules import CLAIMING
from openslot.core import keyset
from openslot.core.db import Instant
from openslot.directory.models import Centre, Patient
from openslot.directory.rules import Actor
from openslot.identity.models import Role
from openslot.schedules.availability import Span, Window, instant_of, span_between
from openslot.schedules.diaries import MOST_IDS_NAMED
from openslot.schedules.models import Absence, Closure, Schedule


def seen_by(actor: Actor, now: datetime) -> Condition:
    """Return the condition for appointments that the actor has a relation to, by the rule of
    part_in(), without expired holds. For selects of Appointment and Schedule."""
    return and_(still_there(now), _part_of(actor))


def still_there(now: datetime) -> Condition:
    """Return the condition for appointments that are not expired or released holds."""
    return and_(
        Appointment.status != Status.EXPIRED,
        or_(Appointment.status != Status.HELD, Appointment.held_until > now),
    )


def _part_of(actor: Actor) -> Condition:
    if actor.is_a(Role.NETWORK_ADMIN):
        return true()
    relations: list[ColumnElement[bool]] = [false()]
    patient_ids = {actor.patient_id} - {None} | actor.dependents
    if patient_ids:
        relations.append(Appointment.patient_id.in_(patient_ids))
    if actor.practitioner_id is not None:
        relations.append(Schedule.practitioner_id == actor.practitioner_id)
    if actor.centre_id is not None:
        relations.append(Schedule.centre_id == actor.centre_id)
    return or_(*relations)


def patients_seen_by(actor: Actor, now: datetime) -> Condition:
    """Return the condition for patients that the actor can list: themselves, their dependents
    and, for staff and centre administrators, the patients of appointments that they can see."""
    own = {actor.patient_id} - {None} | actor.dependents
    if actor.is_a(Role.NETWORK_ADMIN):
        return true()
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
    session: Session,
    actor: Actor,
    *where: Condition,
    now: datetime,
    newest_first: bool = False,
    after: keyset.Key | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Appointment]:
    """Return the matching appointments that the actor can see, in order of start, after the key
    ``after``, in one statement."""
    return queries.appointments(
        session,
        seen_by(actor, now),
        *where,
        newest_first=newest_first,
        after=after,
        limit=limit,
        offset=offset,
    )


def count_for(session: Session, actor: Actor, *where: Condition, now: datetime) -> int:
    """Return the number of matching appointments that the actor can see."""
    return queries.count(session, seen_by(actor, now), *where)


def external_id_exists(session: Session, external_id: str) -> bool:
    """Return whether an appointment has this external identifier."""
    query = select(Appointment.id).where(Appointment.external_id == external_id).limit(1)
    return session.scalar(query) is not None


class Occupied(NamedTuple):
    """Taken time of diaries: of an appointment or, if ``status`` is None, of an absence or a
    closure. ``diary_ids`` of an appointment are those of schedule and room, not the patient's."""

    schedule_id: int | None
    diary_ids: tuple[int, ...]
    status: Status | None
    span: Span
    expired: bool


def occupied(
    session: Session,
    window: Window,
    diary_ids: Sequence[int],
    *,
    now: datetime,
) -> list[Occupied]:
    """Return the taken time of the diaries in ``window``, in one statement.

    For more than MOST_IDS_NAMED diaries it returns that of all.
    """
    starts, ends = instant_of(window.start), instant_of(window.end)
    appointments = _appointments(starts, ends)
    absences = _absences(starts, ends)
    closures = _closures(starts, ends)
    if len(diary_ids) <= MOST_IDS_NAMED:
        appointments = appointments.where(claims_one_of(diary_ids))
        absences = absences.where(Absence.diary_id.in_(diary_ids))
        closures = closures.where(Centre.diary_id.in_(diary_ids))
    return [
        _occupied(row, now) for row in session.execute(appointments.union_all(absences, closures))
    ]


def _appointments(starts: datetime, ends: datetime) -> Any:
    return select(
        Appointment.schedule_id,
        Appointment.diary_id,
        Appointment.room_diary_id,
        Appointment.status,
        Appointment.held_until,
        Appointment.starts_at,
        Appointment.ends_at,
    ).where(
        Appointment.status.in_(CLAIMING),
        Appointment.ends_at > starts,
        Appointment.starts_at < ends,
    )


def _absences(starts: datetime, ends: datetime) -> Any:
    return select(
        null(),
        Absence.diary_id,
        null(),
        null(),
        cast(null(), Instant),
        Absence.starts_at,
        Absence.ends_at,
    ).where(Absence.ends_at > starts, Absence.starts_at < ends)


def _closures(starts: datetime, ends: datetime) -> Any:
    return (
        select(
            null(),
            Centre.diary_id,
            null(),
            null(),
            cast(null(), Instant),
            Closure.starts_at,
            Closure.ends_at,
        )
        .join(Centre, Centre.id == Closure.centre_id)
        .where(Closure.ends_at > starts, Closure.starts_at < ends)
    )


def _occupied(row: Sequence[Any], now: datetime) -> Occupied:
    schedule_id, diary_id, room_id, status, held_until, starts, ends = row
    diaries = (diary_id,) if room_id is None else (diary_id, room_id)
    expired = status == Status.HELD and held_until is not None and held_until <= now
    return Occupied(
        schedule_id,
        diaries,
        Status(status) if status else None,
        span_between(starts, ends),
        expired,
    )
