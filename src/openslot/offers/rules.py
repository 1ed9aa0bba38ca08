"""Who is offered which time, for how long: pure decisions."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from openslot.booking.models import Priority
from openslot.offers.errors import BadWindow
from openslot.schedules.availability import Span, ones, span_between
from openslot.schedules.rules import Place

NOTICE = timedelta(hours=1)
"""An offer ends at least so long before its time, and before the appointment that it replaces."""

SHORTEST = timedelta(minutes=30)
"""What could be thought over for less than this is not offered."""

SOONEST = NOTICE + SHORTEST
"""Nothing that begins before this is over can be offered."""

LONGEST_WAIT = timedelta(days=366)
MOST_ENTRIES = 10
"""For so many things a patient waits at a time."""

MOST_MISSED = 3
"""Who let so many offers run out is no longer waiting."""


class Scope(NamedTuple):
    """What somebody waits for; exactly one of the first three is given."""

    schedule_id: int | None
    practitioner_id: int | None
    profession: str | None
    centre_ids: frozenset[int]


def covers(scope: Scope, place: Place) -> bool:
    """Whether somebody who waits for ``scope`` would come to the place."""
    if scope.schedule_id is not None:
        return place.schedule_id == scope.schedule_id
    if scope.practitioner_id is not None:
        return place.practitioner_id == scope.practitioner_id
    anywhere = not scope.centre_ids or place.centre_id in scope.centre_ids
    return place.profession == scope.profession and anywhere


def rank(priority: str, created_at: datetime, entry_id: UUID) -> tuple[bool, datetime, UUID]:
    """The order in which those who wait are served: urgent first, then who waits longest."""
    return priority != Priority.URGENT, created_at, entry_id


def offer_ends(now: datetime, length: timedelta, *starts: datetime) -> datetime | None:
    """Until when a time may be kept for somebody: NOTICE before the earliest of ``starts`` at
    the latest; None where that leaves less than SHORTEST."""
    ends = min(now + length, min(starts) - NOTICE)
    return ends if ends - now >= SHORTEST else None


def startable(starts_from: datetime, before: datetime, now: datetime) -> Span:
    """The ticks in which an offered appointment may begin; none where the end is not after the
    start."""
    return Span(_first_tick(max(starts_from, now + SOONEST)), _first_tick(before))


def _first_tick(since: datetime) -> int:
    """The first tick that begins no earlier than ``since``."""
    return span_between(since, since).end


def check_window(
    starts_from: datetime, starts_until: datetime, now: datetime
) -> tuple[datetime, datetime]:
    """The days that somebody waits for, cut to what lies ahead; BadWindow if nothing does."""
    if starts_until <= max(starts_from, now + SOONEST) or starts_until > now + LONGEST_WAIT:
        raise BadWindow(field="starts_until", days=LONGEST_WAIT.days)
    return max(starts_from, now), starts_until


def nearest_bits(mask: int, at: int) -> Iterator[int]:
    """The set bits, the nearest to bit ``at`` first; of two as near the earlier."""
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
