"""Pages of one appointment."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import commands as booking
from openslot.booking.commands import appointment_for
from openslot.booking.diaries import load_others
from openslot.booking.errors import InvalidTransition, SlotTaken
from openslot.booking.events import subject_of
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import (
    Relation,
    cutoff_of,
    may_check_in,
    may_reschedule,
    may_undo,
    moves_now,
)
from openslot.booking.queries import for_move
from openslot.booking.rules import may_book_others, place_for
from openslot.booking.series import next_week_from
from openslot.core import audit
from openslot.core.errors import DomainError, Malformed, NotFound
from openslot.core.work import Work
from openslot.department_requests.models import ServiceRequest
from openslot.department_requests.queries import of_appointment
from openslot.department_requests.rules import relation_to
from openslot.desk import commands as desk
from openslot.entrypoints.appointment_calendar import appointment_calendar
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.formats import day_time
from openslot.entrypoints.web.offers import token
from openslot.entrypoints.web.records import at_appointment
from openslot.entrypoints.web.week import Week, lengths, week
from openslot.entrypoints.web.written import written_to
from openslot.entrypoints.web.zones import zone_beside
from openslot.questions import queries as questions
from openslot.questions.rules import may_answer, to_answer
from openslot.referrals.commands import note_read, referral_of_appointment
from openslot.referrals.models import Referral
from openslot.schedules import known
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place
from openslot.usecases import booking as usecases
from openslot.waiting_list.queries import open_for_appointment

pages = Blueprint("appointments", __name__, url_prefix="/appointments/<uuid:appointment_id>")

P = ParamSpec("P")

LONGEST_REASON = 2000
LONGEST_WHY = 500

JOINS_FROM = timedelta(minutes=15)
"""Time before the start from which the link of a video call is shown."""


@pages.get("")
@access.allow(access.SIGNED_IN)
def show(appointment_id: UUID) -> str:
    """Show an appointment."""
    appointment, relation = _appointment(appointment_id)
    recorded = at_appointment(appointment)
    referral = _referral(appointment, relation)
    load_others(context.reader, [appointment])
    history = audit.events_of(context.reader(), subject_of(appointment.id))
    return render_template(
        "appointments/show.html",
        **_common(appointment, relation),
        recorded=recorded,
        refers=_refers(appointment, relation),
        referral=referral,
        offers=open_for_appointment(context.work(), appointment.id),
        token=token,
        service_request=_department_request(appointment),
        history=history if relation is not Relation.PATIENT else [],
        may_undo=appointment.status is Status.CANCELLED
        and booking.has_cancelled(context.work(), appointment.id)
        and may_undo(appointment, context.now()),
        repeats=_repeat_url(appointment, relation),
        **_questions(appointment, relation),
        **_confirmation_flags(appointment),
    )


def _questions(appointment: Appointment, relation: Relation) -> dict[str, object]:
    """Return what is asked before the appointment, and the answers if the reader may see them."""
    asked = questions.asked(context.reader(), appointment)
    answers = questions.answers(context.work(), [appointment]).get(appointment.id, [])
    return {
        "asked": asked,
        "answers": answers,
        "left_to_answer": to_answer(asked, [one.question_id for one in answers]),
        "may_answer": may_answer(relation, appointment, context.now()),
    }


def _repeat_url(appointment: Appointment, relation: Relation) -> str | None:
    """Return where the reader books more like this one, from the first such week on that is still
    to come; None if they cannot book here."""
    found = known.one(context.reader(), appointment.schedule_id)
    place = found.place.offering(appointment.service_id) if found else None
    is_live = appointment.status in (Status.BOOKED, Status.ARRIVED, Status.FULFILLED)
    if place is None or appointment.patient is None or not is_live:
        return None
    if relation is not Relation.PATIENT and not may_book_others(context.actor(), place):
        return None
    start = next_week_from(appointment.starts_at.astimezone(place.zone), context.now())
    is_own = appointment.patient_id == context.actor().patient_id
    return url_for(
        "series.plan",
        schedule_id=place.schedule_id,
        start=reading.instant_text(start),
        minutes=appointment.minutes,
        service=place.service_id,
        patient=None if is_own else appointment.patient_id,
    )


def _refers(appointment: Appointment, relation: Relation) -> bool:
    """Return whether the reader is the appointment's GP."""
    person = appointment.practitioner
    return relation is Relation.PRACTITIONER and person is not None and person.may_refer


