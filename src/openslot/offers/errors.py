"""Why nobody can wait, or an offer cannot be taken: one code and sentence each."""

from openslot.core.errors import Conflict, Expired, Invalid


class OfferExpired(Expired):
    """It was taken, left, or has run out."""

    code = "offer-over"
    sentence = "This offer is over."


class AlreadyWaiting(Conflict):
    """One entry for one thing."""

    code = "already-waiting"
    sentence = "There is an entry on the waiting list for this already."


class TooManyEntries(Conflict):
    """A patient waits for a few things at a time."""

    code = "too-many-entries"
    sentence = "You can wait for up to {most} things at a time. Leave one of them first."


class NotWaiting(Conflict):
    """The entry is no longer on the list."""

    code = "not-waiting"
    sentence = "This entry is no longer on the waiting list."


class BadWindow(Invalid):
    """There is no time to wait for in it."""

    code = "bad-window"
    sentence = "Choose days that lie ahead, the last one no more than {days} days from now."


class NoEarlierTime(Invalid):
    """The appointment that it would replace is so soon that nothing could be offered before."""

    code = "nothing-earlier"
    sentence = "This appointment is so soon that there is no earlier time to wait for."


class NobodyOffersThis(Invalid):
    """No schedule in reach has appointments of this length, or is active."""

    code = "nobody-offers-this"
    sentence = "Nobody there takes bookings of this kind. Choose another place or length."


class DecisionsOutOfDate(Conflict):
    """What lies inside the absence is not what was decided about."""

    code = "other-appointments"
    sentence = "Other appointments lie in this time by now. Look at them again."


class DuplicateTime(Conflict):
    """Two appointments cannot both move to one time."""

    code = "same-time-twice"
    sentence = "Two appointments would move to the same time. Choose another for one of them."


class HasArrived(Conflict):
    """An appointment that goes on is neither moved nor cancelled."""

    code = "has-arrived"
    sentence = (
        "The patient of the appointment on {day} at {time} is here already. Keep this appointment."
    )


class OutsideNetwork(Conflict):
    """The appointment does not lie inside the absence, or not any more."""

    code = "not-inside"
    sentence = "This appointment no longer lies in the time that is blocked."
