"""One visit: what it is, and the moves that this reader may make now."""

from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import commands as booking
from openslot.booking.commands import visit_for
from openslot.booking.errors import SlotTaken
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.queries import for_whom
from openslot.booking.rules import Part, may_book_others, may_reschedule, moves_now
from openslot.booking.whom import ForWhom
from openslot.core import audit
from openslot.core.errors import DomainError, Malformed
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.visit_calendar import visit_calendar
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.formats import day_time
from openslot.entrypoints.web.offers import token
from openslot.entrypoints.web.records import at_visit
from openslot.entrypoints.web.week import Week, lengths, week
from openslot.entrypoints.web.written import written_to
from openslot.entrypoints.web.zones import zone_beside
from openslot.offers.queries import open_for_visit
from openslot.referrals.commands import letter_of_visit, note_read
from openslot.referrals.queries import Letter
from openslot.requests.queries import Asked, of_visit
from openslot.requests.rules import part_in as request_part
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule

pages = Blueprint("visits", __name__, url_prefix="/appointments/<uuid:appointment_id>")

LONGEST_REASON = 2000
LONGEST_WHY = 500


@pages.get("")
@access.allow(access.SIGNED_IN)
def show(appointment_id: UUID) -> str:
    """Everything about the visit."""
    visit, part = _visit(appointment_id)
    recorded = at_visit(visit)
    letter = _letter(visit, part)
    session, now = context.reader(), context.now()
    history = audit.events_of(session, subject_of(visit.id))
    return render_template(
        "visits/show.html",
        **_common(visit, part),
        recorded=recorded,
        letter=letter,
        offers=open_for_visit(session, visit.id, now=now),
        token=token,
        asked=_asked(visit),
        history=history if part is not Part.PATIENT else [],
        **_news(visit),
    )


def _news(visit: Appointment) -> dict[str, bool]:
    """Whether the reader comes from booking the visit, and has mail about it."""
    just_booked = reading.text("booked") == "1" and visit.status is Status.BOOKED
    return {"just_booked": just_booked, "written": just_booked and written_to(visit)}


@pages.get("/visit.ics")
@access.allow(access.SIGNED_IN)
def calendar_file(appointment_id: UUID) -> Response:
    """The visit for a calendar program (RFC 5545)."""
    visit, _part = _visit(appointment_id)
    return visit_calendar(visit, context.actor().patient_id, context.account().locale)


@pages.get("/cancel")
@access.allow(access.SIGNED_IN)
def ask_cancel(appointment_id: UUID) -> str:
    """What cancelling means, before it is done."""
    visit, part = _visit(appointment_id)
    return render_template("visits/cancel.html", **_common(visit, part))


@pages.post("/cancel")
@access.allow(access.SIGNED_IN)
def cancel(appointment_id: UUID) -> BaseResponse:
    """Cancel the visit; its time is free at once."""
    _change(appointment_id, Status.CANCELLED)
    flash(_("The visit is cancelled. Its time can be booked by others."), "good")
    return _to_visit(appointment_id)


@pages.post("/status")
@access.allow(access.CARERS)
def set_status(appointment_id: UUID) -> BaseResponse:
    """Arrived, completed, missed, entered in error, or one of them taken back."""
    try:
        to = Status(reading.text("to"))
    except ValueError:
        raise Malformed("There is no such status.", field="to") from None
    try:
        _change(appointment_id, to)
    except DomainError as error:
        flash(sentence_of(error), "bad")
    return redirect(reading.own_path("back", _url("show", appointment_id)), 303)


@pages.get("/amend")
@access.allow(access.SIGNED_IN)
def ask_amend(appointment_id: UUID) -> str:
    """The reason and, for those who give the care, the priority."""
    visit, part = _visit(appointment_id)
    return render_template("visits/amend.html", **_common(visit, part))


@pages.post("/amend")
@access.allow(access.SIGNED_IN)
def amend(appointment_id: UUID) -> BaseResponse:
    """Change the reason or the priority."""
    priority = reading.option("priority", Priority, Priority.ROUTINE)
    by_patient = context.actor().patient_id is not None
    context.write(
        lambda session: booking.amend(
            session,
            context.actor(),
            appointment_id,
            reason=reading.text("reason")[:LONGEST_REASON] or None,
            priority=None if by_patient else priority,
            now=context.now(),
            cutoff=_cutoff(),
        )
    )
    flash(_("The visit is changed."), "good")
    return _to_visit(appointment_id)


@pages.get("/move")
@access.allow(access.SIGNED_IN)
def ask_move(appointment_id: UUID) -> BaseResponse:
    """A week of free starts, and the old and the new time side by side."""
    return _move_page(appointment_id, 200, None)


@pages.post("/move")
@access.allow(access.SIGNED_IN)
def move(appointment_id: UUID) -> BaseResponse:
    """Take the new time and give back the old, or keep the old."""
    start = reading.instant("start")
    visit, _part = _visit(appointment_id)
    was, zone = visit.starts_at, visit.zone
    try:
        _move_to(appointment_id, start, reading.number("minutes", 0) or None)
    except DomainError as error:
        return _move_page(appointment_id, status_of(error), error)
    flash(
        _(
            "Your visit was moved from %(old)s to %(new)s.",
            old=day_time(was, zone),
            new=day_time(start, zone) + zone_beside(start, zone),
        ),
        "good",
    )
    return _to_visit(appointment_id)


