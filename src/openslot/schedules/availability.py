"""Free time as bit arithmetic: integers and dates in, integers out.

A *tick* is 5 minutes; tick ``n`` starts ``300 * n`` seconds after 1 January 1970 UTC. A *mask*
is an integer whose bit ``i`` stands for tick ``window.start + i``. There is no clock, no
database and no rounding here.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

TICK = timedelta(minutes=5)
DAY = 288
"""Ticks of a day of 24 hours."""

WEEK = 7 * DAY
EPOCH = date(1970, 1, 1)


class Span(NamedTuple):
    """The ticks from ``start`` up to, not with, ``end``."""

    start: int
    end: int


class Window(NamedTuple):
    """Whole UTC days: ``days`` of them from ``first``, counted from 1 January 1970."""

    first: int
    days: int

    @property
    def start(self) -> int:
        """The first tick."""
        return self.first * DAY

    @property
    def end(self) -> int:
        """The tick after the last."""
        return (self.first + self.days) * DAY


class Weekly(NamedTuple):
    """A period of every week in wall-clock time, as OpeningHours keeps it."""

    weekday: int
    starts: int
    ends: int
    valid_from: date | None = None
    valid_until: date | None = None


class _Stretch(NamedTuple):
    """UTC ticks during which the wall clock is ``ahead`` ticks ahead of UTC.

    The first ``repeated`` of them show wall-clock times that have been shown before.
    """

    start: int
    end: int
    ahead: int
    repeated: int


def tick_at(instant: datetime) -> int:
    """The tick during which ``instant`` lies; naive datetimes raise TypeError."""
    if instant.tzinfo is None:
        raise TypeError("an instant needs a time zone")
    return int(instant.timestamp()) // 300


def is_whole_tick(instant: datetime) -> bool:
    """Whether ``instant`` is the very start of a tick."""
    return instant.microsecond == 0 and int(instant.timestamp()) % 300 == 0


def instant_of(tick: int) -> datetime:
    """When ``tick`` starts, in UTC."""
    return datetime.fromtimestamp(tick * 300, UTC)


def span_between(starts: datetime, ends: datetime) -> Span:
    """All ticks that the period from ``starts`` to ``ends`` touches."""
    last = tick_at(ends)
    return Span(tick_at(starts), last if is_whole_tick(ends) else last + 1)


def window_over(starts: datetime, ends: datetime) -> Window:
    """The fewest UTC days that hold all of the period."""
    span = span_between(starts, ends)
    first = span.start // DAY
    return Window(first, max(1, -(-span.end // DAY) - first))


def ones(count: int) -> int:
    """A mask of ``count`` set bits from bit 0; 0 for none or less."""
    return (1 << count) - 1 if count > 0 else 0


def mask_of(spans: Iterable[Span], window: Window) -> int:
    """The parts of ``spans`` that lie in ``window``."""
    mask = 0
    for span in spans:
        low, high = max(span.start, window.start), min(span.end, window.end)
        mask |= ones(high - low) << max(0, low - window.start)
    return mask


def bits(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def spans_of(mask: int, window: Window) -> Iterator[Span]:
    """The runs of set bits, earliest first."""
    while mask:
        low = (mask & -mask).bit_length() - 1
        length = ((mask >> low) + 1 & -((mask >> low) + 1)).bit_length() - 1
        yield Span(window.start + low, window.start + low + length)
        mask &= ~(ones(length) << low)


def starts_of_runs(free: int, length: int) -> int:
    """The bits at which ``length`` set bits in a row begin; length is at least 1.

    Each step doubles the run that is known to be free, so there are about log2(length).
    """
    known = 1
    while known < length:
        step = min(known, length - known)
        free &= free >> step
        known += step
    return free


def opening(hours: Sequence[Weekly], zone: ZoneInfo, window: Window) -> int:
    """The ticks that ``hours`` leave open, in the wall-clock time of ``zone``.

    A wall-clock time that a day skips is not open; one that a day shows twice is open the
    first time only.
    """
    return _opening(tuple(hours), zone.key, window)


def whole_days(days: Iterable[date], zone: ZoneInfo, window: Window) -> int:
    """All ticks of the given local dates."""
    axis = _LocalAxis.over(window)
    local = 0
    for day in days:
        at = ((day - axis.first).days) * DAY
        if 0 <= at < axis.days * DAY:
            local |= ones(DAY) << at
    return _from_local(local, axis, zone.key, window, keep_repeated=True)


def grid(minutes: int, zone: ZoneInfo, window: Window) -> int:
    """The starts that lie a multiple of ``minutes`` after local midnight."""
    return _grid(minutes, zone.key, window)


class _LocalAxis(NamedTuple):
    """Wall-clock ticks, bit 0 at midnight of ``first``, wide enough for any zone."""

    first: date
    days: int

    @classmethod
    def over(cls, window: Window) -> "_LocalAxis":
        return cls(EPOCH + timedelta(days=window.first - 2), window.days + 4)


@lru_cache(maxsize=4096)
def _opening(hours: tuple[Weekly, ...], zone_key: str, window: Window) -> int:
    axis = _LocalAxis.over(window)
    local = 0
    for period in hours:
        local |= _repeated_weekly(period, axis)
    return _from_local(local, axis, zone_key, window)


@lru_cache(maxsize=256)
def _grid(minutes: int, zone_key: str, window: Window) -> int:
    axis = _LocalAxis.over(window)
    every = minutes // 5
    return _from_local(_evenly(axis.days * DAY // every, every), axis, zone_key, window)


def _repeated_weekly(period: Weekly, axis: _LocalAxis) -> int:
    """The period on each of its weekdays on the axis within its dates of validity."""
    last = axis.first + timedelta(days=axis.days - 1)
    lowest = max(axis.first, period.valid_from or axis.first)
    highest = min(last, period.valid_until or last)
    day = lowest + timedelta(days=(period.weekday - lowest.weekday()) % 7)
    if day > highest:
        return 0
    weeks = (highest - day).days // 7 + 1
    ends = period.ends if period.ends > period.starts else period.ends + 24 * 60
    once = ones((ends - period.starts) // 5)
    return once * _evenly(weeks, WEEK) << (day - axis.first).days * DAY + period.starts // 5


@cache
def _evenly(count: int, every: int) -> int:
    """``count`` set bits, ``every`` apart, from bit 0: times a mask, it repeats the mask."""
    return ones(count * every) // ones(every)


def _from_local(
    local: int, axis: _LocalAxis, zone_key: str, window: Window, *, keep_repeated: bool = False
) -> int:
    """Wall-clock ticks as UTC ticks: each stretch of one offset is a shift."""
    origin = (axis.first - EPOCH).days * DAY
    mask = 0
    for stretch in _stretches(zone_key, window):
        start = stretch.start + (0 if keep_repeated else stretch.repeated)
        low, high = max(start, window.start), min(stretch.end, window.end)
        if low < high:
            part = local >> (low + stretch.ahead - origin) & ones(high - low)
            mask |= part << (low - window.start)
    return mask


@lru_cache(maxsize=512)
def _stretches(zone_key: str, window: Window) -> tuple[_Stretch, ...]:
    """The window and the day before it, cut where the zone changes its offset.

    The day before counts because what it showed may be shown again.
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
        stretches.append(_Stretch(start, end, ahead, max(0, before - ahead)))
        before = ahead
    return tuple(stretches)


def _ahead(zone: ZoneInfo, tick: int) -> int:
    offset = instant_of(tick).astimezone(zone).utcoffset()
    return (offset or timedelta(0)) // TICK


def _change_between(zone: ZoneInfo, low: int, high: int) -> int:
    """The first tick after ``low`` with the offset of ``high``."""
    before = _ahead(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _ahead(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high