def _confirmation_flags(appointment: Appointment) -> dict[str, bool]:
    just_booked = reading.text("booked") == "1" and appointment.status is Status.BOOKED
    return {"just_booked": just_booked, "written": just_booked and written_to(appointment)}


@pages.get("/appointment.ics")
@access.allow(access.SIGNED_IN)
def calendar_file(appointment_id: UUID) -> Response:
    """Return the appointment as an iCalendar file (RFC 5545)."""
    appointment, _part = _appointment(appointment_id)
    return appointment_calendar(appointment, context.actor().patient_id, context.account().locale)


@pages.get("/cancel")
@access.allow(access.SIGNED_IN)
def ask_cancel(appointment_id: UUID) -> str | BaseResponse:
    """Ask for confirmation before cancelling; show an appointment that is cancelled already."""
    appointment, relation = _appointment(appointment_id)
    if appointment.status is Status.CANCELLED:
        return _to_appointment(appointment_id)
    return render_template("appointments/cancel.html", **_common(appointment, relation))


@pages.post("/cancel")
@access.allow(access.SIGNED_IN)
def cancel(appointment_id: UUID) -> BaseResponse:
    """Cancel the appointment and free its time, unless another tab has done so."""
    if _appointment(appointment_id)[0].status is Status.CANCELLED:
        return _to_appointment(appointment_id)
    _change(appointment_id, Status.CANCELLED)
    flash(_("The appointment is cancelled. Others can now book this time."), "good")
    return _to_what_is_left(appointment_id)


@pages.post("/undo")
@access.allow(access.SIGNED_IN)
def undo(appointment_id: UUID) -> BaseResponse:
    """Undo a cancellation of some minutes ago, if the time is free."""
    try:
        _change(appointment_id, Status.BOOKED)
    except (SlotTaken, InvalidTransition):
        flash(_("This can no longer be undone. Book another time."), "bad")
    else:
        flash(_("The appointment is booked again."), "good")
    return _to_appointment(appointment_id)


@pages.post("/status")
@access.allow(access.CARE_TEAM)
def set_status(appointment_id: UUID) -> BaseResponse:
    """Set the status, or undo the last change of status."""
    try:
        to = Status(reading.text("to"))
    except ValueError:
        raise Malformed("Unknown status.", field="to") from None
    try:
        _change(appointment_id, to)
    except DomainError as error:
        if reading.typed("why"):
            raise  # the page of the error returns the text
        flash(sentence_of(error), "bad")
    return redirect(reading.own_path("back", _url("show", appointment_id)), 303)


@pages.post("/here")
@access.allow(access.PATIENTS)
def check_in(appointment_id: UUID) -> BaseResponse:
    """Say that the patient is here, from an hour before."""
    said = _("The reception knows that you are here. Take a seat.")
    return _told(appointment_id, said, booking.change_status, appointment_id, Status.ARRIVED)


@pages.post("/late")
@access.allow(access.PATIENTS)
def run_late(appointment_id: UUID) -> BaseResponse:
    """Say that the patient comes late, or on time after all."""
    minutes = reading.number("minutes", 0)
    on_time = _("The reception expects you on time.")
    said = _("The reception knows that you are late.") if minutes else on_time
    return _told(appointment_id, said, desk.run_late, appointment_id, minutes)


