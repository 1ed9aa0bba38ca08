"""Rooms and equipment of a centre, groups of them, and what services need."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import RadioField, SelectMultipleField, StringField

from openslot.booking import absences
from openslot.booking.models import Appointment
from openslot.core.errors import DomainError
from openslot.core.fields import Details, OptionalName
from openslot.directory import queries as directory
from openslot.directory.editing import editor_of_service
from openslot.directory.models import Centre, Room, RoomKind, Service
from openslot.directory.rules import may_run_centre
from openslot.entrypoints.failures import checked as checked_input
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.admin_closures import ClosureForm
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import (
    NOT_UNDERSTOOD,
    SHOWN,
    Done,
    checked,
    do,
    save,
    see_other,
)
from openslot.entrypoints.web.service_words import ROOM_KINDS
from openslot.resources import commands, queries
from openslot.resources.commands import MOST_NEEDS, GroupDetails, NeedDetails, RoomDetails
from openslot.resources.models import ResourceGroup
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence

pages = Blueprint("admin_resources", __name__)

YEARS_AHEAD = timedelta(days=10 * 366)


class RoomForm(Form):
    """Form for RoomDetails."""

    name = StringField(_l("Name"))
    kind = RadioField(_l("What it is"))

    def offer(self) -> "RoomForm":
        """Set the choices, and return the form."""
        self.kind.choices = {kind.value: str(words) for kind, words in ROOM_KINDS.items()}
        return self


class GroupForm(Form):
    """Form for GroupDetails."""

    name = StringField(_l("Name"))
    resources = SelectMultipleField(_l("Rooms and equipment"), validate_choice=False)


class Why(Details):
    """The reason why something cannot be used."""

    reason: OptionalName = None


@pages.get("/admin/centres/<int:centre_id>/resources")
@access.allow(access.ADMINS)
def listing(centre_id: int) -> str:
    """Show the rooms and equipment of a centre, and their groups."""
    return render_template(
        "admin/resources.html",
        centre=_centre(centre_id),
        rooms=queries.rooms(context.reader(), centre_id),
        groups=queries.groups(context.reader(), ResourceGroup.centre_id == centre_id),
        kinds=ROOM_KINDS,
    )


def _centre(centre_id: int) -> Centre:
    may_run_centre(context.actor(), centre_id)
    return directory.centre(context.reader(), centre_id, inactive=True)


@pages.route("/admin/centres/<int:centre_id>/resources/new", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def new_room(centre_id: int) -> ResponseReturnValue:
    """Add a room or machine."""
    centre = _centre(centre_id)
    form = RoomForm(kind=RoomKind.ROOM).offer()
    status = save(
        form, RoomDetails, lambda work, details: commands.create_room(work, centre_id, details)
    )
    if isinstance(status, Done):
        return _saved(centre_id, _("%(name)s is added.", name=status.value.name))
    return render_template("admin/resource_form.html", form=form, centre=centre), status


@pages.route("/admin/resources/<int:room_id>", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def edit_room(room_id: int) -> ResponseReturnValue:
    """Change the name or kind of a room or machine."""
    room = commands.editable_room(context.work(), room_id)
    form = RoomForm(obj=room).offer()
    status = save(
        form, RoomDetails, lambda work, details: commands.change_room(work, room_id, details)
    )
    if isinstance(status, Done):
        return _saved(room.centre_id, _("The changes are saved."))
    page = render_template(
        "admin/resource_form.html", form=form, centre=_centre(room.centre_id), room=room
    )
    return page, status


def _saved(centre_id: int, message: str) -> Response:
    return see_other(url_for("admin_resources.listing", centre_id=centre_id), message)


@dataclass(frozen=True, slots=True)
class Period:
    """A period in which a room or machine cannot be used, with the appointments that use it."""

    absence: Absence
    appointments: list[Appointment]


@pages.route("/admin/resources/<int:room_id>/out-of-use", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def out_of_use(room_id: int) -> ResponseReturnValue:
    """List when a room or machine cannot be used, and add a period."""
    room = commands.editable_room(context.work(), room_id)
    centre = _centre(room.centre_id)
    form = ClosureForm()
    status = _take_out(form, room, centre) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        return see_other(
            url_for("admin_resources.out_of_use", room_id=room_id),
            _("%(name)s can no longer be booked in this time.", name=room.name),
        )
    page = render_template(
        "admin/out_of_use.html", form=form, centre=centre, room=room, periods=_periods(room)
    )
    return page, status


def _periods(room: Room) -> list[Period]:
    now, inside = context.now(), absences.using(context.work(), room.id)
    absent = schedules.absences(context.reader(), room.diary_id, now, now + YEARS_AHEAD)
    return [
        Period(
            absence,
            [
                one
                for one in inside
                if one.busy_from < absence.ends_at and one.busy_until > absence.starts_at
            ],
        )
        for absence in absent
    ]


def _take_out(form: ClosureForm, room: Room, centre: Centre) -> Done[Absence] | int:
    period, why = form.period(ZoneInfo(centre.time_zone)), checked(form, Why)
    if period is None or why is None:
        return NOT_UNDERSTOOD
    details = absences.OutOfUse(starts_at=period[0], ends_at=period[1], reason=why.reason)
    return do(form, absences.take_out_of_use, room.id, details)


@pages.post("/admin/resources/<int:room_id>/out-of-use/<uuid:absence_id>/end")
@access.allow(access.ADMINS)
def back_into_use(room_id: int, absence_id: UUID) -> Response:
    """Put a room or machine back into use, without confirmation: it can easily be entered again."""
    context.write(absences.put_back_into_use, room_id, absence_id)
    return see_other(
        url_for("admin_resources.out_of_use", room_id=room_id),
        _("It can be booked again in this time."),
    )


@pages.route("/admin/centres/<int:centre_id>/groups/new", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def new_group(centre_id: int) -> ResponseReturnValue:
    """Add a group of rooms or machines."""
    centre = _centre(centre_id)
    form = _group_form(centre_id)
    status = save(
        form, GroupDetails, lambda work, details: commands.create_group(work, centre_id, details)
    )
    if isinstance(status, Done):
        return _saved(centre_id, _("%(name)s is added.", name=status.value.name))
    return render_template("admin/group_form.html", form=form, centre=centre), status


@pages.route("/admin/groups/<int:group_id>", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def edit_group(group_id: int) -> ResponseReturnValue:
    """Change the name and members of a group."""
    group = commands.editable_group(context.work(), group_id)
    centre_id = group.row.centre_id
    form = _group_form(
        centre_id, name=group.row.name, resources=[str(room.id) for room in group.rooms]
    )
    status = save(
        form, GroupDetails, lambda work, details: commands.change_group(work, group_id, details)
    )
    if isinstance(status, Done):
        return _saved(centre_id, _("The group is saved. Existing appointments are not changed."))
    page = render_template(
        "admin/group_form.html", form=form, centre=_centre(centre_id), group=group.row
    )
    return page, status


def _group_form(centre_id: int, **known: object) -> GroupForm:
    form = GroupForm(**known)
    rooms = queries.rooms(context.reader(), centre_id)
    form.resources.choices = {str(room.id): room.name for room in rooms}
    return form


@pages.post("/admin/groups/<int:group_id>/remove")
@access.allow(access.ADMINS)
def remove_group(group_id: int) -> Response:
    """Remove a group that no service needs; what is in it stays."""
    centre_id = commands.editable_group(context.work(), group_id).row.centre_id
    try:
        context.write(commands.remove_group, group_id)
    except DomainError as error:
        flash(sentence_of(error), "bad")
        return redirect(url_for("admin_resources.edit_group", group_id=group_id), 303)
    return _saved(centre_id, _("The group is removed."))


@pages.route("/admin/services/<int:service_id>/needs", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def needs(service_id: int) -> ResponseReturnValue:
    """Choose what appointments for a service need besides its schedule."""
    session = context.reader()
    service = directory.service(session, service_id, inactive=True)
    editor_of_service(session, context.actor(), service)
    centre_id = queries.centre_of(session, service)
    problem, status = None, 200
    chosen = request.form.getlist("needs") if request.method == "POST" else _known(service_id)
    if request.method == "POST":
        try:
            wanted = [need for one in chosen if (need := _need(one)) is not None]
            context.write(commands.set_needs, service_id, wanted)
        except DomainError as error:
            problem, status = sentence_of(error), status_of(error)
        else:
            return see_other(request.path, _("What the service needs is saved."))
    page = render_template(
        "admin/needs.html",
        service=service,
        chosen=[*(one for one in chosen if one), *[""] * MOST_NEEDS][:MOST_NEEDS],
        choices=_choices(centre_id),
        back=back_to_service(service),
        problem=problem,
    )
    return page, status


def _known(service_id: int) -> list[str]:
    """Return the needs of a service as values of the form."""
    rows = queries.needs(context.reader(), [service_id]).get(service_id, [])
    return [
        next(
            f"{name}:{value}"
            for name, value in (
                ("resource", row.room_id),
                ("group", row.group_id),
                ("group_name", row.group_name),
                ("profession", row.profession),
            )
            if value is not None
        )
        for row in rows
    ]


def _need(value: str) -> NeedDetails | None:
    """Return a need that was chosen; None for an empty choice."""
    name, _colon, chosen = value.partition(":")
    return checked_input(NeedDetails.model_validate, {name: chosen}) if chosen else None


def _choices(centre_id: int | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what can be needed, under headings, as values and words."""
    session = context.reader()
    if centre_id is None:
        names = sorted({group.row.name for group in queries.groups(session)}, key=str.casefold)
        found = [
            (_("Any of a group, at each centre"), [(f"group_name:{one}", one) for one in names])
        ]
    else:
        groups = queries.groups(session, ResourceGroup.centre_id == centre_id)
        rooms = queries.rooms(session, centre_id)
        found = [
            (_("Any of a group"), [(f"group:{one.row.id}", one.row.name) for one in groups]),
            (_("This room or machine"), [(f"resource:{one.id}", one.name) for one in rooms]),
        ]
    professions = [(f"profession:{one.code}", one.name) for one in directory.professions(session)]
    return [*found, (_("Anybody who works there then"), professions)]


def back_to_service(service: Service) -> str:
    """Return the address of the page of a service, for those who can change it."""
    if service.department_id is not None:
        return url_for("admin_services.edit", service_id=service.id)
    centre_id = queries.centre_of(context.reader(), service)
    if centre_id is None:
        return url_for("admin.centres")
    return url_for("admin_offered.edit", centre_id=centre_id, service_id=service.id)
