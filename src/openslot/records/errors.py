"""Refusals of histories, and of registering somebody twice."""

from collections.abc import Sequence

from openslot.core.errors import Conflict, Forbidden, Invalid
from openslot.directory.models import Patient


class NotYourEntry(Forbidden):
    """Only the practitioner who recorded this can correct it."""


class AlreadyCorrected(Conflict):
    """You have corrected this already. Correct the newer entry instead."""


class AlreadyOpen(Conflict):
    """You can read this history already.

    Emergency access is refused to an account that has access without it.
    """


class PatientKnown(Conflict):
    """Somebody of this name and date of birth is registered already.

    ``alike`` are the matches that the caller may find. Not raised once the caller says that this is
    a different person.
    """

    def __init__(self, alike: Sequence[Patient]):
        self.alike = alike
        super().__init__(field="name")


class NotYourAppointment(Invalid):
    """Choose one of your own appointments with this patient."""
