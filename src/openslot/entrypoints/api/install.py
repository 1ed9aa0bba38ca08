"""Wires the API into the app: its operations, how its failures look, its documentation."""

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
    appointments,
    centres,
    closures,
    departments,
    dependents,
    doctors,
    feedback,
    history,
    me,
    notifications,
    offers,
    patients,
    practitioners,
    records,
    referrals,
    requests,
    schedules,
    search,
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
    schedules.service,
    slots.service,
    appointments.service,
    patients.service,
    history.service,
    records.service,
    referrals.service,
    requests.service,
    waitlist.service,
    offers.service,
    absences.service,
    feedback.service,
    me.key_service,
    webhooks.service,
    doctors.service,
)
"""In the order of the documentation."""

DOCTOR_PATHS = re.compile(r"/(doctors|appointments?)(/.*)?", re.DOTALL)

pages = Blueprint("api", __name__, template_folder="templates")


def install(app: Flask) -> None:
    """Register all operations; after the pages, whose error handling this adds to."""
    for service in SERVICES:
        app.register_blueprint(service.pages)
        app.extensions["csrf"].exempt(service.pages)
    app.register_blueprint(pages)
    failures.register(app, _is_ours, show_problem)


@pages.get("/api/v1/openapi.json")
@opened(Rule.PUBLIC)
def openapi() -> ResponseReturnValue:
    """The OpenAPI document."""
    return jsonify(_document())


@pages.get("/api/docs")
@opened(Rule.PUBLIC)
def docs() -> ResponseReturnValue:
    """The same document for people."""
    return render_template("api/docs.html", api=_document())


def _document() -> dict[str, Any]:
    return {**_for_any_server(), "servers": [{"url": root()}]}


@cache
def _for_any_server() -> dict[str, Any]:
    """Made once, as it takes a quarter of a second and anybody may ask for it."""
    return document(SERVICES, "")


def _is_ours() -> bool:
    """Whether this request was meant for the API, also where no operation answers it."""
    view = current_app.view_functions.get(request.endpoint or "")
    if isinstance(getattr(view, "operation", None), Operation):
        return True
    if request.path.startswith("/api/"):
        return True
    return bool(DOCTOR_PATHS.fullmatch(request.path)) and _is_program()


def _is_program() -> bool:
    """Whether a program sent this, rather than a browser: appointments have pages near by."""
    accepted = request.accept_mimetypes
    wants_page = accepted["text/html"] > accepted["application/json"]
    return "Authorization" in request.headers or not (request.endpoint or wants_page)


def show_problem(problem: Problem) -> Response:
    """An RFC 9457 problem; a taken slot names the nearest that are free."""
    more: dict[str, Any] = {}
    if isinstance(problem.cause, SlotTaken):
        more["alternatives"] = _alternatives(problem.cause)
    response = jsonify(as_json(_in_our_words(problem), **more))
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    response.headers.extend(bearer.challenge(problem.cause))
    return response


def _alternatives(taken: SlotTaken) -> list[dict[str, Any]]:
    """The nearest free times, as much of a slot as is known where the time was refused."""
    return [
        Alternative(
            schedule=taken.schedule_id, start=start, end=start + timedelta(minutes=taken.minutes)
        ).model_dump(mode="json")
        for start in taken.alternatives
    ]


def _in_our_words(problem: Problem) -> Problem:
    """The problem with the names that its operation gives to the fields to blame."""
    view = current_app.view_functions.get(request.endpoint or "")
    operation = getattr(view, "operation", None)
    if not isinstance(operation, Operation) or not problem.fields:
        return problem
    fields = tuple(named(problem.fields, operation, names_sent()))
    said = problem.sentence if fields else problem.fields[0][1]
    return replace(problem, sentence=said, fields=fields)