def _asked(visit: Appointment) -> Asked | None:
    """The request of another department that the visit is for, if the reader may see it."""
    asked = of_visit(context.reader(), visit.id) if visit.service else None
    return asked if asked and request_part(context.actor(), asked.standing) else None


def _letter(visit: Appointment, part: Part) -> Letter | None:
    """The referral that the reader may see with the visit; specialists who do are noted."""
    actor, now = context.actor(), context.now()
    letter = letter_of_visit(context.reader(), actor, visit, now=now)
    if letter and part is Part.PRACTITIONER:
        referral_id = letter.referral.id
        context.write(lambda session: note_read(session, actor, referral_id, now=now))
    return letter


def _move_to(appointment_id: UUID, start: datetime, minutes: int | None) -> None:
    context.write(
        lambda session: booking.move(
            session,
            context.actor(),
            appointment_id,
            start,
            now=context.now(),
            cutoff=_cutoff(),
            minutes=minutes,
            schedule_id=reading.number("schedule", 0) or None,
        )
    )


def _move_page(appointment_id: UUID, status: int, error: DomainError | None) -> Response:
    visit, part = _visit(appointment_id)
    schedule_id = reading.number("schedule", 0) or visit.schedule.id
    place = schedules.places(context.reader(), Schedule.id == schedule_id).get(schedule_id)
    chosen = None if isinstance(error, SlotTaken) else reading.optional_instant("start")
    elsewhere = _elsewhere(visit, part)
    page = render_template(
        "visits/move.html",
        **_common(visit, part),
        place=place,
        week=_week_for(visit, schedule_id) if place else None,
        lengths=lengths(place) if place else [],
        week_url=lambda **changed: url_for(
            "visits.ask_move",
            **{
                "appointment_id": appointment_id,
                "schedule": reading.text("schedule") or None,
                "minutes": reading.text("minutes") or None,
                "start": chosen and reading.instant_text(chosen),
                **changed,
            },
        ),
        chosen=chosen,
        place_of={one.id: one for one in elsewhere}.get(schedule_id),
        problem=sentence_of(error) if error else None,
        alternatives=error.alternatives if isinstance(error, SlotTaken) else (),
        elsewhere=elsewhere,
    )
    return Response(page, status)


def _week_for(visit: Appointment, schedule_id: int) -> Week:
    place = schedules.places(context.reader(), Schedule.id == schedule_id)[schedule_id]
    start = reading.optional_instant("start")
    day = reading.optional_day("week") or (start.astimezone(place.zone).date() if start else None)
    length = int((visit.ends_at - visit.starts_at).total_seconds()) // 60
    return week(
        context.reader(),
        place,
        day,
        minutes=reading.number("minutes", 0) or length,
        now=context.now(),
        days_ahead=place.horizon_days,
        whom=_whom(visit),
    )


def _whom(visit: Appointment) -> ForWhom | None:
    """The patient, as if they had not this visit on its day: it goes to the new time."""
    if visit.patient is None:
        return None
    found = for_whom(context.reader(), visit.patient.id)
    if found is None or visit.one_a_day is None:
        return found and found._replace(keys=frozenset())
    return found.without(visit.one_a_day)


def _elsewhere(visit: Appointment, part: Part) -> list[Schedule]:
    """The schedule of the visit, and those of its practitioner at other centres to which the
    reader may move it."""
    actor, own = context.actor(), Schedule.id == visit.schedule.id
    if visit.practitioner is None:
        return schedules.subjects(context.reader(), own)
    places = schedules.places(context.reader(), Schedule.practitioner_id == visit.practitioner.id)
    able = [
        key
        for key, place in places.items()
        if key == visit.schedule.id or part is Part.PATIENT or may_book_others(actor, place)
    ]
    return schedules.subjects(context.reader(), Schedule.id.in_(able))


def _change(appointment_id: UUID, to: Status) -> None:
    context.write(
        lambda session: booking.change_status(
            session,
            context.actor(),
            appointment_id,
            to,
            now=context.now(),
            cutoff=_cutoff(),
            why=reading.text("why")[:LONGEST_WHY] or None,
        )
    )


def _visit(appointment_id: UUID) -> tuple[Appointment, Part]:
    return visit_for(context.reader(), context.actor(), appointment_id)


def _common(visit: Appointment, part: Part) -> dict[str, object]:
    """What every page of a visit shows."""
    now, cutoff = context.now(), _cutoff()
    return {
        "visit": visit,
        "part": part,
        "zone": visit.zone,
        "minutes": int((visit.ends_at - visit.starts_at).total_seconds()) // 60,
        "moves": {str(to) for to in moves_now(part, visit, now=now, cutoff=cutoff)},
        "may_move": may_reschedule(part, visit, now=now, cutoff=cutoff),
        "until": visit.starts_at - cutoff,
    }


def _cutoff() -> timedelta:
    return timedelta(hours=context.settings().cancel_cutoff_hours)


def _url(view: str, appointment_id: UUID) -> str:
    return url_for(f"visits.{view}", appointment_id=appointment_id)


def _to_visit(appointment_id: UUID) -> BaseResponse:
    return redirect(_url("show", appointment_id), 303)
