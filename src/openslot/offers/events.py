"""What the worker does about offers, through the outbox."""

from enum import StrEnum


class Topic(StrEnum):
    """MADE: an ``offer`` was made. DECIDED: a ``decision`` about an appointment in an absence is to
    be carried out."""

    MADE = "offer.made"
    DECIDED = "absence.decided"
