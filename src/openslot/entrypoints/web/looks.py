"""Badges for the statuses of appointments, requests and referrals."""

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from flask_babel import lazy_gettext as _l

from openslot.booking.models import Appointment, Status


@dataclass(frozen=True, slots=True)
class Look:
    """Style class (``is-…``), icon and words of a status."""

    style: str
    icon: str
    words: object


LOOKS = {
    "held": Look("held", icon="hourglass-split", words=_l("Held")),
    "offered": Look("held", icon="arrow-left-right", words=_l("Offered")),
    "booked": Look("booked", icon="calendar-check", words=_l("Booked")),
    "arrived": Look("arrived", icon="person-check", words=_l("Arrived")),
    "fulfilled": Look("done", icon="check-circle", words=_l("Completed")),
    "completed": Look("done", icon="check-circle", words=_l("Completed")),
    "cancelled": Look("cancelled", icon="x-circle", words=_l("Cancelled")),
    "no-show": Look("missed", icon="person-x", words=_l("No-show")),
    "missed": Look("missed", icon="person-x", words=_l("Missed")),
    "entered-in-error": Look("cancelled", icon="slash-circle", words=_l("Entered in error")),
    "expected": Look("booked", icon="calendar-check", words=_l("Booked")),
    "confirmed": Look("done", icon="calendar-check", words=_l("Confirmed")),
    "late": Look("held", icon="clock-history", words=_l("Late")),
    "waiting": Look("arrived", icon="person-check", words=_l("Waiting")),
    "in-room": Look("in-room", icon="door-open", words=_l("In the room")),
    "done": Look("done", icon="check-circle", words=_l("Done")),
    "new": Look("new", icon="inbox", words=_l("New")),
    "accepted": Look("accepted", icon="check-circle", words=_l("Accepted")),
    "proposed": Look("proposed", icon="arrow-left-right", words=_l("Time proposed")),
    "declined": Look("cancelled", icon="x-circle", words=_l("Declined")),
    "urgent": Look("urgent", icon="exclamation-triangle-fill", words=_l("Urgent")),
    "routine": Look("cancelled", icon="clock", words=_l("Routine")),
    "draft": Look("cancelled", icon="pencil", words=_l("Draft")),
    "sent": Look("booked", icon="envelope-paper", words=_l("To be booked")),
    "used": Look("done", icon="check-circle", words=_l("Used")),
    "revoked": Look("cancelled", icon="x-circle", words=_l("Revoked")),
    "expired": Look("cancelled", icon="hourglass-bottom", words=_l("Expired")),
    "free": Look("done", icon="check-circle", words=_l("Free")),
    "taken": Look("missed", icon="x-circle", words=_l("Taken")),
    "patient-busy": Look("missed", icon="x-circle", words=_l("Another appointment then")),
    "same-day": Look("missed", icon="x-circle", words=_l("Has an appointment here that day")),
    "holiday": Look("held", icon="calendar-x", words=_l("Public holiday")),
    "closed": Look("held", icon="clock", words=_l("Not open then")),
    "too-soon": Look("held", icon="clock", words=_l("Too soon")),
    "too-far": Look("held", icon="clock", words=_l("Not open for booking yet")),
    "answer-no-time": Look("missed", icon="telephone", words=_l("No other time")),
    "answer-declined": Look("missed", icon="telephone", words=_l("Wants to keep it")),
    "answer-silent": Look("missed", icon="telephone", words=_l("No answer")),
    "answer-planned": Look("held", icon="hourglass-split", words=_l("About to be done")),
    "answer-waiting": Look("held", icon="hourglass-split", words=_l("New time offered")),
    "answer-moved": Look("done", icon="check-circle", words=_l("Has another time")),
    "answer-kept": Look("booked", icon="calendar-check", words=_l("Kept")),
    "answer-cancelled": Look("cancelled", icon="x-circle", words=_l("Cancelled")),
    "needs-referral": Look("held", icon="envelope-paper", words=_l("Needs a referral")),
}


def look(status: Enum | str, for_patient: bool = False) -> Look:
    """Return the badge of a status; patients see "Missed" instead of "No-show"."""
    name = str(status.value if isinstance(status, Enum) else status).replace("_", "-")
    return LOOKS["missed" if for_patient and name == "no-show" else name]


def badge(appointment: Appointment, offered: Set[UUID] = frozenset()) -> str:
    """Return the status of an appointment as calendars and lists show it: also whether the patient
    confirmed it, whether a hold was offered to somebody, and whether another time was offered
    instead, as for those in ``offered``."""
    if appointment.id in offered and appointment.status is Status.BOOKED:
        return "answer-waiting"
    if appointment.is_confirmed:
        return "confirmed"
    if appointment.status is Status.HELD and appointment.offered:
        return "offered"
    return appointment.status.value
