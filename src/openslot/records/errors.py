"""Refusals of histories."""

from openslot.core.errors import Conflict, Forbidden, Invalid


class NotYourEntry(Forbidden):
    """Somebody else recorded it."""

    code = "not-your-entry"
    sentence = "Only the practitioner who recorded this can correct it."


class AlreadyCorrected(Conflict):
    """A newer entry stands in its place."""

    code = "already-corrected"
    sentence = "You have corrected this already. Correct the newer entry instead."


class AlreadyOpen(Conflict):
    """There is access without an emergency."""

    code = "already-open"
    sentence = "You can read this history already."


class NotYourVisit(Invalid):
    """No visit of this patient with this practitioner."""

    code = "not-your-visit"
    sentence = "Choose one of your own visits with this patient."
