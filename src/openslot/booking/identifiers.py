"""Identifiers that other systems give to appointments.

Those of the care team and its programs are unique in the network. What a patient or carer gives is
their own: two people can give the same, none takes it from the other, and none learns by it of the
other's appointments. It is kept with the id of its account in front.
"""

import re
from uuid import UUID

from openslot.booking import queries
from openslot.booking.errors import IdentifierTaken
from openslot.booking.models import Appointment
from openslot.core.actor import Actor
from openslot.core.errors import Invalid
from openslot.core.work import Work
from openslot.directory.rules import works_with_patients

LONGEST = 300
"""Most characters that are kept."""

MARK = "~"
MARKED = 34
"""Characters before an identifier that a patient gave: the id of the account between two marks."""

_OWN = re.compile(rf"{MARK}[0-9a-f]{{32}}{MARK}")


def kept(identifier: str, actor: Actor) -> str:
    """Return how an identifier is kept that the actor gives."""
    if works_with_patients(actor):
        return identifier
    owner = actor.account_id or actor.patient_id or UUID(int=0)
    return f"{MARK}{owner.hex}{MARK}{identifier}"


def shown(identifier: str | None) -> str | None:
    """Return an identifier as it was given."""
    return _OWN.sub("", identifier, count=1) if identifier else identifier


def give(work: Work, appointment: Appointment, external_id: str) -> None:
    """Set the external identifier of a new appointment. Raises IdentifierTaken, and Invalid if it
    is too long."""
    text = kept(external_id, work.actor)
    if len(text) > LONGEST:
        most = LONGEST - (len(text) - len(external_id))
        raise Invalid("Shorten this to {longest} characters.", field="identifier", longest=most)
    with work.session.no_autoflush:
        if queries.external_id_exists(work.session, text):
            raise IdentifierTaken(field="identifier")
    appointment.external_id = text
