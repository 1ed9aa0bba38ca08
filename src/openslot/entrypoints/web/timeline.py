"""Names and cursors of the health record's timeline."""

from uuid import UUID

from flask_babel import gettext as _

from openslot.core.errors import Malformed
from openslot.entrypoints.timeline import Kind, Place, Timeline, place_before, timeline
from openslot.entrypoints.web import context, reading


def kind_names() -> dict[Kind, str]:
    """Return the names of the kinds."""
    return {
        Kind.ALL: _("Everything"),
        Kind.NOTES: _("Notes"),
        Kind.PRESCRIPTIONS: _("Medication"),
        Kind.ALLERGIES: _("Allergies"),
        Kind.APPOINTMENTS: _("Appointments"),
        Kind.REFERRALS: _("Referrals"),
        Kind.EMERGENCIES: _("Emergency access"),
    }


def record(patient_id: UUID, kind: Kind, after: Place | None) -> Timeline:
    """Return a page of a patient's record; everything begins with what was or is now, since
    appointments to come would hide it."""
    if kind is Kind.ALL and after is None:
        after = place_before(context.now())
    return timeline(context.reader(), patient_id, kind=kind, after=after)


def place_in(name: str) -> Place | None:
    """Return the cursor in the address; raise Malformed if it is invalid."""
    text = reading.text(name)
    try:
        return Place.read(text) if text else None
    except ValueError:
        raise Malformed("{name} is not a position in this list.", field=name, name=name) from None
