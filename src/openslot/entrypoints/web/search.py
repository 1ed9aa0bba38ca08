"""The start page and the search."""

from typing import Any, get_args
from uuid import UUID

from flask import Blueprint, render_template, request, url_for

from openslot.booking.rules import admits
from openslot.directory import queries as directory
from openslot.discovery.queries import EntryKey, Kind
from openslot.discovery.search import Order, Results, Search, When, find
from openslot.entrypoints import limits
from openslot.entrypoints.web import access, context, known, reading
from openslot.feedback.queries import favourites
from openslot.referrals.queries import admissions

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
    limits.search(context.actor())
    search = _search()
    found, patient_id = _find(search), _patient_id()
    return render_template(
        "search/results.html",
        search=search,
        results=found,
        languages=_languages(),
        zones=_zones(found),
        patient=patient_id or "",
        for_whom=directory.patient(context.reader(), patient_id).name if patient_id else "",
        referred=_referred(found, patient_id),
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
        liked=favourites(context.reader(), context.actor().account_id),
    )


def _patient_id() -> UUID | None:
    """For whom care is looked for, where it is not the reader: links carry it on."""
    actor, named = context.actor(), reading.optional_id("patient")
    if named is None or named == actor.patient_id or not known.knows(named):
        return None
    return named


def _referred(found: Results, patient_id: UUID | None) -> frozenset[EntryKey]:
    """The results to whom the patient, or whom the patient cares for, has a usable referral.

    Those who work with patients do not learn of referrals here.
    """
    actor = context.actor()
    whose = patient_id or actor.patient_id
    asking = [one.entry for one in found.items if one.entry.needs_referral]
    if whose is None or not asking or not actor.acts_for(whose):
        return frozenset()
    usable = admissions(context.reader(), whose, context.now())
    return frozenset(
        (entry.kind, entry.id)
        for entry in asking
        if any(admits(one, entry.id, entry.expertise) for one in usable)
    )


def _page_url(**changed: Any) -> str:
    """This search with some arguments changed; another order begins at page 1."""
    arguments: dict[str, Any] = {
        key: values
        for key, values in request.args.lists()
        # What begins so is no argument of ours, and would tell url_for how to write the address.
        if key not in ("page", *changed) and not key.startswith("_")
    }
    return url_for("search.results", **arguments, **changed)


def _languages() -> list[str]:
    entries, _ = context.services().network.fresh(context.reader())
    spoken = {
        name.strip() for entry in entries.values() for name in entry.languages.split(",") if name
    }
    return sorted(spoken)


def _professions() -> list[str]:
    entries, _ = context.services().network.fresh(context.reader())
    return sorted({entry.subtitle for entry in entries.values() if entry.kind == "practitioner"})


def _zones(found: Results) -> list[str]:
    """The time zones on the page; one of them is said once, several beside each result."""
    zones = {place.time_zone for result in found.items for place in result.entry.places[:1]}
    return sorted(zones)
