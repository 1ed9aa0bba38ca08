"""Services of a department and their opening hours."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import ServiceDetails
from openslot.directory.models import Centre, Service
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.admin_departments import editable
from openslot.entrypoints.web.confirm_deactivation import confirm_active
from openslot.entrypoints.web.hours_form import TYPICAL, HoursForm, Period
from openslot.entrypoints.web.hours_preview import is_asked, saved_preview, show_preview
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.entrypoints.web.schedule_form import ScheduleFields
from openslot.entrypoints.web.service_form import ServiceFields
from openslot.resources.queries import room_name
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import Schedule
from openslot.usecases.deactivation import deactivate_service

pages = Blueprint("admin_services", __name__)


class ServiceForm(ServiceFields, ScheduleFields):
    """Form for ServiceDetails and ScheduleDetails; the limits are the schedule's."""


@pages.route("/admin/departments/<int:department_id>/services/new", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def new(department_id: int) -> ResponseReturnValue:
    """Add a service with its hours."""
    department = editable(department_id)
    form, hours = ServiceForm(), _hours(TYPICAL)
    form.offer()
    form.offer_service()
    status: Done[Service] | int = SHOWN
    if request.method == "POST":
        status = _save(
            form,
            hours,
            queries.centre(context.reader(), department.centre_id, inactive=True),
            lambda work, details: commands.create_service(work, department_id, details),
        )
    if isinstance(status, Done):
        return see_other(
            url_for("admin_departments.show", department_id=department_id),
            _("%(name)s is added and can be booked.", name=status.value.name),
        )
    return _page(form, hours, status, department=department)


@pages.route("/admin/services/<int:service_id>", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def edit(service_id: int) -> ResponseReturnValue:
    """Change a service and its hours."""
    service = queries.service(context.reader(), service_id, inactive=True)
    department = editable(service.department_id)
    schedule = _schedule_of(context.reader(), service_id)
    form = ServiceForm(obj=service)
    form.offer(schedule, room_name(context.reader(), schedule.room_id if schedule else None))
    form.offer_service()
    hours = _hours(schedules.hours_of(context.reader(), schedule.id) if schedule else ())
    status: Done[Service] | int = SHOWN
    if request.method == "GET" and schedule is not None:
        form.preview = saved_preview(schedule)
    if request.method == "POST":
        status = _save(
            form,
            hours,
            queries.centre(context.reader(), department.centre_id, inactive=True),
            lambda work, details: commands.change_service(work, service_id, details),
        )
    if isinstance(status, Done):
        return see_other(
            url_for("admin_departments.show", department_id=department.id),
            _("The service is saved."),
        )
    return _page(form, hours, status, department=department, service=service)


@pages.route("/admin/services/<int:service_id>/active", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def deactivate(service_id: int) -> ResponseReturnValue:
    """Deactivate or reactivate a service, after confirmation."""
    service = queries.service(context.reader(), service_id, inactive=True)
    editable(service.department_id)
    return confirm_active(
        service.name,
        service.active,
        url_for("admin_departments.show", department_id=service.department_id),
        lambda work, active: deactivate_service(work, service_id, active=active),
    )


_LIMITS_OF_SCHEDULE: dict[str, None] = {"notice_minutes": None, "horizon_days": None}


def _save(
    form: ServiceForm,
    hours: HoursForm,
    centre: Centre,
    command: Callable[[Work, ServiceDetails], Service],
) -> Done[Service] | int:
    """Check all three parts of the page, and save them in one transaction."""
    limits = checked(form, ScheduleDetails)
    details = checked(form, ServiceDetails, **_LIMITS_OF_SCHEDULE)
    weekly = hours.parse()
    if details is None or limits is None or weekly is None:
        return NOT_UNDERSTOOD
    if is_asked():
        return show_preview(form, centre, limits, weekly)

    def all_together(work: Work) -> Service:
        service = command(work, details)
        _set_schedule(work, service, limits, weekly)
        return service

    return do(form, all_together)


def _set_schedule(
    work: Work, service: Service, details: ScheduleDetails, hours: tuple[Weekly, ...]
) -> None:
    """Save the schedule; imported services may not have one yet."""
    schedule = _schedule_of(work.session, service.id)
    if schedule is None:
        department = queries.department(work.session, service.department_id, inactive=True)
        schedule_commands.open_schedule(
            work,
            centre_id=department.centre_id,
            service_id=service.id,
            details=details,
            hours=hours,
        )
        return
    schedule_commands.change_schedule(work, schedule.id, details)
    schedule_commands.set_hours(work, schedule.id, hours)


def _schedule_of(session: Session, service_id: int) -> Schedule | None:
    rows = schedules.subjects(session, Schedule.service_id == service_id)
    return rows[0] if rows else None


def _hours(now: Iterable[Period]) -> HoursForm:
    return HoursForm.typed() if request.method == "POST" else HoursForm.showing(now)


def _page(form: ServiceForm, hours: HoursForm, status: int, **more: Any) -> tuple[str, int]:
    page = render_template(
        "admin/service_form.html", form=form, hours=hours, preview=form.preview, **more
    )
    return page, status
