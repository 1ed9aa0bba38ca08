"""When schedules can first be booked by their hours alone: what is taken makes it later, never
earlier. So who looks for the earliest free times need not look at all schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from threading import Lock
from typing import NamedTuple, Self

from sqlalchemy.orm import Session

from openslot.core.db import database_of
from openslot.schedules.availability import DAY, Window, ones
from openslot.schedules.known import Bookable
from openslot.schedules.rules import Place, first_tick, times_of

LEAST_DAYS = 3
"""Number of coming days whose starts are known at least."""

SPREAD = 7
"""Number of days over which the schedules are spread of which further days are looked at: for all
of ten thousand it takes half a second."""


class _Coming(NamedTuple):
    """The starts of a schedule in some coming days, and the ticks of its notice period."""

    place: Place
    window: Window
    starts: int
    notice: int

    @classmethod
    def of(cls, place: Place, today: int) -> Self:
        """Return the starts for any service that the schedule offers."""
        window = Window(today, LEAST_DAYS + 1 + place.schedule_id % SPREAD)
        each = place.for_each()
        starts = reduce(or_, (_possible_starts(one, window) for one in each))
        return cls(place, window, starts, min(one.notice_minutes for one in each) // 5)

    def is_still_of(self, place: Place, today: int) -> bool:
        """Return whether the starts are those of the place, for enough days from ``today`` on."""
        first, days = self.window
        return self.place is place and first <= today <= first + days - LEAST_DAYS

    def first_from(self, tick: int) -> int:
        """Return the first start that can be booked at ``tick``, or the end of what is known."""
        tick = max(tick + self.notice, self.window.start)
        left = self.starts >> tick - self.window.start
        return tick + (left & -left).bit_length() - 1 if left else max(tick, self.window.end)


def _possible_starts(place: Place, window: Window) -> int:
    """Return the starts that a place can have, whatever is taken, as a mask."""
    if place.has_sessions:
        return ones(window.days * DAY)  # staff make sessions at any time
    times = times_of(place, window)
    return times.starts | times.opened if place.flush else times.starts


@dataclass(frozen=True, slots=True)
class Openings:
    """The tick before which a schedule cannot be booked, for each of the ``schedules``, and their
    ids in this order, equal ones by id.

    It is right from ``tick`` on; the schedules are right as they are, with their own notice.
    """

    tick: int = -1
    schedules: Mapping[int, Bookable] = field(default_factory=dict)
    ticks: Mapping[int, int] = field(default_factory=dict)
    in_order: Sequence[int] = ()

    def is_at(self, schedules: Mapping[int, Bookable], tick: int) -> bool:
        """Return whether these are the openings of the schedules at a tick."""
        return self.tick == tick and self.schedules is schedules


class KnownOpenings:
    """The openings of a database at the last tick that was asked about."""

    def __init__(self) -> None:
        self._coming: dict[int, _Coming] = {}
        self._latest = Openings()
        self._lock = Lock()

    def at(self, schedules: Mapping[int, Bookable], tick: int) -> Openings:
        """Return the openings of the schedules at a tick."""
        latest = self._latest
        if latest.is_at(schedules, tick):
            return latest
        with self._lock:
            if not self._latest.is_at(schedules, tick):
                self._latest = self._made(schedules, tick)
            return self._latest

    def _made(self, schedules: Mapping[int, Bookable], tick: int) -> Openings:
        today, coming = tick // DAY, self._coming
        self._coming = {
            key: known
            if (known := coming.get(key)) and known.is_still_of(place, today)
            else _Coming.of(place, today)
            for key, (place, _) in schedules.items()
        }
        ticks = {key: known.first_from(tick) for key, known in self._coming.items()}
        return Openings(tick, schedules, ticks, sorted(sorted(ticks), key=ticks.__getitem__))


def openings(session: Session, schedules: Mapping[int, Bookable], now: datetime) -> Openings:
    """Return the openings of the schedules, which are all that :func:`known.bookable` returns to
    the session; without a statement."""
    return database_of(session).kept(KnownOpenings).at(schedules, first_tick(now))
