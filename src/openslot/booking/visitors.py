"""Holds of visitors: of people who sign in or sign up while their time is held."""

from datetime import datetime, timedelta
from uuid import UUID

from openslot.booking import claims, queries
from openslot.booking.models import Appointment
from openslot.booking.rules import FOR_VISITORS_AGAIN, check_for_visitor, is_visitors_hold
from openslot.booking.slots import Booker
from openslot.core.errors import Forbidden
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.schedules.rules import Place


def check_may_hold(work: Work, place: Place, start: datetime, minutes: int) -> None:
    """Raise Forbidden for what visitors do not book, and NotHeldForVisitors; see
    :func:`openslot.booking.rules.check_for_visitor`. Visitors of one schedule wait for each
    other."""
    if place.in_emergency or place.squeezed_in or Booker(work.actor).barrier(place):
        raise Forbidden
    lock(work.session, f"visitors of {place.schedule_id}")
    since = work.now - FOR_VISITORS_AGAIN
    recent = queries.of_visitors(work.session, place.schedule_id, since)
    check_for_visitor(recent, start, start + timedelta(minutes=minutes), work.now)


def hold_of(work: Work, hold_id: UUID) -> Appointment | None:
    """Return the hold of a visitor with this id, or None."""
    hold = queries.appointment(work.session, hold_id)
    return hold if hold is not None and is_visitors_hold(hold) else None


def release(work: Work, hold_id: UUID) -> bool:
    """Release the hold of a visitor; return whether it was one."""
    hold = hold_of(work, hold_id)
    if hold is not None:
        claims.expire(work, [hold])
    return hold is not None
