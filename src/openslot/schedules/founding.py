"""Creation of a department with its usual services, ready to be booked."""

from dataclasses import replace

from openslot.core.errors import Invalid
from openslot.core.work import Work
from openslot.directory import commands as directory
from openslot.directory.details import DepartmentDetails, ServiceDetails
from openslot.directory.models import BookableBy, Department
from openslot.directory.registration import found_department
from openslot.directory.templates import TEMPLATES, UsualService
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, open_schedule

USUAL_HOURS = tuple(Weekly(day, 9 * 60, 17 * 60) for day in range(5))
"""Weekdays from 09:00 to 17:00, until the department sets its own."""


def found_from_template(work: Work, key: str, *, name: str | None = None) -> Department:
    """Create a department from the template ``key``, with services, schedules and usual hours.

    For a staff member without a department, who is assigned to it. Raises Invalid for an unknown
    key, NameTaken and AlreadyPlaced.
    """
    template = TEMPLATES.get(key)
    if template is None:
        raise Invalid("Choose a type of department.", field="template")
    details = DepartmentDetails(name=name or template.name, description=template.description)
    department = found_department(work, details)
    member = replace(work.actor, centre_id=department.centre_id, department_id=department.id)
    for service in template.services:
        _open_service(work.by(member), department, service)
    return department


def _open_service(work: Work, department: Department, usual: UsualService) -> None:
    details = ServiceDetails(name=usual.name, minutes=usual.minutes, bookable_by=BookableBy.REQUEST)
    service = directory.create_service(work, department.id, details)
    open_schedule(
        work,
        centre_id=department.centre_id,
        service_id=service.id,
        details=ScheduleDetails(slot_minutes=30 if usual.minutes % 30 == 0 else 15),
        hours=USUAL_HOURS,
    )
