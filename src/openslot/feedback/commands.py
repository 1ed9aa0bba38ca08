"""Commands for ratings and favourites.

If the same button is pressed twice at once, a unique key fails and the second transaction is tried
again with the result of the first. No key limits the number of favourites, so adding them takes a
lock.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.directory import queries as directory
from openslot.directory.rules import Actor
from openslot.feedback import queries
from openslot.feedback.models import Favourite, Rating
from openslot.feedback.queries import FavouriteKind, RatedKind
from openslot.feedback.rules import check_room, check_stars, keeper, rater


def rate(
    session: Session, actor: Actor, kind: RatedKind, subject_id: int, stars: int, *, now: datetime
) -> Rating:
    """Give 1 to 5 stars as a patient; this replaces the patient's earlier rating.

    Raise Forbidden if the actor is not a patient, NotFound, and BadStars.
    """
    patient_id = rater(actor)
    check_stars(stars)
    _check_exists(session, kind, subject_id)
    rating = queries.rating_by(session, patient_id, kind, subject_id)
    if rating is None:
        rating = Rating(
            id=new_id(),
            patient_id=patient_id,
            stars=stars,
            rated_at=now,
            **{f"{kind}_id": subject_id},
        )
        queries.keep(session, rating)
    rating.stars, rating.rated_at = stars, now
    _record(session, actor, "rating.given", kind, subject_id, now)
    return rating


def withdraw(
    session: Session, actor: Actor, kind: RatedKind, subject_id: int, *, now: datetime
) -> None:
    """Delete the patient's rating, if there is one."""
    if queries.drop_rating(session, rater(actor), kind, subject_id):
        _record(session, actor, "rating.withdrawn", kind, subject_id, now)


def add_favourite(
    session: Session, actor: Actor, kind: FavouriteKind, subject_id: int, *, now: datetime
) -> None:
    """Add a favourite; do nothing if it is one already. Raise TooManyFavourites."""
    account_id = keeper(actor)
    _check_exists(session, kind, subject_id)
    lock(session, f"favourites {account_id}")
    favourites = queries.favourites(session, account_id)
    if (kind, subject_id) in favourites:
        return
    check_room(len(favourites))
    subject = {f"{kind}_id": subject_id}
    queries.keep(session, Favourite(id=new_id(), account_id=account_id, since=now, **subject))


def remove_favourite(session: Session, actor: Actor, kind: FavouriteKind, subject_id: int) -> None:
    """Remove a favourite, if it is one."""
    queries.drop_favourite(session, keeper(actor), kind, subject_id)


def _check_exists(session: Session, kind: FavouriteKind, subject_id: int) -> None:
    """Raise NotFound unless it is active in the directory."""
    if kind == "practitioner":
        directory.practitioner(session, subject_id)
    elif kind == "centre":
        directory.centre(session, subject_id)
    else:
        directory.department(session, subject_id)


def _record(
    session: Session, actor: Actor, act: str, kind: RatedKind, subject_id: int, now: datetime
) -> None:
    audit.record(session, act, f"{kind}:{subject_id}", by=actor.origin, now=now)
