"""OperationOutcome: the form of every failure under /fhir."""

import re
from collections.abc import Mapping

from flask import request
from werkzeug.wrappers import Response

from openslot.booking.errors import SlotTaken
from openslot.entrypoints.bearer import challenge
from openslot.entrypoints.failures import Problem
from openslot.entrypoints.fhir.answers import answer
from openslot.entrypoints.fhir.elements import Json, clean

CODES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "business-rule",
    429: "throttled",
    503: "transient",
}
"""Issue types (http://hl7.org/fhir/issue-type) by HTTP status."""

ELEMENTS: Mapping[str, str] = {
    "start": "Appointment.start",
    "minutes": "Appointment.end",
    "patient": "Appointment.participant",
    "schedule": "Appointment.slot",
    "reason": "Appointment.reasonCode",
    "emergency": "Appointment.appointmentType",
    "referral": "Appointment.basedOn",
    "identifier": "Appointment.identifier",
    "addressee": "ServiceRequest.performer",
}
"""Elements of the resource by the fields that commands name."""


_SAYS_NOTHING = frozenset({"malformed", "invalid", "unprocessable-resource", "not-found"})
"""Codes that add nothing to the type of the issue; some clients show diagnostics to people."""

_ELEMENT = re.compile(r"[A-Z][A-Za-z]*(\.([A-Za-z_]+|\d+))*", re.ASCII)
"""A path of elements in a resource; anything else is a name that the client sent."""


def outcome(*issues: Json) -> Json:
    """Return an OperationOutcome of these issues."""
    resource: Json = clean({"resourceType": "OperationOutcome", "issue": list(issues)})
    return resource


def issue(code: str, sentence: str, *, severity: str = "error", more: Json | None = None) -> Json:
    """Return one issue of an OperationOutcome."""
    return {"severity": severity, "code": code, "details": {"text": sentence}, **(more or {})}


def render(problem: Problem) -> Response:
    """Return the failure as an OperationOutcome, with an issue for each field."""
    code = CODES.get(problem.status, "exception" if problem.status >= 500 else "processing")
    severity = "fatal" if problem.status == 500 else "error"
    if problem.code == "too-costly":
        code = problem.code
    if isinstance(problem.cause, SlotTaken) and "/$" in request.path:
        code, severity = "not-found", "fatal"  # required by IHE ITI Scheduling for operations
    fields = problem.fields or ((None, problem.sentence),)
    issues = [
        issue(code, sentence, severity=severity, more=_more(problem, field))
        for field, sentence in fields
    ]
    response = answer(outcome(*issues), problem.status)
    response.headers.extend(challenge(problem.cause))
    return response


def _more(problem: Problem, field: str | None) -> Json:
    notes = [problem.code if problem.code not in _SAYS_NOTHING else ""]
    notes += [f"reference {problem.reference}"] if problem.reference else []
    if isinstance(problem.cause, SlotTaken) and problem.cause.alternatives:
        free = ", ".join(start.isoformat() for start in problem.cause.alternatives)
        notes.append(f"free instead: {free}")
    return {
        "diagnostics": "; ".join(note for note in notes if note) or None,
        "expression": [_expression(field)] if field else None,
    }


def _expression(field: str) -> str:
    """Return the element in FHIRPath; in a search, the parameter."""
    if request.method == "GET" or request.path.endswith(("/_search", "/$find")):
        return field
    element = ELEMENTS.get(field, field)
    if not _ELEMENT.fullmatch(element):
        return element
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", element)
