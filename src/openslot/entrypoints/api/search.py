"""Search for centres, practitioners and departments in one ranked list."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from openslot.core.errors import Invalid
from openslot.directory.details import Latitude, Longitude
from openslot.directory.models import Gender, Mode
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.shapes import ForPatient, Slot, booker, slots_shown
from openslot.entrypoints.request import reader, services, settings
from openslot.entrypoints.rules import Rule
from openslot.schedules import known
from openslot.schedules.known import Bookable
from openslot.search.asked import NoTimes
from openslot.search.filters import Filters
from openslot.search.nearby import Spot
from openslot.search.results import Order, Result, Search, find
from openslot.search.times import When

service = Service("search", "Search", "Search the whole network, as on the start page.")

Kind = Literal["practitioner", "centre", "department"]
Words = Annotated[str, Field(max_length=200)]


class SearchQuery(Given):
    """Search terms: `q` matches any field, the others match their own. `where` is a suburb or
    postcode to be near to; or send `latitude` and `longitude`."""

    q: Words = ""
    name: Words = ""
    centre: Words = ""
    suburb: Words = ""
    service: Words = ""
    expertise: Words = ""
    where: Annotated[str, Field(max_length=100)] = ""
    latitude: Latitude = None
    longitude: Longitude = None
    kind: tuple[Kind, ...] = ("practitioner", "centre", "department")
    patient: ForPatient = None
    language: Annotated[str, Field(max_length=100, description="A language that they speak.")] = ""
    gender: Annotated[Gender | None, Field(description="The practitioner's gender.")] = None
    mode: Annotated[Mode | None, Field(description="How the appointment takes place.")] = None
    new_patients: Annotated[
        bool, Field(description="Leave out what is for known patients only.")
    ] = False
    when: Annotated[When, Field(description="Days of the slots, by the centre's clock.")] = When.ANY
    evening: Annotated[bool, Field(description="Only slots after five, by that clock.")] = False
    order: Order = Order.BEST
    page: Annotated[int, Field(ge=1, le=500)] = 1
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Found(Shown):
    """A search result, with its rating and next free slots."""

    kind: Kind
    id: int
    name: str
    about: Annotated[str, Field(description="Profession, type of centre, or name of the centre.")]
    expertise: str | None
    suburb: str | None
    needs_referral: bool
    stars: Annotated[float | None, Field(description="Average of 1 to 5.")]
    ratings: int
    kilometres: Annotated[
        float | None,
        Field(description="Distance from the place that was asked for, in a straight line."),
    ]
    next_free: Annotated[
        list[Slot], Field(description="The next slots that match and that you can book.")
    ]
    no_times: Annotated[
        NoTimes | None,
        Field(
            description="Why `next_free` is empty: no online booking, several kinds of care to "
            "choose from, found only by a corrected spelling, fully booked, a referral or a "
            "patient is missing, you may not book it, or the patient is the practitioner."
        ),
    ]


class SearchResults(Shown):
    """A page of results; with `corrected`, a suggested spelling, results have no times."""

    items: list[Found]
    total: int
    corrected: str | None
    near: Annotated[
        str | None,
        Field(
            description="The place that the results are near to, as it is called here; empty for "
            "`latitude` and `longitude`; missing if nothing was asked for or `where` is unknown."
        ),
    ]
    is_far: Annotated[bool, Field(description="Whether none of the results is within 50 km.")]


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
    """Search the network; results are ranked, and small typing errors are tolerated.

    `next_free` matches the search and its filters: for a centre found by profession, it has the
    slots of that profession; for a centre found by name, it is empty. Near a place, only results
    within 50 km are returned, the nearest first, and those whose position is unknown; if there are
    none, all are.
    """
    limits.search(bearer.actor())
    terms = Search(
        text=query.q,
        name=query.name,
        centre=query.centre,
        suburb=query.suburb,
        service=query.service,
        expertise=query.expertise,
        where=query.where,
        spot=_spot(query),
        kinds=frozenset(query.kind),
        filters=Filters(query.language, query.gender, query.mode, query.new_patients),
        when=query.when,
        evening=query.evening,
        order=query.order,
        page=query.page,
        page_size=query.limit,
    )
    results = find(
        bearer.work(),
        services().network,
        terms,
        days=settings().search_days,
        times=3,
        booker=booker(query.patient),
    )
    bookable = known.bookable(reader())
    return SearchResults(
        items=[_shown(result, bookable) for result in results.items],
        total=results.total,
        corrected=results.corrected,
        near=results.around.name if results.around else None,
        is_far=results.is_far,
    )


def _spot(query: SearchQuery) -> Spot | None:
    if query.latitude is not None and query.longitude is not None:
        return Spot(query.latitude, query.longitude)
    for one, other in (("latitude", query.longitude), ("longitude", query.latitude)):
        if other is not None:
            raise Invalid("Send latitude and longitude together.", field=one)
    return None


def _shown(result: Result, bookable: Mapping[int, Bookable]) -> Found:
    entry = result.entry
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
        kilometres=None if result.kilometres is None else round(result.kilometres, 1),
        no_times=result.no_times,
        next_free=slots_shown(result.slots, bookable),
    )
