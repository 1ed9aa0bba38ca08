"""Booking at the front desk: press a gap, say who it is, or register them, and save.

One form keeps all that was typed; each of its buttons is a step. What is typed about people is sent
by POST, so that no address has it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, Response, render_template, request
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking.commands import BookingRequest
from openslot.booking.errors import DailyLimitReached, SlotTaken
from openslot.booking.models import Appointment
from openslot.booking.rules import first_offered, is_offered, offered_to
from openslot.booking.slots import running, slots
from openslot.core.births import BirthDate
from openslot.core.clock import day_in
from openslot.core.errors import DomainError, NotFound
from openslot.core.language import settled
from openslot.core.work import Work
from openslot.desk.rules import begins, check_desk, is_at_desk
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.entrypoints import limits
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, asked, context, reading
from openslot.entrypoints.web.births import example, read_day
from openslot.entrypoints.web.desk import PARTS, view
from openslot.entrypoints.web.patient_form import PatientForm
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, checked
from openslot.entrypoints.web.week import lengths
from openslot.records import finding
from openslot.records.errors import PatientKnown
from openslot.schedules import known
from openslot.schedules.availability import instant_of, tick_at
from openslot.schedules.known import Bookable
from openslot.schedules.rules import Place
from openslot.usecases import desk

pages = Blueprint("desk_booking", __name__, url_prefix="/desk")

LOOKED_AT, LISTED = 40, 8
"""Patients that are looked at, and those that are listed of them; more letters find the others."""

LONGEST_REASON = 2000
CONFLICT = 409


class Step(NamedTuple):
    """What the form shows: the patients found, the one chosen, or the form of a new one."""

    matches: Sequence[Patient] | None = None
    patient: Patient | None = None
    form: PatientForm | None = None
    alike: Sequence[Patient] = ()
    error: DomainError | None = None
    status: int = 200


@pages.route("/book/<int:schedule_id>", methods=["GET", "POST"])
@access.allow(access.EDITORS)
@asked.keeping("q", "name", "born", "phone", "email", "medicare_number", "reason")
def book(schedule_id: int) -> BaseResponse:
    """Book a gap of the board, in steps: find somebody, or register them, and save."""
    bookable = _bookable(schedule_id)
    step = _taken(bookable) if request.method == "POST" else Step()
    if isinstance(step, Appointment):
        return _to_board(step)
    return _page(bookable, step)


@pages.get("/walk-in")
@access.allow(access.EDITORS)
def walk_in() -> str:
    """Show who can see somebody first who is here without an appointment."""
    shown, work = view(), context.work()
    here = {
        key: one
        for key, one in known.bookable(work.session).items()
        if one.place.centre_id == shown.centre.id and is_at_desk(work.actor, one.place)
    }
    places = {key: first_offered(work.actor, one.place) for key, one in here.items()}
    places = {key: place for key, place in places.items() if is_offered(work.actor, place)}
    _starts, ends = day_in(shown.today, shown.zone)
    first = running(work, places)
    for slot in slots(work, places, work.now, ends):
        first.setdefault(slot.schedule_id, slot)
    return render_template(
        "desk/walk_in.html",
        view=shown,
        slots=[(slot, here[slot.schedule_id].subject) for slot in sorted(first.values())],
        now=work.now,
    )


def _bookable(schedule_id: int) -> Bookable:
    """Return the schedule, if the reader's desk has it. Raises NotFound."""
    bookable, work = known.one(context.reader(), schedule_id), context.work()
    if bookable is None or not is_at_desk(work.actor, bookable.place):
        raise NotFound
    check_desk(work.actor, bookable.place.centre_id)
    return bookable


def _place(bookable: Bookable) -> Place:
    """Return the place for the service that was chosen, by default the first for the reader."""
    chosen = bookable.place.offering(reading.number("service", 0) or None)
    if reading.number("service", 0) and chosen is not None:
        return chosen
    return first_offered(context.actor(), bookable.place)


def _taken(bookable: Bookable) -> Step | Appointment:
    """Do the step whose button was pressed; return the appointment if it booked one."""
    pressed, patient_id = reading.text("do"), reading.optional_id("patient")
    if reading.text("recognise"):
        return _recognised(bookable)
    if pressed in ("register", "new"):
        return _registered(bookable, is_sent=pressed == "register")
    if patient_id is None or pressed == "find":
        return _found()
    patient = finding.patient_for(context.work(), patient_id)
    if pressed != "book":
        return Step(patient=patient)
    try:
        wanted = replace(_booking_request(bookable), patient_id=patient_id)
        return context.write(desk.take, wanted, is_here=_is_here())
    except DomainError as error:
        return Step(patient=patient, error=error, status=status_of(error))


