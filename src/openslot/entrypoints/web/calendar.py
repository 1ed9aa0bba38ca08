"""A practitioner's own calendar, hours, and time that is blocked."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from pydantic import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import absences as absence_commands
from openslot.booking import queries as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.queries import Visit
from openslot.core.errors import DomainError, Malformed, NotFound
from openslot.core.fields import first_problem
from openslot.core.ids import read_id
from openslot.directory import queries as directory
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.agenda import Agenda, AgendaDay, agenda, current_visit
from openslot.entrypoints.web.hours_form import HoursForm
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence, AbsenceKind, Schedule
from openslot.schedules.rules import Place, parse_clock

pages = Blueprint("calendar", __name__, url_prefix="/calendar")

ABSENCES_SHOWN = timedelta(days=400)


class View(StrEnum):
    """How many days are drawn."""

    DAY = "day"
    WEEK = "week"


@pages.get("")
@access.allow(access.PRACTITIONERS)
def show() -> str:
    """A week or a day of visits, absences and open hours."""
    now, places = context.now(), _places()
    zone = _zone(place for place, _centre in places)
    day = reading.optional_day("day") or now.astimezone(zone).date()
    view = reading.option("view", View, View.WEEK)
    days = [day] if view is View.DAY else _week_of(day)
    starts, ends = _midnight(days[0], zone), _midnight(days[-1] + timedelta(days=1), zone)
    visits = booking.visits(
        context.reader(),
        booking.of_practitioner(_me()),
        booking.showing(now),
        booking.between(starts, ends),
    )
    drawn = agenda(days, zone, places, visits, _absences(starts, ends))
    return render_template(
        "calendar/show.html",
        agenda=drawn,
        shown=_shown(drawn, view),
        view=view.value,
        day=day,
        today=now.astimezone(zone).date(),
        zone=zone,
        current=current_visit(_today(visits, zone, now), now),
        step=timedelta(days=1 if view is View.DAY else 7),
    )


@pages.get("/hours")
@access.allow(access.PRACTITIONERS)
def hours() -> str:
    """One's own weekly hours at each centre, with the way to change them."""
    return render_template("calendar/hours.html", places=_places())


