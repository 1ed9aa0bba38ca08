"""A practitioner's own calendar and hours."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from openslot.booking import queries as booking
from openslot.booking.diaries import parts_of
from openslot.booking.models import Appointment
from openslot.booking.queries import appointments_for, count_for
from openslot.booking.rules import offered_to
from openslot.booking.sessions import queries as sessions
from openslot.booking.slots import slots
from openslot.core.errors import DomainError, NotFound
from openslot.directory import queries as directory
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.agenda import Agenda, AgendaDay, agenda, current_appointment
from openslot.entrypoints.web.hours_form import HoursForm, services_here
from openslot.entrypoints.web.hours_preview import (
    Preview,
    is_asked,
    offered_at,
    preview_of,
    saved_preview,
)
from openslot.entrypoints.web.saving import see_other
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.commands import details_of
from openslot.schedules.models import Absence, Schedule
from openslot.schedules.rules import Place, check_hours
from openslot.waiting_list.queries import offered_other_times

pages = Blueprint("calendar", __name__, url_prefix="/calendar")

LISTED = 200
"""Appointments on a page of the list."""


class View(StrEnum):
    """Views of the calendar."""

    DAY = "day"
    WEEK = "week"


@pages.get("")
@access.allow(access.PRACTITIONERS)
def show() -> str:
    """Show a day or week of appointments, absences and open hours."""
    now, places = context.now(), _places()
    zone = _zone(place for place, _centre in places)
    day = reading.optional_day("day") or now.astimezone(zone).date()
    view = reading.option("view", View, View.WEEK)
    days = [day] if view is View.DAY else _week_of(day)
    starts, ends = _midnight(days[0], zone), _midnight(days[-1] + timedelta(days=1), zone)
    appointments = appointments_for(
        context.work(),
        booking.of_practitioner(_me()),
        booking.showing(now),
        booking.between(starts, ends),
    )
    parts = parts_of(context.work(), starts, ends)
    groups = sessions.page(
        context.reader(),
        sessions.run_by(_me()),
        sessions.starting_from(starts),
        sessions.starting_before(ends),
    )
    own = {place.schedule_id: place for place, _centre in places}
    gaps = slots(context.work(), own, max(starts, now), ends) if ends > now else []
    absences = _absences(starts, ends)
    drawn = agenda(days, zone, places, appointments, absences, parts, groups, gaps)
    return render_template(
        "calendar/show.html",
        agenda=drawn,
        shown=_shown(drawn, view),
        view=view.value,
        day=day,
        today=now.astimezone(zone).date(),
        zone=zone,
        current=current_appointment(_today(appointments, zone, now), now),
        step=timedelta(days=1 if view is View.DAY else 7),
        offered=offered_other_times(context.work(), starts, ends),
        has_sessions=bool(groups) or any(place.has_sessions for place in _offered(places)),
    )


@pages.get("/list")
@access.allow(access.PRACTITIONERS)
def listing() -> str:
    """List all of the reader's upcoming appointments, in order, for the screen or on paper."""
    page, now = max(1, min(reading.number("page", 1), 500)), context.now()
    upcoming = (booking.of_practitioner(_me()), booking.to_come(now))
    listed = appointments_for(context.work(), *upcoming, limit=LISTED, offset=(page - 1) * LISTED)
    until = listed[-1].ends_at if listed else now
    return render_template(
        "calendar/list.html",
        appointments=listed,
        offered=offered_other_times(context.work(), now, until),
        total=count_for(context.work(), *upcoming),
        page=page,
        page_size=LISTED,
        zone=_zone(place for place, _centre in _places()),
    )


@pages.get("/hours")
@access.allow(access.PRACTITIONERS)
def hours() -> str:
    """Show the reader's hours at each centre."""
    return render_template("calendar/hours.html", places=_places())


@pages.route("/hours/<int:schedule_id>", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def edit_hours(schedule_id: int) -> ResponseReturnValue:
    """Change the reader's hours at a centre; existing appointments stay."""
    subject = next((schedule for schedule in _subjects() if schedule.id == schedule_id), None)
    if subject is None:
        raise NotFound
    if request.method == "GET":
        hours_now = schedules.hours_of(context.reader(), schedule_id)
        form = HoursForm.showing(hours_now, services_here(schedule_id))
        return _hours_page(subject, form, saved_preview(subject))
    form = HoursForm.typed(services_here(schedule_id))
    hours = form.parse()
    if hours is None:
        return _hours_page(subject, form), 422
    try:
        if is_asked():
            details = details_of(context.reader(), subject)
            periods = check_hours(hours, subject.centre.holiday_region)
            result = preview_of(subject.centre, details, periods, offered_at(subject))
            return _hours_page(subject, form, result)
        context.write(schedule_commands.set_hours, schedule_id, hours)
    except DomainError as error:
        form.refuse(error)
        return _hours_page(subject, form), status_of(error)
    return see_other(
        url_for("calendar.hours"), _("Your hours are saved. Existing appointments are not changed.")
    )


def _hours_page(subject: Schedule, form: HoursForm, preview: Preview | None = None) -> str:
    return render_template("calendar/edit_hours.html", subject=subject, hours=form, preview=preview)


def _offered(places: Iterable[tuple[Place, str]]) -> list[Place]:
    """Return the places for each of their services."""
    return [one for place, _centre in places for one in offered_to(context.actor(), place)]


def _me() -> int:
    practitioner_id = context.actor().practitioner_id
    if practitioner_id is None:
        raise NotFound
    return practitioner_id


def _places() -> list[tuple[Place, str]]:
    places = schedules.practitioner_places(context.reader(), _me())
    names = {subject.id: subject.centre.name for subject in _subjects()}
    return [(place, names[key]) for key, place in places.items()]


def _subjects() -> list[Schedule]:
    return schedules.subjects(context.reader(), Schedule.practitioner_id == _me())


def _zone(places: Iterable[Place]) -> ZoneInfo:
    first = next(iter(places), None)
    return first.zone if first else ZoneInfo(context.settings().time_zone)


def _absences(starts: datetime, ends: datetime) -> list[Absence]:
    person = directory.practitioner(context.reader(), _me(), inactive=True)
    return schedules.absences(context.reader(), person.diary_id, starts, ends)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone)


def _week_of(day: date) -> list[date]:
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=count) for count in range(7)]


def _shown(drawn: Agenda, view: View) -> Sequence[AgendaDay]:
    """Return the days to draw; an empty weekend is left out."""
    if view is View.DAY:
        return drawn.days
    return [day for index, day in enumerate(drawn.days) if index < 5 or day.is_used]


def _today(appointments: list[Appointment], zone: ZoneInfo, now: datetime) -> list[Appointment]:
    today = now.astimezone(zone).date()
    return [
        appointment
        for appointment in appointments
        if appointment.starts_at.astimezone(zone).date() == today
    ]
