"""Why an appointment cannot be booked, moved or cancelled: one code and sentence each."""

from collections.abc import Sequence
from datetime import datetime

from openslot.core.errors import Conflict, Expired, Forbidden, Invalid


class InThePast(Invalid):
    """The start is over."""

    code = "in-the-past"
    sentence = "This time is over. Choose a later one."


class BeyondHorizon(Invalid):
    """The schedule does not take bookings so far ahead."""

    code = "beyond-horizon"
    sentence = "This can be booked up to {days} days ahead. Choose an earlier time."


class TooShortNotice(Invalid):
    """The start is nearer than the schedule's notice."""

    code = "too-short-notice"
    sentence = "This needs to be booked at least {minutes} minutes ahead. Choose a later time."


class OffGrid(Invalid):
    """The start is not one of the schedule's starts."""

    code = "off-grid"
    sentence = "Appointments here start every {minutes} minutes. Choose one of the times shown."


class BadLength(Invalid):
    """The length is not a whole number of slots."""

    code = "bad-length"
    sentence = "Appointments here take a multiple of {minutes} minutes."


class TooLong(Invalid):
    """The length is over the schedule's limit."""

    code = "too-long"
    sentence = "Appointments here take at most {minutes} minutes."


class OutsideHours(Invalid):
    """Not all of the appointment lies within opening hours."""

    code = "outside-hours"
    sentence = "This time is outside opening hours. Choose one of the times shown."


class CentreClosed(Invalid):
    """The centre is closed then."""

    code = "centre-closed"
    sentence = "The centre is closed at this time. Choose another day."


class Absent(Invalid):
    """Whoever gives the care is away then."""

    code = "absent"
    sentence = "This time cannot be booked because of an absence. Choose another."


class SlotTaken(Conflict):
    """Somebody else has the time; ``alternatives`` are the nearest free starts, of
    ``minutes`` each, in the schedule ``schedule_id``."""

    code = "slot-taken"
    sentence = "This time was booked a moment ago."

    def __init__(self, alternatives: Sequence[datetime], *, schedule_id: int, minutes: int):
        self.alternatives = tuple(alternatives)
        self.schedule_id, self.minutes = schedule_id, minutes
        super().__init__(field="start")


class PatientBusy(Conflict):
    """The patient has another appointment at that time, at whatever centre."""

    code = "patient-busy"
    sentence = "There is another appointment at this time already. Choose a different time."


class DailyLimitReached(Conflict):
    """The patient has an appointment with this practitioner that day."""

    code = "one-a-day"
    sentence = (
        "There is an appointment with this practitioner on that day already. Move it, or choose "
        "another day."
    )


class SelfBooking(Forbidden):
    """Practitioners do not treat themselves."""

    code = "self-booking"
    sentence = "Practitioners cannot book themselves."


class NeedsPatient(Forbidden):
    """An account that is no patient's books for nobody."""

    code = "needs-patient"
    sentence = "Only patients book for themselves. Choose the patient this is for."


class ReferralRequired(Forbidden):
    """Specialists are reached through a GP."""

    code = "referral-required"
    sentence = (
        "Specialists see patients whom a GP has referred to them. Book an appointment with a GP "
        "and "
        "ask for a referral."
    )


class ReferralSpent(Conflict):
    """One referral, one appointment; and not for ever."""

    code = "referral-spent"
    sentence = (
        "This referral was used for another appointment, was revoked, or has run out. Ask your GP "
        "for "
        "a new one."
    )


class HoldExpired(Expired):
    """The time is no longer kept, and somebody else may have it."""

    code = "hold-expired"
    sentence = "This time is no longer kept for you. Choose it again if it is still free."


class NoMoreExtensions(Conflict):
    """A hold cannot be stretched without end."""

    code = "no-more-extensions"
    sentence = "This time cannot be kept any longer. Confirm the booking or let it go."


class InvalidTransition(Conflict):
    """The appointment's status does not allow this."""

    code = "wrong-move"
    sentence = "This appointment cannot be changed so any more."


class TooLateToChange(Conflict):
    """Patients move and cancel until some hours before."""

    code = "too-late"
    sentence = (
        "Appointments can be moved and cancelled until {hours} hours before. Telephone the centre."
    )


class TooLateToRecord(Conflict):
    """Days later, a practitioner alone does not say that a patient came."""

    code = "too-late-to-record"
    sentence = (
        "More than two days have passed. Ask the reception or an administrator of the centre to "
        "record that the patient came."
    )


class HasDependents(Conflict):
    """Who cares for others does not just leave."""

    code = "still-caring"
    sentence = "You care for others here. Hand their records over first, then delete your account."


class TooEarly(Conflict):
    """Arrivals and no-shows are noted when the time has come."""

    code = "too-early"
    sentence = "This can be noted once the time of the appointment has come."


class PriorityNotAllowed(Invalid):
    """A patient calls their own appointment urgent."""

    code = "not-your-priority"
    sentence = "Those who give the care say what is urgent. Leave the priority out."


class BlocksElsewhere(Forbidden):
    """An absence entered for one centre would hold at the others too."""

    code = "works-elsewhere"
    sentence = (
        "They work at another centre too, where this time would be blocked as well. Change their "
        "hours at your centre, or ask them or an administrator of the network."
    )
