"""Services of a centre or the network, and which of them a practitioner's schedule offers."""

from dataclasses import dataclass

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField

from openslot.core.actor import Role
from openslot.core.errors import DomainError, NotFound
from openslot.directory import commands, queries
from openslot.directory.details import ServiceDetails
from openslot.directory.editing import editor_of_service
from openslot.directory.models import Centre, Service
from openslot.directory.rules import may_run_centre
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.admin_schedules import editable_schedule, practitioner_url
from openslot.entrypoints.web.confirm_deactivation import confirm_active
from openslot.entrypoints.web.saving import Done, save, see_other
from openslot.entrypoints.web.service_form import OfferedServiceFields
from openslot.entrypoints.web.service_words import MODES
from openslot.schedules import queries as schedules
from openslot.schedules.commands import Offering, offer_services
from openslot.usecases.deactivation import deactivate_service

pages = Blueprint("admin_offered", __name__)


class OfferedServiceForm(OfferedServiceFields):
    """Form for ServiceDetails of a centre or the network."""

    everywhere = BooleanField(_l("Every centre of the network can offer it"))


@dataclass(frozen=True, slots=True)
class Row:
    """A service that a schedule could offer, and how it does."""

    service: Service
    is_offered: bool
    minutes: int | None


@pages.route("/admin/centres/<int:centre_id>/services/new", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def new(centre_id: int) -> ResponseReturnValue:
    """Add a service that schedules of the centre can offer, or all if a network administrator
    says so."""
    may_run_centre(context.actor(), centre_id)
    centre = queries.centre(context.reader(), centre_id, inactive=True)
    form = OfferedServiceForm()
    if not context.actor().is_a(Role.NETWORK_ADMIN):
        del form.everywhere
    owner = None if "everywhere" in form and form.everywhere.data else centre_id
    form.offer_limits()
    status = save(
        form,
        ServiceDetails,
        lambda work, details: commands.create_offered_service(work, owner, details),
    )
    if isinstance(status, Done):
        return see_other(
            url_for("admin.centre", centre_id=centre_id),
            _("%(name)s is added. Choose who offers it.", name=status.value.name),
        )
    return render_template("admin/offered_form.html", form=form, centre=centre), status


@pages.route("/admin/centres/<int:centre_id>/services/<int:service_id>", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def edit(centre_id: int, service_id: int) -> ResponseReturnValue:
    """Change a service of the centre or the network."""
    centre, service = _editable(centre_id, service_id)
    form = OfferedServiceFields(obj=service)
    form.offer_limits()
    status = save(
        form,
        ServiceDetails,
        lambda work, details: commands.change_service(work, service_id, details),
    )
    if isinstance(status, Done):
        return see_other(
            url_for("admin.centre", centre_id=centre_id),
            _("The service is saved. Existing appointments are not changed."),
        )
    page = render_template("admin/offered_form.html", form=form, centre=centre, service=service)
    return page, status


@pages.route(
    "/admin/centres/<int:centre_id>/services/<int:service_id>/active", methods=["GET", "POST"]
)
@access.allow(access.ADMINS)
def deactivate(centre_id: int, service_id: int) -> ResponseReturnValue:
    """Deactivate or reactivate a service, after confirmation."""
    _, service = _editable(centre_id, service_id)
    return confirm_active(
        service.name,
        service.active,
        url_for("admin.centre", centre_id=centre_id),
        lambda work, active: deactivate_service(work, service_id, active=active),
    )


def _editable(centre_id: int, service_id: int) -> tuple[Centre, Service]:
    centre = queries.centre(context.reader(), centre_id, inactive=True)
    service = queries.service(context.reader(), service_id, inactive=True)
    if service.department_id is not None or service.centre_id not in (None, centre_id):
        raise NotFound
    editor_of_service(context.reader(), context.actor(), service)
    return centre, service


@pages.route("/admin/schedules/<int:schedule_id>/services", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def offers(schedule_id: int) -> ResponseReturnValue:
    """Choose what a practitioner offers at a centre."""
    subject = editable_schedule(schedule_id)
    problem, status = None, 200
    if request.method == "POST":
        try:
            context.write(offer_services, schedule_id, _offerings())
        except DomainError as error:
            problem, status = sentence_of(error), status_of(error)
        else:
            return see_other(
                practitioner_url(subject.practitioner_id), _("The services are saved.")
            )
    page = render_template(
        "admin/schedule_services.html",
        subject=subject,
        back=practitioner_url(subject.practitioner_id),
        rows=_rows(schedule_id, subject.centre_id),
        problem=problem,
        mode_words={mode.value: words for mode, words in MODES.items()},
    )
    return page, status


def _offerings() -> list[Offering]:
    """Return the services that were ticked, in the order of their places."""
    ids = [int(text) for text in request.form.getlist("services") if text.isdecimal()]
    in_order = sorted(ids, key=lambda key: reading.number(f"position-{key}", 999))
    return [
        Offering(service_id=key, minutes=reading.number(f"minutes-{key}", 0) or None)
        for key in in_order
    ]


def _rows(schedule_id: int, centre_id: int) -> list[Row]:
    """Return what the schedule offers, in its order, and then what else it could."""
    session = context.reader()
    offered = {
        service.id: Row(service, is_offered=True, minutes=row.minutes)
        for row, service in schedules.offered_by(session, schedule_id)
    }
    others = queries.services_where(session, queries.offerable(centre_id))
    return [
        *offered.values(),
        *(
            Row(service, is_offered=False, minutes=None)
            for service in others
            if service.active and service.id not in offered
        ),
    ]
