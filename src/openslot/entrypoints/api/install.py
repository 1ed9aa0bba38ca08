"""Registers the API in the app: operations, error handling and documentation."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from openslot.booking.errors import SlotTaken
from openslot.entrypoints import bearer, failures
from openslot.entrypoints.api import (
    absences,
    answers,
    appointments,
    centres,
    closures,
    departments,
    dependents,
    doctors,
    emergencies,
    feedback,
    history,
    itineraries,
    me,
    merges,
    notifications,
    offers,
    patients,
    practitioners,
    professions,
    programs,
    queue,
    records,
    referrals,
    requests,
    resources,
    schedules,
    search,
    series,
    sessions,
    slots,
    tokens,
    waitlist,
    webhooks,
)
from openslot.entrypoints.api.naming import named
from openslot.entrypoints.api.openapi import document
from openslot.entrypoints.api.operations import Operation, names_sent
from openslot.entrypoints.api.shapes import Alternative
from openslot.entrypoints.failures import Problem, as_json
from openslot.entrypoints.published import revalidated
from openslot.entrypoints.request import root
from openslot.entrypoints.rules import Rule, opened

SERVICES = (
    tokens.service,
    me.service,
    dependents.service,
    notifications.service,
    search.service,
    centres.service,
    closures.service,
    departments.service,
    practitioners.service,
    professions.service,
    resources.service,
    queue.service,
    schedules.service,
    slots.service,
    appointments.service,
    answers.service,
    series.service,
    itineraries.service,
    sessions.service,
    patients.service,
    merges.service,
    history.service,
    records.service,
    emergencies.service,
    referrals.service,
    requests.service,
    waitlist.service,
    offers.service,
    absences.service,
    feedback.service,
    me.key_service,
    programs.service,
    webhooks.service,
    doctors.service,
)
"""In the order of the documentation."""

DOCTOR_PATHS = re.compile(r"/(doctors|appointments?)(/.*)?", re.DOTALL)

pages = Blueprint("api", __name__, template_folder="templates")


def install(app: Flask) -> None:
    """Register all operations; call it after the pages, as it adds to their error handling."""
    for service in SERVICES:
        app.register_blueprint(service.pages)
        app.extensions["csrf"].exempt(service.pages)
    app.register_blueprint(pages)
    failures.register(app, _is_ours, show_problem)


@pages.get("/api/v1/openapi.json")
@opened(Rule.PUBLIC)
def openapi() -> ResponseReturnValue:
    """Return the OpenAPI document."""
    return revalidated(jsonify(_document()))


@pages.get("/api/docs")
@opened(Rule.PUBLIC)
def docs() -> ResponseReturnValue:
    """Show the OpenAPI document as a page."""
    return render_template("api/docs.html", api=_document())


def _document() -> dict[str, Any]:
    return {**_for_any_server(), "servers": [{"url": root()}]}


@cache
def _for_any_server() -> dict[str, Any]:
    """Return the document without an address; cached, as making it takes a quarter of a second."""
    return document(SERVICES, "")


def _is_ours() -> bool:
    """Return whether this request is for the API, even if no operation matches it."""
    view = current_app.view_functions.get(request.endpoint or "")
    if isinstance(getattr(view, "operation", None), Operation):
        return True
    if request.path.startswith("/api/"):
        return True
    return bool(DOCTOR_PATHS.fullmatch(request.path)) and _is_program()


def _is_program() -> bool:
    """Return whether a program sent this, and not a browser: pages use similar addresses."""
    accepted = request.accept_mimetypes
    wants_page = accepted["text/html"] > accepted["application/json"]
    return "Authorization" in request.headers or not (request.endpoint or wants_page)


def show_problem(problem: Problem) -> Response:
    """Return an RFC 9457 problem; for a taken slot, it lists the nearest free ones."""
    more: dict[str, Any] = {}
    if isinstance(problem.cause, SlotTaken):
        more["alternatives"] = _alternatives(problem.cause)
    response = jsonify(as_json(_with_api_names(problem), **more))
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    response.headers.extend(bearer.challenge(problem.cause))
    return response


def _alternatives(taken: SlotTaken) -> list[dict[str, Any]]:
    """Return the nearest free times in the API's shape."""
    return [
        Alternative(
            schedule=taken.schedule_id, start=start, end=start + timedelta(minutes=taken.minutes)
        ).model_dump(mode="json")
        for start in taken.alternatives
    ]


def _with_api_names(problem: Problem) -> Problem:
    """Return the problem with its fields under the names that the operation uses."""
    view = current_app.view_functions.get(request.endpoint or "")
    operation = getattr(view, "operation", None)
    if not isinstance(operation, Operation) or not problem.fields:
        return problem
    fields = tuple(named(problem.fields, operation, names_sent()))
    sentence = problem.sentence if fields else problem.fields[0][1]
    return replace(problem, sentence=sentence, fields=fields)
