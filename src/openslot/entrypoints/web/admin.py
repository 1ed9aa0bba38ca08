"""Administration of centres, and the outbox of the network."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField, StringField, TelField, TextAreaField, URLField

from openslot.core import audit
from openslot.core import outbox as messages
from openslot.core.actor import Role
from openslot.core.errors import NotFound
from openslot.core.outbox import OutboxMessage, State
from openslot.directory import commands, queries
from openslot.directory.details import CentreDetails
from openslot.directory.editing import editor_of_centre
from openslot.directory.models import CentreType
from openslot.directory.rules import may_run_centre
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.admin_departments import choose_page, department_page
from openslot.entrypoints.web.confirm_deactivation import confirm_active
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import Done, save, see_other
from openslot.entrypoints.web.zones import own_zone, zone_names
from openslot.notifications.dispatch import MAIL, SMS
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.usecases.deactivation import deactivate_centre

pages = Blueprint("admin", __name__)

MAILS_SHOWN = 30
YEARS_AHEAD = timedelta(days=10 * 366)


class CentreForm(Form):
    """Form for CentreDetails."""

    name = StringField(_l("Name"))
    type = SelectField(_l("Kind"), choices=lambda: {kind.value: _(kind) for kind in CentreType})
    address = StringField(_l("Address"))
    suburb = StringField(_l("Suburb"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))
    business_number = StringField(_l("Business number"))
    time_zone = StringField(_l("Time zone"))
    holiday_region = StringField(_l("Public holiday region"))
    description = TextAreaField(_l("About the centre"))
    picture_url = URLField(_l("Link to a picture"))
    latitude = StringField(_l("Latitude"))
    longitude = StringField(_l("Longitude"))


@pages.get("/admin/centres")
@access.allow(access.ADMINS)
def centres() -> str:
    """List all centres, or only the one that the reader administers."""
    actor = context.actor()
    shown = queries.centres(context.reader(), inactive=True)
    if not actor.is_a(Role.NETWORK_ADMIN):
        shown = [centre for centre in shown if centre.id == actor.centre_id]
    entries = context.services().network.fresh(context.reader()).entries.values()
    return render_template(
        "admin/centres.html",
        centres=shown,
        counts=Counter((entry.kind, key) for entry in entries for key in entry.centre_ids),
    )


@pages.get("/admin/centres/<int:centre_id>")
@access.allow(access.ADMINS)
def centre(centre_id: int) -> str:
    """Show a centre with its departments, practitioners and closures."""
    may_run_centre(context.actor(), centre_id)
    session, now = context.reader(), context.now()
    centre_row = queries.centre(session, centre_id, inactive=True)
    departments = queries.departments(session, centre_id, inactive=True)
    services = queries.services(session, [department.id for department in departments])
    return render_template(
        "admin/centre.html",
        centre=centre_row,
        departments=departments,
        counts={
            department.id: sum(s.department_id == department.id for s in services)
            for department in departments
        },
        working=schedules.subjects(
            session, Schedule.centre_id == centre_id, Schedule.practitioner_id.is_not(None)
        ),
        services=queries.services_for_practitioners(session, centre_id),
        closures=schedules.closures(session, centre_id, now, now + YEARS_AHEAD)[:3],
    )


@pages.route("/admin/centres/new", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def new_centre() -> ResponseReturnValue:
    """Add a centre."""
    form = CentreForm(time_zone=context.settings().time_zone)
    status = save(form, CentreDetails, commands.create_centre)
    if isinstance(status, Done):
        return see_other(
            url_for("admin.centre", centre_id=status.value.id),
            _(
                "%(name)s is added. Now add its departments and practitioners.",
                name=status.value.name,
            ),
        )
    return _centre_page(form, status, heading=_("Add a centre"))


@pages.route("/admin/centres/<int:centre_id>/edit", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def edit_centre(centre_id: int) -> ResponseReturnValue:
    """Change a centre's details."""
    editor = editor_of_centre(context.actor(), centre_id)
    centre = queries.centre(context.reader(), centre_id, inactive=True)
    form = CentreForm(obj=centre)
    unchanged = form.leave_out(CentreDetails, editor, centre)
    status = save(
        form,
        CentreDetails,
        lambda work, details: commands.change_centre(work, centre_id, details),
        **unchanged,
    )
    if isinstance(status, Done):
        return see_other(url_for("admin.centre", centre_id=centre_id), _("The details are saved."))
    return _centre_page(form, status, heading=_("Change centre"), centre=centre)


def _centre_page(form: CentreForm, status: int, **more: Any) -> tuple[str, int]:
    page = render_template("admin/centre_form.html", form=form, zone_names=zone_names(), **more)
    return page, status


@pages.route("/admin/centres/<int:centre_id>/active", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def deactivate(centre_id: int) -> ResponseReturnValue:
    """Deactivate or reactivate a centre, after confirmation."""
    centre_row = queries.centre(context.reader(), centre_id, inactive=True)
    return confirm_active(
        centre_row.name,
        centre_row.active,
        url_for("admin.centre", centre_id=centre_id),
        lambda work, active: deactivate_centre(work, centre_id, active=active),
    )


@pages.get("/admin/department")
@access.allow(access.EDITORS)
def own_department() -> ResponseReturnValue:
    """Show the reader's department; staff without one ask for it here."""
    actor = context.actor()
    if actor.department_id is not None:
        return department_page(actor.department_id)
    if not actor.is_a(Role.STAFF) or actor.centre_id is None:
        return redirect(url_for("admin.centres"), 303)
    return choose_page()


@pages.get("/admin/outbox")
@access.allow(access.NETWORK_ADMINS)
def outbox() -> str:
    """List the mails, or the text messages, newest first."""
    number, settings = reading.page_number(), context.settings()
    topic = SMS if reading.text("kind") == SMS else MAIL
    mails = messages.messages(
        context.reader(), topic, limit=MAILS_SHOWN + 1, offset=(number - 1) * MAILS_SHOWN
    )
    return render_template(
        "admin/outbox.html",
        mails=mails[:MAILS_SHOWN],
        number=number,
        is_last=len(mails) <= MAILS_SHOWN,
        zone=own_zone(),
        is_sms=topic == SMS,
        sends_sms=settings.sends_sms,
        has_server=bool(settings.smtp_host) or topic == SMS,
    )


@pages.get("/admin/outbox/<uuid:message_id>")
@access.allow(access.NETWORK_ADMINS)
def mail(message_id: UUID) -> str:
    """Show a mail or a text message.

    Its text is shown only if it was kept here for want of a mail server. Each reading is audited,
    because the text may contain a link to an account.
    """
    message = context.reader().get(OutboxMessage, message_id)
    if message is None or message.topic not in (MAIL, SMS):
        raise NotFound
    is_kept = message.state == State.KEPT
    if is_kept:
        context.write(audit.record, "mail.read", f"mail:{message_id}")
    return render_template("admin/mail.html", mail=message, is_kept=is_kept, zone=own_zone())
