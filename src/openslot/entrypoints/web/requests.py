"""Requests between departments: lists, one request, and the departments to request from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import Session
from wtforms import TextAreaField

from openslot.booking.errors import SlotTaken
from openslot.booking.models import Priority
from openslot.core import audit
from openslot.core.actor import Role
from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.work import Work
from openslot.department_requests import commands, queries
from openslot.department_requests.commands import request_for
from openslot.department_requests.details import ReasonDetails
from openslot.department_requests.models import ServiceRequest, State
from openslot.department_requests.queries import Figures
from openslot.department_requests.rules import (
    CLOSED,
    OPEN,
    Action,
    Relation,
    actions_now,
    check_action,
)
from openslot.directory import queries as directory
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.departments import choices_for
from openslot.entrypoints.web.formats import duration
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, save, see_other
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule

pages = Blueprint("requests", __name__)

PLACED = frozenset({Role.STAFF, Role.CENTRE_ADMIN})
"""Roles that belong to a centre."""

PAGE_SIZE = 25
DAY_MINUTES = 24 * 60


class Tab(StrEnum):
    """Tabs of the list."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    CLOSED = "closed"


# Lists


@dataclass(frozen=True, slots=True)
class Scope:
    """Requests that the reader sees: of a department, a centre or the network."""

    department_id: int | None
    centre_id: int | None

    def condition(self, tab: Tab) -> tuple[queries.Condition, ...]:
        """Return the conditions for the requests under a tab."""
        own = self.department_id
        if own is None:
            return () if self.centre_id is None else (queries.at_centre(self.centre_id),)
        if tab is Tab.INCOMING:
            return (queries.asked_of(own),)
        return (queries.asked_by(own) if tab is Tab.OUTGOING else queries.concerning(own),)

    def figures(self, session: Session) -> Figures:
        """Return the number of open requests."""
        if self.department_id is None:
            return queries.figures_at(session, self.centre_id)
        return queries.figures(session, self.department_id)


@pages.get("/requests")
@access.allow(access.EDITORS)
def listing() -> ResponseReturnValue:
    """List requests of the reader's department, centre or network."""
    session, actor = context.reader(), context.actor()
    if actor.is_a(Role.STAFF) and actor.department_id is None:
        return redirect(url_for("admin.own_department"), 303)
    scope = Scope(actor.department_id if actor.is_a(Role.STAFF) else None, actor.centre_id)
    tab = reading.option("tab", Tab, Tab.INCOMING)
    if scope.department_id is None and tab is Tab.OUTGOING:
        tab = Tab.INCOMING
    number = reading.page_number()
    where = (*scope.condition(tab), *_filters())
    return render_template(
        "requests/list.html",
        tab=tab.value,
        found=_page(session, tab, where, (number - 1) * PAGE_SIZE),
        total=queries.count(session, *where, queries.standing_as(_states(tab))),
        figures=scope.figures(session),
        services=queries.services_in(session, *scope.condition(tab)),
        service=reading.number("service", 0),
        priority=reading.text("priority"),
        number=number,
        first=(number - 1) * PAGE_SIZE + 1,
        own=scope.department_id,
        **_place(context.work()),
    )


def _filters() -> Iterator[queries.Condition]:
    service_id = reading.number("service", 0)
    if service_id:
        yield queries.of_service(service_id)
    if reading.text("priority") in set(Priority):
        yield queries.of_priority(Priority(reading.text("priority")))


def _states(tab: Tab) -> frozenset[State]:
    return CLOSED if tab is Tab.CLOSED else OPEN


def _page(
    session: Session, tab: Tab, where: tuple[queries.Condition, ...], offset: int
) -> list[ServiceRequest]:
    if tab is Tab.CLOSED:
        return queries.closed(session, *where, limit=PAGE_SIZE, offset=offset)
    first = State.PROPOSED if tab is Tab.OUTGOING else State.NEW
    return queries.page(
        session, *where, queries.is_open(), first=first, limit=PAGE_SIZE, offset=offset
    )


def _place(work: Work) -> dict[str, object]:
    department = (
        directory.department(work.session, work.actor.department_id, inactive=True)
        if work.actor.department_id
        else None
    )
    centre = (
        directory.centre(work.session, work.actor.centre_id, inactive=True)
        if work.actor.centre_id
        else None
    )
    return {"department": department, "centre": centre}


