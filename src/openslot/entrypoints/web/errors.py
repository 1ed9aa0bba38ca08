"""How refusals look in the browser, and as JSON for programs that ask for it."""

import secrets
from urllib.parse import quote

import structlog
from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from openslot.core.errors import DomainError, RateLimited, Unauthenticated
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import context

log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Answer every error with a page of ours."""
    app.register_error_handler(DomainError, domain_error)
    app.register_error_handler(CSRFError, csrf_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected_error)


def domain_error(error: DomainError) -> BaseResponse:
    """A refusal that no view has turned into something better."""
    if isinstance(error, Unauthenticated) and _is_page() and request.method == "GET":
        target = request.full_path.rstrip("?")
        return redirect(f"{url_for('accounts.sign_in')}?next={quote(target)}", 303)
    response = problem(status_of(error), sentence_of(error), code=error.code)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def csrf_error(_error: CSRFError) -> BaseResponse:
    """A form without, or with a stale, token: most often left open over night."""
    return problem(
        400, _("This page was open for too long. Load it again and repeat your last step.")
    )


def http_error(error: HTTPException) -> BaseResponse:
    """What Flask and Werkzeug refuse by themselves."""
    if error.code is not None and error.code < 400:
        return error.get_response()
    sentences = {
        400: _("This request could not be read. Check the address or the form and try again."),
        404: _("There is nothing here under this address."),
        405: _("This address cannot be used in this way."),
        413: _("This is larger than we can take. Send less at once."),
        429: _("Too many requests. Wait a minute and try again."),
    }
    code = error.code or 500
    return problem(code, sentences.get(code, _("Something went wrong. Try again.")))


def unexpected_error(error: Exception) -> BaseResponse:
    """A fault of ours: the reader gets a reference, the log the rest."""
    reference = secrets.token_hex(4)
    log.error("request failed", reference=reference, path=request.path, exc_info=error)
    sentence = _("Something went wrong on our side. Nothing was changed that you did not see.")
    return problem(500, sentence, reference=reference)


def problem(
    status: int, sentence: str, *, code: str = "", reference: str | None = None
) -> Response:
    """A page, or JSON for programs, that says what is wrong and how to go on."""
    context.close_reader()
    if not _is_page():
        body = {"status": status, "code": code, "detail": sentence, "reference": reference}
        answer = jsonify({key: value for key, value in body.items() if value})
        answer.status_code = status
        answer.content_type = "application/problem+json"
        return answer
    headings = {
        403: _("Your account may not do this"),
        404: _("Nothing is here"),
        409: _("This has changed"),
        429: _("Too many attempts"),
    }
    page = render_template(
        "problem.html",
        heading=headings.get(status, _("That did not work")),
        sentence=sentence,
        reference=reference,
        next_href=url_for("search.home"),
        next_label=_("Go to the start page"),
    )
    return Response(page, status)


def _is_page() -> bool:
    """Whether the reader is a browser rather than a program that asks for JSON."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best != "application/json" and not request.is_json
