"""Commands on schedules, their hours, and closures of centres."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Actor
from openslot.core.db import remove
from openslot.core.errors import Conflict, Forbidden, Invalid, NotFound
from openslot.core.fields import Details, OptionalLine
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.changes.queries import mark_changed
from openslot.directory.details import is_length
from openslot.directory.editing import NotYoursToChange, check_kept
from openslot.directory.models import Centre, Department, Service
from openslot.directory.rules import may_edit_department, may_run_centre, runs_every
from openslot.resources.commands import room_named
from openslot.resources.queries import room_name
from openslot.schedules import diaries, queries
from openslot.schedules.availability import Weekly
from openslot.schedules.errors import HoursNameIt
from openslot.schedules.models import Closure, Schedule, StartsFrom
from openslot.schedules.rules import (
    check_apart,
    check_hours,
    check_period,
    check_services,
    check_slot_minutes,
    check_step_minutes,
)


class ScheduleDetails(Details):
    """Where the starts of a schedule lie, and its booking limits; ``room`` is the name of a room of
    the centre."""

    slot_minutes: int = 30
    step_minutes: Annotated[
        int | None, Field(description="Minutes between two starts; by default one slot.")
    ] = None
    starts_from: Annotated[
        StartsFrom, Field(description="Starts are counted from each opening, or from midnight.")
    ] = StartsFrom.OPENING
    flush: Annotated[
        bool, Field(description="Appointments also start or end directly beside what is taken.")
    ] = False
    max_slots: Annotated[int, Field(ge=1, le=48)] = 4
    notice_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 60)] = 0
    horizon_days: Annotated[int, Field(ge=1, le=730)] = 180
    room: OptionalLine = None


OWN_SCHEDULE: frozenset[str] = frozenset()
"""Fields of their schedules that practitioners can change: none, only the hours. Administrators
of the centre and the department of a service can change everything."""


class Offering(Details):
    """A service that a schedule offers; without ``minutes`` it has its usual length."""

    service_id: int
    minutes: int | None = None


MOST_OFFERED = 30
"""Services that one schedule can offer."""


class WorksElsewhere(Forbidden):
    """This person works elsewhere too. Ask a network administrator to add them here.

    The practitioner works at another centre, or has an account and works at none, so that the
    administrator of one centre cannot add them.
    """


class AlreadyWorksHere(Conflict):
    """This practitioner already works at this centre."""


def open_schedule(
    work: Work,
    *,
    centre_id: int,
    practitioner_id: int | None = None,
    service_id: int | None = None,
    details: ScheduleDetails,
    hours: Iterable[Weekly],
) -> Schedule:
    """Create a schedule for a practitioner at a centre, or for a service at its own.

    Raises AlreadyWorksHere. Raises WorksElsewhere, except for network administrators, if the
    practitioner works at another centre, or has an account and works at none.
    """
    schedule = Schedule(
        centre_id=centre_id, practitioner_id=practitioner_id, service_id=service_id, active=True
    )
    if practitioner_id is None:
        _may_edit(work, schedule)
    else:
        _may_add(work, practitioner_id, centre_id)
    centre = directory.centre(work.session, centre_id, inactive=True)
    _set_details(work.session, schedule, details)
    work.session.add(schedule)
    work.session.flush()
    _set_hours(work.session, schedule, hours, centre)
    _record(work, schedule, "opened")
    return schedule


def change_schedule(work: Work, schedule_id: int, details: ScheduleDetails) -> None:
    """Set slot length, starts, limits and room; booked appointments stay as they are.

    Raises NotYoursToChange for practitioners, who can only change their hours.
    """
    schedule = _existing(work.session, schedule_id)
    _may_edit(work, schedule)
    if _is_own(work.actor, schedule):
        check_kept(OWN_SCHEDULE, details_of(work.session, schedule), details, _CENTRE_KEEPS)
    _set_details(work.session, schedule, details)
    _record(work, schedule, "changed")


def set_hours(work: Work, schedule_id: int, hours: Iterable[Weekly]) -> None:
    """Replace the hours of a schedule; booked appointments stay as they are."""
    schedule = _existing(work.session, schedule_id)
    _may_edit(work, schedule)
    centre = directory.centre(work.session, schedule.centre_id, inactive=True)
    _set_hours(work.session, schedule, hours, centre)
    schedule.changed_at = work.now
    _record(work, schedule, "hours-changed")


def offer_services(work: Work, schedule_id: int, offerings: Sequence[Offering]) -> None:
    """Replace the services that a practitioner's schedule offers; the first is its usual one.
    Booked appointments stay as they are. Administrators of the centre only.

    Raises HoursNameIt if some hours are only for one that is left out, NotFound, with the field
    ``services``, for a service that is not of the centre or the network, and Invalid for one that
    is named twice, too many, or a length that cannot be.
    """
    schedule = _existing(work.session, schedule_id)
    may_run_centre(work.actor, schedule.centre_id)
    if schedule.practitioner_id is None:
        raise Invalid("Only practitioners offer services. This is one.", field="services")
    ids = [offering.service_id for offering in offerings]
    if len(set(ids)) != len(ids) or len(ids) > MOST_OFFERED:
        raise Invalid(
            "Choose up to {most} services, each once.", field="services", most=MOST_OFFERED
        )
    if any(one.minutes is not None and not is_length(one.minutes) for one in offerings):
        raise Invalid("Enter a length from 5 to 480 minutes, in steps of 5.", field="minutes")
    offerable = directory.services_where(
        work.session, directory.offerable(schedule.centre_id), Service.active.is_(True)
    )
    if not set(ids) <= {service.id for service in offerable}:
        raise NotFound("There is no such service at this centre.", field="services")
    _lock_hours(work.session, schedule)
    for period in queries.hours_of(work.session, schedule_id):
        if missing := set(period.services) - set(ids):
            service = directory.service(work.session, min(missing), inactive=True)
            raise HoursNameIt(field="services", service=service.name)
    queries.replace_offered(work.session, schedule_id, [one.model_dump() for one in offerings])
    schedule.changed_at = work.now
    _record(work, schedule, "services-changed")


def set_active(work: Work, schedule_id: int, active: bool) -> None:
    """Activate or deactivate a schedule; the caller has checked for upcoming appointments."""
    schedule = _existing(work.session, schedule_id)
    _may_edit(work, schedule)
    if _is_own(work.actor, schedule) and schedule.active != active:
        raise NotYoursToChange(_CENTRE_KEEPS, field="active")
    schedule.active = active
    _record(work, schedule, "activated" if active else "deactivated")


def close_centre(
    work: Work, centre_id: int, *, starts: datetime, ends: datetime, reason: str
) -> Closure:
    """Close a whole centre for a period; appointments in it stay until they are moved or
    cancelled."""
    may_run_centre(work.actor, centre_id)
    centre = directory.centre(work.session, centre_id, inactive=True)
    span = check_period(starts, ends)
    diaries.change(work.session, cover=[(centre.diary_id, span)])
    closure = Closure(centre_id=centre_id, starts_at=starts, ends_at=ends, reason=reason)
    work.session.add(closure)
    work.session.flush()
    audit.record(
        work,
        "centre.closed",
        f"centre:{centre_id}",
        starts=starts.isoformat(),
        ends=ends.isoformat(),
    )
    return closure


def reopen_centre(work: Work, closure_id: int) -> None:
    """Delete a closure, so that the centre is open in that period again."""
    closure = work.session.get(Closure, closure_id)
    if closure is None:
        raise NotFound
    may_run_centre(work.actor, closure.centre_id)
    centre = directory.centre(work.session, closure.centre_id, inactive=True)
    span = check_period(closure.starts_at, closure.ends_at)
    remove(work.session, closure)
    diaries.change(
        work.session,
        release=[(centre.diary_id, span)],
        kept=lambda: queries.absent_spans(work.session, [centre.diary_id], span),
    )
    audit.record(work, "centre.reopened", f"centre:{centre.id}")


def _may_add(work: Work, practitioner_id: int, centre_id: int) -> None:
    may_run_centre(work.actor, centre_id)
    centre_ids = queries.centre_ids_of(work.session, practitioner_id)
    if centre_id in centre_ids:
        raise AlreadyWorksHere(field="centre_id")
    account_id = directory.practitioner(work.session, practitioner_id, inactive=True).account_id
    if (centre_ids or account_id) and not runs_every(work.actor, centre_ids):
        raise WorksElsewhere(field="practitioner_id")


def _may_edit(work: Work, schedule: Schedule) -> None:
    """Raise Forbidden unless the schedule is the practitioner's own, or the actor is staff of the
    service's department or runs the centre."""
    if _is_own(work.actor, schedule):
        return
    if schedule.service_id is not None:
        service = directory.service(work.session, schedule.service_id, inactive=True)
        department: Department = directory.department(
            work.session, service.department_id, inactive=True
        )
        may_edit_department(work.actor, department.centre_id, department.id)
        return
    may_run_centre(work.actor, schedule.centre_id)


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
    return ScheduleDetails(**values, room=room_name(session, schedule.room_id))


