"""The booking page.

Everything chosen or typed on the page belongs to one form. Choosing a time holds it; changing the
length, week or patient only shows the page again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import commands as booking
from openslot.booking import visitors
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import NotHeldForVisitors, SlotTaken
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import cutoff_of
from openslot.booking.rules import may_book_others, needs_referral, offered_to, takes_emergencies
from openslot.booking.slots import Booker, Slot, is_free, nearest
from openslot.core.errors import DomainError, Forbidden, Invalid, NotFound, RateLimited
from openslot.core.ids import read_id
from openslot.core.work import Work
from openslot.directory import dependents
from openslot.directory import queries as directory
from openslot.directory.details import DependentDetails
from openslot.directory.models import Patient
from openslot.entrypoints import limits
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading, whom
from openslot.entrypoints.web import booking_form as form
from openslot.entrypoints.web.births import example
from openslot.entrypoints.web.dependents import NewDependentForm
from openslot.entrypoints.web.formats import clock_time, day_time
from openslot.entrypoints.web.saving import checked
from openslot.entrypoints.web.service_words import MODES
from openslot.entrypoints.web.week import Week, lengths, week
from openslot.referrals.models import Referral
from openslot.referrals.queries import referral_to
from openslot.schedules import queries as schedules
from openslot.schedules.rules import Place
from openslot.usecases import booking as usecases

pages = Blueprint("booking", __name__)

VISITORS_HOLD = "held"
"""Cookie with the hold of a visitor."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Selected time, held or not."""

    start: datetime
    end: datetime
    hold: Appointment | None = None

    @property
    def minutes(self) -> int:
        """Length in minutes."""
        return int((self.end - self.start).total_seconds()) // 60


class Gone(NamedTuple):
    """Time that cannot be booked, and the nearest that can."""

    start: datetime
    nearest: Sequence[datetime]
    was_taken: bool


@pages.get("/book/<int:schedule_id>")
@access.allow(access.ANYONE)
def week_page(schedule_id: int) -> BaseResponse:
    """Show a week of free times and the selected time; who comes back after booking it, the
    appointment."""
    hold_id = reading.optional_id("hold")
    held = _appointment_of(context.work(), hold_id) if hold_id else None
    if held and held.status is Status.BOOKED:
        return redirect(url_for("appointments.show", appointment_id=hold_id, booked=1), 303)
    return _page(schedule_id, status=200)


@pages.post("/book/<int:schedule_id>/look")
@access.allow(access.SIGNED_IN)
def look(schedule_id: int) -> BaseResponse:
    """Show another week, length or patient, keeping everything that was typed.

    A hold moves to the new patient. Typed text is stored with the hold. Without a hold the page is
    rendered directly, because a redirect would put the text into the address, and so into browser
    histories and logs.
    """
    hold_id = reading.optional_id("hold")
    held = _appointment_of(context.work(), hold_id) if hold_id else None
    if hold_id and held and held.service_id != form.service_id():
        context.write(booking.release_hold, hold_id)
        return _page(schedule_id, status=200)
    if held and held.status is Status.HELD and held.schedule.id == schedule_id:
        try:
            held_again = _renewed_hold(held)
        except DomainError as error:
            return _page(schedule_id, status=status_of(error), error=error)
        return _with_hold(held_again, "week", start=None)
    is_typed = reading.text("reason") or reading.text("priority") == Priority.URGENT
    if is_typed or whom.is_new():
        return _page(schedule_id, status=200)
    return redirect(f"{form.address(schedule_id, hold=None)}#week", 303)


@pages.post("/book/<int:schedule_id>/hold")
@access.allow(access.SIGNED_IN)
def hold(schedule_id: int) -> BaseResponse:
    """Hold the selected time, and return to the form."""
    try:
        booking_request = form.booking_request(schedule_id)
        held = context.write(_hold, booking_request)
    except DomainError as error:
        return _page(schedule_id, status=status_of(error), error=error)
    return _with_hold(held, "booking", start=None, week=None, minutes=booking_request.minutes)


