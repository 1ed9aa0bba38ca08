"""Favourites, and ratings by patients."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from babel.dates import format_skeleton
from flask import (
    Blueprint,
    current_app,
    g,
    make_response,
    render_template,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from openslot.core.work import Work
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.saving import see_other
from openslot.feedback import commands, queries
from openslot.feedback.errors import BadStars
from openslot.feedback.queries import FavouriteKind, Given, RatedKind, Summary

pages = Blueprint("feedback", __name__)

SHOWN_AT_ONCE = 5

REFUSED = "rating_refused"
"""Key of flask.g under which a profile finds the reason why a rating was refused."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings as a profile shows them; ``own`` are the reader's stars, ``problem`` is why they were
    refused."""

    summary: Summary
    given: list[Given]
    own: int | None
    more_href: str | None
    newest_href: str | None
    problem: str | None = None


def ratings_of(work: Work, kind: RatedKind, subject_id: int, url: Callable[..., str]) -> Ratings:
    """Return one page of a profile's ratings, with at most three statements."""
    number = reading.page_number("ratings")
    offset = (number - 1) * SHOWN_AT_ONCE
    total = queries.summary(work.session, kind, subject_id)
    ratings = (
        queries.given(work.session, kind, subject_id, limit=SHOWN_AT_ONCE, offset=offset)
        if total.ratings
        else []
    )
    own = (
        queries.rating_by(work.session, work.actor.patient_id, kind, subject_id)
        if work.actor.patient_id is not None
        else None
    )
    more = offset + len(ratings) < total.ratings
    return Ratings(
        total,
        ratings,
        own.stars if own else None,
        f"{url(ratings=number + 1)}#ratings" if more else None,
        f"{url()}#ratings" if number > 1 else None,
        g.get(REFUSED),
    )


@pages.app_template_filter("month_year")
def month_year(when: Any) -> str:
    """Format a date as ``November 2026``, so that a rating does not reveal the day of an
    appointment."""
    return str(format_skeleton("yMMMM", when, locale=get_locale()))


@pages.post("/ratings/<any(practitioner, centre):kind>/<int:subject_id>")
@access.allow(access.PATIENTS)
def rate(kind: RatedKind, subject_id: int) -> ResponseReturnValue:
    """Save the reader's rating; without stars the profile shows the error beside the form."""
    stars = reading.number("stars", 0)
    try:
        context.write(commands.rate, kind, subject_id, stars)
    except BadStars as error:
        setattr(g, REFUSED, sentence_of(error))
        profile = current_app.view_functions[f"profiles.{kind}"]
        page = current_app.ensure_sync(profile)(**{f"{kind}_id": subject_id})
        return make_response(page), status_of(error)
    return see_other(f"{_profile(kind, subject_id)}#ratings", _("Your rating is saved."))


@pages.post("/ratings/<any(practitioner, centre):kind>/<int:subject_id>/withdraw")
@access.allow(access.PATIENTS)
def withdraw(kind: RatedKind, subject_id: int) -> Response:
    """Remove the reader's rating."""
    context.write(commands.withdraw, kind, subject_id)
    return see_other(f"{_profile(kind, subject_id)}#ratings", _("Your rating is removed."))


@pages.get("/profile/favourites")
@access.allow(access.SIGNED_IN)
def listing() -> str:
    """List the reader's favourites."""
    liked = queries.liked(context.reader(), context.account().id)
    groups = [(kind, list(own)) for kind, own in groupby(liked, lambda favourite: favourite.kind)]
    return render_template("feedback/favourites.html", groups=groups)


@pages.post("/favourites/<any(practitioner, centre, department):kind>/<int:subject_id>")
@access.allow(access.SIGNED_IN)
def favour(kind: FavouriteKind, subject_id: int) -> Response:
    """Add or remove a favourite; the form names the new state, so that sending it twice is
    harmless."""
    keep = reading.text("keep") == "yes"
    back = reading.own_path("back", _profile(kind, subject_id))
    context.write(_favour, kind, subject_id, keep)
    return see_other(back, _undo(kind, subject_id, keep, back))


def _favour(work: Work, kind: FavouriteKind, subject_id: int, keep: bool) -> None:
    if keep:
        commands.add_favourite(work, kind, subject_id)
    else:
        commands.remove_favourite(work, kind, subject_id)


def _undo(kind: FavouriteKind, subject_id: int, keep: bool, back: str) -> Markup:
    """Return the confirmation message with an Undo button."""
    return Markup(  # noqa: S704 # nosec B704 - the template escapes what it is given
        render_template(
            "feedback/undo.html",
            sentence=_("Added to your favourites.") if keep else _("Removed from your favourites."),
            action=url_for("feedback.favour", kind=kind, subject_id=subject_id),
            keep="no" if keep else "yes",
            back=back,
        )
    )


def _profile(kind: FavouriteKind, subject_id: int) -> str:
    own: dict[str, Any] = {f"{kind}_id": subject_id}
    return url_for(f"profiles.{kind}", **own)
