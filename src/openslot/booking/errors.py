"""Why an appointment cannot be booked, moved or cancelled: one code and sentence each."""

from collections.abc import Sequence
from datetime import datetime

from openslot.booking.models import Appointment
from openslot.core.errors import Conflict, Expired, Forbidden, Invalid


class InThePast(Invalid):
    """This time is over. Choose a later one."""


class BeyondHorizon(Invalid):
    """This can be booked up to {days} days ahead. Choose an earlier time."""


class TooShortNotice(Invalid):
    """This needs to be booked at least {minutes} minutes ahead. Choose a later time."""


class OffGrid(Invalid):
    """Appointments here do not start at this time. Choose one of the times shown."""


class BadLength(Invalid):
    """Appointments here take a multiple of {minutes} minutes."""


class TooLong(Invalid):
    """Appointments here take at most {minutes} minutes."""


class OutsideHours(Invalid):
    """This time is outside opening hours. Choose one of the times shown."""


class HoursForOthers(Invalid):
    """This time is kept for other services. Choose one of the times shown."""


class CentreClosed(Invalid):
    """The centre is closed at this time. Choose another day."""


class Absent(Invalid):
    """This time cannot be booked because of an absence. Choose another."""


class KeptForEmergencies(Invalid):
    """This time is kept free for emergencies. Choose another, or book it as an emergency.

    Told to those who may do so; everybody else learns only that nobody is there.
    """


class EmergencyNeedsReason(Invalid):
    """Enter why this is an emergency."""


class EmergencyNotAllowed(Forbidden):
    """Only those who give care here book emergencies. Call the centre."""


class SlotTaken(Conflict):
    """This time was booked a moment ago.

    ``alternatives`` are the nearest free starts, of ``minutes`` each, in the schedule
    ``schedule_id``.
    """

    def __init__(self, alternatives: Sequence[datetime], *, schedule_id: int, minutes: int):
        self.alternatives = tuple(alternatives)
        self.schedule_id, self.minutes = schedule_id, minutes
        super().__init__(field="start")


class NeedsTaken(SlotTaken):
    """A room, machine or person that this needs is not free at this time. Choose another time."""


class NoPlacesLeft(SlotTaken):
    """All places of this session are taken."""


class PatientBusy(Conflict):
    """There is already another appointment at this time. Choose a different time.

    Raised for appointments at any centre.
    """


class BothBusy(Conflict):
    """Both records have appointments at the same time: {times}. Move or cancel one of each two, or
    have it marked as entered in error. Nothing was merged.

    ``overlaps`` are the pairs: the one of the duplicate first.
    """

    def __init__(self, overlaps: Sequence[tuple[Appointment, Appointment]]):
        self.overlaps = tuple(overlaps)
        times = ", ".join(
            f"{one.starts_at.astimezone(one.zone):%Y-%m-%d %H:%M} ({one.centre.name})"
            for one, _other in overlaps
        )
        super().__init__(times=times)


class DailyLimitReached(Conflict):
    """There is already an appointment with this practitioner on that day. Move it, or choose
    another day."""


class TooManyUpcoming(Conflict):
    """You have {most} upcoming appointments here, which is as many as can be booked online. Call
    the centre to book more."""


class TooManyOfService(TooManyUpcoming):
    """You have {most} upcoming appointments for this service, which is as many as can be booked
    online. Call the centre to book more."""


class TooManyThatDay(Conflict):
    """At most {most} appointments for this service can be booked online for one day. Choose another
    day."""


class TooManyInSeries(Conflict):
    """At most {most} upcoming appointments can be booked online here. Booked already: {count}.
    Leave out {over} of these times, or call the centre.

    The limits are those of TooManyUpcoming.
    """


class SeriesLength(Invalid):
    """A series has 2 to {most} appointments, each at a time of its own. Check the times."""


class FirstWithReferral(Conflict):
    """This referral covers one first appointment. Book that one; once the specialist has seen the
    patient, follow-ups can be booked as a series."""


class ItineraryLength(Invalid):
    """An itinerary has 2 to {most} steps, one after the other. Check the steps."""


