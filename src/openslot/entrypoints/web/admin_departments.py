"""Departments of a centre, for their staff and for administrators."""

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField, StringField, TelField, TextAreaField, URLField

from openslot.core.fields import Details, OptionalName
from openslot.directory import commands, queries
from openslot.directory.details import DepartmentDetails
from openslot.directory.models import Department
from openslot.directory.rules import may_edit_department, may_run_centre, runs_centre
from openslot.directory.templates import TEMPLATES
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.confirm_deactivation import confirm_active
from openslot.entrypoints.web.formats import listing
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, save, see_other
from openslot.schedules import queries as schedules
from openslot.schedules.founding import found_from_template
from openslot.schedules.models import Schedule
from openslot.usecases.deactivation import deactivate_department

pages = Blueprint("admin_departments", __name__)


class DepartmentForm(Form):
    """Form for DepartmentDetails."""

    name = StringField(_l("Name"))
    description = TextAreaField(_l("About the department"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))
    picture_url = URLField(_l("Link to a picture"))


@pages.get("/admin/departments/<int:department_id>")
@access.allow(access.EDITORS)
def show(department_id: int) -> str:
    """Show a department with its services."""
    return department_page(department_id)


def department_page(department_id: int) -> str:
    """Render the page of a department that the reader may edit."""
    session, actor = context.reader(), context.actor()
    department = editable(department_id)
    places = schedules.places(session, Schedule.centre_id == department.centre_id, inactive=True)
    bookable = schedules.by_service(session, department_id)
    return render_template(
        "admin/department.html",
        department=department,
        centre=queries.centre(session, department.centre_id, inactive=True),
        services=queries.services(session, [department_id], inactive=True),
        places={service: places[key] for service, key in bookable.items()},
        runs_centre=runs_centre(actor, department.centre_id),
    )


def editable(department_id: int | None) -> Department:
    """Return a department that the reader may edit; raise Forbidden otherwise, and NotFound if
    there is none."""
    department = queries.department(context.reader(), department_id, inactive=True)
    may_edit_department(context.actor(), department.centre_id, department.id)
    return department


@pages.route("/admin/centres/<int:centre_id>/departments/new", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def new(centre_id: int) -> ResponseReturnValue:
    """Add a department to a centre."""
    may_run_centre(context.actor(), centre_id)
    centre = queries.centre(context.reader(), centre_id, inactive=True)
    form = DepartmentForm()
    status = save(
        form,
        DepartmentDetails,
        lambda work, details: commands.create_department(work, centre_id, details),
    )
    if isinstance(status, Done):
        return see_other(
            url_for("admin_departments.show", department_id=status.value.id),
            _("%(name)s is added. Now add its services.", name=status.value.name),
        )
    page = render_template("admin/department_form.html", form=form, centre=centre)
    return page, status


@pages.route("/admin/departments/<int:department_id>/edit", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def edit(department_id: int) -> ResponseReturnValue:
    """Change a department's details."""
    department = editable(department_id)
    form = DepartmentForm(obj=department)
    status = save(
        form,
        DepartmentDetails,
        lambda work, details: commands.change_department(work, department_id, details),
    )
    if isinstance(status, Done):
        return see_other(
            url_for("admin_departments.show", department_id=department_id),
            _("The details are saved."),
        )
    return render_template("admin/department_form.html", form=form, department=department), status


@pages.route("/admin/departments/<int:department_id>/active", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def deactivate(department_id: int) -> ResponseReturnValue:
    """Deactivate or reactivate a department, after confirmation."""
    department = editable(department_id)
    return confirm_active(
        department.name,
        department.active,
        url_for("admin.centre", centre_id=department.centre_id),
        lambda work, active: deactivate_department(work, department_id, active=active),
    )


# Staff without a department


class TemplateForm(Form):
    """Template for a new department, and its name."""

    template = SelectField(_l("Department type"), validate_choice=False)
    name = StringField(_l("Department name"))

    def offer(self) -> None:
        """Set the choices."""
        self.template.choices = {"": _("Choose a type")} | {
            template.key: _(
                "%(name)s, with %(services)s",
                name=template.name,
                services=listing([service.name for service in template.services]),
            )
            for template in TEMPLATES.values()
        }


class TemplateDetails(Details):
    """Chosen template and name of a new department."""

    template: str
    name: OptionalName = None


def choose_page(form: TemplateForm | None = None, status: int = SHOWN) -> ResponseReturnValue:
    """Render the page on which staff without a department ask for one, or create theirs."""
    centre_id, account_id = context.actor().centre_id or 0, context.account().id
    form = form or TemplateForm()
    form.offer()
    page = render_template(
        "admin/choose_department.html",
        centre=queries.centre(context.reader(), centre_id, inactive=True),
        departments=queries.departments(context.reader(), centre_id),
        waits_for=queries.staff_request(context.reader(), account_id),
        form=form,
    )
    return page, status


@pages.post("/admin/department/new")
@access.allow(access.STAFF)
def found() -> ResponseReturnValue:
    """Create the reader's department from a template."""
    form = TemplateForm()
    status = save(
        form,
        TemplateDetails,
        lambda work, details: found_from_template(work, details.template, name=details.name),
    )
    if isinstance(status, int):
        return choose_page(form, status)
    return see_other(
        url_for("admin.own_department"),
        _("%(name)s is created. Check its services and hours.", name=status.value.name),
    )
