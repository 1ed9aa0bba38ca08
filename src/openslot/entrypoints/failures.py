"""Turns every failure of a request into a Problem, which its entry point renders."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from flask import Flask, current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from openslot.core.errors import Busy, Failure, Invalid, Unavailable
from openslot.entrypoints import watching
from openslot.entrypoints.problems import problems_of, sentence_of, status_of
from openslot.entrypoints.request import close_reader, do_without_database

M = TypeVar("M", bound=BaseModel)
E = TypeVar("E", bound=Exception)

log = structlog.get_logger(__name__)

RENDERERS = "openslot-renderers"

MOST_FIELDS = 100
"""Fields that an answer names."""


class InvalidFields(Invalid):
    """Check these fields.

    ``fields`` has their names and a sentence for each of the first MOST_FIELDS: an answer should
    not grow with what was sent.
    """

    code = Invalid.code

    def __init__(self, fields: Sequence[tuple[str, str]]):
        self.fields = tuple(fields[:MOST_FIELDS])
        super().__init__(field=self.fields[0][0] if self.fields else None)


def checked(read: Callable[[Any], M], sent: Any) -> M:
    """Return ``read(sent)``, where ``read`` is of a pydantic model; raise InvalidFields."""
    try:
        return read(sent)
    except ValidationError as error:
        raise InvalidFields(problems_of(error)) from None


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure, with its HTTP status, stable code, sentence and the fields that caused it."""

    status: int
    code: str
    sentence: str
    fields: tuple[tuple[str, str], ...] = ()
    reference: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cause: Exception | None = None


Renderer = Callable[[Problem], Response]


def install(app: Flask) -> None:
    """Handle every failure; entry points register their renderers."""
    app.extensions[RENDERERS] = []
    app.register_error_handler(Failure, at_any_rate(_failure))
    app.register_error_handler(HTTPException, at_any_rate(_http_error))
    app.register_error_handler(Exception, at_any_rate(_unexpected_error))


def at_any_rate(answer: Callable[[E], Response]) -> Callable[[E], Response]:
    """Return what answers a failure also if the database cannot say who asked: as to a visitor."""

    @wraps(answer)
    def do(error: E) -> Response:
        try:
            return answer(error)
        except (Busy, Unavailable):
            do_without_database()
            return answer(error)

    return do


def register(app: Flask, answers_for: Callable[[], bool], renderer: Renderer) -> None:
    """Use ``renderer`` if ``answers_for`` is true for a request; the last one registered is tried
    first."""
    app.extensions[RENDERERS].insert(0, (answers_for, renderer))


def render(problem: Problem) -> Response:
    """Return the problem as a response to this request."""
    close_reader()
    watching.refused(problem.cause)
    renderers: list[tuple[Callable[[], bool], Renderer]] = current_app.extensions[RENDERERS]
    chosen = next(renderer for answers_for, renderer in renderers if answers_for())
    response = chosen(problem)
    response.headers.extend(problem.headers)
    return response


def problem_of(error: Failure) -> Problem:
    """Return a refusal or an outage as a problem."""
    if isinstance(error, Unavailable):
        do_without_database()
    sentence = sentence_of(error)
    fields: tuple[tuple[str, str], ...] = ((error.field, sentence),) if error.field else ()
    if isinstance(error, InvalidFields):
        fields = error.fields
    return Problem(
        status_of(error), error.code, sentence, fields, headers=headers_of(error), cause=error
    )


def headers_of(error: Failure) -> dict[str, str]:
    """Return a Retry-After header, if waiting helps."""
    seconds = getattr(error, "retry_after", None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _failure(error: Failure) -> Response:
    if isinstance(error, Unavailable):
        log.warning("database.unavailable", code=error.code, reason=error.reason)
    return render(problem_of(error))


def _http_error(error: HTTPException) -> Response:
    """Render an error that Flask or Werkzeug raised."""
    if error.code is not None and error.code < 400:
        return error.get_response()
    codes = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 429: "rate-limited"}
    status = error.code or 500
    sentence = str(_SENTENCES.get(status) or _("Something went wrong. Try again."))
    headers = {key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After")}
    return render(
        Problem(status, codes.get(status, "malformed"), sentence, headers=headers, cause=error)
    )


_SENTENCES = {
    400: _l("The request could not be read. Check the address or the form and try again."),
    404: _l("Page not found."),
    405: _l("This method is not allowed here."),
    413: _l("This is too large. Send less at once."),
    415: _l("Send this as application/json."),
    429: _l("Too many requests. Try again in a minute."),
}
"""Sentences by status."""


def _unexpected_error(error: Exception) -> Response:
    """Log an unexpected error, and show only its reference."""
    reference = secrets.token_hex(4)
    log.error("request failed", reference=reference, path=_path(), exc_info=error)
    sentence = _("Something went wrong on our side. Your last change may not have been saved.")
    return render(Problem(500, "fault", sentence, reference=reference, cause=error))


def _path() -> str:
    """Return the path for the log, without a secret token that may be in it."""
    token = (request.view_args or {}).get("token")
    return request.path.replace(token, "<token>") if token else request.path


def as_json(problem: Problem, **more: Any) -> dict[str, Any]:
    """Return the problem in the form of RFC 9457, without empty members.

    The title is the same for each occurrence of a code; the detail describes this one.
    """
    body = {
        "type": f"urn:openslot:problem:{problem.code}" if problem.code else "about:blank",
        "title": problem.code.replace("-", " ").capitalize() or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.sentence,
        "errors": [{"field": name, "detail": sentence} for name, sentence in problem.fields],
        "reference": problem.reference,
        **more,
    }
    return {key: value for key, value in body.items() if value}
