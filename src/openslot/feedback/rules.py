"""How many stars there are, and who gives them: pure decisions."""

from uuid import UUID

from openslot.core.errors import Forbidden
from openslot.directory.rules import Actor
from openslot.feedback.errors import BadStars, TooManyFavourites

MOST_FAVOURITES = 200


def rater(actor: Actor) -> UUID:
    """The patient as whom the actor rates; Forbidden for everybody who is none."""
    if actor.patient_id is None:
        raise Forbidden
    return actor.patient_id


def keeper(actor: Actor) -> UUID:
    """The account that keeps the actor's favourites; Forbidden for who has none."""
    if actor.account_id is None:
        raise Forbidden
    return actor.account_id


def check_stars(stars: int) -> None:
    """BadStars unless there are 1 to 5."""
    if not 1 <= stars <= 5:
        raise BadStars(field="stars")


def check_room(kept: int) -> None:
    """TooManyFavourites where ``kept`` are as many as anybody keeps."""
    if kept >= MOST_FAVOURITES:
        raise TooManyFavourites(most=MOST_FAVOURITES)