def _told(
    appointment_id: UUID,
    said: str,
    command: Callable[Concatenate[Work, P], object],
    *args: P.args,
    **kwargs: P.kwargs,
) -> BaseResponse:
    """Do the command, and return to the appointment, which says so or why not."""
    try:
        context.write(command, *args, **kwargs)
    except NotFound:
        raise
    except DomainError as error:
        flash(sentence_of(error), "bad")
    else:
        flash(said, "good")
    return _to_appointment(appointment_id)


@pages.get("/amend")
@access.allow(access.SIGNED_IN)
def ask_amend(appointment_id: UUID) -> str:
    """Show the form for the reason and, for the care team, the priority."""
    appointment, relation = _appointment(appointment_id)
    return render_template("appointments/amend.html", **_common(appointment, relation))


@pages.post("/amend")
@access.allow(access.SIGNED_IN)
def amend(appointment_id: UUID) -> BaseResponse:
    """Change the reason or the priority."""
    priority = reading.option("priority", Priority, Priority.ROUTINE)
    by_patient = context.actor().patient_id is not None
    context.write(
        booking.amend,
        appointment_id,
        reason=reading.long_text("reason", LONGEST_REASON),
        priority=None if by_patient else priority,
    )
    flash(_("The appointment is changed."), "good")
    return _to_appointment(appointment_id)


@pages.get("/move")
@access.allow(access.SIGNED_IN)
def ask_move(appointment_id: UUID) -> BaseResponse:
    """Show free times beside the current one; who comes back after moving, the appointment."""
    if _is_moved(_appointment(appointment_id)[0], reading.optional_instant("start")):
        return _to_appointment(appointment_id)
    return _move_page(appointment_id, 200, None)


@pages.post("/move")
@access.allow(access.SIGNED_IN)
def move(appointment_id: UUID) -> BaseResponse:
    """Move the appointment to the new time; if that fails, it keeps the old one."""
    start = reading.instant("start")
    appointment, _part = _appointment(appointment_id)
    if _is_moved(appointment, start):
        return _to_appointment(appointment_id)
    was, zone = appointment.starts_at, appointment.zone
    try:
        _move_to(appointment_id, start, reading.number("minutes", 0) or None)
    except DomainError as error:
        return _move_page(appointment_id, status_of(error), error)
    flash(
        _(
            "Your appointment was moved from %(old)s to %(new)s.",
            old=day_time(was, zone),
            new=day_time(start, zone) + zone_beside(start, zone),
        ),
        "good",
    )
    return _to_what_is_left(appointment_id)


def _is_moved(appointment: Appointment, start: datetime | None) -> bool:
    """Return whether the appointment has the selected time, length and schedule already."""
    return (
        start == appointment.starts_at
        and reading.number("minutes", 0) in (0, appointment.minutes)
        and reading.number("schedule", 0) in (0, appointment.schedule.id)
    )


def _department_request(appointment: Appointment) -> ServiceRequest | None:
    """Return the department request behind the appointment, if the reader may see it."""
    service_request = (
        of_appointment(context.reader(), appointment.id) if appointment.service else None
    )
    may_see = service_request and relation_to(context.actor(), service_request)
    return service_request if may_see else None


def _referral(appointment: Appointment, relation: Relation) -> Referral | None:
    """Return the referral that the reader may see; reading by a specialist is audited."""
    referral = referral_of_appointment(context.work(), appointment)
    if referral and relation is Relation.PRACTITIONER:
        context.write(note_read, referral.id)
    return referral


def _move_to(appointment_id: UUID, start: datetime, minutes: int | None) -> None:
    context.write(
        booking.move,
        appointment_id,
        start,
        minutes=minutes,
        schedule_id=reading.number("schedule", 0) or None,
    )