def _with_hold(held: Appointment, part: str, **changed: object) -> BaseResponse:
    """Lead to a part of the page with the hold. What was typed of a new dependent is no part of an
    address, so with it the page is the answer."""
    if whom.is_new():
        return _page(held.schedule_id, status=200, hold_id=held.id)
    return redirect(f"{form.address(held.schedule_id, hold=held.id, **changed)}#{part}", 303)


@pages.post("/book/<int:schedule_id>/go-on")
@access.allow(access.ANYONE)
def go_on(schedule_id: int) -> BaseResponse:
    """Hold the selected time for a visitor, and lead on to signing in or up, which leads back here.

    Where it cannot be held, only the rest is done: then nobody has it meanwhile, or somebody else.
    """
    if context.account_or_none():
        return redirect(f"{form.address(schedule_id)}#booking", 303)
    try:
        held = _held_for_visitor(schedule_id)
    except (Forbidden, NotHeldForVisitors, RateLimited):
        held = None
    except DomainError as error:
        return _page(schedule_id, status=status_of(error), error=error)
    endpoint = "accounts.sign_up" if reading.text("to") == "sign-up" else "accounts.sign_in"
    back = form.address(schedule_id, hold=held.id if held else None)
    response = redirect(url_for(endpoint, next=back), 303)
    if held is not None:
        length = context.settings().hold_length
        context.keep_cookie(response, VISITORS_HOLD, str(held.id), lasts=length)
        until = clock_time(held.held_until or held.starts_at, held.zone)
        at = day_time(held.starts_at, held.zone)
        flash(_("We hold %(time)s for you until %(until)s.", time=at, until=until), "info")
    return response


def _held_for_visitor(schedule_id: int) -> Appointment:
    """Return the hold of the selected time: one for each browser, which is counted by address."""
    booking_request = replace(form.booking_request(schedule_id), reason=None)
    former = _visitors_hold()
    hold = visitors.hold_of(context.work(), former) if former else None
    if hold is not None and _is_hold_of(hold, booking_request):
        return hold
    limits.visitors_hold()

    def save(work: Work) -> Appointment:
        if former is not None:
            visitors.release(work, former)
        return usecases.hold(work, booking_request)

    return context.write(save)


def _is_hold_of(hold: Appointment, booking_request: BookingRequest) -> bool:
    wanted = (booking_request.schedule_id, booking_request.start, booking_request.service_id)
    held = (hold.schedule_id, hold.starts_at, hold.service_id)
    return wanted == held and hold.minutes == booking_request.minutes


def _visitors_hold() -> UUID | None:
    """Return the hold that this browser made before somebody signed in."""
    try:
        return UUID(context.cookie(VISITORS_HOLD))
    except ValueError:
        return None


@pages.post("/book/<int:schedule_id>")
@access.allow(access.SIGNED_IN)
def confirm(schedule_id: int) -> BaseResponse:
    """Book the held time, or the same time without a hold if that expired and the time is still
    free."""
    newcomer = NewDependentForm()
    details = checked(newcomer, DependentDetails) if whom.is_new() else None
    if details is None and whom.is_new():
        return _page(schedule_id, status=422, newcomer=newcomer)
    try:
        appointment_id = context.write(_book, form.booking_request(schedule_id), details).id
    except DomainError as error:
        is_invalid = isinstance(error, Invalid)
        booked = None if is_invalid else _booked_before(context.work(), schedule_id, details)
        if booked is None:
            return _page(schedule_id, status=status_of(error), error=error)
        appointment_id = booked
    return redirect(url_for("appointments.show", appointment_id=appointment_id, booked=1), 303)


