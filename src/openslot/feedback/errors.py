"""Why a rating or a favourite cannot be kept."""

from openslot.core.errors import Conflict, Invalid


class BadStars(Invalid):
    """A rating is 1 to 5 stars."""

    code = "bad-stars"
    sentence = "Choose 1 to 5 stars."


class TooManyFavourites(Conflict):
    """Favourites are what somebody keeps at hand, not everything there is."""

    code = "too-many-favourites"
    sentence = "You can keep up to {most} favourites. Take one out first."
