"""Why nobody can wait, or an offer cannot be taken: one code and sentence each."""

from openslot.core.errors import Conflict, Expired, Invalid


class OfferExpired(Expired):
    """This offer is over.

    The offer was taken or declined, or has expired.
    """


class AlreadyWaiting(Conflict):
    """There is already an entry on the waiting list for this."""


class TooManyEntries(Conflict):
    """You can have up to {most} waiting list entries. Remove one first."""


class NotWaiting(Conflict):
    """This entry is no longer on the waiting list."""


class BadWindow(Invalid):
    """Choose days that lie ahead, the last one no more than {days} days from now."""


class NoEarlierTime(Invalid):
    """This appointment is so soon that there is no earlier time to wait for."""


class NobodyOffersThis(Invalid):
    """Nobody there takes bookings of this kind. Choose another place or length.

    No active schedule in reach has appointments of this length.
    """


class DecisionsOutOfDate(Conflict):
    """The appointments in this time have changed. Review them again.

    The appointments inside the absence are not the ones that were decided about.
    """


class DuplicateTime(Conflict):
    """Two appointments would move to the same time. Choose another for one of them."""


class HasArrived(Conflict):
    """The patient of the appointment on {day} at {time} is here already. Keep this appointment."""


class OutsideAbsence(Conflict):
    """This appointment is no longer in the blocked time."""