@pages.post("/book/<int:schedule_id>/enter")
@access.allow(access.CARE_TEAM)
def enter(schedule_id: int) -> BaseResponse:
    """Enter an appointment of a patient who is here without one, or was."""
    try:
        booking_request = form.entered(schedule_id)
        status = Status.FULFILLED if reading.text("was") == "yes" else Status.ARRIVED
        appointment = context.write(
            usecases.enter,
            booking_request,
            status,
            referral_id=reading.optional_id("referral"),
        )
    except DomainError as error:
        return _page(schedule_id, status=status_of(error), error=error)
    return redirect(url_for("appointments.show", appointment_id=appointment.id), 303)


@pages.post("/book/<int:schedule_id>/squeeze-in")
@access.allow(access.CARE_TEAM)
def squeeze_in(schedule_id: int) -> BaseResponse:
    """Add an appointment over time that is taken, or book it if it is free."""
    try:
        appointment = context.write(
            usecases.book,
            form.entered(schedule_id),
            referral_id=reading.optional_id("referral"),
        )
    except DomainError as error:
        return _page(schedule_id, status=status_of(error), error=error)
    return redirect(url_for("appointments.show", appointment_id=appointment.id, booked=1), 303)


def _hold(work: Work, booking_request: BookingRequest) -> Appointment:
    _release_other_hold(work, booking_request)
    return usecases.hold(work, booking_request, referral_id=reading.optional_id("referral"))


def _renewed_hold(held: Appointment) -> Appointment:
    """Return the hold for the patient named in the form, with the typed text."""
    form.reason()
    if held.patient_id == whom.patient_id():
        return context.write(_with_typed_text, held.id)
    booking_request = form.booking_request(held.schedule_id)
    return context.write(_hold, booking_request)


def _book(
    work: Work, booking_request: BookingRequest, newcomer: DependentDetails | None
) -> Appointment:
    hold_id = reading.optional_id("hold")
    if newcomer is not None:
        return usecases.book_for_dependent(work, booking_request, newcomer, hold_id=hold_id)
    if work.actor.dependents:
        _release_other_hold(work, booking_request)
    return usecases.book(
        work,
        booking_request,
        hold_id=hold_id,
        referral_id=reading.optional_id("referral"),
    )


def _booked_before(work: Work, schedule_id: int, newcomer: DependentDetails | None) -> UUID | None:
    """Return the appointment that this form has already booked, for example with an earlier press
    or in a second tab; None if there is none.

    The hold, if the form has one, became that appointment; else it is the same booking.
    """
    booking_request = form.booking_request(schedule_id)
    hold_id = reading.optional_id("hold")
    if newcomer is not None:
        patient_id = dependents.known_as(work, newcomer)
        booking_request, hold_id = replace(booking_request, patient_id=patient_id), None
    if hold_id is None:
        return booking.booked_as(work, booking_request)
    appointment = _appointment_of(work, hold_id)
    if appointment is None or appointment.status is not Status.BOOKED:
        return None
    requested = (booking_request.schedule_id, booking_request.start, booking_request.patient_id)
    booked = (appointment.schedule_id, appointment.starts_at, appointment.patient_id)
    return appointment.id if booked == requested else None


def _appointment_of(work: Work, hold_id: UUID) -> Appointment | None:
    """Return the appointment or hold, or None if the reader is not involved."""
    try:
        return booking.appointment_for(work, hold_id)[0]
    except NotFound:
        return visitors.hold_of(work, hold_id)


def _release_other_hold(work: Work, booking_request: BookingRequest) -> None:
    """Release the hold if the reader had not signed in when it was made, or has since chosen
    another dependent; it would block their booking."""
    hold_id = reading.optional_id("hold")
    held = _appointment_of(work, hold_id) if hold_id else None
    if hold_id and held and held.patient_id != booking_request.patient_id:
        booking.release_hold(work, hold_id)


@pages.post("/holds/<hold_id>/extend")
@access.allow(access.SIGNED_IN)
def extend(hold_id: str) -> BaseResponse:
    """Extend the hold, keeping what was typed."""
    form.reason()  # one that is too long comes back on a page of its own, and not in an address
    try:
        held = context.write(_extended, read_id(hold_id))
    except DomainError as error:
        flash(sentence_of(error), "warn")
        return redirect(reading.own_path("back", url_for("search.home")), 303)
    return _with_hold(held, "booking", start=None, week=None)


