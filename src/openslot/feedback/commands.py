"""What people say of practitioners and centres, and what they keep at hand. None commits.

Two presses of a button at once break a unique key; then the second is tried again, and finds what
the first has left. How many favourites somebody keeps no key says: they are added in turn.
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
    """Give 1 to 5 stars, as a patient; they take the place of those one gave before.

    Raises Forbidden for who is no patient, NotFound, and BadStars.
    """
    patient_id = rater(actor)
    check_stars(stars)
    _existing(session, kind, subject_id)
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
    """Take one's stars back; nothing happens where there are none."""
    if queries.drop_rating(session, rater(actor), kind, subject_id):
        _record(session, actor, "rating.withdrawn", kind, subject_id, now)


def add_favourite(
    session: Session, actor: Actor, kind: FavouriteKind, subject_id: int, *, now: datetime
) -> None:
    """Keep something at hand; once more changes nothing. Raises TooManyFavourites."""
    account_id = keeper(actor)
    _existing(session, kind, subject_id)
    lock(session, f"favourites {account_id}")
    kept = queries.favourites(session, account_id)
    if (kind, subject_id) in kept:
        return
    check_room(len(kept))
    subject = {f"{kind}_id": subject_id}
    queries.keep(session, Favourite(id=new_id(), account_id=account_id, since=now, **subject))


def remove_favourite(session: Session, actor: Actor, kind: FavouriteKind, subject_id: int) -> None:
    """Keep it at hand no longer; nothing happens where it was not."""
    queries.drop_favourite(session, keeper(actor), kind, subject_id)


def _existing(session: Session, kind: FavouriteKind, subject_id: int) -> None:
    """NotFound unless it is in the directory."""
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