def _set_details(session: Session, schedule: Schedule, details: ScheduleDetails) -> None:
    if details.slot_minutes != schedule.slot_minutes:  # what was set under older rules stays
        schedule.slot_minutes = check_slot_minutes(details.slot_minutes)
    schedule.step_minutes = check_step_minutes(details.step_minutes)
    schedule.starts_from = details.starts_from
    schedule.flush = details.flush
    schedule.max_slots = details.max_slots
    schedule.notice_minutes = details.notice_minutes
    schedule.horizon_days = details.horizon_days
    room = room_named(session, schedule.centre_id, details.room) if details.room else None
    schedule.room_id = room.id if room else None


def _set_hours(
    session: Session, schedule: Schedule, hours: Iterable[Weekly], centre: Centre
) -> None:
    periods = check_hours(hours, centre.holiday_region)
    _lock_hours(session, schedule)
    if any(period.services for period in periods):
        check_services(periods, [one.id for _, one in queries.offered_by(session, schedule.id)])
    if schedule.practitioner_id is not None:
        practitioner = directory.practitioner(session, schedule.practitioner_id, inactive=True)
        if not practitioner.either_place:
            elsewhere = queries.practitioner_places(session, practitioner.id)
            elsewhere.pop(schedule.id, None)
            check_apart(periods, ZoneInfo(centre.time_zone), elsewhere.values())
    queries.replace_hours(session, schedule.id, periods)


def _lock_hours(session: Session, schedule: Schedule) -> None:
    """Lock the hours of the owner of a schedule, and the services that they are for. Without it,
    two requests at once could each miss what the other adds."""
    practitioner_id = schedule.practitioner_id
    is_of_service = practitioner_id is None
    owner = f"service {schedule.service_id}" if is_of_service else f"practitioner {practitioner_id}"
    lock(session, f"hours of {owner}")


def _existing(session: Session, schedule_id: int) -> Schedule:
    schedule = queries.schedule(session, schedule_id)
    if schedule is None:
        raise NotFound
    return schedule


def _record(work: Work, schedule: Schedule, action: str) -> None:
    audit.record(work, f"schedule.{action}", f"schedule:{schedule.id}")
    mark_changed(work.session, "schedule", schedule.id)
