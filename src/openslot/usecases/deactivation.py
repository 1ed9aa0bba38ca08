"""Deactivating and activating entries of the directory, unless upcoming appointments or open
requests from other departments need them."""

from datetime import timedelta

from openslot.booking import claims
from openslot.booking import queries as booking
from openslot.booking.diaries import taking_part
from openslot.booking.models import Appointment
from openslot.core.actor import Actor
from openslot.core.errors import Forbidden, NotFound
from openslot.core.work import Work
from openslot.department_requests import queries as requests
from openslot.department_requests.errors import HasOpenRequests
from openslot.directory import commands
from openslot.directory import queries as directory
from openslot.directory.editing import editor_of_service
from openslot.directory.errors import HasAppointments, ProfessionInUse, ProfessionNeeded
from openslot.directory.models import Service
from openslot.directory.rules import (
    may_run_centre,
    may_run_network,
    runs_every,
)
from openslot.resources import queries as resources
from openslot.resources.models import ServiceNeed
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, tick_at
from openslot.schedules.models import Schedule


def deactivate_centre(work: Work, centre_id: int, *, active: bool) -> None:
    """Deactivate or activate a centre; network administrators only. Raises HasAppointments, and
    HasOpenRequests while its departments have requests."""
    may_run_network(work.actor)
    centre = directory.centre(work.session, centre_id, inactive=True)
    if not active:
        _check_no_appointments(work, Schedule.centre_id == centre_id)
        _check_no_requests(work, requests.at_centre(centre_id))
    commands.set_active(work, centre, active)


def deactivate_department(work: Work, department_id: int, *, active: bool) -> None:
    """Deactivate or activate a department with its services; administrators of the centre only.
    Raises HasAppointments, and HasOpenRequests while it made or received some."""
    department = directory.department(work.session, department_id, inactive=True)
    may_run_centre(work.actor, department.centre_id)
    if not active:
        _check_no_appointments(work, Service.department_id == department_id)
        _check_no_requests(work, requests.concerning(department_id))
    commands.set_active(work, department, active)


def deactivate_service(work: Work, service_id: int, *, active: bool) -> None:
    """Deactivate or activate a service; those who can change it only. Raises HasAppointments and
    HasOpenRequests. Appointments with practitioners who offered it stay as they are."""
    service = directory.service(work.session, service_id, inactive=True)
    editor_of_service(work.session, work.actor, service)
    if not active:
        _check_no_appointments(work, Schedule.service_id == service_id)
        _check_no_requests(work, requests.of_service(service_id))
    commands.set_active(work, service, active)


def deactivate_profession(work: Work, profession_id: int, *, active: bool) -> None:
    """Deactivate or activate a profession; network administrators only. Raises ProfessionInUse, and
    ProfessionNeeded while services need somebody of it."""
    may_run_network(work.actor)
    profession = directory.profession(work.session, profession_id, inactive=True)
    if not active:
        commands.lock_profession(work.session, profession.code)
        if count := directory.count_practitioners(work.session, profession.code):
            raise ProfessionInUse(count=count)
        needed = ServiceNeed.profession == profession.code
        if services := resources.services_that_need(work.session, needed):
            raise ProfessionNeeded(services=", ".join(services))
    commands.set_active(work, profession, active)


def deactivate_practitioner(work: Work, practitioner_id: int, *, active: bool) -> None:
    """Deactivate or activate a practitioner. Raises HasAppointments, and ProfessionInactive for one
    whose profession was deactivated meanwhile.

    Network administrators and administrators of all the practitioner's centres can; the
    administrator of one centre can only deactivate the schedule there.
    """
    person = directory.practitioner(work.session, practitioner_id, inactive=True)
    may_deactivate_practitioner(work.actor, schedules.centre_ids_of(work.session, practitioner_id))
    if active:
        commands.usable_profession(work.session, person.profession)
    else:
        needed = taking_part(person.diary_id)
        _check_no_appointments(work, Schedule.practitioner_id == practitioner_id, needed)
    commands.set_active(work, person, active)


def deactivate_schedule(work: Work, schedule_id: int, *, active: bool) -> None:
    """Deactivate or activate a schedule; administrators of the centre only. Raises
    HasAppointments."""
    schedule = schedules.schedule(work.session, schedule_id)
    if schedule is None:
        raise NotFound
    may_run_centre(work.actor, schedule.centre_id)
    if not active:
        _check_no_appointments(work, Schedule.id == schedule_id, _needed_here(work, schedule))
    schedule_commands.set_active(work, schedule_id, active)


def _needed_here(work: Work, schedule: Schedule) -> booking.Condition | None:
    """Return the condition for appointments at the centre that need the schedule's practitioner."""
    if schedule.practitioner_id is None:
        return None
    person = directory.practitioner(work.session, schedule.practitioner_id, inactive=True)
    return booking.at_centre(schedule.centre_id) & taking_part(person.diary_id)


def may_deactivate_practitioner(actor: Actor, centre_ids: frozenset[int]) -> None:
    """Raise Forbidden unless the actor runs the network or all of these centres."""
    if not runs_every(actor, centre_ids):
        raise Forbidden


def _check_no_appointments(
    work: Work, concerned: booking.Condition, needed: booking.Condition | None = None
) -> None:
    """Raise HasAppointments if the schedules concerned have upcoming appointments, or others need
    their practitioner.

    First rewrite their diaries: if a booking runs at the same moment, one of the two finds pages
    other than it read, and is retried on the result of the other.
    """
    places = schedules.places(work.session, concerned, inactive=True)
    ends: dict[int, int] = {}
    of_others = schedules.furthest_horizon(work.session) if needed is not None else 0
    for place in places.values():
        days = max(place.furthest_days, of_others)
        horizon = tick_at(work.now + timedelta(days=days + 1))
        ends[place.diary_id] = max(horizon, ends.get(place.diary_id, 0))
    for diary_id, end in sorted(ends.items()):
        claims.settle(work.session, diary_id, Span(tick_at(work.now), end))
    own: booking.Condition = Appointment.schedule_id.in_(places)
    booked = own if needed is None else own | needed
    if count := booking.count(work.session, booked, booking.to_come(work.now)):
        raise HasAppointments(count=count)


def _check_no_requests(work: Work, concerned: requests.Condition) -> None:
    """Raise HasOpenRequests if there are open requests."""
    if count := requests.count(work.session, concerned, requests.is_open()):
        raise HasOpenRequests(count=count)
