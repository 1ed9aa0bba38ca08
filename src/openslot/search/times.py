"""The free times of search results: of matching schedules, and bookable by the reader."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.rules import is_offered
from openslot.booking.slots import Barrier, Booker, Slot, free_starts, slot_at
from openslot.core.work import Work
from openslot.schedules import known
from openslot.schedules.availability import Window, bits, mask_of, span_between, window_over
from openslot.schedules.rules import Place

EVENING = time(17)


class When(StrEnum):
    """Filter on free times."""

    ANY = "any"
    TODAY = "today"
    WEEK = "week"
    EVENING = "evening"


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
        cls,
        work: Work,
        ids: Collection[int],
        *,
        days: int,
        services: Mapping[int, int],
        when: When = When.ANY,
        booker: Booker | None = None,
    ) -> Self:
        """Read the free times in three statements, of the ``services`` by schedule or the usual
        ones; without ``booker``, those offered to the actor."""
        now = work.now
        window = window_over(now, now + timedelta(days=days))
        all_places = _places(work.session, ids, services)
        barriers = {
            key: barrier
            for key, place in all_places.items()
            if (barrier := _barrier(work, place, booker))
        }
        places = {key: place for key, place in all_places.items() if key not in barriers}
        whom = booker.whom if booker else None
        masks = free_starts(work, places, window, whom=whom) if places else {}
        for key, place in places.items():
            masks[key] &= _filter_mask(place.zone.key, window, now, when)
        return cls(window, places, masks, barriers)

    def earliest(self, ids: Collection[int]) -> int | None:
        """Return the bit of the first free start on any of the schedules, or None."""
        masks = [self.masks.get(key, 0) for key in ids]
        return min(((mask & -mask).bit_length() for mask in masks if mask), default=None)

    def first(self, ids: Sequence[int], times: int) -> list[Slot]:
        """Return the first starts over the schedules; equal starts in the order of ``ids``."""
        streams = [self._starts(key, place, times) for place, key in enumerate(ids)]
        return [
            slot_at(self.window.start + bit, self.places[key])
            for bit, _, key in islice(merge(*streams), times)
        ]

    def barrier(self, ids: Collection[int]) -> Barrier | None:
        """Return the reason why none of the schedules can be booked; None if one can."""
        barriers = [self.barriers.get(key) for key in ids]
        return barriers[0] if barriers and None not in barriers else None

    def _starts(self, key: int, order: int, times: int) -> Iterator[tuple[int, int, int]]:
        return ((bit, order, key) for bit in islice(bits(self.masks.get(key, 0)), times))


def _barrier(work: Work, place: Place, booker: Booker | None) -> Barrier | None:
    if booker:
        return booker.barrier(place)
    return None if is_offered(work.actor, place) else Barrier.COLLEAGUES


def _places(
    session: Session, ids: Collection[int], services: Mapping[int, int]
) -> dict[int, Place]:
    bookable = known.bookable(session) if ids else {}
    usual = {key: bookable[key].place for key in ids if key in bookable}
    return {key: place.offering(services.get(key)) or place for key, place in usual.items()}


def _filter_mask(zone_key: str, window: Window, now: datetime, when: When) -> int:
    """Return the ticks that the filter accepts as starts, as a mask."""
    everything = -1
    if when is When.ANY:
        return everything
    if when is When.WEEK:
        return mask_of([span_between(now, now + timedelta(days=7))], window)
    zone = ZoneInfo(zone_key)
    today = now.astimezone(zone).date()
    days = 1 if when is When.TODAY else window.days
    opens = time(0) if when is When.TODAY else EVENING
    spans = []
    for count in range(days):
        day = today + timedelta(days=count)
        begins = datetime.combine(day, opens, zone)
        ends = datetime.combine(day + timedelta(days=1), time(0), zone)
        spans.append(span_between(begins, ends))
    return mask_of(spans, window)
