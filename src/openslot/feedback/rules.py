"""Rules for ratings and favourites: limits, and who may give them."""

from uuid import UUID

from openslot.core.actor import Actor
from openslot.core.errors import Forbidden
from openslot.feedback.errors import BadStars, TooManyFavourites

MOST_FAVOURITES = 200


def rater(actor: Actor) -> UUID:
    """Return the patient as whom the actor rates; raise Forbidden if there is none."""
    if actor.patient_id is None:
        raise Forbidden
    return actor.patient_id


def keeper(actor: Actor) -> UUID:
    """Return the account of the actor's favourites; raise Forbidden if there is none."""
    if actor.account_id is None:
        raise Forbidden
    return actor.account_id


def check_stars(stars: int) -> None:
    """Raise BadStars unless there are 1 to 5."""
    if not 1 <= stars <= 5:
        raise BadStars(field="stars")


def check_room(kept: int) -> None:
    """Raise TooManyFavourites if ``kept`` is the limit."""
    if kept >= MOST_FAVOURITES:
        raise TooManyFavourites(most=MOST_FAVOURITES)
