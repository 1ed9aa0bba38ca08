"""A week of free times, and why days are empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from openslot.booking.models import Appointment
from openslot.booking.queries import ForWhom
from openslot.booking.slots import Slot, slots
from openslot.core.work import Work
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, Window, mask_of, whole_days, window_over
from openslot.schedules.rules import Place, bookable_span, holiday_name, times_of

SHOWN_AT_ONCE = 12
"""Most times of a day that are shown at once; of more, some of each part of the day."""

SOME = 4

NOON, EVENING = time(12), time(17)


class Empty(StrEnum):
    """Reasons why a day has no times."""

    OVER = "over"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    AWAY = "away"
    LATER = "later"
    FULL = "full"
    BOOKED = "booked"


class Taken(NamedTuple):
    """Ticks of absences, and of days on which the patient already has an appointment."""

    absent: int
    booked: int


class PartOfDay(StrEnum):
    """Morning until noon, afternoon until 5 pm, evening."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


class Part(NamedTuple):
    """The free times of a part of a day: those shown at once, and the rest."""

    name: PartOfDay
    slots: list[Slot]
    rest: list[Slot]


@dataclass(frozen=True, slots=True)
class Day:
    """Day with its free times, or the reason why there are none."""

    date: date
    slots: list[Slot]
    empty: Empty | None
    holiday: str | None = None

    @property
    def parts(self) -> list[Part]:
        """Return the times by part of the day."""
        shown = SOME if len(self.slots) > SHOWN_AT_ONCE else SHOWN_AT_ONCE
        own = [(name, [slot for slot in self.slots if _part(slot) is name]) for name in PartOfDay]
        return [Part(name, slots[:shown], slots[shown:]) for name, slots in own if slots]


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days from today or a multiple of seven days later, and the next free time."""

    days: list[Day]
    next_free: Slot | None
    minutes: int

    @property
    def first(self) -> date:
        """The first of the days."""
        return self.days[0].date

    @property
    def last(self) -> date:
        """The last of the days."""
        return self.days[-1].date

    @property
    def opens_at(self) -> date:
        """The first day with a free time, else the first; shown where there is room for one."""
        return next((day.date for day in self.days if day.slots), self.first)


def lengths(place: Place) -> list[int]:
    """Return the bookable lengths of a schedule, in minutes."""
    return list(range(place.slot_minutes, place.longest + 1, place.slot_minutes))


def week(
    work: Work,
    place: Place,
    day: date | None,
    *,
    minutes: int | None,
    days_ahead: int,
    whom: ForWhom | None = None,
    kept: Slot | None = None,
    moving: Appointment | None = None,
) -> Week:
    """Return the week with ``day``, by default that of the first free time; never days gone by.

    The times are free for ``whom``, if given, and where ``moving`` is now, if it moves; ``kept`` is
    the reader's held time, shown among them. Runs at most five statements, nine for a move.
    """
    minutes = minutes if minutes in lengths(place) else place.slot_minutes
    only = {place.schedule_id: place}
    horizon = work.now + timedelta(days=min(days_ahead, place.horizon_days))
    first = slots(work, only, work.now, horizon, minutes=minutes, limit=1, whom=whom, moving=moving)
    next_free = first[0] if first else None
    today = work.now.astimezone(place.zone).date()
    day = max(today, day or (next_free.start.date() if next_free else today))
    first_day = day - timedelta(days=(day - today).days % 7)
    starts = datetime.combine(first_day, time(0), place.zone)
    ends = datetime.combine(first_day + timedelta(days=7), time(0), place.zone)
    free = slots(work, only, starts, ends, minutes=minutes, whom=whom, moving=moving)
    if moving is not None:  # where it is now
        free = [slot for slot in free if slot.start.timestamp() != moving.starts_at.timestamp()]
    # Compared as timestamps: of two starts at which the clock shows the same, Python takes one for
    # the other.
    if kept and kept.start.timestamp() not in {slot.start.timestamp() for slot in free}:
        free = sorted([*free, kept], key=lambda slot: slot.start.timestamp())
    window = window_over(starts, ends)
    absent = mask_of(
        [
            span
            for _, span in schedules.absent_spans(
                work.session, place.blocking_ids, Span(window.start, window.end)
            )
        ],
        window,
    )
    booked = whom.taken_days(place, window) if whom else 0
    dates = [first_day + timedelta(days=count) for count in range(7)]
    days = [
        _day(place, date_of_day, free, Taken(absent, booked), window, work.now)
        for date_of_day in dates
    ]
    return Week(days, next_free, minutes)


def _part(slot: Slot) -> PartOfDay:
    clock = slot.start.time()
    if clock < NOON:
        return PartOfDay.MORNING
    return PartOfDay.AFTERNOON if clock < EVENING else PartOfDay.EVENING


def _day(
    place: Place, day: date, free: Sequence[Slot], taken: Taken, window: Window, now: datetime
) -> Day:
    own = [slot for slot in free if slot.start.date() == day]
    if own:
        return Day(day, own, None)
    local = datetime.combine(day, time(12), place.zone)
    if place.holiday_region and (name := holiday_name(place.holiday_region, local.date())):
        return Day(day, [], Empty.HOLIDAY, name)
    opening = times_of(place, window).opened & whole_days([day], place.zone, window)
    return Day(day, [], _why_empty(place, opening, taken, window, now))


def _why_empty(place: Place, opening: int, taken: Taken, window: Window, now: datetime) -> Empty:
    if not opening:
        return Empty.CLOSED
    if not opening & ~taken.absent:
        return Empty.AWAY
    bookable = bookable_span(place, now)
    if not opening & mask_of([Span(bookable.start, window.end)], window):
        return Empty.OVER
    if not opening & mask_of([bookable], window):
        return Empty.LATER
    return Empty.BOOKED if opening & taken.booked else Empty.FULL
