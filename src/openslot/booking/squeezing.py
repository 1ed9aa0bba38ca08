"""Appointments that are squeezed in over time that is taken, by those who give or arrange the care.

They claim their patient's diary only. How many a schedule has on a day is limited.
"""

from datetime import datetime, time, timedelta

from openslot.booking import queries
from openslot.booking.errors import NoMoreSqueezedIn, SqueezeInNeedsReason, SqueezeInNotAllowed
from openslot.booking.rules import local_date, may_book_others
from openslot.booking.slots import board
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.schedules.availability import instant_of, mask_of, span_between, tick_at, window_over
from openslot.schedules.rules import Place


def if_taken(work: Work, place: Place, start: datetime, minutes: int | None) -> Place:
    """Return the place for squeezing in if some of the time is taken there, else as it is: free
    time, and a session with places left, are booked as usual. Raises SqueezeInNotAllowed."""
    if not may_book_others(work.actor, place):
        raise SqueezeInNotAllowed(field="squeeze_in")
    minutes = minutes or place.slot_minutes
    busy = place.busy(span_between(start, start + timedelta(minutes=minutes)))
    window = window_over(instant_of(busy.start), instant_of(busy.end))
    read, wanted = board(work, [place], window), mask_of([busy], window)
    is_free = read.free_starts(place, minutes) >> (tick_at(start) - window.start) & 1
    is_taken = any(read.taken.get(diary_id, 0) & wanted for diary_id in place.claimed_ids)
    return place.for_squeezing_in() if is_taken and not is_free else place


def check(work: Work, place: Place, start: datetime, reason: str | None) -> None:
    """Raise SqueezeInNeedsReason without a word why, and NoMoreSqueezedIn if the schedule has as
    many that day as are allowed. Does nothing for other appointments."""
    if not place.squeezed_in:
        return
    if not reason:
        raise SqueezeInNeedsReason(field="reason")
    most, day = work.settings.squeezed_in_a_day, local_date(place, start)
    midnight, next_midnight = (
        datetime.combine(day + timedelta(days=days), time(), place.zone) for days in (0, 1)
    )
    # Without the lock, two at once would both find room for one.
    lock(work.session, f"squeezed in on schedule {place.schedule_id} {day.isoformat()}")
    on_day = queries.squeezed_in(place.schedule_id, midnight, next_midnight)
    if queries.count(work.session, on_day) >= most:
        raise NoMoreSqueezedIn(field="start", most=most)
