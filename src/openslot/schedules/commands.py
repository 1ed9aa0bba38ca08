"""Changes of schedules, their hours, and closures."""

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
    """How a schedule may be booked; ``room`` is the name of a room of the centre."""

    slot_minutes: int = 30
    max_slots: Annotated[int, Field(ge=1, le=48)] = 4
    notice_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 60)] = 0
    horizon_days: Annotated[int, Field(ge=1, le=730)] = 180
    room: OptionalLine = None


OWN_SCHEDULE: frozenset[str] = frozenset()
"""What practitioners change of their schedules besides the hours: nothing. Who runs the centre,
and the department of a service, change everything."""


class WorksElsewhere(Forbidden):
    """They are not only yours to manage. Ask an administrator of the network to add them here.

    The practitioner works at other centres, or signs in already and works at none.
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
    """Make a practitioner bookable at a centre, by who runs it, or a service at its own.

    WorksElsewhere, but for administrators of the network, where the practitioner works at
    another centre, or has an account and works at none; AlreadyWorksHere.
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
    """Set slot length, limits and room; appointments that are booked stay as they are.

    Practitioners keep their hours themselves and nothing else: NotYoursToChange.
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
    """Put new weekly hours in the place of the old; appointments that are booked stay as they
    are."""
    schedule = _existing(session, schedule_id)
    _may_edit(session, actor, schedule)
    centre = directory.centre(session, schedule.centre_id, inactive=True)
    _set_hours(session, schedule, hours, ZoneInfo(centre.time_zone))
    schedule.changed_at = now
    _record(session, actor, schedule, "hours-changed", now)


def set_active(
    session: Session, actor: Actor, schedule_id: int, active: bool, *, now: datetime
) -> None:
    """Let a schedule be booked, or no longer; the caller has looked for live appointments."""
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
    """Close a whole centre for a period; appointments booked inside stay until somebody acts."""
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
    """Take a closure back."""
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
    known = queries.centre_ids_of(session, practitioner_id)
    if centre_id in known:
        raise AlreadyWorksHere(field="centre_id")
    signs_in = directory.practitioner(session, practitioner_id, inactive=True).account_id
    if (known or signs_in) and not runs_every(actor, known):
        raise WorksElsewhere(field="practitioner_id")


def _may_edit(session: Session, actor: Actor, schedule: Schedule) -> None:
    """Practitioners change their own hours, departments those of their services."""
    if _is_own(actor, schedule):
        return
    if schedule.service_id is not None:
        service = directory.service(session, schedule.service_id, inactive=True)
        department: Department = directory.department(session, service.department_id, inactive=True)
        may_edit_department(actor, department.centre_id, department.id)
        return
    may_run_centre(actor, schedule.centre_id)


_CENTRE_KEEPS = "Your centre keeps this. Ask its administrator to change it."


def _is_own(actor: Actor, schedule: Schedule) -> bool:
    return (
        schedule.practitioner_id is not None and schedule.practitioner_id == actor.practitioner_id
    )


def details_of(session: Session, schedule: Schedule) -> ScheduleDetails:
    """How a schedule may be booked now."""
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
    # One after another: of two at once that spell it differently each would make a room.
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
    kept = check_hours(hours)
    # One after another: of two at once each would miss what the other adds, and both would stay.
    lock(session, f"hours of {_owner(schedule)}")
    if schedule.practitioner_id is not None:
        practitioner = directory.practitioner(session, schedule.practitioner_id, inactive=True)
        if not practitioner.either_place:
            elsewhere = queries.practitioner_places(session, practitioner.id)
            elsewhere.pop(schedule.id, None)
            check_apart(kept, zone, elsewhere.values())
    queries.replace_hours(session, schedule.id, kept)


def _owner(schedule: Schedule) -> str:
    if schedule.practitioner_id is not None:
        return f"practitioner {schedule.practitioner_id}"
    return f"service {schedule.service_id}"


def _existing(session: Session, schedule_id: int) -> Schedule:
    schedule = queries.schedule(session, schedule_id)
    if schedule is None:
        raise NotFound
    return schedule


def _record(session: Session, actor: Actor, schedule: Schedule, act: str, now: datetime) -> None:
    audit.record(session, f"schedule.{act}", f"schedule:{schedule.id}", by=actor.origin, now=now)
    directory.mark_changed(session)
