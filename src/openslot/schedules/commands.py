"""Commands on schedules, their hours, and closures of centres."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.db import remove
from openslot.core.errors import Conflict, Forbidden, NotFound
from openslot.core.fields import Details, OptionalLine
from openslot.core.locks import lock
from openslot.directory import queries as directory
from openslot.directory.editing import NotYoursToChange, check_kept
from openslot.directory.models import Department, Room
from openslot.directory.rules import Actor, may_edit_department, may_run_centre, runs_every
from openslot.schedules import diaries, queries
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Closure, Schedule
from openslot.schedules.rules import check_apart, check_hours, check_period, check_slot_minutes


class ScheduleDetails(Details):
    """The booking limits of a schedule; ``room`` is the name of a room of the centre."""

    slot_minutes: int = 30
    max_slots: Annotated[int, Field(ge=1, le=48)] = 4
    notice_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 60)] = 0
    horizon_days: Annotated[int, Field(ge=1, le=730)] = 180
    room: OptionalLine = None


OWN_SCHEDULE: frozenset[str] = frozenset()
"""Fields of their schedules that practitioners can change: none, only the hours. Administrators
of the centre and the department of a service can change everything."""


class WorksElsewhere(Forbidden):
    """This person works elsewhere too. Ask a network administrator to add them here.

    The practitioner works at another centre, or has an account and works at none, so that the
    administrator of one centre cannot add them.
    """


class AlreadyWorksHere(Conflict):
    """This practitioner already works at this centre."""


def open_schedule(
    session: Session,
    actor: Actor,
    *,
    centre_id: int,
    practitioner_id: int | None = None,
    service_id: int | None = None,
    details: ScheduleDetails,
    hours: Iterable[Weekly],
    now: datetime,
) -> Schedule:
    """Create a schedule for a practitioner at a centre, or for a service at its own.

    Raises AlreadyWorksHere. Raises WorksElsewhere, except for network administrators, if the
    practitioner works at another centre, or has an account and works at none.
    """
    schedule = Schedule(
        centre_id=centre_id, practitioner_id=practitioner_id, service_id=service_id, active=True
    )
    if practitioner_id is None:
        _may_edit(session, actor, schedule)
    else:
        _may_add(session, actor, practitioner_id, centre_id)
    centre = directory.centre(session, centre_id, inactive=True)
    _set_details(session, schedule, details)
    session.add(schedule)
    session.flush()
    _set_hours(session, schedule, hours, ZoneInfo(centre.time_zone))
    _record(session, actor, schedule, "opened", now)
    return schedule


def change_schedule(
    session: Session, actor: Actor, schedule_id: int, details: ScheduleDetails, *, now: datetime
) -> None:
    """Set slot length, limits and room; booked appointments stay as they are.

    Raises NotYoursToChange for practitioners, who can only change their hours.
    """
    schedule = _existing(session, schedule_id)
    _may_edit(session, actor, schedule)
    if _is_own(actor, schedule):
        check_kept(OWN_SCHEDULE, details_of(session, schedule), details, _CENTRE_KEEPS)
    _set_details(session, schedule, details)
    _record(session, actor, schedule, "changed", now)


def set_hours(
    session: Session, actor: Actor, schedule_id: int, hours: Iterable[Weekly], *, now: datetime
) -> None:
    """Replace the weekly hours of a schedule; booked appointments stay as they are."""
    schedule = _existing(session, schedule_id)
    _may_edit(session, actor, schedule)
    centre = directory.centre(session, schedule.centre_id, inactive=True)
    _set_hours(session, schedule, hours, ZoneInfo(centre.time_zone))
    schedule.changed_at = now
    _record(session, actor, schedule, "hours-changed", now)


def set_active(
    session: Session, actor: Actor, schedule_id: int, active: bool, *, now: datetime
) -> None:
    """Activate or deactivate a schedule; the caller has checked for upcoming appointments."""
    schedule = _existing(session, schedule_id)
    _may_edit(session, actor, schedule)
    if _is_own(actor, schedule) and schedule.active != active:
        raise NotYoursToChange(_CENTRE_KEEPS, field="active")
    schedule.active = active
    _record(session, actor, schedule, "activated" if active else "deactivated", now)


def close_centre(
    session: Session,
    actor: Actor,
    centre_id: int,
    *,
    starts: datetime,
    ends: datetime,
    reason: str,
    now: datetime,
) -> Closure:
    """Close a whole centre for a period; appointments in it stay until they are moved or
    cancelled."""
    may_run_centre(actor, centre_id)
    centre = directory.centre(session, centre_id, inactive=True)
    span = check_period(starts, ends)
    diaries.change(session, cover=[(centre.diary_id, span)])
    closure = Closure(centre_id=centre_id, starts_at=starts, ends_at=ends, reason=reason)
    session.add(closure)
    session.flush()
    audit.record(
        session,
        "centre.closed",
        f"centre:{centre_id}",
        by=actor.origin,
        now=now,
        starts=starts.isoformat(),
        ends=ends.isoformat(),
    )
    return closure


def reopen_centre(session: Session, actor: Actor, closure_id: int, *, now: datetime) -> None:
    """Delete a closure, so that the centre is open in that period again."""
    closure = session.get(Closure, closure_id)
    if closure is None:
        raise NotFound
    may_run_centre(actor, closure.centre_id)
    centre = directory.centre(session, closure.centre_id, inactive=True)
    span = check_period(closure.starts_at, closure.ends_at)
    remove(session, closure)
    diaries.change(
        session,
        release=[(centre.diary_id, span)],
        kept=lambda: queries.absent_spans(session, [centre.diary_id], span),
    )
    audit.record(session, "centre.reopened", f"centre:{centre.id}", by=actor.origin, now=now)


def _may_add(session: Session, actor: Actor, practitioner_id: int, centre_id: int) -> None:
    may_run_centre(actor, centre_id)
    centre_ids = queries.centre_ids_of(session, practitioner_id)
    if centre_id in centre_ids:
        raise AlreadyWorksHere(field="centre_id")
    account_id = directory.practitioner(session, practitioner_id, inactive=True).account_id
    if (centre_ids or account_id) and not runs_every(actor, centre_ids):
        raise WorksElsewhere(field="practitioner_id")


def _may_edit(session: Session, actor: Actor, schedule: Schedule) -> None:
    """Raise Forbidden unless the schedule is the practitioner's own, or the actor is staff of the
    service's department or runs the centre."""
    if _is_own(actor, schedule):
        return
    if schedule.service_id is not None:
        service = directory.service(session, schedule.service_id, inactive=True)
        department: Department = directory.department(session, service.department_id, inactive=True)
        may_edit_department(actor, department.centre_id, department.id)
        return
    may_run_centre(actor, schedule.centre_id)