def _extended(work: Work, hold_id: UUID) -> Appointment:
    held = booking.extend_hold(work, hold_id)
    return _with_typed_text(work, held.id)


def _with_typed_text(work: Work, hold_id: UUID) -> Appointment:
    """Store the typed text with the hold, so that the page finds it again."""
    held = booking.appointment_for(work, hold_id)[0]
    reason = form.reason()
    priority = reading.option("priority", Priority, held.priority)
    if (reason, priority) == (held.reason, held.priority):
        return held
    return booking.amend(work, hold_id, reason=reason, priority=priority)


@pages.post("/holds/<hold_id>/release")
@access.allow(access.SIGNED_IN)
def release(hold_id: str) -> BaseResponse:
    """Release the hold, and show the week again."""
    context.write(booking.release_hold, read_id(hold_id))
    flash(_("We released this time. Nothing is booked."), "info")
    return redirect(reading.own_path("back", url_for("search.home")), 303)


def _page(
    schedule_id: int,
    *,
    status: int,
    error: DomainError | None = None,
    hold_id: UUID | None = None,
    newcomer: NewDependentForm | None = None,
) -> Response:
    """Render the booking page; after a refusal it keeps what was typed and explains how to
    continue."""
    session, actor = context.reader(), context.actor()
    place, booker = form.place_of(schedule_id), whom.booker()
    patient = directory.patient(session, booker.whom.patient_id) if booker.whom else None
    referral = _referral(context.work(), place, patient)
    booker = booker.for_second() if form.is_second(place) else booker
    hold_id = hold_id or reading.optional_id("hold")
    chosen = _chosen(context.work(), booker, place, hold_id)
    held = chosen.hold if chosen else None
    page = render_template(
        "booking/week.html",
        place=place,
        subject=schedules.subject(session, schedule_id),
        barrier=booker.barrier(place),
        week=_week(context.work(), place, booker, chosen),
        lengths=lengths(place),
        **_services(context.work(), place),
        chosen=chosen,
        patient=patient,
        carried=whom.carried(),
        is_new=whom.is_new(),
        people=_people(context.work()),
        newcomer=(newcomer or NewDependentForm()) if _takes_new(place) else None,
        birth_example=example(),
        referral=referral,
        named_referral=reading.optional_id("referral") if referral else None,
        hold_id=held.id if held else hold_id,
        books_for_others=may_book_others(actor, place),
        second=form.is_second(place),
        takes_emergencies=takes_emergencies(context.actor(), place),
        may_enter=form.may_enter(place),
        gone=None if chosen else _unavailable_time(context.work(), place, booker, error),
        problem=sentence_of(error) if error else None,
        problem_code=error.code if error else "",
        reason=reading.typed("reason") or (held.reason if held else None) or "",
        priority=reading.text("priority") or (held.priority if held else Priority.ROUTINE.value),
        cutoff_of=lambda service: cutoff_of(service, context.settings()),
        extensions=context.settings().hold_extensions,
        hold_minutes=context.settings().hold_minutes,
        here=form.address(schedule_id),
        let_go_url=form.address(schedule_id, start=None, hold=None),
        week_url=form.week_url(schedule_id),
    )
    return Response(page, status)


def _unavailable_time(
    work: Work, place: Place, booker: Booker, error: DomainError | None
) -> Gone | None:
    """Return the selected time if it cannot be booked, with the nearest free times."""
    start = form.pressed()
    if start is None or not (error is None or isinstance(error, SlotTaken)):
        return None
    if isinstance(error, SlotTaken):
        return Gone(start, error.alternatives, was_taken=True)
    minutes = form.chosen_minutes(place)
    around = nearest(work, place, start, minutes=minutes, whom=booker.whom)
    return Gone(start, around, was_taken=False)


