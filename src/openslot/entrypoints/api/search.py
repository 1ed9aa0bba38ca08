"""Centres, practitioners and departments in one ranked list."""

from typing import Annotated, Literal

from pydantic import Field

from openslot.discovery.asked import NoTimes
from openslot.discovery.search import Order, Result, Search, find
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.shapes import ForPatient, Slot, booker, slot
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
    patient: ForPatient = None
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
    next_free: Annotated[
        list[Slot], Field(description="Of what was asked for, such as whoever asks can book.")
    ]
    no_times: Annotated[
        NoTimes | None,
        Field(
            description="Why next_free is empty: not booked online, several kinds of care to "
            "choose from first, found by a guess at the spelling only, full, a referral or a "
            "patient is missing, not the caller's to book, or the patient is the practitioner.",
        ),
    ]


class SearchResults(Shown):
    """One page of what fits; ``corrected`` is another spelling that may be meant: what it finds
    has no times."""

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
    may_fail=(404,),
)
def search(query: SearchQuery) -> SearchResults:
    """Search the network, ranked; small typing errors still find.

    The next free times of a result are those of what was asked for: of a centre found by a
    profession the practitioners of that profession, and of one found by its name nobody's.
    """
    limits.search(bearer.actor())
    wanted = Search(
        text=query.q,
        name=query.name,
        centre=query.centre,
        suburb=query.suburb,
        service=query.service,
        expertise=query.expertise,
        kinds=frozenset(query.kind),
        order=query.order,
        page=query.page,
        page_size=query.limit,
    )
    found = find(
        reader(),
        services().network,
        wanted,
        now=now(),
        days=settings().search_days,
        times=3,
        booker=booker(query.patient),
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
        no_times=result.no_times,
        next_free=[slot(one, known[one.schedule_id].subject) for one in result.slots],
    )