_CENTRE_KEEPS = "Only your centre can change this. Ask its administrator."


def _is_own(actor: Actor, schedule: Schedule) -> bool:
    return (
        schedule.practitioner_id is not None and schedule.practitioner_id == actor.practitioner_id
    )


def details_of(session: Session, schedule: Schedule) -> ScheduleDetails:
    """Return the details of a schedule."""
    values = {
        name: getattr(schedule, name) for name in ScheduleDetails.model_fields if name != "room"
    }
    return ScheduleDetails(**values, room=queries.room_name(session, schedule.room_id))


def _set_details(session: Session, schedule: Schedule, details: ScheduleDetails) -> None:
    schedule.slot_minutes = check_slot_minutes(details.slot_minutes)
    schedule.max_slots = details.max_slots
    schedule.notice_minutes = details.notice_minutes
    schedule.horizon_days = details.horizon_days
    schedule.room_id = _room_id(session, schedule.centre_id, details.room)


def _room_id(session: Session, centre_id: int, name: str | None) -> int | None:
    if name is None:
        return None
    # Without the lock, two requests that spell the name differently could create two rooms.
    lock(session, f"rooms of centre {centre_id}")
    for room in queries.rooms(session, centre_id):
        if room.name.casefold() == name.casefold():
            return room.id
    room = Room(centre_id=centre_id, name=name, diary_id=directory.new_diary(session, "room"))
    session.add(room)
    session.flush()
    return room.id


def _set_hours(
    session: Session, schedule: Schedule, hours: Iterable[Weekly], zone: ZoneInfo
) -> None:
    periods = check_hours(hours)
    # Without the lock, two requests at once could each miss the hours that the other adds.
    lock(session, f"hours of {_owner(schedule)}")
    if schedule.practitioner_id is not None:
        practitioner = directory.practitioner(session, schedule.practitioner_id, inactive=True)
        if not practitioner.either_place:
            elsewhere = queries.practitioner_places(session, practitioner.id)
            elsewhere.pop(schedule.id, None)
            check_apart(periods, zone, elsewhere.values())
    queries.replace_hours(session, schedule.id, periods)


def _owner(schedule: Schedule) -> str:
    if schedule.practitioner_id is not None:
        return f"practitioner {schedule.practitioner_id}"
    return f"service {schedule.service_id}"


def _existing(session: Session, schedule_id: int) -> Schedule:
    schedule = queries.schedule(session, schedule_id)
    if schedule is None:
        raise NotFound
    return schedule


def _record(session: Session, actor: Actor, schedule: Schedule, action: str, now: datetime) -> None:
    audit.record(session, f"schedule.{action}", f"schedule:{schedule.id}", by=actor.origin, now=now)
    directory.mark_changed(session)
