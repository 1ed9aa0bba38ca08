"""Names and cursors of the health record's timeline."""

from flask_babel import gettext as _

from openslot.core.errors import Malformed
from openslot.entrypoints.timeline import Kind, Place
from openslot.entrypoints.web import reading


def kind_names() -> dict[Kind, str]:
    """Return the names of the kinds."""
    return {
        Kind.ALL: _("Everything"),
        Kind.NOTES: _("Notes"),
        Kind.PRESCRIPTIONS: _("Medication"),
        Kind.APPOINTMENTS: _("Appointments"),
        Kind.REFERRALS: _("Referrals"),
        Kind.EMERGENCIES: _("Emergency access"),
    }


def place_in(name: str) -> Place | None:
    """Return the cursor in the address; raise Malformed if it is invalid."""
    text = reading.text(name)
    try:
        return Place.read(text) if text else None
    except ValueError:
        raise Malformed("{name} is not a position in this list.", field=name, name=name) from None
