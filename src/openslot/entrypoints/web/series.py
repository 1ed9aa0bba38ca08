"""Pages of series: looking at their times, booking, and changing what is still to come."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import series, together
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import TooManyInSeries
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import relation_to
from openslot.booking.series import MOST, Moved
from openslot.booking.together import of_series
from openslot.core.errors import DomainError, Invalid
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.entrypoints.appointment_calendar import appointments_calendar
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading, whom
from openslot.entrypoints.web import booking_form as form
from openslot.entrypoints.web.formats import day_short
from openslot.schedules import queries as schedules
from openslot.schedules.recurrence import MOST_INTERVAL, WEEKDAYS
from openslot.usecases import series as usecases
from openslot.usecases.series import Preview

pages = Blueprint("series", __name__)

USUAL_COUNT = 4
LONGEST_WHY = 500
LEFT_OUT = "none"
"""What is sent for a time that is left out of a series."""


class Which(StrEnum):
    """How much of a series is changed."""

    ONE = "one"
    FOLLOWING = "following"
    ALL = "all"


@pages.get("/book/<int:schedule_id>/series")
@access.allow(access.SIGNED_IN)
def plan(schedule_id: int) -> BaseResponse:
    """Ask how an appointment recurs, and show the times of the series."""
    if not reading.text("every"):
        return _plan_page(schedule_id, [], None)
    try:
        place = form.place_of(schedule_id)
        starts = series.starts_by(_rule(), reading.instant("start"), place.zone)
    except DomainError as error:
        return _plan_page(schedule_id, [], error)
    return _plan_page(schedule_id, starts, None)


@pages.post("/book/<int:schedule_id>/series")
@access.allow(access.SIGNED_IN)
def book(schedule_id: int) -> BaseResponse:
    """Book the series as it was mended, or show again what cannot be booked."""
    starts, is_mended = _mended()
    try:
        if not is_mended:
            raise Invalid("Choose another time for each of these days, or leave it out.")
        booked = context.write(
            usecases.book,
            _booking_request(schedule_id, starts),
            starts,
            referral_id=reading.optional_id("referral"),
        )
    except DomainError as error:
        # With fewer than two times there is no list to mend.
        shown = starts if len(starts) > 1 else reading.instants_of(_wanted(), "wanted")
        return _plan_page(schedule_id, shown, error)
    return redirect(url_for("series.show", series_id=booked[0].series_id, booked=1), 303)


@pages.get("/series/<uuid:series_id>")
@access.allow(access.SIGNED_IN)
def show(series_id: UUID) -> str:
    """Show the appointments of a series."""
    found = together.members(context.work(), of_series(series_id))
    coming = [one for one in found if one.starts_at > context.now() and one.status is Status.BOOKED]
    return render_template(
        "series/show.html",
        series_id=series_id,
        found=found,
        coming=coming,
        mine=_is_mine(found),
        just_booked=reading.text("booked") == "1" and bool(coming),
        since=reading.optional_id("since"),
    )


@pages.get("/series/<uuid:series_id>/appointments.ics")
@access.allow(access.SIGNED_IN)
def calendar_file(series_id: UUID) -> Response:
    """Return a series as one iCalendar file."""
    found = together.members(context.work(), of_series(series_id))
    return appointments_calendar(found, context.actor().patient_id, context.account().locale)


@pages.get("/series/<uuid:series_id>/change")
@access.allow(access.SIGNED_IN)
def change(series_id: UUID) -> BaseResponse:
    """Go to the page that moves or cancels as much of a series as was chosen."""
    since, which = reading.optional_id("since"), reading.option("which", Which, Which.ALL)
    view = "move" if reading.text("act") == "move" else "cancel"
    if which is Which.ONE and since:
        return redirect(url_for(f"appointments.ask_{view}", appointment_id=since), 303)
    since = since if which is Which.FOLLOWING else None
    return redirect(url_for(f"series.{view}", series_id=series_id, since=since), 303)


@pages.route("/series/<uuid:series_id>/cancel", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def cancel(series_id: UUID) -> BaseResponse:
    """Ask before cancelling what is still to come, and cancel it."""
    since = reading.optional_id("since")
    left = together.upcoming(context.work(), of_series(series_id), since)
    error = None
    if request.method == "POST":
        try:
            why = reading.long_text("why", LONGEST_WHY)
            context.write(together.cancel, of_series(series_id), since=since, why=why)
        except DomainError as refused:
            error = refused
        else:
            flash(_("The appointments are cancelled. Others can now book these times."), "good")
            return redirect(url_for("series.show", series_id=series_id), 303)
    page = render_template(
        "series/cancel.html",
        action=url_for("series.cancel", series_id=series_id, since=since),
        back=url_for("series.show", series_id=series_id),
        left=left,
        problem=_about(error, [one.starts_at for one in left], left[0].schedule.zone),
    )
    return Response(page, status_of(error) if error else 200)


@pages.route("/series/<uuid:series_id>/move", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def move(series_id: UUID) -> BaseResponse:
    """Ask for the new time of the first appointment, show those of all, and move them."""
    since = reading.optional_id("since")
    left = together.upcoming(context.work(), of_series(series_id), since)
    start, moved, error = None, None, None
    try:
        start = _typed_start(left[0])
        if request.method == "POST" and start:
            context.write(series.move, series_id, start, since=since)
            flash(_("The appointments were moved."), "good")
            return redirect(url_for("series.show", series_id=series_id), 303)
        if start:
            moved = series.preview_move(context.work(), series_id, start, since=since)
    except DomainError as refused:
        error = refused
    if error and request.method == "POST" and start:
        moved = _preview_again(context.work(), series_id, start, since)
    return _move_page(series_id, since, left, moved, error)


def _preview_again(
    work: Work, series_id: UUID, start: datetime, since: UUID | None
) -> Moved | None:
    try:
        return series.preview_move(work, series_id, start, since=since)
    except DomainError:
        return None


def _move_page(
    series_id: UUID,
    since: UUID | None,
    left: Sequence[Appointment],
    moved: Moved | None,
    error: DomainError | None,
) -> Response:
    zone = left[0].zone
    first = left[0].starts_at.astimezone(zone)
    page = render_template(
        "series/move.html",
        series_id=series_id,
        since=since,
        left=left,
        zone=zone,
        day=reading.text("day") or first.date().isoformat(),
        clock=reading.text("clock") or f"{first:%H:%M}",
        pairs=list(zip(moved.appointments, moved.times, strict=True)) if moved else [],
        is_free=moved is not None and moved.is_free,
        mine=_is_mine(left),
        problem=_about(error, [one.starts_at for one in left], zone),
    )
    return Response(page, status_of(error) if error else 200)


def _typed_start(first: Appointment) -> datetime | None:
    """Return the new start of the first appointment by the clock of its centre, if one was typed.
    Raises Invalid for a time that cannot be read."""
    day = reading.optional_day("day")
    if day is None:
        return None
    return form.clock_on(day, reading.text("clock"), first.zone)


def _plan_page(
    schedule_id: int, starts: Sequence[datetime], error: DomainError | None
) -> BaseResponse:
    session, place, booker = context.reader(), form.place_of(schedule_id), whom.booker()
    if booker.whom is None or booker.barrier(place):
        return redirect(form.address(schedule_id), 303)
    found = _preview(schedule_id, starts) if len(starts) > 1 else None
    problem = error or (found.problem if found else None)
    first = reading.instant("start").astimezone(place.zone)
    page = render_template(
        "series/book.html",
        place=place,
        zone=place.zone,
        subject=schedules.subject(session, schedule_id),
        patient=directory.patient(session, booker.whom.patient_id),
        start=first,
        minutes=form.chosen_minutes(place),
        found=found,
        problem=_about(problem, starts, place.zone),
        stops=found is not None and not isinstance(found.problem, TooManyInSeries | None),
        every=reading.number("every", 1),
        on=request.values.getlist("on") or [WEEKDAYS[first.weekday()]],
        weekdays=_weekdays(first),
        count=reading.number("count", USUAL_COUNT),
        until=reading.text("until"),
        most=MOST,
        most_interval=MOST_INTERVAL,
        carried=whom.carried(),
        referral=reading.optional_id("referral"),
        reason=reading.typed("reason"),
        left_out=LEFT_OUT,
        back=form.address(schedule_id, hold=None),
    )
    return Response(page, status_of(error) if error else 200)


def _weekdays(near: datetime) -> list[tuple[str, datetime]]:
    """Return the weekdays as rules write them, each with a day of that name."""
    monday = near - timedelta(days=near.weekday())
    return [(name, monday + timedelta(days=count)) for count, name in enumerate(WEEKDAYS)]


def _rule() -> str:
    """Return the rule that was filled in."""
    days = [day for day in WEEKDAYS if day in request.values.getlist("on")]
    until = reading.optional_day("until")
    parts = [
        "FREQ=WEEKLY",
        f"INTERVAL={reading.number('every', 1)}",
        *([f"BYDAY={','.join(days)}"] if days else []),
        f"UNTIL={until:%Y%m%d}" if until else f"COUNT={reading.number('count', USUAL_COUNT)}",
    ]
    return ";".join(parts)


def _wanted() -> list[str]:
    """Return the times that were looked at, also those that are left out."""
    return request.form.getlist("wanted")


def _mended() -> tuple[list[datetime], bool]:
    """Return the times that were chosen, with the first ones where nothing was chosen instead, and
    whether something was chosen for all."""
    sent = zip(request.form.getlist("date"), _wanted(), strict=False)
    kept = [(chosen, wanted) for chosen, wanted in sent if chosen != LEFT_OUT]
    starts = reading.instants_of([chosen or wanted for chosen, wanted in kept], "date")
    return sorted(starts), all(chosen for chosen, _wanted in kept)


def _booking_request(schedule_id: int, starts: Sequence[datetime]) -> BookingRequest:
    place = form.place_of(schedule_id)
    return BookingRequest(
        schedule_id=schedule_id,
        start=starts[0] if starts else reading.instant("start"),
        minutes=form.chosen_minutes(place),
        patient_id=whom.patient_id(),
        reason=reading.long_text("reason", form.LONGEST_REASON),
        service_id=place.service_id,
    )


def _preview(schedule_id: int, starts: Sequence[datetime]) -> Preview:
    return usecases.preview(
        context.work(),
        _booking_request(schedule_id, starts),
        starts,
        referral_id=reading.optional_id("referral"),
    )


def _about(error: DomainError | None, starts: Sequence[datetime], zone: object) -> str | None:
    """Return what a refusal says, with the day of the time that it is about."""
    if error is None:
        return None
    name, _dot, number = (error.field or "").partition(".")
    if name == "starts" and number.isdigit() and int(number) < len(starts):
        day = day_short(sorted(starts)[int(number)], zone)  # type: ignore[arg-type]
        return str(_("%(day)s: %(sentence)s", day=day, sentence=sentence_of(error)))
    return sentence_of(error)


def _is_mine(appointments: Sequence[Appointment]) -> bool:
    """Return whether the reader is the patient, or their carer."""
    relation = relation_to(context.actor(), appointments[0])
    return relation is not None and relation.value == "patient"