def _week(work: Work, place: Place, booker: Booker, chosen: Chosen | None) -> Week:
    near = chosen.start if chosen else form.pressed()
    day = reading.optional_day("look") or reading.optional_day("week")
    if day is None and near:
        day = near.astimezone(place.zone).date()
    minutes = reading.number("minutes", 0) or (chosen.minutes if chosen else None)
    return week(
        work,
        place,
        day,
        minutes=minutes,
        days_ahead=place.horizon_days,
        whom=booker.whom,
        kept=_kept_slot(place, chosen, minutes),
    )


def _kept_slot(place: Place, chosen: Chosen | None, minutes: int | None) -> Slot | None:
    """Return the hold as a slot, to show among the free times of the same length."""
    if chosen is None or chosen.hold is None or minutes not in (None, chosen.minutes):
        return None
    start, end = (at.astimezone(place.zone) for at in (chosen.start, chosen.end))
    return Slot(start, end, place.schedule_id)


def _services(work: Work, place: Place) -> dict[str, object]:
    """Return what the page shows of the services that the reader can book here, in order: all,
    their lengths, and the one that the page is for."""
    offered = offered_to(work.actor, place)
    minutes_of = {one.service_id: one.slot_minutes for one in offered if one.service_id}
    services = directory.services_by_id(work.session, list(minutes_of))
    return {
        "services": [services[key] for key in minutes_of],
        "minutes_of": minutes_of,
        "service": services.get(place.service_id or 0),
        "mode_words": {mode.value: str(words) for mode, words in MODES.items()},
    }


def _takes_new(place: Place) -> bool:
    """Return whether the reader can add somebody whom they book for here."""
    actor = context.actor()
    is_open = place.is_public and not place.is_for_known and not needs_referral(place)
    return actor.patient_id is not None and is_open and len(actor.dependents) < dependents.MOST


def _people(work: Work) -> list[Patient]:
    """Return the people a patient can book for, the reader first; empty for others."""
    if work.actor.patient_id is None:
        return []
    if not work.actor.dependents:
        return [directory.patient(work.session, work.actor.patient_id)]
    cared_for = [
        dependent
        for dependent, _link in directory.dependents_of(work.session, work.actor.patient_id)
    ]
    return [directory.patient(work.session, work.actor.patient_id), *cared_for]


def _referral(work: Work, place: Place, patient: Patient | None) -> Referral | None:
    """Return the referral that the booking needs, if the reader may book here for the patient."""
    knows = patient is not None and (
        work.actor.acts_for(patient.id) or may_book_others(work.actor, place)
    )
    if patient is None or not knows or not needs_referral(place):
        return None
    named = reading.optional_id("referral")
    return referral_to(work, place, patient.id, referral_id=named)


def _chosen(work: Work, booker: Booker, place: Place, hold_id: UUID | None) -> Chosen | None:
    """Return the hold named in the request, else the selected start if it is free."""
    held = _held(work, booker, place, hold_id)
    if held is not None:
        return Chosen(held.starts_at, held.ends_at, held)
    start, minutes = form.pressed(), form.chosen_minutes(place)
    if start is None or not is_free(work, place, start, minutes=minutes, whom=booker.whom):
        return None
    return Chosen(start, start + timedelta(minutes=minutes))


def _held(work: Work, booker: Booker, place: Place, hold_id: UUID | None) -> Appointment | None:
    """Return the named hold if it belongs to this schedule and patient, or is the browser's."""
    if booker.whom is None and booker.actor.role is not None:
        return None
    own = _visitors_hold() if hold_id is None and form.pressed() else None
    named = hold_id or own
    appointment = _appointment_of(work, named) if named else None
    if (
        appointment is None
        or appointment.status is not Status.HELD
        or appointment.schedule.id != place.schedule_id
        or (own and appointment.starts_at != form.pressed())
    ):
        return None
    patient_id = booker.whom.patient_id if booker.whom else None
    return appointment if appointment.patient_id in (None, patient_id) else None