def waited(since: datetime, now: datetime) -> str:
    """Format a waiting time: "12 min", "2 h 10 min", "3 days"."""
    minutes = max(0, int((now - since).total_seconds()) // 60)
    if minutes < DAY_MINUTES:
        return duration(minutes, short=True)
    return str(ngettext("%(num)s day", "%(num)s days", minutes // DAY_MINUTES))


@pages.app_template_filter("waited")
def _waited(since: datetime) -> str:
    return waited(since, context.now())


# One request


@pages.get("/requests/<uuid:request_id>")
@access.allow(access.EDITORS)
def show(request_id: UUID) -> str:
    """Show a request with the available actions."""
    return _show(request_id)


def _show(request_id: UUID, error: DomainError | None = None) -> str:
    session, now = context.reader(), context.now()
    service_request, relation = request_for(context.work(), request_id)
    is_asked = relation is Relation.ASKED
    return render_template(
        "requests/show.html",
        service_request=service_request,
        relation=relation.value,
        other=service_request.requesting_department if is_asked else service_request.department,
        zone=service_request.zone,
        actions={action.value for action in actions_now(service_request, relation, now=now)},
        history=audit.events_of(session, commands.subject_of(request_id)),
        titles=_titles(),
        problem=sentence_of(error) if error else None,
        alternatives=error.alternatives if isinstance(error, SlotTaken) else (),
    )


def _titles() -> dict[str, str]:
    return {
        "request.made": _("Requested"),
        "request.amended": _("Changed"),
        "request.proposed": _("Another time proposed"),
        "request.accepted": _("Accepted and booked"),
        "request.declined": _("Declined"),
        "request.cancelled": _("Cancelled"),
        "request.completed": _("Completed"),
        "request.rated": _("Gave a rating"),
        "request.imported": _("Imported from the old system"),
    }


def _do(
    request_id: UUID, command: Callable[[Work], ServiceRequest], message: str
) -> ResponseReturnValue:
    """Do the command and return to the previous page; a refusal is shown on the request's page."""
    try:
        context.write(command)
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        return Response(_show(request_id, error), status_of(error))
    return see_other(
        reading.own_path("back", url_for("requests.show", request_id=request_id)), message
    )


def seen_version() -> int | None:
    """Return the version of the request that the reader has seen."""
    return reading.number("version", 0) or None


@pages.post("/requests/<uuid:request_id>/accept")
@access.allow(access.EDITORS)
def accept(request_id: UUID) -> ResponseReturnValue:
    """Accept the request at the requested time."""
    version = seen_version()
    return _do(
        request_id,
        lambda work: commands.accept(work, request_id, version=version),
        _("The request is accepted and the time is booked."),
    )


@pages.post("/requests/<uuid:request_id>/agree")
@access.allow(access.EDITORS)
def agree(request_id: UUID) -> ResponseReturnValue:
    """Accept the proposed time."""
    version = seen_version()
    return _do(
        request_id,
        lambda work: commands.agree(work, request_id, version=version),
        _("The proposed time is booked."),
    )


@pages.post("/requests/<uuid:request_id>/complete")
@access.allow(access.EDITORS)
def complete(request_id: UUID) -> ResponseReturnValue:
    """Mark the request as completed."""
    return _do(
        request_id, lambda work: commands.complete(work, request_id), _("The request is completed.")
    )


@pages.post("/requests/<uuid:request_id>/rate")
@access.allow(access.EDITORS)
def rate(request_id: UUID) -> ResponseReturnValue:
    """Rate the consultation with 1 to 5 stars."""
    stars = reading.number("stars", 0)
    return _do(
        request_id, lambda work: commands.rate(work, request_id, stars), _("Your rating is saved.")
    )


def request_to(action: Action, request_id: UUID) -> ServiceRequest | ResponseReturnValue:
    """Return the request if this action is allowed now; else its page with the reason."""
    service_request, relation = request_for(context.work(), request_id)
    try:
        check_action(action, service_request, relation, now=context.now())
    except Forbidden:
        raise
    except DomainError as error:
        return Response(_show(request_id, error), status_of(error))
    return service_request


class DeclineForm(Form):
    """Reason for declining."""

    missing: ClassVar[Mapping[str, object]] = {"answer": _l("Give a reason.")}

    answer = TextAreaField(_l("Reason"))


@pages.route("/requests/<uuid:request_id>/decline", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def decline(request_id: UUID) -> ResponseReturnValue:
    """Decline the request with a reason."""
    service_request = request_to(Action.DECLINE, request_id)
    if not isinstance(service_request, ServiceRequest):
        return service_request
    form = DeclineForm()
    status: Done[ServiceRequest] | int = SHOWN
    version = seen_version()
    if request.method == "POST":
        status = save(
            form,
            ReasonDetails,
            lambda work, details: commands.decline(
                work, request_id, answer=details.answer, version=version
            ),
        )
    if isinstance(status, Done):
        return see_other(
            url_for("requests.show", request_id=request_id), _("The request is declined.")
        )
    return render_template(
        "requests/decline.html", service_request=service_request, form=form
    ), status


@pages.route("/requests/<uuid:request_id>/cancel", methods=["GET", "POST"])
@access.allow(access.EDITORS)
def cancel(request_id: UUID) -> ResponseReturnValue:
    """Cancel the request, after confirmation."""
    service_request = request_to(Action.CANCEL, request_id)
    if not isinstance(service_request, ServiceRequest):
        return service_request
    if request.method == "GET":
        return render_template(
            "requests/cancel.html", service_request=service_request, zone=service_request.zone
        )
    return _do(
        request_id, lambda work: commands.cancel(work, request_id), _("The request is cancelled.")
    )


# Departments


@pages.get("/departments")
@access.allow(PLACED)
def departments() -> ResponseReturnValue:
    """List the other departments of the reader's centre, favourites first."""
    session, actor = context.reader(), context.actor()
    if actor.centre_id is None:
        return redirect(url_for("dashboard.show"), 303)
    text = reading.text("q")[:200]
    matches = choices_for(context.work(), text)
    bookable = schedules.subjects(
        session,
        Schedule.centre_id == actor.centre_id,
        Schedule.service_id.is_not(None),
        *schedules.bookable(),
    )
    return render_template(
        "requests/departments.html",
        centre=directory.centre(session, actor.centre_id, inactive=True),
        choices=matches.choices,
        own=directory.department(session, actor.department_id, inactive=True)
        if text and matches.is_own and actor.department_id
        else None,
        bookable={one.service.id for one in bookable if one.service},
        rated=queries.consultations(session, [one.department.id for one in matches.choices]),
        may_ask=actor.is_a(Role.STAFF) and actor.department_id is not None,
        patient=reading.optional_id("patient"),
        text=text,
    )