@pages.route("/hours/<int:schedule_id>", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def edit_hours(schedule_id: int) -> ResponseReturnValue:
    """Change one's own weekly hours at one centre; visits that are booked stay."""
    subject = next((one for one in _subjects() if one.schedule.id == schedule_id), None)
    if subject is None:
        raise NotFound
    if request.method == "GET":
        form = HoursForm.showing(schedules.hours_of(context.reader(), schedule_id))
        return _hours_page(subject, form)
    form = HoursForm.typed()
    hours = form.parse()
    if hours is None:
        return _hours_page(subject, form), 422
    try:
        context.write(
            lambda session: schedule_commands.set_hours(
                session, context.actor(), schedule_id, hours, now=context.now()
            )
        )
    except DomainError as error:
        form.refuse(error)
        return _hours_page(subject, form), status_of(error)
    flash(_("Your hours are changed. Visits that are booked stay as they are."), "good")
    return redirect(url_for("calendar.hours"), 303)


def _hours_page(subject: schedules.Subject, form: HoursForm) -> str:
    return render_template("calendar/edit_hours.html", subject=subject, hours=form)


@pages.get("/absences")
@access.allow(access.PRACTITIONERS)
def absences() -> str:
    """Leave and time kept free, to come; and the form for more."""
    return _absence_page(None)


@pages.post("/absences")
@access.allow(access.PRACTITIONERS)
def enter_absence() -> BaseResponse | tuple[str, int]:
    """Block time; where visits lie inside, ask first what is to become of them."""
    try:
        details = _details()
        hit = absence_commands.hit_by(context.reader(), context.actor(), _me(), details)
        if hit and reading.text("decided") != "yes":
            return _decide_page(details, hit), 409
        cancel = frozenset(
            visit.appointment.id for visit in hit
            if reading.text(f"visit-{visit.appointment.id}") == "cancel"
        )  # fmt: skip
        _enter(details, cancel)
    except DomainError as error:
        return _absence_page(error), 422
    flash(_("This time can no longer be booked."), "good")
    return redirect(url_for("calendar.absences"), 303)


@pages.post("/absences/<absence_id>/end")
@access.allow(access.PRACTITIONERS)
def end_absence(absence_id: str) -> BaseResponse:
    """Let blocked time be booked again."""
    context.write(
        lambda session: absence_commands.end_absence(
            session, context.actor(), _me(), read_id(absence_id), now=context.now()
        )
    )
    flash(_("This time can be booked again."), "good")
    return redirect(url_for("calendar.absences"), 303)


def _enter(details: AbsenceDetails, cancel: frozenset[UUID]) -> None:
    context.write(
        lambda session: absence_commands.enter_absence(
            session, context.actor(), _me(), details, cancel=cancel, now=context.now()
        )
    )


def _absence_page(error: DomainError | None) -> str:
    now, zone = context.now(), _own_zone()
    return render_template(
        "calendar/absences.html",
        absences=_absences(now, now + ABSENCES_SHOWN),
        zone=zone,
        today=now.astimezone(zone).date(),
        problem=sentence_of(error) if error else None,
        typed=request.form,
    )


def _decide_page(details: AbsenceDetails, hit: list[Visit]) -> str:
    return render_template(
        "calendar/decide.html", details=details, hit=hit, zone=_own_zone(), typed=request.form
    )


def _details() -> AbsenceDetails:
    """The form's wall-clock times, in the zone of the practitioner's first centre."""
    zone = _own_zone()
    try:
        return AbsenceDetails(
            kind=reading.option("kind", AbsenceKind, AbsenceKind.LEAVE),
            starts_at=_moment("from_day", "from_time", time(0), zone),
            ends_at=_moment("to_day", "to_time", None, zone),
            reason=reading.text("reason"),
        )
    except ValidationError as error:
        raise first_problem(error) from None


def _moment(day_field: str, time_field: str, default: time | None, zone: ZoneInfo) -> datetime:
    """A local date and time; without a time, the beginning or the end of the day."""
    day = reading.optional_day(day_field)
    if day is None:
        raise Malformed("Enter the first and the last day.", field=day_field)
    clock = reading.text(time_field)
    if not clock:
        return _midnight(day if default is not None else day + timedelta(days=1), zone)
    minutes = parse_clock(clock)
    return _midnight(day, zone).replace(hour=minutes // 60 % 24, minute=minutes % 60) + (
        timedelta(days=1) if minutes == 24 * 60 else timedelta(0)
    )


def _me() -> int:
    practitioner_id = context.actor().practitioner_id
    if practitioner_id is None:
        raise NotFound
    return practitioner_id


def _places() -> list[tuple[Place, str]]:
    places = schedules.practitioner_places(context.reader(), _me())
    names = {subject.schedule.id: subject.centre.name for subject in _subjects()}
    return [(place, names[key]) for key, place in places.items()]


def _subjects() -> list[schedules.Subject]:
    return schedules.subjects(context.reader(), Schedule.practitioner_id == _me())


def _own_zone() -> ZoneInfo:
    return _zone(schedules.practitioner_places(context.reader(), _me()).values())


def _zone(places: Iterable[Place]) -> ZoneInfo:
    """The zone of the first centre where the practitioner works."""
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
    """Weekends are drawn only where there is something on them."""
    if view is View.DAY:
        return drawn.days
    return [day for index, day in enumerate(drawn.days) if index < 5 or day.is_used]


def _today(visits: list[Visit], zone: ZoneInfo, now: datetime) -> list[Visit]:
    today = now.astimezone(zone).date()
    return [one for one in visits if one.appointment.starts_at.astimezone(zone).date() == today]
