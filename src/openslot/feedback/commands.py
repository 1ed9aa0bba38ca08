"""Commands for ratings and favourites.

If the same button is pressed twice at once, a unique key fails and the second transaction is tried
again with the result of the first. No key limits the number of favourites, so adding them takes a
lock.
"""

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.feedback import queries
from openslot.feedback.models import Favourite, Rating
from openslot.feedback.queries import FavouriteKind, RatedKind
from openslot.feedback.rules import check_room, check_stars, keeper, rater


def rate(work: Work, kind: RatedKind, subject_id: int, stars: int) -> Rating:
    """Give 1 to 5 stars as a patient; this replaces the patient's earlier rating.

    Raise Forbidden if the actor is not a patient, NotFound, and BadStars.
    """
    patient_id = rater(work.actor)
    check_stars(stars)
    _check_exists(work.session, kind, subject_id)
    rating = queries.rating_by(work.session, patient_id, kind, subject_id)
    if rating is None:
        rating = Rating(
            id=new_id(),
            patient_id=patient_id,
            stars=stars,
            rated_at=work.now,
            **{f"{kind}_id": subject_id},
        )
        queries.keep(work.session, rating)
    rating.stars, rating.rated_at = stars, work.now
    _record(work, "rating.given", kind, subject_id)
    return rating


def withdraw(work: Work, kind: RatedKind, subject_id: int) -> None:
    """Delete the patient's rating, if there is one."""
    if queries.drop_rating(work.session, rater(work.actor), kind, subject_id):
        _record(work, "rating.withdrawn", kind, subject_id)


def add_favourite(work: Work, kind: FavouriteKind, subject_id: int) -> None:
    """Add a favourite; do nothing if it is one already. Raise TooManyFavourites."""
    account_id = keeper(work.actor)
    _check_exists(work.session, kind, subject_id)
    lock(work.session, f"favourites {account_id}")
    favourites = queries.favourites(work.session, account_id)
    if (kind, subject_id) in favourites:
        return
    check_room(len(favourites))
    subject = {f"{kind}_id": subject_id}
    queries.keep(
        work.session, Favourite(id=new_id(), account_id=account_id, since=work.now, **subject)
    )


def remove_favourite(work: Work, kind: FavouriteKind, subject_id: int) -> None:
    """Remove a favourite, if it is one."""
    queries.drop_favourite(work.session, keeper(work.actor), kind, subject_id)


def _check_exists(session: Session, kind: FavouriteKind, subject_id: int) -> None:
    """Raise NotFound unless it is active in the directory."""
    if kind == "practitioner":
        directory.practitioner(session, subject_id)
    elif kind == "centre":
        directory.centre(session, subject_id)
    else:
        directory.department(session, subject_id)


def _record(work: Work, act: str, kind: RatedKind, subject_id: int) -> None:
    audit.record(work, act, f"{kind}:{subject_id}")
