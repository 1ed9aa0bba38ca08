"""Choosing a time and booking it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import commands as booking
from openslot.booking.commands import Wish
from openslot.booking.errors import SlotTaken
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.queries import Visit
from openslot.booking.rules import may_book_others, needs_referral
from openslot.booking.slots import Slot
from openslot.core.errors import DomainError, NotFound
from openslot.core.ids import read_id
from openslot.directory import queries as directory
from openslot.directory.models import Patient
from openslot.directory.rules import Actor
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, known, reading
from openslot.entrypoints.web.week import Week, lengths, week
from openslot.identity.models import Role
from openslot.referrals import commands as referrals
from openslot.referrals.queries import Letter, letter_to
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

pages = Blueprint("booking", __name__)

LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Chosen:
    """The time in the panel beside the week: held, or only looked at."""

    start: datetime
    end: datetime
    hold: Appointment | None = None


@pages.get("/book/<int:schedule_id>")
@access.allow(access.ANYONE)
def week_page(schedule_id: int) -> BaseResponse:
    """A week of free starts, and beside it the time that was chosen."""
    return _page(schedule_id, status=200)


@pages.post("/book/<int:schedule_id>/hold")
@access.allow(access.SIGNED_IN)
def hold(schedule_id: int) -> BaseResponse:
    """Keep the time that was pressed, and come back to the form."""
    wish = _wish(schedule_id)
    try:
        kept = context.write(lambda session: _hold(session, wish))
    except DomainError as error:
        return _page(schedule_id, status=status_of(error), error=error)
    return _back_to(schedule_id, wish, kept.id)


@pages.post("/book/<int:schedule_id>")
@access.allow(access.SIGNED_IN)
def confirm(schedule_id: int) -> BaseResponse:
    """Book the time, out of the hold or, if it ran out and is still free, without."""
    wish = _wish(schedule_id)
    try:
        visit_id = context.write(lambda session: _book(session, wish)).id
    except DomainError as error:
        booked = _booked_before(context.reader(), wish)
        if booked is None:
            return _page(schedule_id, status=status_of(error), error=error)
        visit_id = booked
    return redirect(url_for("visits.show", appointment_id=visit_id, booked=1), 303)


def _hold(session: Session, wish: Wish) -> Appointment:
    actor, now = context.actor(), context.now()
    _let_go_of_other(session, actor, wish, now)
    return referrals.hold(
        session, actor, wish, now=now, keep=_keep(), referral_id=reading.optional_id("referral")
    )


def _book(session: Session, wish: Wish) -> Appointment:
    actor, now = context.actor(), context.now()
    _let_go_of_other(session, actor, wish, now)
    return referrals.book(
        session, actor, wish, now=now, hold_id=reading.optional_id("hold"),
        referral_id=reading.optional_id("referral"),
    )  # fmt: skip


def _booked_before(session: Session, wish: Wish) -> UUID | None:
    """The visit that the hold has become, where this very form was confirmed once before, as in
    a second tab; None where the hold is, or was, for anything else."""
    hold_id = reading.optional_id("hold")
    visit = _visit_of(session, context.actor(), hold_id) if hold_id else None
    if visit is None or visit.status is not Status.BOOKED:
        return None
    booked = visit.appointment
    asked = (wish.schedule_id, wish.start, wish.patient_id)
    same = (visit.schedule.id, booked.starts_at, booked.patient_id) == asked
    return booked.id if same else None


def _visit_of(session: Session, actor: Actor, hold_id: UUID) -> Visit | None:
    """The visit, or hold, of this id, if the reader has a part in it."""
    try:
        return booking.visit_for(session, actor, hold_id)[0]
    except NotFound:
        return None


def _let_go_of_other(session: Session, actor: Actor, wish: Wish, now: datetime) -> None:
    """End the hold where the reader has since chosen somebody else of those they care for,
    or it would stand in their own way."""
    hold_id = reading.optional_id("hold") if actor.dependents else None
    held = _visit_of(session, actor, hold_id) if hold_id else None
    if hold_id and held and held.appointment.patient_id != wish.patient_id:
        booking.release_hold(session, actor, hold_id, now=now)


@pages.post("/holds/<hold_id>/extend")
@access.allow(access.SIGNED_IN)
def extend(hold_id: str) -> BaseResponse:
    """Keep the time for some minutes more."""
    try:
        kept = context.write(
            lambda session: booking.extend_hold(
                session,
                context.actor(),
                read_id(hold_id),
                now=context.now(),
                keep=_keep(),
                limit=context.settings().hold_extensions,
            )
        )
    except DomainError as error:
        flash(sentence_of(error), "warn")
        return redirect(reading.own_path("back", url_for("search.home")), 303)
    return redirect(_hold_url(kept), 303)


@pages.post("/holds/<hold_id>/release")
@access.allow(access.SIGNED_IN)
def release(hold_id: str) -> BaseResponse:
    """Let the time go, and show the week again."""
    context.write(
        lambda session: booking.release_hold(
            session, context.actor(), read_id(hold_id), now=context.now()
        )
    )
    flash(_("We let this time go. Nothing is booked."), "info")
    return redirect(reading.own_path("back", url_for("search.home")), 303)


def _keep() -> timedelta:
    return timedelta(minutes=context.settings().hold_minutes)


def _wish(schedule_id: int) -> Wish:
    """What the form asks for."""
    return Wish(
        schedule_id=schedule_id,
        start=reading.instant("start"),
        minutes=reading.number("minutes", 0) or _slot_minutes(schedule_id),
        patient_id=_patient_id(context.actor()),
        reason=reading.text("reason")[:LONGEST_REASON] or None,
        priority=reading.option("priority", Priority, Priority.ROUTINE),
        second_visit=reading.text("second") == "yes",
    )


def _slot_minutes(schedule_id: int) -> int:
    return _place(context.reader(), schedule_id).slot_minutes


def _place(session: Session, schedule_id: int) -> Place:
    place = schedules.places(session, Schedule.id == schedule_id).get(schedule_id)
    if place is None:
        raise NotFound
    return place


def _back_to(schedule_id: int, wish: Wish, hold_id: UUID) -> BaseResponse:
    target = url_for(
        "booking.week_page",
        schedule_id=schedule_id,
        hold=hold_id,
        minutes=wish.minutes,
        patient=_named(context.actor(), wish.patient_id),
        referral=reading.optional_id("referral"),
    )
    return redirect(f"{target}#booking", 303)


def _hold_url(kept: Appointment) -> str:
    target = url_for(
        "booking.week_page",
        schedule_id=kept.schedule_id,
        hold=kept.id,
        patient=_named(context.actor(), kept.patient_id),
        referral=reading.optional_id("referral"),
    )
    return f"{target}#booking"


def _named(actor: Actor, patient_id: UUID | None) -> UUID | None:
    """What addresses say of whom the booking is for: nothing where it is the reader."""
    return None if patient_id == actor.patient_id else patient_id


def _page(schedule_id: int, *, status: int, error: DomainError | None = None) -> Response:
    """The booking page; after a refusal it keeps what was typed and says how to go on."""
    session, actor, now = context.reader(), context.actor(), context.now()
    place = _place(session, schedule_id)
    patient = _patient(actor)
    letter = _letter(session, actor, place, patient, now)
    may_book = letter is not None or not needs_referral(place)
    chosen = None if isinstance(error, SlotTaken) else _chosen(session, actor, place)
    page = render_template(
        "booking/week.html",
        place=place,
        subject=schedules.subject(session, schedule_id),
        week=_week(session, place, patient, chosen, now),
        lengths=lengths(place),
        chosen=chosen,
        patient=patient,
        people=_people(session, actor),
        letter=letter,
        named_referral=reading.optional_id("referral") if letter else None,
        books_for_others=may_book_others(actor, place),
        alternatives=error.alternatives if isinstance(error, SlotTaken) else (),
        taken=reading.optional_instant("start") if isinstance(error, SlotTaken) else None,
        problem=sentence_of(error) if error else None,
        problem_code=error.code if error else "",
        reason=reading.text("reason") or (chosen and chosen.hold and chosen.hold.reason) or "",
        cutoff=_cutoff(chosen),
        extensions=context.settings().hold_extensions,
        hold_minutes=context.settings().hold_minutes,
        needs_referral=needs_referral(place),
        may_book=may_book,
        keeps=patient is not None and may_book,
        week_url=_week_url(schedule_id, actor, patient),
        chosen_url=_chosen_url(schedule_id, chosen),
    )
    return Response(page, status)


def _week_url(schedule_id: int, actor: Actor, patient: Patient | None) -> Callable[..., str]:
    """Addresses of this page for another week or length."""
    shared = {
        "schedule_id": schedule_id,
        "minutes": reading.text("minutes") or None,
        "patient": _named(actor, patient.id) if patient else None,
        "referral": reading.optional_id("referral"),
    }
    return lambda **changed: url_for("booking.week_page", **{**shared, **changed})


def _chosen_url(schedule_id: int, chosen: Chosen | None) -> str | None:
    """Where somebody who has to sign in first comes back to."""
    if chosen is None:
        return None
    return url_for(
        "booking.week_page",
        schedule_id=schedule_id,
        start=reading.instant_text(chosen.start),
        minutes=reading.text("minutes") or None,
    )


def _week(
    session: Session, place: Place, patient: Patient | None, chosen: Chosen | None, now: datetime
) -> Week:
    day = reading.optional_day("week")
    if day is None and chosen:
        day = chosen.start.astimezone(place.zone).date()
    minutes = reading.number("minutes", 0) or None
    if chosen and chosen.hold:
        minutes = int((chosen.end - chosen.start).total_seconds()) // 60
    return week(
        session,
        place,
        day,
        minutes=minutes,
        now=now,
        days_ahead=place.horizon_days,
        besides=[patient.diary_id] if patient else (),
        kept=_kept_slot(place, chosen),
    )


def _kept_slot(place: Place, chosen: Chosen | None) -> Slot | None:
    """The patient's own hold, which the week shows among the free times."""
    if chosen is None or chosen.hold is None:
        return None
    start, end = (at.astimezone(place.zone) for at in (chosen.start, chosen.end))
    return Slot(start, end, place.schedule_id)


