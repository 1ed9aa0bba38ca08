"""Free time as bit arithmetic: integers and dates in, integers out.

A *tick* is 5 minutes; tick ``n`` starts ``300 * n`` seconds after 1 January 1970 UTC. A *mask*
is an integer; its bit ``i`` is the tick ``window.start + i``. This module has no clock, no
database and no rounding.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from openslot.schedules.recurrence import days_in

TICK = timedelta(minutes=5)
DAY = 288
"""Number of ticks in 24 hours."""

WEEK = 7 * DAY
EPOCH = date(1970, 1, 1)


class Span(NamedTuple):
    """The ticks from ``start`` to ``end``, ``end`` excluded."""

    start: int
    end: int


class Window(NamedTuple):
    """A number of whole UTC days from ``first``, which counts days from 1 January 1970."""

    first: int
    days: int

    @property
    def start(self) -> int:
        """Return the first tick."""
        return self.first * DAY

    @property
    def end(self) -> int:
        """Return the tick after the last."""
        return (self.first + self.days) * DAY


class Weekly(NamedTuple):
    """A period in wall-clock time, with the fields of OpeningHours: weekly, or as its ``rule``
    says; for some ``services``, or for all if it names none."""

    weekday: int
    starts: int
    ends: int
    valid_from: date | None = None
    valid_until: date | None = None
    rule: str | None = None
    on_holidays: bool = False
    services: tuple[int, ...] = ()

    @property
    def minutes(self) -> int:
        """Return the length on the wall clock; an end at or before the start is on the next
        day."""
        return self.ends - self.starts + (0 if self.ends > self.starts else 24 * 60)


class _Stretch(NamedTuple):
    """UTC ticks during which the wall clock is ``ahead`` ticks ahead of UTC.

    The first ``repeated`` of them repeat wall-clock times of the previous stretch; before the
    first, the wall clock skipped ``skipped`` ticks.
    """

    start: int
    end: int
    ahead: int
    repeated: int
    skipped: int


def tick_at(instant: datetime) -> int:
    """Return the tick that contains ``instant``. Raises TypeError for a naive datetime."""
    if instant.tzinfo is None:
        raise TypeError("an instant needs a time zone")
    return int(instant.timestamp()) // 300


def is_whole_tick(instant: datetime) -> bool:
    """Return whether ``instant`` is exactly the start of a tick."""
    return instant.microsecond == 0 and int(instant.timestamp()) % 300 == 0


def instant_of(tick: int) -> datetime:
    """Return the start of ``tick`` in UTC."""
    return datetime.fromtimestamp(tick * 300, UTC)


def span_between(starts: datetime, ends: datetime) -> Span:
    """Return all ticks that the period from ``starts`` to ``ends`` overlaps."""
    last = tick_at(ends)
    return Span(tick_at(starts), last if is_whole_tick(ends) else last + 1)


def window_over(starts: datetime, ends: datetime) -> Window:
    """Return the smallest window that contains the whole period."""
    span = span_between(starts, ends)
    first = span.start // DAY
    return Window(first, max(1, -(-span.end // DAY) - first))


def ones(count: int) -> int:
    """Return a mask of ``count`` set bits from bit 0; 0 if ``count`` is not positive."""
    return (1 << count) - 1 if count > 0 else 0


def mask_of(spans: Iterable[Span], window: Window) -> int:
    """Return the mask of the parts of ``spans`` inside ``window``."""
    mask = 0
    for span in spans:
        low, high = max(span.start, window.start), min(span.end, window.end)
        mask |= ones(high - low) << max(0, low - window.start)
    return mask


def bits(mask: int, base: int = 0) -> Iterator[int]:
    """Yield the positions of the set bits, lowest first; that of the first bit is ``base``."""
    while mask:  # week by week, since a step on a long integer takes as long as it is
        week = bin(mask & _A_WEEK)[:1:-1]
        at = week.find("1")
        while at >= 0:
            yield base + at
            at = week.find("1", at + 1)
        mask >>= WEEK
        base += WEEK


_A_WEEK = (1 << WEEK) - 1


def spans_of(mask: int, window: Window) -> Iterator[Span]:
    """Yield the runs of set bits as spans, earliest first."""
    while mask:
        low = (mask & -mask).bit_length() - 1
        length = ((mask >> low) + 1 & -((mask >> low) + 1)).bit_length() - 1
        yield Span(window.start + low, window.start + low + length)
        mask &= ~(ones(length) << low)


def starts_of_runs(free: int, length: int) -> int:
    """Return the bits that begin ``length`` set bits in a row; ``length`` is at least 1.

    Each step doubles the length of the runs, so there are about log2(length) steps.
    """
    run = 1
    while run < length:
        step = min(run, length - run)
        free &= free >> step
        run += step
    return free


def opening(hours: Sequence[Weekly], zone: ZoneInfo, window: Window) -> int:
    """Return the ticks inside ``hours``, which are in the wall-clock time of ``zone``.

    Periods begin and end when the clock first shows their time, or skips it. So what is open when
    the clock goes back is open until the clock is there again.
    """
    return _opening(tuple(hours), zone.key, window)


def as_shown(local: datetime) -> datetime:
    """Return a local time as the clock shows it: one that the clock skips is as much later."""
    return local.astimezone(UTC).astimezone(local.tzinfo)


def wall_clock(period: Weekly, window: Window) -> int:
    """Return the wall-clock ticks inside a period, as if the window were local days."""
    return _placed(period, _LocalAxis(EPOCH + timedelta(days=window.first), window.days))


class Times(NamedTuple):
    """What is open, as a mask, and the starts of appointments in it."""

    opened: int
    starts: int


def from_opening(
    hours: Sequence[Weekly], zone: ZoneInfo, window: Window, *, every: int, length: int
) -> Times:
    """Return what is open, and the starts of appointments of ``length`` ticks: the beginning of
    each period, and ``every`` ticks after, as long as the appointment ends within the period.

    The ticks between two starts are elapsed time, also when the clock changes.
    """
    wide = Window(window.first - 2, window.days + 3)  # with the periods that began before
    opened = _opened(hours, zone.key, wide)
    begins = _beginnings(hours, zone.key, wide) & opened
    goes_on = opened & ~begins
    fits = opened & starts_of_runs(goes_on, length - 1) >> 1 if length > 1 else opened
    starts, inside = _stepped(begins & fits, fits, goes_on, every), ones(window.days * DAY)
    return Times(opened >> 2 * DAY & inside, starts >> 2 * DAY & inside)


def from_midnight(
    hours: Sequence[Weekly], zone: ZoneInfo, window: Window, *, every: int, length: int
) -> Times:
    """Return what is open, and the starts of appointments of ``length`` ticks that lie ``every``
    ticks apart from midnight, and end within the hours."""
    wide = Window(window.first, window.days + 1)
    opened = _opened(hours, zone.key, wide)
    starts = starts_of_runs(opened, length) & grid(every * 5, zone, window)
    return Times(opened & ones(window.days * DAY), starts)


def _beginnings(hours: Sequence[Weekly], zone_key: str, window: Window) -> int:
    """Return the first tick of each period that begins in the window."""
    axis = _LocalAxis.over(window)
    local = 0
    for period in hours:
        local |= _placed(period, axis, once=1)
    mask = _from_local(local, axis, zone_key, window)
    for stretch in _stretches(zone_key, window):
        if stretch.repeated:
            mask &= ~mask_of([Span(stretch.start, stretch.start + stretch.repeated)], window)
        passed = stretch.start + stretch.ahead - stretch.skipped - axis.origin
        if local >> passed & ones(stretch.skipped):
            mask |= mask_of([Span(stretch.start, stretch.start + 1)], window)
    return mask


def beside(taken: int, length: int) -> int:
    """Return the starts of ``length`` ticks that begin where a taken run ends, or end where one
    begins."""
    return (taken << 1 & ~taken) | (taken & ~(taken << 1)) >> length


def whole_days(days: Iterable[date], zone: ZoneInfo, window: Window) -> int:
    """Return all ticks of the given local dates."""
    axis = _LocalAxis.over(window)
    local = 0
    for day in days:
        at = ((day - axis.first).days) * DAY
        if 0 <= at < axis.days * DAY:
            local |= ones(DAY) << at
    return _from_local(local, axis, zone.key, window)


def grid(minutes: int, zone: ZoneInfo, window: Window) -> int:
    """Return the ticks at which the clock shows a multiple of ``minutes`` after the day's midnight;
    a time that occurs twice is on the grid twice."""
    return _grid(minutes, zone.key, window)


class _LocalAxis(NamedTuple):
    """Wall-clock ticks, bit 0 at midnight of ``first``, wide enough for any zone."""

    first: date
    days: int

    @classmethod
    def over(cls, window: Window) -> "_LocalAxis":
        return cls(EPOCH + timedelta(days=window.first - 2), window.days + 4)

    @property
    def origin(self) -> int:
        """Return the number of bit 0 among all wall-clock ticks since 1970."""
        return (self.first - EPOCH).days * DAY


@lru_cache(maxsize=4096)
def _opening(hours: tuple[Weekly, ...], zone_key: str, window: Window) -> int:
    return _opened(hours, zone_key, window)


def _opened(hours: Sequence[Weekly], zone_key: str, window: Window) -> int:
    axis = _LocalAxis.over(window)
    local = 0
    for period in hours:
        local |= _placed(period, axis)
    mask = _from_local(local, axis, zone_key, window)
    for stretch in _stretches(zone_key, window):
        if not stretch.repeated:
            continue
        again = mask_of([Span(stretch.start, stretch.start + stretch.repeated)], window)
        last = stretch.start + stretch.ahead + stretch.repeated - 1 - axis.origin
        mask = mask | again if local >> last & 1 else mask & ~again
    return mask


@lru_cache(maxsize=256)
def _grid(minutes: int, zone_key: str, window: Window) -> int:
    axis = _LocalAxis.over(window)
    every = minutes // 5
    day = _evenly(-(-DAY // every), every)
    return _from_local(day * _evenly(axis.days, DAY), axis, zone_key, window)


def _stepped(starts: int, fits: int, goes_on: int, every: int) -> int:
    """Return ``starts``, and what is reached from them in steps of ``every`` ticks that land on
    ``fits`` and leave ``goes_on`` nowhere. Each round doubles the steps that are taken at once."""
    through = fits & starts_of_runs(goes_on, every) << every - 1
    while through:
        starts |= through & starts << every
        through &= through << every
        every *= 2
    return starts


def _placed(period: Weekly, axis: _LocalAxis, once: int = 0) -> int:
    """Return the local ticks of the period, or the mask ``once``, on each of its days within its
    dates of validity."""
    once = once or ones(period.minutes // 5)
    last = axis.first + timedelta(days=axis.days - 1)
    lowest = max(axis.first, period.valid_from or axis.first)
    highest = min(last, period.valid_until or last)
    if period.rule is not None:
        return _recurring(period, axis, lowest, highest, once)
    day = lowest + timedelta(days=(period.weekday - lowest.weekday()) % 7)
    if day > highest:
        return 0
    weeks = (highest - day).days // 7 + 1
    return once * _evenly(weeks, WEEK) << (day - axis.first).days * DAY + period.starts // 5


def _recurring(period: Weekly, axis: _LocalAxis, lowest: date, highest: date, once: int) -> int:
    midnights = bytearray((axis.days * DAY + 7) // 8)
    for year in range(lowest.year, highest.year + 1):
        for day in days_in(period.rule or "", period.valid_from, year):
            if lowest <= day <= highest:
                midnights[(day - axis.first).days * DAY // 8] = 1
    return once * int.from_bytes(midnights, "little") << period.starts // 5


@cache
def _evenly(count: int, every: int) -> int:
    """Return ``count`` set bits, ``every`` apart, from bit 0; multiplied by a mask, they repeat
    it."""
    return ones(count * every) // ones(every)


def _from_local(local: int, axis: _LocalAxis, zone_key: str, window: Window) -> int:
    """Convert wall-clock ticks to UTC ticks, with one shift for each stretch of one offset."""
    mask = 0
    for stretch in _stretches(zone_key, window):
        low, high = max(stretch.start, window.start), min(stretch.end, window.end)
        if low < high:
            part = local >> (low + stretch.ahead - axis.origin) & ones(high - low)
            mask |= part << (low - window.start)
    return mask


@lru_cache(maxsize=512)
def _stretches(zone_key: str, window: Window) -> tuple[_Stretch, ...]:
    """Return the window and the day before it, split where the zone changes its offset.

    The day before is needed since the window may repeat its wall-clock times.
    """
    zone = ZoneInfo(zone_key)
    cuts = [window.start - DAY]
    for midnight in range(window.start - DAY, window.end, DAY):
        if _ahead(zone, midnight) != _ahead(zone, midnight + DAY):
            cuts.append(_change_between(zone, midnight, midnight + DAY))
    ends = [*cuts[1:], window.end]
    stretches = []
    before = _ahead(zone, cuts[0])
    for start, end in zip(cuts, ends, strict=True):
        ahead = _ahead(zone, start)
        repeated, skipped = max(0, before - ahead), max(0, ahead - before)
        stretches.append(_Stretch(start, end, ahead, repeated, skipped))
        before = ahead
    return tuple(stretches)


def _ahead(zone: ZoneInfo, tick: int) -> int:
    offset = instant_of(tick).astimezone(zone).utcoffset()
    return (offset or timedelta(0)) // TICK


def _change_between(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first tick after ``low`` with the offset of ``high``."""
    before = _ahead(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _ahead(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high
