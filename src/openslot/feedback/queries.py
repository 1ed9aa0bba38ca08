"""Averages of ratings."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from openslot.feedback.models import Rating

Rated = tuple[Literal["practitioner", "centre"], int]


@dataclass(frozen=True, slots=True)
class Average:
    """Stars from 1 to 5, and how many patients gave them."""

    stars: float
    count: int


def averages(session: Session, wanted: Iterable[Rated] | None = None) -> dict[Rated, Average]:
    """The averages of practitioners and centres that have ratings; one statement.

    ``wanted`` None, or very many, reads all.
    """
    query = select(
        Rating.practitioner_id, Rating.centre_id, func.avg(Rating.stars), func.count()
    ).group_by(Rating.practitioner_id, Rating.centre_id)
    named = list(wanted or ())
    if wanted is not None and len(named) <= 500:
        practitioners = [key for kind, key in named if kind == "practitioner"]
        centres = [key for kind, key in named if kind == "centre"]
        query = query.where(
            Rating.practitioner_id.in_(practitioners) | Rating.centre_id.in_(centres)
        )
    result: dict[Rated, Average] = {}
    for practitioner_id, centre_id, stars, count in session.execute(query):
        key: Rated = (
            ("practitioner", practitioner_id) if practitioner_id is not None
            else ("centre", centre_id)
        )  # fmt: skip
        result[key] = Average(float(stars), count)
    return result
