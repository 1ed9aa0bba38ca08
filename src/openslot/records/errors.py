"""Refusals of histories, and of registering somebody twice."""

from collections.abc import Sequence

from openslot.core.errors import Conflict, Forbidden, Invalid, RateLimited
from openslot.directory.models import Patient


class NotYourEntry(Forbidden):
    """Only the practitioner who recorded this can correct it."""


class AlreadyCorrected(Conflict):
    """This has already been corrected. Correct the newer entry instead."""


class AllergiesKnown(Conflict):
    """Allergies are recorded for this patient. Say first that they are gone or were a mistake."""


class NoneKnownSince(Conflict):
    """Somebody has stated since that there are no known allergies. Record the allergy anew."""


class AlreadyOpen(Conflict):
    """You can already read this health record.

    Emergency access is refused to an account that has access without it.
    """


class AlreadyReviewed(Conflict):
    """Somebody has reviewed this emergency access already."""


class PatientKnown(Conflict):
    """This person may be registered already: two of their details agree with a patient's.

    ``alike`` are the matches that the caller may find. Not raised once the caller says that this is
    a different person.
    """

    def __init__(self, alike: Sequence[Patient]):
        self.alike = alike
        super().__init__(field="name")


class TooManyLookUps(RateLimited):
    """You have looked for too many people whom we do not know. Try again in an hour."""


class TooFewDetails(Invalid):
    """Enter a date of birth, phone number, email address or Medicare number too.

    A name alone is shared by too many people. Not raised once the caller says that nothing else is
    known.
    """


class NotYourAppointment(Invalid):
    """Choose one of your own appointments with this patient."""
