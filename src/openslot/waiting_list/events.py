"""The outbox messages about offers that the worker handles."""

from enum import StrEnum


class Topic(StrEnum):
    """MADE: an ``offer`` was made. DECIDED: a ``decision`` about an appointment in an absence is to
    be carried out."""

    MADE = "offer.made"
    DECIDED = "absence.decided"
