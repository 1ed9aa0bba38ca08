"""Refusals of histories, and of registering somebody twice."""

from collections.abc import Sequence

from openslot.core.errors import Conflict, Forbidden, Invalid
from openslot.directory.models import Patient


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


class PatientKnown(Conflict):
    """Somebody like this is registered already, and nobody said that it is somebody else;
    ``alike`` are those whom the one who asked may find."""

    code = "patient-known"
    sentence = "Somebody of this name and date of birth is registered already."

    def __init__(self, alike: Sequence[Patient]):
        self.alike = alike
        super().__init__(field="name")


class NotYourAppointment(Invalid):
    """No appointment of this patient with this practitioner."""

    code = "not-your-appointment"
    sentence = "Choose one of your own appointments with this patient."