def _patient_id(actor: Actor) -> UUID | None:
    """Whom the booking is for: whoever is named, else the reader if they are a patient.

    NotFound where a patient names somebody whom they do not care for.
    """
    named = reading.optional_id("patient") if actor.role is not None else None
    if named is not None and actor.role is Role.PATIENT and not actor.acts_for(named):
        raise NotFound
    return named or actor.patient_id


def _patient(actor: Actor) -> Patient | None:
    """Whom the booking is for, as far as it is known."""
    patient_id = _patient_id(actor)
    return known.patient(patient_id) if patient_id else None


def _people(session: Session, actor: Actor) -> list[Patient]:
    """Whom a patient may book for, themselves first; empty where there is no choice."""
    if actor.patient_id is None or not actor.dependents:
        return []
    cared_for = [one for one, _link in directory.dependents_of(session, actor.patient_id)]
    return [directory.patient(session, actor.patient_id), *cared_for]


def _letter(
    session: Session, actor: Actor, place: Place, patient: Patient | None, now: datetime
) -> Letter | None:
    """The referral with which the patient may book here, where one is needed and the reader
    books here for them."""
    knows = patient is not None and (actor.acts_for(patient.id) or may_book_others(actor, place))
    if patient is None or not knows or not needs_referral(place):
        return None
    named = reading.optional_id("referral")
    return letter_to(session, place, patient.id, now=now, referral_id=named)


def _chosen(session: Session, actor: Actor, place: Place) -> Chosen | None:
    """The hold that the address names, else the start that it names."""
    hold_id = reading.optional_id("hold")
    if hold_id is not None and actor.role is not None:
        visit = _visit_of(session, actor, hold_id)
        if visit and visit.status is Status.HELD and visit.schedule.id == place.schedule_id:
            held = visit.appointment
            return Chosen(held.starts_at, held.ends_at, held)
    start = reading.optional_instant("start")
    if start is None:
        return None
    minutes = reading.number("minutes", 0)
    if minutes not in lengths(place):
        minutes = place.slot_minutes
    return Chosen(start, start + timedelta(minutes=minutes))


def _cutoff(chosen: Chosen | None) -> datetime | None:
    """Until when the patient may move or cancel."""
    if chosen is None:
        return None
    return chosen.start - timedelta(hours=context.settings().cancel_cutoff_hours)
