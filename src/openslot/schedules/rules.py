"""Rules of opening hours, slot lengths and absences: pure decisions."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from openslot.directory.models import BookableBy, Mode
from openslot.schedules.availability import (
    DAY,
    EPOCH,
    TICK,
    Span,
    Weekly,
    Window,
    instant_of,
    is_whole_tick,
    opening,
    span_between,
    whole_days,
)
from openslot.schedules.errors import BadHours, BadPeriod, BadSlotLength, HoursOverlap, LongNight

LONGEST_ABSENCE_DAYS = 400
MINUTES_A_DAY = 24 * 60
LONGEST_NIGHT = 15 * 60
"""Longest hours over midnight, in minutes: longer ones are a start and an end swapped."""

_TYPED_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:(?:[:.h]|(?=\d\d\b|\d\d[ap]))(?P<minutes>\d\d)(?:[:.]00)?|h)?"
    r"\s*(?:(?P<half>[ap])\.?\s?m?\.?)?",
    re.ASCII,
)
"""A time with or without minutes, whole seconds and am or pm; four digits are hours and minutes."""


class Offered(NamedTuple):
    """A service as a schedule offers it: lengths in minutes, notice and horizon as they are there.

    An appointment takes ``before`` and ``after`` of whoever gives the care, besides ``minutes``.
    """

    service_id: int
    name: str
    minutes: int
    before: int
    after: int
    mode: Mode
    bookable_by: BookableBy
    notice_minutes: int
    horizon_days: int


class Place(NamedTuple):
    """A bookable schedule, with all that decides when it can be booked except the taken time.

    Appointments claim their time in ``diary_id`` and, if there is one, ``room_id``, from ``before``
    minutes before they start until ``after`` minutes after their end; ``closures_id`` is the diary
    of the centre's closures. Of the ``services`` that a schedule offers, the place is for one,
    ``service_id``; its length, limits and margins are the place's. ``as_of`` is the version of the
    directory that it was read at earlier, if it was; see known.py.
    """

    schedule_id: int
    centre_id: int
    practitioner_id: int | None
    profession: str | None
    expertise: str | None
    practitioner_email: str | None
    diary_id: int
    room_id: int | None
    closures_id: int
    zone: ZoneInfo
    holiday_region: str | None
    slot_minutes: int
    max_slots: int
    notice_minutes: int
    horizon_days: int
    hours: tuple[Weekly, ...]
    department_id: int | None = None
    bookable_by: BookableBy = BookableBy.PUBLIC
    in_emergency: bool = False
    as_of: int | None = None
    before: int = 0
    after: int = 0
    services: tuple[Offered, ...] = ()
    service_id: int | None = None

    @property
    def is_public(self) -> bool:
        """Return whether patients book here themselves."""
        return self.bookable_by is BookableBy.PUBLIC

    def offering(self, service_id: int | None) -> "Place | None":
        """Return the place for a service that the schedule offers, its usual one for None; None if
        it does not offer the service."""
        if service_id is None or service_id == self.service_id:
            return self
        return next((self._for(one) for one in self.services if one.service_id == service_id), None)

    def offering_all(self, services: Sequence[Offered]) -> "Place":
        """Return the place with these services, for the first of them."""
        return self._replace(services=tuple(services))._for(services[0]) if services else self

    def _for(self, offered: Offered) -> "Place":
        return self._replace(
            service_id=offered.service_id,
            slot_minutes=offered.minutes,
            max_slots=1,
            before=offered.before,
            after=offered.after,
            bookable_by=offered.bookable_by,
            notice_minutes=offered.notice_minutes,
            horizon_days=offered.horizon_days,
        )

    @property
    def furthest_days(self) -> int:
        """Return the days ahead that can be booked at most, of any service."""
        return max(self.horizon_days, *(one.horizon_days for one in self.services), 0)

    def busy(self, span: Span) -> Span:
        """Return the ticks that an appointment takes of whoever gives the care: with preparation
        and clean-up."""
        return Span(span.start - self.before // 5, span.end + self.after // 5)

    def for_agreed(self) -> "Place":
        """Return the place for a request that the department agreed to: a colleague books it."""
        return self._replace(bookable_by=BookableBy.COLLEAGUES)

    def for_emergency(self) -> "Place":
        """Return the place as an emergency finds it: without notice, and with the time that is
        kept free for emergencies."""
        return self._replace(in_emergency=True, notice_minutes=0)

    @property
    def slot_ticks(self) -> int:
        """Return the slot length in ticks."""
        return self.slot_minutes // 5

    @property
    def claimed_ids(self) -> tuple[int, ...]:
        """Return the diaries that an appointment is claimed in, except the patient's."""
        return (self.diary_id,) if self.room_id is None else (self.diary_id, self.room_id)


def check_slot_minutes(minutes: int) -> int:
    """Return ``minutes`` if slots of this length divide a day, else raise BadSlotLength."""
    if minutes < 5 or minutes % 5 or MINUTES_A_DAY % minutes:
        raise BadSlotLength(field="slot_minutes")
    return minutes


