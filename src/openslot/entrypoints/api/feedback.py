"""Operations on ratings and favourites."""

from typing import Annotated, cast

from pydantic import Field

from openslot.core.errors import NotFound
from openslot.directory import queries as directory
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.feedback import commands, queries
from openslot.feedback.queries import FavouriteKind, RatedKind
from openslot.feedback.rules import keeper

service = Service("feedback", "Ratings and favourites", "Ratings by patients, and your favourites.")

RATING = "/api/v1/<any(practitioners, centres):kind>/<int:subject_id>/rating"
FAVOURITES = "/api/v1/favourites"
FAVOURITE = f"{FAVOURITES}/<any(practitioner, centre, department):kind>/<int:subject_id>"


class Rating(Shown):
    """Your rating, and the average of all ratings."""

    own: Annotated[int | None, Field(description="1 to 5; null if you gave none, and for keys.")]
    average: float | None
    count: Annotated[int, Field(description="Number of patients who gave a rating.")]


class Stars(Given):
    """A rating, which replaces your earlier one."""

    stars: Annotated[int, Field(ge=1, le=5)]


class Favourite(Shown):
    """A favourite practitioner, centre or department."""

    kind: FavouriteKind
    id: int
    name: str
    about: str
    where: str


class FavouriteList(Listing[Favourite]):
    """All your favourites, sorted by kind and name."""


@service.operation("GET", RATING, scope="directory:read", rule=Rule.PUBLIC, answer=Rating)
def get_rating(kind: str, subject_id: int) -> Rating:
    """Read the average rating, and your own."""
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
    """Rate a practitioner or centre, as a patient."""
    rated = _rated(kind)
    bearer.write(commands.rate, rated, subject_id, body.stars)
    return _rating(rated, subject_id)


@service.operation("DELETE", RATING, scope="care:write", rule=Rule.OWN, status=204)
def delete_rating(kind: str, subject_id: int) -> None:
    """Withdraw your rating, if you gave one."""
    bearer.write(commands.withdraw, _rated(kind), subject_id)


@service.operation("GET", FAVOURITES, scope="care:read", rule=Rule.OWN, answer=FavouriteList)
def list_favourites() -> FavouriteList:
    """List your favourites."""
    return FavouriteList(items=_favourites(), next=None)


@service.operation("GET", FAVOURITE, scope="care:read", rule=Rule.OWN, answer=Favourite)
def get_favourite(kind: FavouriteKind, subject_id: int) -> Favourite:
    """Read a favourite; 404 if it is not one."""
    for favourite in _favourites():
        if (favourite.kind, favourite.id) == (kind, subject_id):
            return favourite
    raise NotFound


@service.operation("PUT", FAVOURITE, scope="care:write", rule=Rule.OWN, status=204, may_fail=(409,))
def put_favourite(kind: FavouriteKind, subject_id: int) -> None:
    """Add a favourite; adding it again changes nothing."""
    bearer.write(commands.add_favourite, kind, subject_id)


@service.operation("DELETE", FAVOURITE, scope="care:write", rule=Rule.OWN, status=204)
def delete_favourite(kind: FavouriteKind, subject_id: int) -> None:
    """Remove a favourite, if it is one."""
    bearer.write(commands.remove_favourite, kind, subject_id)


def _favourites() -> list[Favourite]:
    rows = queries.liked(reader(), keeper(bearer.actor()))
    return [Favourite(**row._asdict()) for row in rows]


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
