"""What the states of visits, requests and letters read and look like, everywhere the same."""

from dataclasses import dataclass
from enum import Enum

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class Look:
    """The style of its colours (``is-…``), an icon of the sprite, and words in the reader's
    language."""

    style: str
    icon: str
    words: object


LOOKS = {
    "held": Look("held", "hourglass-split", _l("Held")),
    "booked": Look("booked", "calendar-check", _l("Booked")),
    "arrived": Look("arrived", "person-check", _l("Arrived")),
    "fulfilled": Look("done", "check-circle", _l("Completed")),
    "completed": Look("done", "check-circle", _l("Completed")),
    "cancelled": Look("cancelled", "x-circle", _l("Cancelled")),
    "no-show": Look("missed", "person-x", _l("No-show")),
    "missed": Look("missed", "person-x", _l("Missed")),
    "entered-in-error": Look("cancelled", "slash-circle", _l("Entered in error")),
    "new": Look("new", "inbox", _l("New")),
    "accepted": Look("accepted", "check-circle", _l("Accepted")),
    "proposed": Look("proposed", "arrow-left-right", _l("Time proposed")),
    "declined": Look("cancelled", "x-circle", _l("Declined")),
    "urgent": Look("urgent", "exclamation-triangle-fill", _l("Urgent")),
    "routine": Look("cancelled", "clock", _l("Routine")),
    "draft": Look("cancelled", "pencil", _l("Draft")),
    "sent": Look("booked", "envelope-paper", _l("To be booked")),
    "used": Look("done", "check-circle", _l("Used")),
    "revoked": Look("cancelled", "x-circle", _l("Revoked")),
    "expired": Look("cancelled", "hourglass-bottom", _l("Run out")),
    "needs-referral": Look("held", "envelope-paper", _l("Needs a referral")),
}


def look(status: Enum | str, for_patient: bool = False) -> Look:
    """How a state looks; a patient reads that a visit was missed, not "no-show"."""
    name = str(status.value if isinstance(status, Enum) else status).replace("_", "-")
    return LOOKS["missed" if for_patient and name == "no-show" else name]