def check_hours(hours: Iterable[Weekly]) -> tuple[Weekly, ...]:
    """Return ``hours`` in order. Raises BadHours for an invalid period, LongNight for one over
    midnight that is too long to be meant, and HoursOverlap if two periods overlap."""
    periods = tuple(sorted(hours, key=lambda period: (period.weekday, period.starts)))
    for period in periods:
        if not _is_valid(period):
            raise BadHours(field="hours")
        over_midnight = period.ends < period.starts
        if over_midnight and period.ends + MINUTES_A_DAY - period.starts > LONGEST_NIGHT:
            raise LongNight(field="hours", hours=LONGEST_NIGHT // 60)
    for index, period in enumerate(periods):
        for other in periods[index + 1 :]:
            if _overlap(period, other):
                raise HoursOverlap(field="hours", other=clock_text(other.starts))
    return periods


def check_apart(hours: Sequence[Weekly], zone: ZoneInfo, others: Iterable[Place]) -> None:
    """Raise HoursOverlap if the hours overlap the same practitioner's hours elsewhere.

    All instants of a year are compared, so that the result is right for centres in different time
    zones.
    """
    starts = [period.valid_from for period in hours if period.valid_from]
    first = (min(starts) - EPOCH).days if starts else 20_000
    window = Window(first, 366)
    own = opening(hours, zone, window)
    for place in others:
        if own & opening(place.hours, place.zone, window):
            raise HoursOverlap(field="hours", other=place.zone.key)


def parse_clock(text: str) -> int:
    """Return the minutes after midnight of a text like ``09:00``; ``24:00`` is 1440. Raises
    BadHours."""
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", text.strip(), re.ASCII)
    minutes = int(match[1]) * 60 + int(match[2]) if match else -1
    if not 0 <= minutes <= MINUTES_A_DAY or minutes % 5:
        raise BadHours
    return minutes


def read_clock(text: str) -> int:
    """Return the minutes after midnight of a time as people write it: 09:00, 9, 9.30, 9 am, 5pm,
    0900 or 9:00:00 AM. Raises BadHours."""
    match = _TYPED_CLOCK.fullmatch(text.strip().casefold())
    if match is None:
        raise BadHours
    hour, minutes, half = int(match["hour"]), match["minutes"] or "00", match["half"]
    if half:
        if hour > 12:
            raise BadHours
        hour = hour % 12 + (12 if half == "p" else 0)
    return parse_clock(f"{hour:02}:{minutes}")


def clock_text(minutes: int) -> str:
    """Return minutes after midnight as a text: 540 is ``09:00``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def check_period(starts: datetime, ends: datetime) -> Span:
    """Return the ticks of an absence or closure. Raises BadPeriod if it is empty, not in whole
    ticks, or longer than LONGEST_ABSENCE_DAYS."""
    if ends <= starts or not (is_whole_tick(starts) and is_whole_tick(ends)):
        raise BadPeriod(field="ends_at")
    if (ends - starts).days > LONGEST_ABSENCE_DAYS:
        raise BadPeriod(
            "Enter a period of at most {days} days.", field="ends_at", days=LONGEST_ABSENCE_DAYS
        )
    return span_between(starts, ends)


def open_ticks(place: Place, window: Window) -> int:
    """Return the ticks inside the weekly hours, without public holidays."""
    hours = opening(place.hours, place.zone, window)
    if not place.holiday_region:
        return hours
    return hours & ~_holiday_ticks(place.holiday_region, place.zone.key, window)


def bookable_span(place: Place, now: datetime) -> Span:
    """Return the ticks in which an appointment can start: after the notice period and before the
    horizon."""
    from_now = now.timestamp() + place.notice_minutes * 60
    first = -(-int(from_now * 1000) // int(TICK.total_seconds() * 1000))
    return Span(first, first + place.horizon_days * DAY)


def holiday_name(region: str, day: datetime) -> str | None:
    """Return the name of the public holiday of ``region`` on the date of ``day``, or None."""
    return _calendar(region, day.year).get(day.date())


@lru_cache(maxsize=256)
def _calendar(region: str, year: int) -> holidays.HolidayBase:
    country, _, subdivision = region.partition("-")
    return holidays.country_holidays(country, subdiv=subdivision or None, years=year)


@lru_cache(maxsize=256)
def _holiday_ticks(region: str, zone_key: str, window: Window) -> int:
    zone = ZoneInfo(zone_key)
    years = range(instant_of(window.start).year - 1, instant_of(window.end).year + 2)
    days = [day for year in years for day in _calendar(region, year)]
    return whole_days(days, zone, window)


def _is_valid(period: Weekly) -> bool:
    dates = (period.valid_from, period.valid_until)
    return (
        0 <= period.weekday <= 6
        and 0 <= period.starts < MINUTES_A_DAY
        and 0 <= period.ends <= MINUTES_A_DAY
        and period.starts != period.ends
        and period.starts % 5 == 0
        and period.ends % 5 == 0
        and (None in dates or dates[0] <= dates[1])  # type: ignore[operator] # both are dates
    )


def _overlap(one: Weekly, other: Weekly) -> bool:
    """Return whether the two periods ever share a wall-clock time."""
    if (one.valid_until and other.valid_from and one.valid_until < other.valid_from) or (
        other.valid_until and one.valid_from and other.valid_until < one.valid_from
    ):
        return False
    return bool(_week_ticks(one) & _week_ticks(other))


def _week_ticks(period: Weekly) -> set[int]:
    """Return the minutes of the week inside the period, in steps of 5; Sunday night wraps to
    Monday."""
    begin = period.weekday * MINUTES_A_DAY + period.starts
    ends = period.ends if period.ends > period.starts else period.ends + MINUTES_A_DAY
    week = 7 * MINUTES_A_DAY
    return {(begin + minute) % week for minute in range(0, ends - period.starts, 5)}
