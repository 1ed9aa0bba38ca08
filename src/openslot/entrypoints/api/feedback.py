"""Ratings of practitioners and centres, and what an account keeps at hand."""

from typing import Annotated, cast

from pydantic import Field

from openslot.core.errors import NotFound
from openslot.directory import queries as directory
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.feedback import commands, queries
from openslot.feedback.queries import FavouriteKind, RatedKind
from openslot.feedback.rules import keeper

service = Service("feedback", "Ratings and favourites", "What patients say, and keep at hand.")

RATING = "/api/v1/<any(practitioners, centres):kind>/<int:subject_id>/rating"
FAVOURITES = "/api/v1/favourites"
FAVOURITE = f"{FAVOURITES}/<any(practitioner, centre, department):kind>/<int:subject_id>"


class Rating(Shown):
    """One's own stars, and the average of all."""

    own: Annotated[int | None, Field(description="1 to 5; null without any, and for keys.")]
    average: float | None
    count: Annotated[int, Field(description="How many patients gave stars.")]


class Stars(Given):
    """Stars, which take the place of those given before."""

    stars: Annotated[int, Field(ge=1, le=5)]


class Favourite(Shown):
    """Something kept at hand."""

    kind: FavouriteKind
    id: int
    name: str
    about: str
    where: str


class FavouriteList(Listing[Favourite]):
    """All that is kept at hand, by kind and name."""


@service.operation("GET", RATING, scope="directory:read", rule=Rule.PUBLIC, answer=Rating)
def get_rating(kind: str, subject_id: int) -> Rating:
    """Read the average, and one's own rating."""
    rated = _rated(kind)
    if rated == "practitioner":
        directory.practitioner(reader(), subject_id)
    else:
        directory.centre(reader(), subject_id)
    return _rating(rated, subject_id)


@service.operation(
    "PUT", RATING, scope="care:write", rule=Rule.OWN, body=Stars, answer=Rating, may_fail=(409,)
)
def put_rating(kind: str, subject_id: int, body: Stars) -> Rating:
    """Give stars, as a patient."""
    rated = _rated(kind)
    write(
        lambda session: commands.rate(
            session, bearer.actor(), rated, subject_id, body.stars, now=now()
        )
    )
    return _rating(rated, subject_id)


@service.operation("DELETE", RATING, scope="care:write", rule=Rule.OWN, status=204)
def delete_rating(kind: str, subject_id: int) -> None:
    """Take one's stars back; nothing happens where there are none."""
    write(
        lambda session: commands.withdraw(
            session, bearer.actor(), _rated(kind), subject_id, now=now()
        )
    )


@service.operation("GET", FAVOURITES, scope="care:read", rule=Rule.OWN, answer=FavouriteList)
def list_favourites() -> FavouriteList:
    """List what one's account keeps at hand."""
    return FavouriteList(items=_favourites(), next=None)


@service.operation("GET", FAVOURITE, scope="care:read", rule=Rule.OWN, answer=Favourite)
def get_favourite(kind: FavouriteKind, subject_id: int) -> Favourite:
    """Read a favourite; 404 for what is none."""
    for one in _favourites():
        if (one.kind, one.id) == (kind, subject_id):
            return one
    raise NotFound


@service.operation("PUT", FAVOURITE, scope="care:write", rule=Rule.OWN, status=204, may_fail=(409,))
def put_favourite(kind: FavouriteKind, subject_id: int) -> None:
    """Keep something at hand; once more changes nothing."""
    write(
        lambda session: commands.add_favourite(session, bearer.actor(), kind, subject_id, now=now())
    )


@service.operation("DELETE", FAVOURITE, scope="care:write", rule=Rule.OWN, status=204)
def delete_favourite(kind: FavouriteKind, subject_id: int) -> None:
    """Keep it at hand no longer; nothing happens where it was not."""
    write(lambda session: commands.remove_favourite(session, bearer.actor(), kind, subject_id))


def _favourites() -> list[Favourite]:
    found = queries.liked(reader(), keeper(bearer.actor()))
    return [Favourite(**one._asdict()) for one in found]


def _rated(plural: str) -> RatedKind:
    return cast(RatedKind, plural.removesuffix("s"))


def _rating(kind: RatedKind, subject_id: int) -> Rating:
    patient_id = bearer.actor().patient_id
    own = queries.rating_by(reader(), patient_id, kind, subject_id) if patient_id else None
    average = queries.averages(reader(), [(kind, subject_id)]).get((kind, subject_id))
    return Rating(
        own=own.stars if own else None,
        average=round(average.stars, 2) if average else None,
        count=average.count if average else 0,
    )
