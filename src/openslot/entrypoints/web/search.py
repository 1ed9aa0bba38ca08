"""The start page and the search."""

from typing import Any, get_args

from flask import Blueprint, render_template, request, url_for

from openslot.discovery.queries import Kind
from openslot.discovery.search import Order, Results, Search, When, find
from openslot.entrypoints.web import access, context, reading

pages = Blueprint("search", __name__)

KINDS: tuple[Kind, ...] = get_args(Kind)
TIMES_SHOWN = 5
LAST_PAGE = 500


@pages.get("/")
@access.allow(access.ANYONE)
def home() -> str:
    """One search box, and what the network is."""
    soonest = Search(
        order=Order.EARLIEST,
        kinds=frozenset({"practitioner"}),
        without_referral=True,
        page_size=4,
    )
    results = _find(soonest)
    return render_template("search/home.html", results=results, professions=_professions())


@pages.get("/search")
@access.allow(access.ANYONE)
def results() -> str:
    """Ranked, paged results with ratings and the next free times."""
    search = _search()
    found = _find(search)
    return render_template(
        "search/results.html",
        search=search,
        results=found,
        languages=_languages(),
        zones=_zones(found),
        patient=reading.text("patient"),
        first=(search.page - 1) * search.page_size + 1,
        page_url=_page_url,
    )


def _search() -> Search:
    chosen = frozenset(kind for kind in KINDS if kind in request.args.getlist("kind"))
    return Search(
        text=reading.text("q"),
        name=reading.text("name"),
        centre=reading.text("centre"),
        suburb=reading.text("suburb"),
        service=reading.text("service"),
        expertise=reading.text("expertise"),
        kinds=chosen or frozenset(KINDS),
        language=reading.text("language"),
        when=reading.option("when", When, When.ANY),
        order=reading.option("sort", Order, Order.BEST),
        page=min(max(1, reading.number("page", 1)), LAST_PAGE),
    )


def _find(search: Search) -> Results:
    return find(
        context.reader(),
        context.services().network,
        search,
        now=context.now(),
        days=context.settings().search_days,
        times=TIMES_SHOWN,
    )


def _page_url(**changed: Any) -> str:
    """This search with some arguments changed; another order begins at page 1."""
    arguments: dict[str, Any] = {
        key: values for key, values in request.args.lists() if key not in ("page", *changed)
    }
    return url_for("search.results", **arguments, **changed)


def _languages() -> list[str]:
    known, _ = context.services().network.fresh(context.reader())
    spoken = {
        name.strip() for entry in known.values() for name in entry.languages.split(",") if name
    }
    return sorted(spoken)


def _professions() -> list[str]:
    known, _ = context.services().network.fresh(context.reader())
    return sorted({entry.subtitle for entry in known.values() if entry.kind == "practitioner"})


def _zones(found: Results) -> list[str]:
    """The time zones on the page; one of them is said once, several beside each result."""
    zones = {place.time_zone for result in found.items for place in result.entry.places[:1]}
    return sorted(zones)
