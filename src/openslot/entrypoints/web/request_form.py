"""Forms to request from a department, change a request, and propose another time.

Every button sends the form. A time, the length, the week and the patient search only show the page
again with everything that was typed. It is sent in the body because addresses end up in browser
histories and logs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, StringField, TextAreaField

from openslot.booking.errors import SlotTaken
from openslot.booking.models import Priority
from openslot.booking.queries import ForWhom
from openslot.booking.slots import Slot
from openslot.core.births import BirthDate
from openslot.core.errors import DomainError, Forbidden, NotFound, StaleVersion
from openslot.core.fields import Details
from openslot.core.language import settled
from openslot.core.work import Work
from openslot.department_requests import commands
from openslot.department_requests.commands import asked_service, place_for, request_for
from openslot.department_requests.details import ProposalDetails, RequestDetails
from openslot.department_requests.models import ServiceRequest
from openslot.department_requests.rules import Action, Relation
from openslot.directory import queries as directory
from openslot.directory.models import Department, Patient, Service
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.births import read_day
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.records import fresh_id
from openslot.entrypoints.web.requests import request_to, seen_version
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, checked, see_other
from openslot.entrypoints.web.week import lengths, week
from openslot.records import finding
from openslot.schedules.rules import Place

pages = Blueprint("request_form", __name__)

MOST_FOUND = 10
"""Most patients offered; a longer search text narrows them down."""

LOOKS = ("look", "find", "whom")
"""Buttons that only show the page again: week, length and patient."""


class RequestForm(Form):
    """Task and urgency. ``request_id`` is the id of the new request, so that a form that is sent
    twice creates only one."""

    request_id = HiddenField(default=fresh_id)
    task = StringField(_l("What needs doing?"))
    description = TextAreaField(_l("Description"))
    priority = RadioField(_l("How soon?"), default=Priority.ROUTINE.value, validate_choice=False)

    def offer(self) -> None:
        """Set the choices."""
        self.priority.choices = [
            (Priority.ROUTINE.value, _("Routine")),
            (Priority.URGENT.value, _("Urgent")),
        ]


class ProposalForm(Form):
    """Message with a proposed time."""

    answer = TextAreaField(_l("Message"))


@dataclass(slots=True)
class Page:
    """State of the page: ``url`` builds its address, ``found`` are the patients found, ``is_stale``
    is true if the request was changed since the page was opened."""

    kind: str
    service: Service
    department: Department
    place: Place
    form: Form
    url: Callable[..., str]
    patient: Patient | None = None
    service_request: ServiceRequest | None = None
    start: datetime | None = None
    minutes: int = 0
    alternatives: tuple[datetime, ...] = ()
    found: Sequence[Patient] | None = None
    is_stale: bool = False

    @property
    def kept(self) -> Slot | None:
        """Time that the request already has, to show among the free ones."""
        appointment = self.service_request.appointment if self.service_request else None
        if appointment is None:
            return None
        zone = self.place.zone
        return Slot(
            appointment.starts_at.astimezone(zone),
            appointment.ends_at.astimezone(zone),
            self.place.schedule_id,
        )


@pages.route("/services/<int:service_id>/request", methods=["GET", "POST"])
@access.allow(access.STAFF)
def ask(service_id: int) -> ResponseReturnValue:
    """Request a service from another department, for a patient or without one."""
    session, actor = context.reader(), context.actor()
    if actor.department_id is None:
        return redirect(url_for("admin.own_department"), 303)
    service, department = asked_service(context.work(), service_id)
    patient_id, request_id = _chosen_patient_id(), reading.optional_id("request_id")
    page = Page(
        "ask",
        service,
        department,
        place_for(session, service_id),
        _request_form(obj=_earlier_request(context.work(), service_id)),
        _addresses("request_form.ask", service_id=service_id),
        patient=directory.patient(session, patient_id) if patient_id else None,
        found=None if patient_id else _found_patients(),
    )
    return _answer(
        page,
        RequestDetails,
        lambda work, details, start: commands.make(
            work,
            service_id,
            details,
            start=start,
            minutes=page.minutes,
            patient_id=patient_id,
            request_id=request_id,
        ),
        _("Your request is sent to %(department)s.", department=department.name),
    )


def _earlier_request(work: Work, service_id: int) -> ServiceRequest | None:
    """Return the earlier request to repeat, if one is named."""
    older_id = reading.optional_id("again")
    if older_id is None:
        return None
    older, relation = request_for(work, older_id)
    if relation is not Relation.ASKING or older.service_id != service_id:
        raise NotFound
    return older


def _chosen_patient_id() -> UUID | None:
    """Return the patient just chosen, else the one chosen before."""
    if reading.text("whom") == "none":
        return None
    return reading.optional_id("whom") or reading.optional_id("patient")


def _found_patients() -> Sequence[Patient] | None:
    """Return the patients that match the search; None without a search."""
    text = request.form.get("who", "").strip()[:200]
    if not text:
        return None
    day = read_day(text, settled(get_locale()))
    born = BirthDate(day) if day else None
    patients, total = finding.search(
        context.work(), text="" if born else text, born=born, limit=MOST_FOUND, offset=0
    )
    context.write(finding.note_search, total)
    return patients


@pages.route("/requests/<uuid:request_id>/amend", methods=["GET", "POST"])
@access.allow(access.STAFF)
def amend(request_id: UUID) -> ResponseReturnValue:
    """Change a request or its time."""
    service_request = request_to(Action.AMEND, request_id)
    if not isinstance(service_request, ServiceRequest):
        return service_request
    page = _page_of("amend", service_request, _request_form(obj=service_request))
    page.start, version = service_request.current_start, seen_version()
    return _answer(
        page,
        RequestDetails,
        lambda work, details, start: commands.amend(
            work, request_id, details, start=start, minutes=page.minutes, version=version
        ),
        _("The request is changed."),
    )


@pages.route("/requests/<uuid:request_id>/propose", methods=["GET", "POST"])
@access.allow(access.STAFF)
def propose(request_id: UUID) -> ResponseReturnValue:
    """Propose another time to the requesting department."""
    service_request = request_to(Action.PROPOSE, request_id)
    if not isinstance(service_request, ServiceRequest):
        return service_request
    page, version = _page_of("propose", service_request, ProposalForm()), seen_version()
    return _answer(
        page,
        ProposalDetails,
        lambda work, details, start: commands.propose(
            work, request_id, start, answer=details.answer, version=version
        ),
        _("Your proposal is sent."),
    )


def _request_form(**values: Any) -> RequestForm:
    form = RequestForm(**values)
    form.offer()
    return form


def _page_of(kind: str, service_request: ServiceRequest, form: Form) -> Page:
    return Page(
        kind,
        service_request.service,
        service_request.department,
        place_for(context.reader(), service_request.service_id),
        form,
        _addresses(f"request_form.{kind}", request_id=service_request.id),
        patient=service_request.patient,
        service_request=service_request,
        minutes=service_request.minutes,
    )


def _addresses(endpoint: str, **own: object) -> Callable[..., str]:
    """Return a function that builds addresses of a page."""
    return lambda **changed: url_for(endpoint, **{**own, **changed})


Command = Callable[[Work, Any, datetime], ServiceRequest]


def _answer(page: Page, kind: type[Details], command: Command, message: str) -> ResponseReturnValue:
    """Show the page, or run the command with what was typed and the selected time.

    A time pressed in the week arrives as ``start`` and is only selected; ``chosen`` is the time
    that the form is sent with.
    """
    pressed = reading.optional_instant("start")
    page.start = pressed or reading.optional_instant("chosen") or page.start
    page.minutes = _minutes(page)
    if request.method == "GET" or pressed or any(name in request.form for name in LOOKS):
        return _render(page), SHOWN
    done = _do(page, kind, command)
    if isinstance(done, int):
        return _render(page), done
    return see_other(url_for("requests.show", request_id=done.id), message)


def _do(page: Page, kind: type[Details], command: Command) -> ServiceRequest | int:
    """Return the result of the command, or the status of a refusal, which the form shows."""
    details, start = checked(page.form, kind), page.start
    if start is None:
        page.form.refuse(_("Choose a time."))
    if page.found is not None:
        # Enter in the search field sends the form: do not request without the patient.
        page.form.refuse(_("Choose a patient from the list, or clear the search field."))
    if details is None or start is None or page.found is not None:
        return NOT_UNDERSTOOD
    try:
        return context.write(command, details, start)
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        page.is_stale = isinstance(error, StaleVersion)
        page.form.refuse(
            _("The request has just been changed, so nothing was sent.") if page.is_stale else error
        )
        if isinstance(error, SlotTaken):
            page.alternatives, page.start = error.alternatives, None
        return status_of(error)


def _minutes(page: Page) -> int:
    """Return the selected length, by default the usual length of the service."""
    allowed = lengths(page.place)
    chosen = reading.number("minutes", 0)
    if page.kind == "propose":
        return page.minutes
    if chosen in allowed or page.minutes:
        return chosen if chosen in allowed else page.minutes
    return next((length for length in allowed if length >= page.service.minutes), allowed[-1])


def _render(page: Page) -> str:
    day = reading.optional_day("look") or reading.optional_day("week")
    near = page.start or reading.optional_instant("chosen")
    if day is None and near:
        day = near.astimezone(page.place.zone).date()
    return render_template(
        "requests/form.html",
        page=page,
        form=page.form,
        zone=page.place.zone,
        week=week(
            context.work(),
            page.place,
            day,
            minutes=page.minutes,
            days_ahead=page.place.horizon_days,
            whom=ForWhom(page.patient.id, page.patient.diary_id) if page.patient else None,
            kept=page.kept,
        ),
        lengths=[page.minutes] if page.kind == "propose" else lengths(page.place),
        end=page.start + timedelta(minutes=page.minutes) if page.start else None,
        version=_version(page),
        who=request.form.get("who", ""),
    )


def _version(page: Page) -> int:
    """Return the version that the reader has seen: the newest if the page shows it."""
    newest = page.service_request.version if page.service_request else 0
    return newest if page.is_stale else seen_version() or newest
