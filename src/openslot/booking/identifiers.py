"""Identifiers that other systems give to appointments.

Those of the care team and its programs are unique in the network. What a patient or carer gives is
their own: two people can give the same, none takes it from the other, and none learns by it of the
other's appointments. It is kept with the id of its account in front.
"""

import re
from uuid import UUID

from openslot.core.actor import Actor
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
