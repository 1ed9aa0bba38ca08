"""Taking something out of the directory, or back in: refused while appointments to come need it."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from openslot.booking import claims, queries
from openslot.booking.models import Appointment
from openslot.core.errors import Forbidden, NotFound
from openslot.directory import commands
from openslot.directory import queries as directory
from openslot.directory.errors import HasAppointments
from openslot.directory.models import Service
from openslot.directory.rules import (
    Actor,
    may_edit_department,
    may_run_centre,
    may_run_network,
    runs_every,
)
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, tick_at
from openslot.schedules.models import Schedule


def deactivate_centre(
    session: Session, actor: Actor, centre_id: int, *, active: bool, now: datetime
) -> None:
    """By an administrator of the network."""
    may_run_network(actor)
    centre = directory.centre(session, centre_id, inactive=True)
    if not active:
        _check_free(session, Schedule.centre_id == centre_id, now=now)
    commands.set_active(session, actor, centre, active, now=now)


def deactivate_department(
    session: Session, actor: Actor, department_id: int, *, active: bool, now: datetime
) -> None:
    """By whoever runs its centre; its services go and come with it."""
    department = directory.department(session, department_id, inactive=True)
    may_run_centre(actor, department.centre_id)
    if not active:
        _check_free(session, Service.department_id == department_id, now=now)
    commands.set_active(session, actor, department, active, now=now)


def deactivate_service(
    session: Session, actor: Actor, service_id: int, *, active: bool, now: datetime
) -> None:
    """By the staff of its department, or whoever runs the centre."""
    service = directory.service(session, service_id, inactive=True)
    department = directory.department(session, service.department_id, inactive=True)
    may_edit_department(actor, department.centre_id, department.id)
    if not active:
        _check_free(session, Schedule.service_id == service_id, now=now)
    commands.set_active(session, actor, service, active, now=now)


def deactivate_practitioner(
    session: Session, actor: Actor, practitioner_id: int, *, active: bool, now: datetime
) -> None:
    """By the network, or by whoever runs every centre that they work at.

    Nobody takes a practitioner away from a centre that is not theirs: they switch off the
    schedule at their own.
    """
    person = directory.practitioner(session, practitioner_id, inactive=True)
    may_deactivate_practitioner(actor, schedules.centre_ids_of(session, practitioner_id))
    if not active:
        _check_free(session, Schedule.practitioner_id == practitioner_id, now=now)
    commands.set_active(session, actor, person, active, now=now)


def deactivate_schedule(
    session: Session, actor: Actor, schedule_id: int, *, active: bool, now: datetime
) -> None:
    """End or resume somebody's work at one centre, by whoever runs the centre."""
    schedule = schedules.schedule(session, schedule_id)
    if schedule is None:
        raise NotFound
    may_run_centre(actor, schedule.centre_id)
    if not active:
        _check_free(session, Schedule.id == schedule_id, now=now)
    schedule_commands.set_active(session, actor, schedule_id, active, now=now)


def may_deactivate_practitioner(actor: Actor, centre_ids: frozenset[int]) -> None:
    """Forbidden unless the actor runs the network, or each of these centres and there is one."""
    if not runs_every(actor, centre_ids):
        raise Forbidden


def _check_free(session: Session, concerned: queries.Condition, *, now: datetime) -> None:
    """Raise HasAppointments where appointments to come are booked with the schedules concerned.

    Their diaries are settled first: of a booking at the same moment, one of the two finds other
    pages than it read, and is tried again on what the other left.
    """
    found = schedules.places(session, concerned, inactive=True)
    ends: dict[int, int] = {}
    for place in found.values():
        horizon = tick_at(now + timedelta(days=place.horizon_days + 1))
        ends[place.diary_id] = max(horizon, ends.get(place.diary_id, 0))
    for diary_id, end in sorted(ends.items()):
        claims.settle(session, diary_id, Span(tick_at(now), end))
    booked = Appointment.schedule_id.in_(found)
    if count := queries.count(session, booked, queries.to_come(now)):
        raise HasAppointments(count=count)
