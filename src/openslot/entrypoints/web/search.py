"""Start page and search."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple, get_args
from urllib.parse import quote, unquote

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_babel import lazy_gettext as _l

from openslot.booking.rules import is_addressed_to
from openslot.booking.slots import Booker
from openslot.directory import queries as directory
from openslot.directory.models import Gender, Mode
from openslot.entrypoints import limits
from openslot.entrypoints.web import access, context, profile, reading, whom
from openslot.entrypoints.web.service_words import GENDERS, MODES
from openslot.feedback.queries import favourites
from openslot.search.filters import Choices, Filters
from openslot.search.nearby import NEAR
from openslot.search.queries import EntryKey, Kind
from openslot.search.results import Order, Results, Search, find
from openslot.search.times import When

pages = Blueprint("search", __name__)

WHENS: Mapping[When, object] = {When.TODAY: _l("Today"), When.WEEK: _l("Within 7 days")}
AFTER_FIVE, NEW_PATIENTS = _l("After 5 pm"), _l("Takes new patients")
"""Filters in words."""

PLACE = "place"
"""The name of the cookie with the place that a reader searched near to."""

KINDS: tuple[Kind, ...] = get_args(Kind)
LISTED = 100
"""Most suburbs that are suggested; more would make a page of lists."""

TIMES_SHOWN = 12
"""Most times read for a result; the template knows how many fit on a card."""


@pages.get("/")
@access.allow(access.ANYONE)
def home() -> str:
    """Show the search box and the soonest times."""
    soonest = Search(
        order=Order.EARLIEST,
        kinds=frozenset({"practitioner"}),
        without_referral=True,
        page_size=4,
        where=_remembered(),
    )
    booker = whom.booker()
    results = _find(soonest, booker)
    return render_template(
        "search/home.html",
        results=results,
        where=soonest.where,
        suburbs=_suburbs(),
        professions=_choices().professions,
        keeps=booker.whom is not None,
        patient=whom.carried() or "",
    )


@pages.get("/search")
@access.allow(access.ANYONE)
def results() -> Response:
    """Show ranked, paged results with ratings and free times; remember the place."""
    limits.search(context.actor())
    search = _search()
    booker, carried, active = whom.booker(), whom.carried(), _active(search)
    choices = _choices()
    matches, named = _find(search, booker), whom.named()
    other = named if named != context.actor().patient_id else None
    page = render_template(
        "search/results.html",
        search=search,
        results=matches,
        suburbs=_suburbs(),
        near_km=round(NEAR),
        choices=choices,
        active=active,
        zones=_zones(matches),
        patient=carried or "",
        keeps=booker.whom is not None,
        for_whom=directory.patient(context.reader(), other).name if other else "",
        referred=_referred(matches, booker),
        professions=() if matches.total else choices.professions,
        first=(search.page - 1) * search.page_size + 1,
        page_url=_page_url,
        clear_url=_page_url(**dict.fromkeys(one.name for one in active)),
        whens=WHENS,
        after_five=AFTER_FIVE,
        new_patients=NEW_PATIENTS,
        mode_words=MODES,
    )
    return _remembering(make_response(page), matches)


def _search() -> Search:
    chosen = frozenset(kind for kind in KINDS if kind in request.args.getlist("kind"))
    return Search(
        text=reading.text("q"),
        name=reading.text("name"),
        centre=reading.text("centre"),
        suburb=reading.text("suburb"),
        service=reading.text("service"),
        expertise=reading.text("expertise"),
        where=_where(),
        spot=reading.spot("near"),
        kinds=chosen or frozenset(KINDS),
        filters=Filters(
            reading.text("language"),
            reading.option("gender", Gender, None),
            reading.option("mode", Mode, None),
            reading.text("new") == "yes",
        ),
        when=reading.option("when", When, When.ANY),
        evening=reading.text("evening") == "yes",
        order=reading.option("sort", Order, Order.BEST),
        page=reading.page_number(),
    )


def _where() -> str:
    """Return the place that is named, or the one before if nothing is said of where."""
    says = "where" in request.args or "near" in request.args
    return reading.text("where")[:100] if says else _remembered()


def _remembered() -> str:
    """Return the place that this browser searched near to before."""
    return unquote(context.cookie(PLACE))[:100]


def _remembering(response: Response, matches: Results) -> Response:
    """Have the browser remember the place that was named, or forget it if none is; never where
    somebody stands."""
    if "where" in request.args:
        name = matches.around.name if matches.around else ""
        lasts = profile.YEAR if name else timedelta(0)
        context.keep_cookie(response, PLACE, quote(name), lasts=lasts)
    return response


def _suburbs() -> list[str]:
    """Return the places to choose from, unless there are too many for a list."""
    suburbs = context.services().network.fresh(context.reader()).places.suburbs()
    return suburbs if len(suburbs) <= LISTED else []


def _find(search: Search, booker: Booker) -> Results:
    return find(
        context.work(),
        context.services().network,
        search,
        days=context.settings().search_days,
        times=TIMES_SHOWN,
        liked=favourites(context.reader(), context.actor().account_id),
        booker=booker,
    )


def _referred(matches: Results, booker: Booker) -> frozenset[EntryKey]:
    """Return the results for which the patient has a usable referral.

    Only for patients and their carers: the care team does not learn of referrals here.
    """
    if booker.whom is None or not booker.actor.acts_for(booker.whom.patient_id):
        return frozenset()
    return frozenset(
        (entry.kind, entry.id)
        for entry in (one.entry for one in matches.items)
        if entry.needs_referral
        and any(is_addressed_to(one, entry.id, entry.expertise) for one in booker.authorisations)
    )


def _page_url(**changed: Any) -> str:
    """Return the address of this search with some arguments changed, back on page 1."""
    arguments: dict[str, Any] = {
        key: values
        for key, values in request.args.lists()
        # url_for treats names with a leading underscore as its own options.
        if key not in ("page", *changed) and not key.startswith("_")
    }
    return url_for("search.results", **arguments, **changed)


def _choices() -> Choices:
    return context.services().network.fresh(context.reader()).choices


class Active(NamedTuple):
    """A filter that is set: its argument in the address with its value, and what it says."""

    name: str
    value: str
    words: object


def _active(search: Search) -> list[Active]:
    """Return the filters that are set, in the order of the form."""
    filters, args = search.filters, request.args
    words = {
        "when": WHENS.get(search.when),
        "evening": AFTER_FIVE if search.evening else None,
        "mode": filters.mode and MODES[filters.mode],
        "gender": filters.gender and GENDERS[filters.gender],
        "language": filters.language,
        "new": NEW_PATIENTS if filters.new_patients else None,
        **{name: text for name, text in search.wanted.items() if name},
    }
    return [Active(name, args.get(name, ""), said) for name, said in words.items() if said]


def _zones(matches: Results) -> list[str]:
    """Return the time zones on the page; several are shown beside each time."""
    zones = {slot.start.tzinfo for result in matches.items for slot in result.slots}
    return sorted(map(str, zones))
