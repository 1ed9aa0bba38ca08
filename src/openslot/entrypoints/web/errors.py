"""Error pages, and problem JSON for programs that request a page as JSON."""

from urllib.parse import quote, urlsplit

from flask import Flask, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, SecurityError
from werkzeug.wrappers import Response as BaseResponse

from openslot.core.errors import Unauthenticated
from openslot.entrypoints import failures
from openslot.entrypoints.failures import Problem, as_json
from openslot.identity.errors import MustChangePassword, ProofNeeded


def install(app: Flask) -> None:
    """Register the error page for all errors."""
    failures.install(app)
    failures.register(app, lambda: True, show)
    app.register_error_handler(CSRFError, csrf_error)


def csrf_error(_error: CSRFError) -> BaseResponse:
    """Answer a form with a missing or stale token; usually the page was left open for too long."""
    sentence = _("This page was open for too long. Reload it and try again.")
    return failures.render(Problem(400, "stale-form", sentence))


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
    if isinstance(problem.cause, Unauthenticated) and request.method == "GET":
        target = request.full_path.rstrip("?")
        return redirect(f"{url_for('accounts.sign_in')}?next={quote(target)}", 303)
    if isinstance(problem.cause, MustChangePassword) and request.method == "GET":
        return redirect(url_for("profile_security.password"), 303)
    if isinstance(problem.cause, ProofNeeded):
        return redirect(url_for("profile_security.prove", next=_way_back()), 303)
    headings = {
        403: _("You don’t have access to this page"),
        404: _("Page not found"),
        409: _("This has changed"),
        429: _("Too many attempts"),
    }
    page = render_template(
        "problem.html",
        heading=headings.get(problem.status, _("Sorry, there is a problem")),
        sentence=problem.sentence,
        reference=problem.reference,
        next_href=url_for("search.home"),
        next_label=_("Go to the start page"),
    )
    return Response(page, problem.status)


def _way_back() -> str:
    """Return the page to continue with: this one, or the one whose form was sent."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    came_from = urlsplit(request.referrer or "")
    return came_from.path if came_from.netloc == request.host else url_for("dashboard.show")


def _is_page() -> bool:
    """Return whether the client prefers HTML over JSON."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best != "application/json" and not request.is_json
