"""Deactivating and activating entries of the directory, unless upcoming appointments need them."""

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
    """Deactivate or activate a centre; network administrators only. Raises HasAppointments."""
    may_run_network(actor)
    centre = directory.centre(session, centre_id, inactive=True)
    if not active:
        _check_free(session, Schedule.centre_id == centre_id, now=now)
    commands.set_active(session, actor, centre, active, now=now)


def deactivate_department(
    session: Session, actor: Actor, department_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate or activate a department with its services; administrators of the centre only.
    Raises HasAppointments."""
    department = directory.department(session, department_id, inactive=True)
    may_run_centre(actor, department.centre_id)
    if not active:
        _check_free(session, Service.department_id == department_id, now=now)
    commands.set_active(session, actor, department, active, now=now)


def deactivate_service(
    session: Session, actor: Actor, service_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate or activate a service; staff of its department and administrators of the centre
    only. Raises HasAppointments."""
    service = directory.service(session, service_id, inactive=True)
    department = directory.department(session, service.department_id, inactive=True)
    may_edit_department(actor, department.centre_id, department.id)
    if not active:
        _check_free(session, Schedule.service_id == service_id, now=now)
    commands.set_active(session, actor, service, active, now=now)


def deactivate_practitioner(
    session: Session, actor: Actor, practitioner_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate or activate a practitioner. Raises HasAppointments.

    Network administrators and administrators of all the practitioner's centres can; the
    administrator of one centre can only deactivate the schedule there.
    """
    person = directory.practitioner(session, practitioner_id, inactive=True)
    may_deactivate_practitioner(actor, schedules.centre_ids_of(session, practitioner_id))
    if not active:
        _check_free(session, Schedule.practitioner_id == practitioner_id, now=now)
    commands.set_active(session, actor, person, active, now=now)


def deactivate_schedule(
    session: Session, actor: Actor, schedule_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate or activate a schedule; administrators of the centre only. Raises
    HasAppointments."""
    schedule = schedules.schedule(session, schedule_id)
    if schedule is None:
        raise NotFound
    may_run_centre(actor, schedule.centre_id)
    if not active:
        _check_free(session, Schedule.id == schedule_id, now=now)
    schedule_commands.set_active(session, actor, schedule_id, active, now=now)


def may_deactivate_practitioner(actor: Actor, centre_ids: frozenset[int]) -> None:
    """Raise Forbidden unless the actor runs the network or all of these centres."""
    if not runs_every(actor, centre_ids):
        raise Forbidden


def _check_free(session: Session, concerned: queries.Condition, *, now: datetime) -> None:
    """Raise HasAppointments if the schedules concerned have upcoming appointments.

    First rewrite their diaries: if a booking runs at the same moment, one of the two finds pages
    other than it read, and is retried on the result of the other.
    """
    places = schedules.places(session, concerned, inactive=True)
    ends: dict[int, int] = {}
    for place in places.values():
        horizon = tick_at(now + timedelta(days=place.horizon_days + 1))
        ends[place.diary_id] = max(horizon, ends.get(place.diary_id, 0))
    for diary_id, end in sorted(ends.items()):
        claims.settle(session, diary_id, Span(tick_at(now), end))
    booked = Appointment.schedule_id.in_(places)
    if count := queries.count(session, booked, queries.to_come(now)):
        raise HasAppointments(count=count)
