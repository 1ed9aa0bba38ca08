"""Every failure of a request, turned into one description and shown as its entry point does."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from flask import Flask, current_app, request
from flask_babel import gettext as _
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from openslot.core.errors import Failure, Invalid, Unavailable
from openslot.core.fields import problems
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.request import close_reader, do_without_database

M = TypeVar("M", bound=BaseModel)

log = structlog.get_logger(__name__)

RENDERERS = "openslot-renderers"


class InvalidFields(Invalid):
    """Check the fields that are named.

    ``fields`` are the names of the fields and a sentence for each.
    """

    code = Invalid.code

    def __init__(self, fields: Sequence[tuple[str, str]]):
        self.fields = tuple(fields)
        super().__init__(field=self.fields[0][0] if self.fields else None)


def checked(read: Callable[[Any], M], sent: Any) -> M:
    """What ``read``, of a pydantic model, makes of it; InvalidFields names all that is refused."""
    try:
        return read(sent)
    except ValidationError as error:
        raise InvalidFields(problems(error)) from None


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: HTTP status, stable code, a sentence, and the fields to blame."""

    status: int
    code: str
    sentence: str
    fields: tuple[tuple[str, str], ...] = ()
    reference: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cause: Exception | None = None


Renderer = Callable[[Problem], Response]


def install(app: Flask) -> None:
    """Catch every failure; pages and services register how theirs look."""
    app.extensions[RENDERERS] = []
    app.register_error_handler(Failure, _failure)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def register(app: Flask, answers_for: Callable[[], bool], renderer: Renderer) -> None:
    """Have ``renderer`` show the failures of requests that ``answers_for`` is true for; the
    one registered last is asked first."""
    app.extensions[RENDERERS].insert(0, (answers_for, renderer))


def render(problem: Problem) -> Response:
    """The answer to this request."""
    close_reader()
    renderers: list[tuple[Callable[[], bool], Renderer]] = current_app.extensions[RENDERERS]
    chosen = next(renderer for answers_for, renderer in renderers if answers_for())
    response = chosen(problem)
    response.headers.extend(problem.headers)
    return response


def problem_of(error: Failure) -> Problem:
    """A refusal of a rule, or an outage, as a problem."""
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
    """When to try again, where waiting helps."""
    seconds = getattr(error, "retry_after", None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _failure(error: Failure) -> Response:
    if isinstance(error, Unavailable):
        log.warning("database.unavailable", code=error.code, reason=error.reason)
    return render(problem_of(error))


def _http_error(error: HTTPException) -> Response:
    """What Flask and Werkzeug refuse by themselves."""
    if error.code is not None and error.code < 400:
        return error.get_response()
    sentences = {
        400: _("This request could not be read. Check the address or the form and try again."),
        404: _("There is nothing here under this address."),
        405: _("This address cannot be used in this way."),
        413: _("This is larger than we can take. Send less at once."),
        415: _("Send this as application/json."),
        429: _("Too many requests. Wait a minute and try again."),
    }
    codes = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 429: "rate-limited"}
    status = error.code or 500
    sentence = sentences.get(status, _("Something went wrong. Try again."))
    kept = {key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After")}
    return render(
        Problem(status, codes.get(status, "malformed"), sentence, headers=kept, cause=error)
    )


def _unexpected_error(error: Exception) -> Response:
    """A fault of ours: the reader gets a reference, the log the rest."""
    reference = secrets.token_hex(4)
    log.error("request failed", reference=reference, path=_path(), exc_info=error)
    sentence = _("Something went wrong on our side. Nothing was changed that you did not see.")
    return render(Problem(500, "fault", sentence, reference=reference, cause=error))


def _path() -> str:
    """The path for the log, without a token in it: whoever has that may open what it opens."""
    token = (request.view_args or {}).get("token")
    return request.path.replace(token, "<token>") if token else request.path


def as_json(problem: Problem, **more: Any) -> dict[str, Any]:
    """The problem as RFC 9457 writes it, without what is empty. The title says the same at each
    occurrence of a code, the detail what it is this time."""
    body = {
        "type": f"about:blank#{problem.code}" if problem.code else "about:blank",
        "title": problem.code.replace("-", " ").capitalize() or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.sentence,
        "errors": [{"field": name, "detail": said} for name, said in problem.fields],
        "reference": problem.reference,
        **more,
    }
    return {key: value for key, value in body.items() if value}
