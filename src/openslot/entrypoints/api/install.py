"""Wires the API into the app: its operations, how its failures look, its documentation."""

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from openslot.booking.errors import SlotTaken
from openslot.core.errors import Unauthenticated
from openslot.entrypoints import failures
from openslot.entrypoints.api import (
    absences,
    appointments,
    centres,
    departments,
    doctors,
    feedback,
    me,
    patients,
    practitioners,
    referrals,
    schedules,
    search,
    slots,
    tokens,
    waitlist,
    webhooks,
)
from openslot.entrypoints.api.openapi import document
from openslot.entrypoints.failures import Problem, as_json
from openslot.entrypoints.request import settings

SERVICES = (
    tokens.service,
    me.service,
    search.service,
    centres.service,
    departments.service,
    practitioners.service,
    schedules.service,
    slots.service,
    appointments.service,
    patients.service,
    referrals.service,
    waitlist.service,
    absences.service,
    feedback.service,
    me.key_service,
    webhooks.service,
    doctors.service,
)
"""In the order of the documentation."""

DOCTOR_PATHS = re.compile(r"/(doctors(/.*)?|appointment|appointments/\d+)/?$")

pages = Blueprint("api", __name__, template_folder="templates")


def install(app: Flask) -> None:
    """Register all operations; after the pages, whose error handling this adds to."""
    for service in SERVICES:
        app.register_blueprint(service.pages)
        app.extensions["csrf"].exempt(service.pages)
    app.register_blueprint(pages)
    failures.register(app, _is_ours, show_problem)


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view of this package that is no operation and open to anybody."""
    view.operation = None  # type: ignore[attr-defined] # read by the check before each request
    return view


@pages.get("/api/v1/openapi.json")
@public
def openapi() -> ResponseReturnValue:
    """The OpenAPI document."""
    return jsonify(_document())


@pages.get("/api/docs")
@public
def docs() -> ResponseReturnValue:
    """The same document for people."""
    return render_template("api/docs.html", api=_document())


def _document() -> dict[str, Any]:
    server = settings().public_url.rstrip("/") or request.host_url.rstrip("/")
    return document(SERVICES, server)


def _is_ours() -> bool:
    """Whether this request was meant for the API, also where no operation answers it."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "operation", None) is not None:
        return True
    return request.path.startswith("/api/") or bool(DOCTOR_PATHS.fullmatch(request.path))


def show_problem(problem: Problem) -> Response:
    """An RFC 9457 problem; a taken slot names the nearest that are free."""
    more: dict[str, Any] = {}
    if isinstance(problem.cause, SlotTaken):
        more["alternatives"] = [
            {"start": start.isoformat()} for start in problem.cause.alternatives
        ]
    response = jsonify(as_json(problem, **more))
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    if isinstance(problem.cause, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="OpenSlot"'
    return response
