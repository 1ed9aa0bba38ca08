"""The free times of search results: of matching schedules, and bookable by the reader."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from sys import maxsize
from typing import Self
from zoneinfo import ZoneInfo

from openslot.booking.rules import is_offered
from openslot.booking.slots import Barrier, Booker, Slot, free_between, slot_at, soonest
from openslot.core.work import Work
from openslot.schedules import known
from openslot.schedules.availability import (
    Span,
    Window,
    instant_of,
    mask_of,
    span_between,
    window_over,
)
from openslot.schedules.known import Bookable
from openslot.schedules.rules import Place

EVENING = time(17)

NEVER = maxsize
"""The tick of what is not free."""


class When(StrEnum):
    """Filter on the day of free times."""

    ANY = "any"
    TODAY = "today"
    WEEK = "week"


DAYS = {When.TODAY: 2, When.WEEK: 8}
"""Days from now on in which all times lie that a filter accepts; a day can have 25 hours."""


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The free starts of schedules in a window.

    Schedules that the reader cannot book have none; ``barriers`` has the reasons.
    """

    window: Window
    places: dict[int, Place]
    masks: dict[int, int]
    barriers: dict[int, Barrier]

    @classmethod
    def read(
        cls, work: Work, ids: Collection[int], *, days: int, booker: Booker | None = None
    ) -> Self:
        """Read the free times of the next ``days`` in three statements, of the usual services."""
        bookable = known.bookable(work.session) if ids else {}
        ends = end_after(work.now, days)
        return cls.between(work, bookable, ids, ends=ends, services={}, booker=booker)

    @classmethod
    def between(
        cls,
        work: Work,
        bookable: Mapping[int, Bookable],
        ids: Collection[int],
        *,
        ends: datetime,
        services: Mapping[int, int],
        when: When = When.ANY,
        evening: bool = False,
        booker: Booker | None = None,
    ) -> Self:
        """Read the free times from now to ``ends`` in two statements, of those schedules that are
        ``bookable``, and of the ``services`` by schedule or the usual ones; without ``booker``,
        those offered to the actor. With ``evening`` only after five."""
        now = work.now
        if when in DAYS:
            ends = min(ends, now + timedelta(days=DAYS[when]))
        all_places = _places(bookable, ids, services)
        barriers = {
            key: barrier
            for key, place in all_places.items()
            if (barrier := _barrier(work, place, booker))
        }
        places = {key: place for key, place in all_places.items() if key not in barriers}
        whom = booker.whom if booker else None
        if not places:
            return cls(window_over(now, ends), {}, {}, barriers)
        window, masks, _ = free_between(work, places, now, ends, whom=whom)
        accepted = {
            zone: _filter_mask(zone, window, now, when, evening=evening)
            for zone in {place.zone for place in places.values()}
        }
        masks = {key: mask & accepted[places[key].zone] for key, mask in masks.items()}
        return cls(window, places, masks, barriers)

    def earliest(self, ids: Collection[int]) -> int:
        """Return the tick of the first free start on any of the schedules, or NEVER."""
        masks = [self.masks.get(key, 0) for key in ids]
        firsts = [(mask & -mask).bit_length() for mask in masks if mask]
        return self.window.start + min(firsts) - 1 if firsts else NEVER

    def first(self, ids: Sequence[int], times: int) -> list[Slot]:
        """Return the first starts over the schedules; equal starts in the order of ``ids``."""
        masks = {at: self.masks.get(key, 0) for at, key in enumerate(ids)}
        return [
            slot_at(self.window.start + bit, self.places[ids[at]])
            for bit, at in soonest(masks, times)
        ]

    def barrier(self, ids: Collection[int]) -> Barrier | None:
        """Return the reason why none of the schedules can be booked; None if one can."""
        barriers = [self.barriers.get(key) for key in ids]
        return barriers[0] if barriers and None not in barriers else None


def end_after(now: datetime, days: int) -> datetime:
    """Return when a search of the next ``days`` ends, with the last day."""
    return instant_of(window_over(now, now + timedelta(days=days)).end)


def _barrier(work: Work, place: Place, booker: Booker | None) -> Barrier | None:
    if booker:
        return booker.barrier(place)
    return None if is_offered(work.actor, place) else Barrier.COLLEAGUES


def _places(
    bookable: Mapping[int, Bookable], ids: Collection[int], services: Mapping[int, int]
) -> dict[int, Place]:
    usual = {key: bookable[key].place for key in ids if key in bookable}
    return {key: place.offering(services.get(key)) or place for key, place in usual.items()}


def _filter_mask(
    zone: ZoneInfo, window: Window, now: datetime, when: When, *, evening: bool
) -> int:
    """Return the ticks that the filters accept as starts, as a mask."""
    accepted = -1
    if when is When.WEEK:
        accepted &= mask_of([span_between(now, now + timedelta(days=7))], window)
    if when is When.TODAY:
        accepted &= mask_of(_daily(zone, now, days=1, opens=time(0)), window)
    if evening:
        accepted &= mask_of(_daily(zone, now, days=window.days, opens=EVENING), window)
    return accepted


def _daily(zone: ZoneInfo, now: datetime, *, days: int, opens: time) -> list[Span]:
    """Return the time from ``opens`` to midnight of each day from today on."""
    today = now.astimezone(zone).date()
    dates = [today + timedelta(days=count) for count in range(days)]
    return [
        span_between(
            datetime.combine(day, opens, zone),
            datetime.combine(day + timedelta(days=1), time(0), zone),
        )
        for day in dates
    ]