def _move_page(appointment_id: UUID, status: int, error: DomainError | None) -> Response:
    appointment, relation = _appointment(appointment_id)
    schedule_id = reading.number("schedule", 0) or appointment.schedule.id
    place = _place(appointment, schedule_id)
    chosen = None if isinstance(error, SlotTaken) else reading.optional_instant("start")
    elsewhere = _schedules_to_move_to(appointment, relation)
    page = render_template(
        "appointments/move.html",
        **_common(appointment, relation),
        place=place,
        week=_week_for(appointment, place) if place else None,
        lengths=lengths(place) if place else [],
        week_url=lambda **changed: url_for(
            "appointments.ask_move",
            **{
                "appointment_id": appointment_id,
                "schedule": reading.text("schedule") or None,
                "minutes": reading.text("minutes") or None,
                "start": chosen and reading.instant_text(chosen),
                **changed,
            },
        ),
        chosen=chosen,
        place_of={schedule.id: schedule for schedule in elsewhere}.get(schedule_id),
        problem=sentence_of(error) if error else None,
        alternatives=error.alternatives if isinstance(error, SlotTaken) else (),
        elsewhere=elsewhere,
    )
    return Response(page, status)


def _place(appointment: Appointment, schedule_id: int) -> Place | None:
    found = known.one(context.reader(), schedule_id)
    return place_for(appointment, found.place) if found else None


def _week_for(appointment: Appointment, place: Place) -> Week:
    start = reading.optional_instant("start")
    day = reading.optional_day("week") or (start.astimezone(place.zone).date() if start else None)
    return week(
        context.work(),
        place,
        day,
        minutes=reading.number("minutes", 0) or appointment.minutes,
        days_ahead=place.horizon_days,
        whom=for_move(context.work(), appointment),
        moving=appointment,
    )


def _schedules_to_move_to(appointment: Appointment, relation: Relation) -> list[Schedule]:
    """Return the schedules to which the reader may move the appointment: its own, and those of its
    practitioner at other centres."""
    actor, own = context.actor(), Schedule.id == appointment.schedule.id
    if appointment.practitioner is None:
        return schedules.subjects(context.reader(), own)
    places = schedules.places(
        context.reader(), Schedule.practitioner_id == appointment.practitioner.id
    )
    able = [
        key
        for key, place in places.items()
        if place_for(appointment, place)
        and (
            key == appointment.schedule.id
            or relation is Relation.PATIENT
            or may_book_others(actor, place)
        )
    ]
    return schedules.subjects(context.reader(), Schedule.id.in_(able))


def _change(appointment_id: UUID, to: Status) -> None:
    why = reading.long_text("why", LONGEST_WHY)
    context.write(usecases.change_status, appointment_id, to, why=why)


def _appointment(appointment_id: UUID) -> tuple[Appointment, Relation]:
    return appointment_for(context.work(), appointment_id)


def _common(appointment: Appointment, relation: Relation) -> dict[str, object]:
    now, cutoff = context.now(), cutoff_of(appointment.booked_service, context.settings())
    return {
        "appointment": appointment,
        "relation": relation,
        "zone": appointment.zone,
        "minutes": appointment.minutes,
        "moves": {str(to) for to in moves_now(relation, appointment, now=now, cutoff=cutoff)},
        "may_move": may_reschedule(relation, appointment, now=now, cutoff=cutoff),
        "until": appointment.starts_at - cutoff,
        "checks_in": relation is Relation.PATIENT and may_check_in(appointment, now),
        "joins": appointment.starts_at - JOINS_FROM <= now <= appointment.ends_at,
    }


def _url(view: str, appointment_id: UUID) -> str:
    return url_for(f"appointments.{view}", appointment_id=appointment_id)


def _to_appointment(appointment_id: UUID) -> BaseResponse:
    return redirect(_url("show", appointment_id), 303)


def _to_what_is_left(appointment_id: UUID) -> BaseResponse:
    """Return to the appointment or, for a step of an itinerary, to the page that asks about the
    other steps."""
    itinerary_id = _appointment(appointment_id)[0].itinerary_id
    if itinerary_id is None:
        return _to_appointment(appointment_id)
    return redirect(url_for("itineraries.show", itinerary_id=itinerary_id, changed=1), 303)
