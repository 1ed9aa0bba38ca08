"""A practitioner's schedules, one at each centre, with weekly hours."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.directory import queries
from openslot.directory.rules import may_run_centre
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.admin_practitioners import own_centres
from openslot.entrypoints.web.confirm_deactivation import confirm_active
from openslot.entrypoints.web.hours_form import TYPICAL, HoursForm, services_here
from openslot.entrypoints.web.hours_preview import (
    is_asked,
    offered_at,
    saved_preview,
    show_preview,
)
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.entrypoints.web.schedule_form import ScheduleFields
from openslot.resources.queries import room_name
from openslot.schedules import commands
from openslot.schedules import queries as schedules
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import Schedule
from openslot.usecases.deactivation import deactivate_schedule

pages = Blueprint("admin_schedules", __name__)


class NewScheduleForm(ScheduleFields):
    """Form for a schedule at another centre."""

    centre_id = SelectField(_l("Centre"), validate_choice=False)


@pages.route("/admin/practitioners/<int:practitioner_id>/centres/new", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def new(practitioner_id: int) -> ResponseReturnValue:
    """Add a centre at which a practitioner works."""
    person = queries.practitioner(context.reader(), practitioner_id, inactive=True)
    taken = schedules.centre_ids_of(context.reader(), practitioner_id)
    form = NewScheduleForm()
    form.offer()
    form.centre_id.choices = {
        str(centre.id): centre.name for centre in own_centres() if centre.id not in taken
    }
    posted = request.method == "POST"
    hours = HoursForm.typed() if posted else HoursForm.showing(TYPICAL)
    status = _open(form, hours, practitioner_id) if posted else SHOWN
    if isinstance(status, Done):
        return see_other(
            practitioner_url(practitioner_id),
            _("%(name)s can be booked there now.", name=person.name),
        )
    page = render_template(
        "admin/schedule_new.html", form=form, hours=hours, person=person, preview=form.preview
    )
    return page, status


def _open(form: NewScheduleForm, hours: HoursForm, practitioner_id: int) -> Done[Schedule] | int:
    details, weekly = checked(form, ScheduleDetails), hours.parse()
    chosen = form.centre_id.data
    if chosen not in form.centre_id.choices:
        form.refuse(_("Choose the centre."), "centre_id")
        return NOT_UNDERSTOOD
    if details is None or weekly is None:
        return NOT_UNDERSTOOD
    if is_asked():
        centre = queries.centre(context.reader(), int(chosen))
        return show_preview(form, centre, details, weekly)
    return do(
        form,
        lambda work: commands.open_schedule(
            work,
            centre_id=int(chosen),
            practitioner_id=practitioner_id,
            details=details,
            hours=weekly,
        ),
    )


@pages.route("/admin/schedules/<int:schedule_id>", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def edit(schedule_id: int) -> ResponseReturnValue:
    """Change hours, slot length and booking limits at a centre."""
    subject = editable_schedule(schedule_id)
    form = ScheduleFields()
    form.offer(subject, room_name(context.reader(), subject.room_id))
    posted = request.method == "POST"
    services = services_here(schedule_id)
    hours = (
        HoursForm.typed(services)
        if posted
        else HoursForm.showing(schedules.hours_of(context.reader(), schedule_id), services)
    )
    status = _change(form, hours, subject) if posted else SHOWN
    if isinstance(status, Done):
        return see_other(
            _back(subject), _("The hours are saved. Existing appointments are not changed.")
        )
    page = render_template(
        "admin/schedule_form.html",
        form=form,
        hours=hours,
        subject=subject,
        back=_back(subject),
        preview=form.preview if posted else saved_preview(subject),
    )
    return page, status


def editable_schedule(schedule_id: int) -> Schedule:
    """Return a practitioner's schedule that the reader administers. Raises NotFound and
    Forbidden."""
    subject = schedules.subject(context.reader(), schedule_id)
    if subject is None or subject.practitioner is None:
        raise NotFound
    may_run_centre(context.actor(), subject.centre.id)
    return subject


def _change(form: ScheduleFields, hours: HoursForm, subject: Schedule) -> Done[None] | int:
    details, weekly = checked(form, ScheduleDetails), hours.parse()
    if details is None or weekly is None:
        return NOT_UNDERSTOOD
    if is_asked():
        return show_preview(form, subject.centre, details, weekly, offered_at(subject))

    def both(work: Work) -> None:
        commands.change_schedule(work, subject.id, details)
        commands.set_hours(work, subject.id, weekly)

    return do(form, both)


@pages.route("/admin/schedules/<int:schedule_id>/active", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def deactivate(schedule_id: int) -> ResponseReturnValue:
    """Deactivate or reactivate a practitioner's schedule at a centre, after confirmation."""
    subject = editable_schedule(schedule_id)
    name = _("%(name)s at %(centre)s", name=subject.name, centre=subject.centre.name)
    return confirm_active(
        name,
        subject.active,
        _back(subject),
        lambda work, active: deactivate_schedule(work, schedule_id, active=active),
    )


def _back(subject: Schedule) -> str:
    return practitioner_url(subject.practitioner_id)


def practitioner_url(practitioner_id: int | None) -> str:
    """Return the address of the practitioner's page for administrators."""
    return url_for("admin_practitioners.show", practitioner_id=practitioner_id)
