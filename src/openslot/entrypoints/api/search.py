"""Centres, practitioners and departments in one ranked list."""

from typing import Annotated, Literal

from pydantic import Field

from openslot.discovery.search import Order, Result, Search, find
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.shapes import Slot, slot
from openslot.entrypoints.request import now, reader, services, settings
from openslot.entrypoints.rules import Rule

service = Service("search", "Search", "The whole network in one box, as on the start page.")

Kind = Literal["practitioner", "centre", "department"]
Words = Annotated[str, Field(max_length=200)]


class SearchQuery(Given):
    """What is looked for; ``q`` anywhere, the others in their field."""

    q: Words = ""
    name: Words = ""
    centre: Words = ""
    suburb: Words = ""
    service: Words = ""
    expertise: Words = ""
    kind: tuple[Kind, ...] = ("practitioner", "centre", "department")
    order: Order = Order.BEST
    page: Annotated[int, Field(ge=1, le=500)] = 1
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Found(Shown):
    """Something that fits, with its rating and its next free starts."""

    kind: Kind
    id: int
    name: str
    about: Annotated[str, Field(description="Profession, type of centre, or the centre.")]
    expertise: str | None
    suburb: str | None
    needs_referral: bool
    stars: Annotated[float | None, Field(description="Average of 1 to 5.")]
    ratings: int
    next_free: list[Slot]


class SearchResults(Shown):
    """One page of what fits; ``corrected`` is another spelling that was looked for instead."""

    items: list[Found]
    total: int
    corrected: str | None


@service.operation(
    "GET",
    "/api/v1/search",
    scope="directory:read",
    rule=Rule.PUBLIC,
    query=SearchQuery,
    answer=SearchResults,
)
def search(query: SearchQuery) -> SearchResults:
    """Search the network, ranked; small typing errors still find."""
    limits.search(bearer.actor())
    wanted = Search(
        text=query.q, name=query.name, centre=query.centre, suburb=query.suburb,
        service=query.service, expertise=query.expertise, kinds=frozenset(query.kind),
        order=query.order, page=query.page, page_size=query.limit,
    )  # fmt: skip
    found = find(
        reader(), services().network, wanted, now=now(), days=settings().search_days, times=3
    )
    return SearchResults(
        items=[_shown(one) for one in found.items], total=found.total, corrected=found.corrected
    )


def _shown(result: Result) -> Found:
    entry, known = result.entry, services().offered.fresh(reader())
    return Found(
        kind=entry.kind,
        id=entry.id,
        name=entry.name,
        about=entry.subtitle,
        expertise=entry.expertise or None,
        suburb=entry.suburb or None,
        needs_referral=entry.needs_referral,
        stars=result.rating.stars if result.rating else None,
        ratings=result.rating.count if result.rating else 0,
        next_free=[slot(one, known[one.schedule_id].subject) for one in result.slots],
    )
