"""Pages of sessions, for those who give or arrange the care."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.moves import cutoff_of, moves_now, relation_to
from openslot.booking.rules import may_book_others, offered_to
from openslot.booking.sessions import commands, queries
from openslot.core.errors import DomainError, Invalid, NotFound
from openslot.core.fields import first_problem
from openslot.core.work import Work
from openslot.entrypoints import limits
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.appointments import LONGEST_WHY
from openslot.entrypoints.web.booking_form import typed_start
from openslot.schedules import known
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

pages = Blueprint("sessions", __name__, url_prefix="/sessions")

LISTED = 200
"""Sessions that are listed at most."""

SINCE = timedelta(hours=12)
"""How long ago a session may have started that is listed."""


class Choice(NamedTuple):
    """A service with places, on a schedule where the reader gives or arranges care."""

    place: Place
    subject: Schedule

    @property
    def key(self) -> str:
        """Return what the form sends."""
        return f"{self.place.schedule_id}-{self.place.service_id or ''}"

    @property
    def name(self) -> str:
        """Return the name of what takes place."""
        offered = self.place.offered
        return offered.name if offered else self.subject.name


def choices(work: Work) -> list[Choice]:
    """Return what the reader can make sessions of, by name; one statement."""
    found = [
        Choice(place, subject)
        for own, subject in known.bookable(work.session).values()
        if may_book_others(work.actor, own)
        for place in (offered_to(work.actor, own) or [own])
        if place.has_sessions
    ]
    return sorted(found, key=lambda choice: (choice.name, choice.subject.name))


@pages.get("")
@access.allow(access.CARE_TEAM)
def listing() -> str:
    """List the sessions where the reader gives or arranges care."""
    work = context.work()
    groups = queries.page(
        work.session,
        queries.managed_by(work.actor),
        queries.starting_from(work.now - SINCE),
        limit=LISTED,
    )
    return render_template("sessions/list.html", groups=groups, choices=choices(work))


@pages.get("/new")
@access.allow(access.CARE_TEAM)
def ask_new() -> Response:
    """Show the form for a session at a time of the reader's choice."""
    return _new_page(200)


@pages.post("/new")
@access.allow(access.CARE_TEAM)
def new() -> BaseResponse:
    """Make a session."""
    try:
        group = context.write(_make)
    except DomainError as error:
        return _new_page(status_of(error), sentence_of(error))
    flash(_("The session is made. It can be booked now."), "good")
    return _to_session(group.id)


def _make(work: Work) -> GroupSession:
    chosen = next((one for one in choices(work) if one.key == reading.text("what")), None)
    if chosen is None:
        raise Invalid("Choose what takes place.", field="what")
    place = chosen.place
    start = typed_start(place.zone)
    if start is None:
        raise Invalid("Enter a time such as 13:00, in steps of 5 minutes.", field="clock")
    return commands.make_session(
        work,
        place.schedule_id,
        start,
        service_id=place.service_id,
        count=reading.number("places", 0) or None,
    )


def _new_page(status: int, problem: str | None = None) -> Response:
    page = render_template(
        "sessions/new.html", choices=choices(context.work()), problem=problem, typed=reading.text
    )
    return Response(page, status)


@pages.get("/<uuid:session_id>")
@access.allow(access.CARE_TEAM)
def show(session_id: UUID) -> Response:
    """Show a session with everybody in it, also on paper."""
    return _page(session_id, 200)


@pages.post("/<uuid:session_id>/places")
@access.allow(access.CARE_TEAM)
def change_places(session_id: UUID) -> BaseResponse:
    """Change the number of places."""

    def change(work: Work) -> str:
        commands.change_places(work, session_id, reading.number("places", 0))
        return str(_("The number of places is changed."))

    return _do(session_id, change)


@pages.post("/<uuid:session_id>/move")
@access.allow(access.CARE_TEAM)
def move(session_id: UUID) -> BaseResponse:
    """Move the session with everybody in it."""

    def change(work: Work) -> str:
        start = typed_start(commands.session_for(work, session_id).schedule.zone)
        if start is None:
            raise Invalid("Enter a time such as 13:00, in steps of 5 minutes.", field="clock")
        commands.move_session(work, session_id, start)
        return str(_("The session and all its appointments have moved."))

    return _do(session_id, change)


@pages.post("/<uuid:session_id>/message")
@access.allow(access.CARE_TEAM)
def write(session_id: UUID) -> BaseResponse:
    """Write to everybody who has an appointment in the session."""
    limits.message(context.actor())

    def change(work: Work) -> str:
        try:
            message = commands.Message(message=reading.typed("message"))
        except ValidationError as error:
            raise first_problem(error) from None
        count = commands.write_to_all(work, session_id, message)
        return str(ngettext("We write to %(num)s patient.", "We write to %(num)s patients.", count))

    return _do(session_id, change)


@pages.get("/<uuid:session_id>/cancel")
@access.allow(access.CARE_TEAM)
def ask_cancel(session_id: UUID) -> Response:
    """Ask for confirmation before cancelling everybody's appointment."""
    return _cancel_page(session_id, 200)


@pages.post("/<uuid:session_id>/cancel")
@access.allow(access.CARE_TEAM)
def cancel(session_id: UUID) -> BaseResponse:
    """Cancel the session and everybody's appointment in it."""
    try:
        why = reading.long_text("why", LONGEST_WHY)
        context.write(commands.cancel_session, session_id, why=why)
    except NotFound:
        raise
    except DomainError as error:
        return _cancel_page(session_id, status_of(error), sentence_of(error))
    flash(_("The session and all its appointments are cancelled."), "good")
    return redirect(url_for("sessions.listing"), 303)


def _cancel_page(session_id: UUID, status: int, problem: str | None = None) -> Response:
    group = commands.session_for(context.work(), session_id)
    zone = group.schedule.zone
    page = render_template("sessions/cancel.html", group=group, zone=zone, problem=problem)
    return Response(page, status)


def _do(session_id: UUID, change: Callable[[Work], str]) -> BaseResponse:
    """Make a change and return to the session with what it says, or show the page with why not."""
    try:
        message = context.write(change)
    except NotFound:
        raise
    except DomainError as error:
        return _page(session_id, status_of(error), sentence_of(error))
    flash(message, "good")
    return _to_session(session_id)


def _to_session(session_id: UUID) -> BaseResponse:
    return redirect(url_for("sessions.show", session_id=session_id), 303)


def _page(session_id: UUID, status: int, problem: str | None = None) -> Response:
    work = context.work()
    group = commands.session_for(work, session_id)
    there = commands.roster(work, session_id)
    page = render_template(
        "sessions/show.html",
        group=group,
        zone=group.schedule.zone,
        here=[one for one in there if one.status is not Status.CANCELLED],
        cancelled=[one for one in there if one.status is Status.CANCELLED],
        moves=_moves,
        problem=problem,
    )
    return Response(page, status)


def _moves(appointment: Appointment) -> list[str]:
    """Return the statuses that the reader can set."""
    relation = relation_to(context.actor(), appointment)
    cutoff = cutoff_of(appointment.booked_service, context.settings())
    if relation is None:
        return []
    return [
        status.value
        for status in moves_now(relation, appointment, now=context.now(), cutoff=cutoff)
    ]
