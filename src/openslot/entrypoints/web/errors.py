"""Error pages, and problem JSON for programs that request a page as JSON."""

from urllib.parse import quote, urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, SecurityError
from werkzeug.wrappers import Response as BaseResponse

from openslot.core.errors import Busy, Unauthenticated, Unavailable
from openslot.entrypoints import failures, watching
from openslot.entrypoints.failures import Problem, as_json
from openslot.entrypoints.request import close_reader
from openslot.entrypoints.web import access, accounts, context, unsent, ways
from openslot.identity.errors import MustChangePassword, MustEnrol, ProofNeeded

FINAL = frozenset({403, 404, 405, 410})
"""Statuses of refusals that sending the form again does not change."""


def install(app: Flask) -> None:
    """Register the error page for all errors."""
    failures.install(app)
    failures.register(app, lambda: True, show)
    app.register_error_handler(CSRFError, failures.at_any_rate(csrf_error))


def csrf_error(error: CSRFError) -> BaseResponse:
    """Return a form with a missing or stale token to be sent again; usually the page was left open
    for too long, or its reader has signed in again."""
    if not request.form.get("csrf_token") and not request.headers.get("X-CSRFToken"):
        watching.refused(error)
        sentence = _("This form was not sent from its page. Open the page, or use the API.")
        return failures.render(Problem(400, "no-form-token", sentence))
    sentence = _("This page was open for too long, so nothing was saved yet.")
    form = unsent.sent() if _is_page() else None
    if form is None:
        return failures.render(Problem(400, "stale-form", sentence))
    close_reader()
    if request.endpoint in accounts.SIGN_INS:
        return accounts.stale_sign_in(form, sentence)
    if context.account_or_none() is None and not _is_for_visitors():
        return accounts.sign_in_to_send(form, 401)
    return unsent.page(form, sentence, 400)


def show(problem: Problem) -> BaseResponse:
    """Render the error page, or problem JSON for programs."""
    if not _is_page():
        answer = jsonify(as_json(problem))
        answer.status_code = problem.status
        answer.content_type = "application/problem+json"
        return answer
    if isinstance(problem.cause, BadHost | SecurityError):
        # Under an unknown host no links can be built, so there is no page.
        return Response(problem.sentence, problem.status, mimetype="text/plain")
    form = unsent.sent()
    if isinstance(problem.cause, Unauthenticated):
        if form is not None:
            return accounts.sign_in_to_send(form, problem.status)
        if request.method == "GET":
            return redirect(f"{url_for('accounts.sign_in')}?next={quote(ways.here())}", 303)
    if isinstance(problem.cause, MustChangePassword | MustEnrol) and request.method == "GET":
        ways.remember()
    if isinstance(problem.cause, MustChangePassword) and request.method == "GET":
        return redirect(url_for("profile_security.password"), 303)
    if isinstance(problem.cause, MustEnrol) and request.method == "GET":
        return redirect(url_for("factors.choose"), 303)
    if isinstance(problem.cause, ProofNeeded):
        return redirect(url_for("profile_security.prove", next=_way_back()), 303)
    return _page(problem, form)


def _page(problem: Problem, form: unsent.Unsent | None) -> Response:
    headings = {
        403: _("You don’t have access to this page"),
        404: _("Page not found"),
        409: _("This has changed"),
        429: _("Too many attempts"),
    }
    passes = request.method == "GET" and isinstance(problem.cause, Busy | Unavailable)
    page = render_template(
        "problem.html",
        heading=headings.get(problem.status, _("Sorry, there is a problem")),
        sentence=problem.sentence,
        reference=problem.reference,
        unsent=form if form and form.typed else None,
        may_send_again=problem.status not in FINAL,
        next_href=ways.here() if passes else url_for("search.home"),
        next_label=_("Try again") if passes else _("Go to the start page"),
    )
    return Response(page, problem.status)


def _is_for_visitors() -> bool:
    """Return whether the page that the request is for needs no signing in."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is None or None in (access.allowed_roles(view) or ())


def _way_back() -> str:
    """Return the page to continue with: this one, or the one whose form was sent."""
    if request.method == "GET":
        return ways.here()
    came_from = urlsplit(request.referrer or "")
    return came_from.path if came_from.netloc == request.host else url_for("dashboard.show")


def _is_page() -> bool:
    """Return whether the client prefers HTML over JSON."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best != "application/json" and not request.is_json
