"""Rules for offers: who gets which time, and how long it is held."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from openslot.booking.models import Priority
from openslot.schedules.availability import Span, ones, span_between
from openslot.schedules.rules import Place
from openslot.waiting_list.errors import BadWindow

NOTICE = timedelta(hours=1)
"""The least time between the end of an offer and its start or the appointment it replaces."""

SHORTEST = timedelta(minutes=30)
"""The least time that a patient gets to answer."""

SOONEST = NOTICE + SHORTEST
"""Nothing that starts sooner than this is offered."""

LONGEST_WAIT = timedelta(days=366)
MOST_ENTRIES = 10
"""The most waiting list entries a patient can have at a time."""

MOST_MISSED = 3
"""After this many expired offers an entry ends."""


class Scope(NamedTuple):
    """What a patient waits for; exactly one of the first three fields is set."""

    schedule_id: int | None
    practitioner_id: int | None
    profession: str | None
    centre_ids: frozenset[int]


def covers(scope: Scope, place: Place) -> bool:
    """Return True if a schedule is within the scope."""
    if scope.schedule_id is not None:
        return place.schedule_id == scope.schedule_id
    if scope.practitioner_id is not None:
        return place.practitioner_id == scope.practitioner_id
    anywhere = not scope.centre_ids or place.centre_id in scope.centre_ids
    return place.profession == scope.profession and anywhere


def allows_length(place: Place, minutes: int) -> bool:
    """Return True if one booking can take so many minutes there."""
    fits_grid = minutes > 0 and minutes % place.slot_minutes == 0
    return fits_grid and minutes <= place.longest


def rank(priority: str, created_at: datetime, entry_id: UUID) -> tuple[bool, datetime, UUID]:
    """Return the sort key of a waiting list entry: urgent first, then by waiting time."""
    return priority != Priority.URGENT, created_at, entry_id


def offer_ends(now: datetime, length: timedelta, *starts: datetime) -> datetime | None:
    """Return when an offer made now expires, or None if that leaves less than SHORTEST.

    It expires at least NOTICE before the earliest of ``starts``.
    """
    ends = min(now + length, min(starts) - NOTICE)
    return ends if ends - now >= SHORTEST else None


def startable(starts_from: datetime, before: datetime, now: datetime) -> Span:
    """Return the ticks in which an offered appointment may start; possibly none."""
    return Span(_first_tick(max(starts_from, now + SOONEST)), _first_tick(before))


def _first_tick(since: datetime) -> int:
    """Return the first tick that begins at or after ``since``."""
    return span_between(since, since).end


def check_window(
    starts_from: datetime, starts_until: datetime, now: datetime
) -> tuple[datetime, datetime]:
    """Return the period to wait in without its past part; raise BadWindow if nothing is left."""
    if starts_until <= max(starts_from, now + SOONEST) or starts_until > now + LONGEST_WAIT:
        raise BadWindow(field="starts_until", days=LONGEST_WAIT.days)
    return max(starts_from, now), starts_until


def nearest_bits(mask: int, at: int) -> Iterator[int]:
    """Yield the positions of the set bits by distance from ``at``; the earlier wins a tie."""
    below, above = mask & ones(at), mask >> max(at, 0)
    while below or above:
        low = below.bit_length() - 1
        high = max(at, 0) + (above & -above).bit_length() - 1
        if below and (not above or at - low <= high - at):
            below ^= 1 << low
            yield low
        else:
            above &= above - 1
            yield high