class BadGap(Invalid):
    """Give the least and the most time between two steps, in multiples of 5 minutes or in whole
    days, at most {days} days."""


class NobodyOffers(Conflict):
    """Nobody offers this there, or not to this patient. Choose another."""


class NothingUpcoming(Conflict):
    """None of these appointments is still to come."""


class SelfBooking(Forbidden):
    """Practitioners cannot book themselves."""


class NeedsPatient(Forbidden):
    """Only patients book for themselves. Choose the patient this is for."""


class NotForPatients(Forbidden):
    """Patients cannot book this themselves. Ask your GP, or call the department."""


class OnlyKnownPatients(Forbidden):
    """This is for patients who have been here before, or have an appointment. Choose another
    service, or call the centre."""


class OnRequest(Forbidden):
    """This department decides on each request. Send it a request, or call it."""


class ReferralRequired(Forbidden):
    """This can be booked only with a referral. Book an appointment with a GP and ask for one."""


class ReferralSpent(Conflict):
    """This referral was used for another appointment, was revoked, or has expired. Ask your GP for
    a new one, or book again when the specialist has seen you."""


class TooManyHolds(Conflict):
    """{most} times are already held for this patient. Book or release one of them first."""


class HoldExpired(Expired):
    """This time is no longer held for you. Choose it again if it is still free."""


class NoMoreExtensions(Conflict):
    """This time cannot be held any longer. Confirm the booking or release it."""


class NotHeldForVisitors(Conflict):
    """This time cannot be held for you before you sign in. Sign in to book it."""


class InvalidTransition(Conflict):
    """This appointment can no longer be changed in this way.

    The status of the appointment does not allow the action.
    """


class TooLateToChange(Conflict):
    """Appointments can be moved and cancelled until {hours} hours before. Telephone the centre."""

    code = "too-late"


class TooLateToRecord(Conflict):
    """More than two days have passed. Ask the reception to record that the patient came.

    Days later, a practitioner alone does not say so: it would open the health record.
    """


class HasDependents(Conflict):
    """You care for others here. Hand their records over first, then delete your account."""


class AccountIsKept(Forbidden):
    """Accounts of people who work here are kept, because records and the audit name them. Ask an
    administrator to deactivate yours."""


class TooEarly(Conflict):
    """This can be noted once the time of the appointment has come.

    Raised for arrivals and no-shows.
    """


class NoCheckIn(Conflict):
    """You can check in from an hour before your appointment until its end. Tell the reception."""


class PriorityNotAllowed(Invalid):
    """Only the care team sets the priority. Leave it out."""


class NoSessions(Invalid):
    """This service is for one patient at a time. Choose one with places, or book an appointment."""


class SessionExists(Conflict):
    """There is a session of this service at this time already. Open it, or choose another time."""


class SessionHasBegun(Conflict):
    """Somebody has arrived at this session. Change the other appointments one by one."""


class SomebodyBusy(Conflict):
    """Somebody in this session has another appointment then. Choose another time, or move or cancel
    theirs first. Nothing was moved."""


class PlacesTaken(Conflict):
    """More places than that are taken. Enter a higher number, or cancel appointments first."""


class SqueezeInNotAllowed(Forbidden):
    """Only those who give or arrange care here add appointments over time that is taken."""


class SqueezeInNeedsReason(Invalid):
    """Enter why this cannot wait for a time that is free."""


class NoMoreSqueezedIn(Conflict):
    """{most} appointments were already squeezed in here on that day, which is as many as are
    allowed. Choose another day, or a time that is free."""


class NothingBlocked(Invalid):
    """No time is blocked in this period. Choose days that are."""


class FromElsewhere(Conflict):
    """This time comes from a calendar elsewhere. Change it there, or remove that calendar."""


class BlocksElsewhere(Forbidden):
    """They work at another centre too, where this time would be blocked as well. Change their hours
    at your centre, or ask them or an administrator of the network."""

    code = "works-elsewhere"


class IdentifierTaken(Conflict):
    """Another appointment already has this identifier."""
