"""Why a rating or a favourite cannot be kept."""

from openslot.core.errors import Conflict, Invalid


class BadStars(Invalid):
    """Choose 1 to 5 stars."""


class TooManyFavourites(Conflict):
    """You can have up to {most} favourites. Remove one first."""