def _recognised(bookable: Bookable) -> Step | Appointment:
    """Choose somebody who is registered already in place of registering them."""
    patient_id, form = reading.optional_id("recognise"), PatientForm()
    details = checked(form, PatientDetails)
    if details is None or patient_id is None:
        return _registered(bookable, is_sent=True)
    try:
        limits.registration(context.actor())
        patient = context.write(desk.recognise, details, patient_id)
        if patient is None:
            raise NotFound("Find them by their full name and date of birth first.", field="patient")
    except DomainError as error:
        form.refuse(error)
        return Step(form=form, error=error, status=status_of(error))
    return Step(patient=patient)


def _found() -> Step:
    text = reading.text("q")
    if not text:
        return Step()
    day = read_day(text, settled(get_locale()))
    matches, _total = finding.search(
        context.work(),
        text="" if day else text,
        born=BirthDate(day) if day else None,
        limit=LOOKED_AT,
        offset=0,
    )
    context.write(finding.note_search, len(matches))
    return Step(matches=sorted(matches, key=lambda one: not begins(one.name, text))[:LISTED])


def _registered(bookable: Bookable, *, is_sent: bool) -> Step | Appointment:
    """Register and book somebody, or ask first if they are known already."""
    if not is_sent:
        text = reading.text("q")
        is_name = any(letter.isalpha() for letter in text) and not any(map(str.isdigit, text))
        return Step(form=PatientForm(formdata=None, name=text if is_name else ""))
    form = PatientForm()
    details = checked(form, PatientDetails)
    if details is None:
        return Step(form=form, status=NOT_UNDERSTOOD)
    try:
        limits.registration(context.actor())
        return context.write(
            desk.take_for_new,
            details,
            _booking_request(bookable),
            anyway=reading.text("anyway") == "yes",
            is_here=_is_here(),
        )
    except PatientKnown as known_already:
        context.write(finding.note_search, len(known_already.alike))
        return Step(form=form, alike=known_already.alike, status=CONFLICT)
    except DomainError as error:
        form.refuse(error)
        return Step(form=form, error=error, status=status_of(error))


def _booking_request(bookable: Bookable) -> BookingRequest:
    place = _place(bookable)
    minutes = reading.number("minutes", 0)
    return BookingRequest(
        schedule_id=place.schedule_id,
        start=reading.instant("start"),
        minutes=minutes if minutes in lengths(place) else place.slot_minutes,
        patient_id=None,
        reason=reading.long_text("reason", LONGEST_REASON),
        second_appointment=reading.text("second") == "yes",
        service_id=place.service_id,
    )


def _is_here() -> bool:
    return reading.text("here") == "yes"


def _to_board(appointment: Appointment) -> BaseResponse:
    """Return to the board of its day, which says what was booked."""
    shown = view()
    day = appointment.starts_at.astimezone(shown.zone).date()
    address = shown.address(
        day=day.isoformat() if day != shown.today else None,
        pressed=appointment.id,
        mark="arrived" if appointment.came_at else None,
    )
    return Response(status=303, headers={"Location": address})


def _page(bookable: Bookable, step: Step) -> Response:
    work, shown, place = context.work(), view(), _place(bookable)
    start = reading.instant("start")
    minutes = reading.number("minutes", 0)
    minutes = minutes if minutes in lengths(place) else place.slot_minutes
    free = _free(work, place, start, minutes)
    page = render_template(
        "desk/book.html",
        view=shown,
        subject=bookable.subject,
        place=place,
        zone=place.zone,
        start=start,
        minutes=minutes,
        free=free,
        lengths=lengths(place),
        services=[one.offered for one in offered_to(work.actor, bookable.place) if one.offered],
        reason=reading.typed("reason"),
        q=reading.text("q"),
        is_here=_is_here(),
        is_today=start.astimezone(shown.zone).date() == shown.today,
        birth_example=example(),
        problem=sentence_of(step.error) if step.error else None,
        alternatives=step.error.alternatives if isinstance(step.error, SlotTaken) else (),
        asks_second=isinstance(step.error, DailyLimitReached),
        step=step,
        is_inside=bool(request.headers.get(PARTS)),
    )
    return Response(page, step.status)


def _free(work: Work, place: Place, start: datetime, minutes: int) -> list[datetime]:
    """Return the free starts of the day, and the chosen one, in order."""
    starts, ends = day_in(start.astimezone(place.zone).date(), place.zone)
    free = slots(work, {place.schedule_id: place}, starts, ends, minutes=minutes)
    return sorted({instant_of(tick_at(one.start)) for one in free} | {start})
