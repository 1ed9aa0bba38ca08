"""Identifiers of appointments in other systems."""

from sqlalchemy.orm import Session

from openslot.booking import search
from openslot.booking.models import Appointment
from openslot.core.errors import Conflict, Invalid

LONGEST = 300


class IdentifierTaken(Conflict):
    """Another appointment already has this identifier."""


def name(session: Session, appointment: Appointment, external_id: str) -> None:
    """Set the external identifier of a new appointment. Raises IdentifierTaken, and Invalid if it
    is too long."""
    if len(external_id) > LONGEST:
        raise Invalid("Shorten this to {longest} characters.", field="identifier", longest=LONGEST)
    with session.no_autoflush:
        if search.external_id_exists(session, external_id):
            raise IdentifierTaken(field="identifier")
    appointment.external_id = external_id
