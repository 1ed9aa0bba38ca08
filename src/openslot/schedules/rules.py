"""Rules of opening hours, slot lengths and absences: pure decisions."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import holidays

from openslot.directory.models import BookableBy, Mode
from openslot.schedules.availability import (
    DAY,
    EPOCH,
    TICK,
    Span,
    Times,
    Weekly,
    Window,
    as_shown,
    beside,
    bits,
    from_midnight,
    from_opening,
    instant_of,
    is_whole_tick,
    ones,
    opening,
    span_between,
    starts_of_runs,
    wall_clock,
    whole_days,
)
from openslot.schedules.errors import (
    BadHours,
    BadPeriod,
    BadSlotLength,
    BadStep,
    HoursNameOthers,
    HoursOverlap,
    LongNight,
    SkippedTime,
    TooFarApart,
)
from openslot.schedules.models import StartsFrom
from openslot.schedules.needs import Member, Need, served
from openslot.schedules.recurrence import check_rule

LONGEST_ABSENCE_DAYS = 400
LONGEST_SLOT = 8 * 60
MINUTES_A_DAY = 24 * 60
LONGEST_NIGHT = 15 * 60
"""Longest hours over midnight, in minutes: longer ones are a start and an end swapped."""

COMPARED_DAYS = 731
"""Days from a first day on in which hours that recur by a rule are compared."""

MOST_COMPARED = 10
"""Times so long in which hours are compared at most: a schedule is locked meanwhile."""

USUAL_DAY = date(2024, 10, 1)
"""The day from which hours without a first day are compared; any would do."""

_TYPED_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:(?:[:.h]|(?=\d\d\b|\d\d[ap]))(?P<minutes>\d\d)(?:[:.]00)?|h)?"
    r"\s*(?:(?P<half>[ap])\.?\s?m?\.?)?",
    re.ASCII,
)
"""A time with or without minutes, whole seconds and am or pm; four digits are hours and minutes."""


KnownBy = tuple[int | None, int | None]
"""A practitioner, at any centre, or a department: by whom patients are known."""


class Offered(NamedTuple):
    """A service as a schedule offers it: lengths in minutes, notice and horizon as they are there.

    An appointment takes ``before`` and ``after`` of whoever gives the care, besides ``minutes``.
    """

    service_id: int
    name: str
    category: str | None
    minutes: int
    before: int
    after: int
    mode: Mode
    bookable_by: BookableBy
    notice_minutes: int
    horizon_days: int
    most_a_day: int | None
    most_ahead: int | None
    places: int = 1
    needs: tuple[Need, ...] = ()


class Place(NamedTuple):
    """A bookable schedule, with all that decides when it can be booked except the taken time.

    Appointments claim their time in ``diary_id`` and, if there is one, ``room_id``, from ``before``
    minutes before they start until ``after`` minutes after their end; ``closures_id`` is the diary
    of the centre's closures. Of the ``services`` that a schedule offers, the place is for one,
    ``service_id``; its length, limits, margins and needs are the place's. ``members`` are
    those that were chosen to serve the needs of one appointment. With more than one of ``places``
    it is booked in sessions; ``session_id`` is the one that was found or made. An appointment that
    is ``squeezed_in`` takes time that is taken. With ``by_referral``, patients need a referral
    because of the practitioner's profession. ``as_of`` is the version of the directory that it
    was read at earlier, if it was; see known.py.
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
    starts_from: StartsFrom = StartsFrom.OPENING
    step_minutes: int | None = None
    flush: bool = False
    in_emergency: bool = False
    as_of: int | None = None
    before: int = 0
    after: int = 0
    services: tuple[Offered, ...] = ()
    service_id: int | None = None
    length_of_slots: int | None = None
    needs: tuple[Need, ...] = ()
    members: tuple[Member, ...] = ()
    places: int = 1
    session_id: UUID | None = None
    squeezed_in: bool = False
    most_a_day: int | None = None
    most_ahead: int | None = None
    by_referral: bool = False

    @property
    def is_public(self) -> bool:
        """Return whether patients book here themselves, some perhaps only if they are known or
        have a referral."""
        return self.bookable_by not in (BookableBy.COLLEAGUES, BookableBy.REQUEST)

    @property
    def is_for_known(self) -> bool:
        """Return whether patients book here themselves only if they are known."""
        return self.bookable_by is BookableBy.KNOWN

    @property
    def known_by(self) -> KnownBy:
        """Return who gives the care here, as patients are known to them."""
        return self.practitioner_id, self.department_id

    @property
    def own_slot_minutes(self) -> int:
        """Return the length of the schedule's slots, whatever services it offers."""
        return self.length_of_slots or self.slot_minutes

    @property
    def offered(self) -> Offered | None:
        """Return the service that the place is for, if the schedule offers services."""
        return next((one for one in self.services if one.service_id == self.service_id), None)

    def offering(self, service_id: int | None) -> "Place | None":
        """Return the place for a service that the schedule offers, its usual one for None; None if
        it does not offer the service."""
        if service_id is None or service_id == self.service_id:
            return self
        return next((self._for(one) for one in self.services if one.service_id == service_id), None)

    def for_each(self) -> list["Place"]:
        """Return the place for each of its services, in order, or itself if it has none."""
        own = self.service_id
        each = [self if one.service_id == own else self._for(one) for one in self.services]
        return each or [self]

    def offering_all(self, services: Sequence[Offered]) -> "Place":
        """Return the place with these services, for the first of them."""
        if not services:
            return self
        own = self._replace(services=tuple(services), length_of_slots=self.slot_minutes)
        return own._for(services[0])

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
            most_a_day=offered.most_a_day,
            most_ahead=offered.most_ahead,
            needs=offered.needs,
            places=offered.places,
        )

    @property
    def furthest_days(self) -> int:
        """Return the days ahead that can be booked at most, of any service."""
        return max(self.horizon_days, *(one.horizon_days for one in self.services), 0)

    @property
    def own_hours(self) -> tuple[Weekly, ...]:
        """Return the hours that are for the service of the place."""
        return tuple(
            period
            for period in self.hours
            if not period.services or self.service_id in period.services
        )

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

    def for_squeezing_in(self) -> "Place":
        """Return the place for an appointment over time that is taken: by itself, without notice,
        and wherever it starts inside the hours; it takes nobody and nothing besides the patient."""
        return self._replace(squeezed_in=True, places=1, needs=(), notice_minutes=0, flush=True)

    @property
    def has_sessions(self) -> bool:
        """Return whether several patients are booked here together."""
        return self.places > 1

    @property
    def is_shared(self) -> bool:
        """Return whether an appointment claims no time of whoever gives the care."""
        return self.session_id is not None or self.squeezed_in

    @property
    def slot_ticks(self) -> int:
        """Return the slot length in ticks."""
        return self.slot_minutes // 5

    @property
    def longest(self) -> int:
        """Return the minutes that one booking can take at most."""
        return self.slot_minutes * (1 if self.has_sessions else self.max_slots)

    @property
    def claimed_ids(self) -> tuple[int, ...]:
        """Return the diaries that an appointment is claimed in, except the patient's: of its needs,
        those of the chosen members."""
        own = (self.diary_id,) if self.room_id is None else (self.diary_id, self.room_id)
        return (*own, *(member.diary_id for member in self.members)) if self.members else own

    @property
    def blocking_ids(self) -> tuple[int, ...]:
        """Return the diaries whose taken time cannot be booked: those that are claimed, and that of
        the centre's closures."""
        return (*self.claimed_ids, self.closures_id)

    @property
    def read_ids(self) -> tuple[int, ...]:
        """Return the diaries that decide what is free: of all who could take part, and of the
        centre's closures."""
        if not self.needs:
            return self.blocking_ids
        able = (member.diary_id for need in self.needs for member in need)
        return (*self.blocking_ids, *able)


def check_slot_minutes(minutes: int) -> int:
    """Return ``minutes`` if slots can be so long, else raise BadSlotLength."""
    if not 5 <= minutes <= LONGEST_SLOT or minutes % 5:
        raise BadSlotLength(field="slot_minutes")
    return minutes


def check_step_minutes(minutes: int | None) -> int | None:
    """Return ``minutes`` if starts can be so far apart, else raise BadStep."""
    if minutes is not None and (not 5 <= minutes <= MINUTES_A_DAY or minutes % 5):
        raise BadStep(field="step_minutes")
    return minutes


def check_hours(hours: Iterable[Weekly], holiday_region: str | None = None) -> tuple[Weekly, ...]:
    """Return ``hours`` in order, each rule as it is kept.

    Periods overlap also if they are for different services: one period names all that it is for.
    Raises BadHours for an invalid period, LongNight for one over midnight that is too long to be
    meant, the errors of check_rule, and HoursOverlap if two periods overlap; hours that are not for
    the public holidays of the region do not overlap with others on these days. Raises TooFarApart
    if some recur by a rule, and their first days are years apart.
    """
    periods = tuple(
        sorted(map(check_weekly, hours), key=lambda period: (period.weekday, period.starts))
    )
    for window in _compared(periods, weekly_days=14):
        closed = _holidays_by_wall_clock(holiday_region, window)
        taken = 0
        for period in periods:
            own = wall_clock(period, window) & ~(0 if period.on_holidays else closed)
            if shared := taken & own:
                raise _overlap(period, instant_of(window.start + next(bits(shared))))
            taken |= own
    return periods


def check_weekly(period: Weekly) -> Weekly:
    """Return one period of hours, its rule as it is kept. Raises what check_hours does, but for
    what several periods are to each other."""
    if not _is_valid(period):
        raise BadHours(field="hours")
    if period.ends < period.starts and period.minutes > LONGEST_NIGHT:
        raise LongNight(field="hours", hours=LONGEST_NIGHT // 60)
    if period.rule is None:
        return period
    weekday, rule, first, last = check_rule(period.rule, period.valid_from, period.valid_until)
    return period._replace(weekday=weekday, rule=rule, valid_from=first, valid_until=last)


def _overlap(period: Weekly, at: datetime) -> HoursOverlap:
    """Return the error for a period that meets another at a time of the wall clock."""
    if period.rule is None and period.valid_from is None:
        return HoursOverlap(field="hours", other=clock_text(period.starts))
    sentence = "Two of these periods overlap on {day} at {time}. Change one of them."
    return HoursOverlap(sentence, field="hours", day=f"{at:%Y-%m-%d}", time=f"{at:%H:%M}")


def _compared(hours: Sequence[Weekly], weekly_days: int) -> list[Window]:
    """Return the windows in which hours show whether they overlap: from each first day on, for
    ``weekly_days`` if all are weekly, else for COMPARED_DAYS. First days that are no farther from
    each other have one window. Raises TooFarApart if so many windows would take too long."""
    firsts = sorted({(period.valid_from or USUAL_DAY) - EPOCH for period in hours})
    days = COMPARED_DAYS if any(period.rule for period in hours) else weekly_days
    windows: list[Window] = []
    begins = None
    for first in firsts:
        if begins is None or first.days - begins > days:
            begins = first.days
            windows.append(Window(begins - 1, days + 1))
        windows[-1] = Window(begins - 1, first.days - begins + days + 1)
    if days == COMPARED_DAYS and sum(window.days for window in windows) > MOST_COMPARED * days:
        raise TooFarApart(field="hours")
    return windows


def check_services(hours: Iterable[Weekly], offered: Collection[int]) -> None:
    """Raise HoursNameOthers if hours are for a service that the schedule does not offer."""
    if any(not set(period.services) <= set(offered) for period in hours):
        raise HoursNameOthers(field="hours")


def check_apart(hours: Sequence[Weekly], zone: ZoneInfo, others: Iterable[Place]) -> None:
    """Raise HoursOverlap if the hours overlap the same practitioner's hours elsewhere.

    All instants of a year are compared, so that the result is right for centres in different time
    zones; of two, if hours recur by a rule.
    """
    others = tuple(others)
    everything = (*hours, *(period for place in others for period in place.hours))
    for window in _compared(everything, weekly_days=366):
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


def on_clock(day: date, minutes: int, zone: ZoneInfo, *, field: str | None = None) -> datetime:
    """Return when the clock of a zone shows a time, in minutes after midnight; the first of the two
    if it shows it twice. Raises SkippedTime if it never does."""
    whole_days, rest = divmod(minutes, 24 * 60)
    local = datetime.combine(day + timedelta(days=whole_days), time(*divmod(rest, 60)), zone)
    if as_shown(local) != local:
        raise SkippedTime(field=field)
    return local


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


def times_of(place: Place, window: Window) -> Times:
    """Return when a place is open in the window, and its starts; both without public holidays,
    except for hours that are meant for them too. Near the end of the window, a start may end
    after it."""
    # From the opening on, what is prepared comes first; from midnight the clock shows the starts.
    has_margins = place.starts_from is StartsFrom.OPENING
    before, after = (place.before, place.after) if has_margins else (0, 0)
    # What is prepared before the first start may lie on the day before it.
    days_before = bool(before)
    times = _times(
        place.own_hours,
        place.zone.key,
        place.holiday_region,
        before + place.slot_minutes + after,
        place.step_minutes,
        place.starts_from,
        Window(window.first - days_before, window.days + days_before),
    )
    if not before:
        return times
    starts = times.starts << before // 5 >> DAY & ones(window.days * DAY)
    return Times(times.opened >> DAY, starts)


def starts_beside(place: Place, taken: int, minutes: int) -> int:
    """Return the starts directly beside what is ``taken``, with the time that is needed between, if
    the place offers these too."""
    if not place.flush:
        return 0
    return beside(taken, (place.before + minutes + place.after) // 5) << place.before // 5


def open_ticks(place: Place, window: Window) -> int:
    """Return the ticks inside the hours, of any service, without public holidays."""
    return _opened(place.hours, place, window)


def starts_served(
    place: Place,
    window: Window,
    minutes: int,
    busy: Callable[[Member], int],
    fits: dict[tuple[object, ...], int] | None = None,
) -> int:
    """Return the starts at which the needs of the place can be served for an appointment of
    ``minutes``, as a mask; -1 if there are none. ``busy`` returns the taken time of a member.
    ``fits`` keeps the starts of members for further places."""
    if not place.needs:
        return -1
    known = {} if fits is None else fits
    before, after = place.before // 5, place.after // 5
    length = before + minutes // 5 + after

    def fitting(member: Member) -> int:
        key = (member.diary_id, place.centre_id, before, length)
        if key not in known:
            free = open_ticks_of(member, place, window) & ~busy(member)
            known[key] = starts_of_runs(free, length) << before
        return known[key]

    return served(place.needs, fitting)


def open_ticks_of(member: Member, place: Place, window: Window) -> int:
    """Return when a member can serve a need of the place: a room or machine always, a practitioner
    inside their hours at its centre."""
    if member.hours is None:
        return ones(window.days * DAY)
    return _opened(member.hours, place, window)


def _opened(hours: tuple[Weekly, ...], place: Place, window: Window) -> int:
    midnight = StartsFrom.MIDNIGHT
    zone_key, region = place.zone.key, place.holiday_region
    return _times(hours, zone_key, region, DAY * 5, None, midnight, window).opened


@lru_cache(maxsize=4096)
def _times(
    hours: tuple[Weekly, ...],
    zone_key: str,
    region: str | None,
    slot_minutes: int,
    step_minutes: int | None,
    starts_from: StartsFrom,
    window: Window,
) -> Times:
    zone, step = ZoneInfo(zone_key), step_minutes or slot_minutes
    times_in = from_midnight if starts_from is StartsFrom.MIDNIGHT else from_opening

    def of(on_holidays: bool) -> Times:
        some = [period for period in hours if period.on_holidays is on_holidays]
        if not some:
            return Times(0, 0)
        return times_in(some, zone, window, every=step // 5, length=slot_minutes // 5)

    usual, always = of(on_holidays=False), of(on_holidays=True)
    closed = _holiday_ticks(region, zone_key, window) if region else 0
    return Times(usual.opened & ~closed | always.opened, usual.starts & ~closed | always.starts)


def bookable_span(place: Place, now: datetime) -> Span:
    """Return the ticks in which an appointment can start: after the notice period and before the
    horizon."""
    first = first_tick(now, place.notice_minutes)
    return Span(first, first + place.horizon_days * DAY)


def first_tick(now: datetime, notice_minutes: int = 0) -> int:
    """Return the first tick that starts after the notice period."""
    from_now = now.timestamp() + notice_minutes * 60
    return -(-int(from_now * 1000) // int(TICK.total_seconds() * 1000))


def nearest_starts(place: Place, tick: int) -> list[datetime]:
    """Return the last start before a tick and the first after it, if they are on its local
    date."""
    window = Window(tick // DAY - 1, 3)
    starts, at = times_of(place, window).starts, tick - window.start
    before, after = starts & ones(at), starts >> at
    found = [before.bit_length() - 1] if before else []
    found += [at + (after & -after).bit_length() - 1] if after else []
    day = instant_of(tick).astimezone(place.zone).date()
    local = [instant_of(window.start + bit).astimezone(place.zone) for bit in found]
    return [start for start in local if start.date() == day]


def holiday_name(region: str, day: date) -> str | None:
    """Return the name of the public holiday of ``region`` on ``day``, or None."""
    return _calendar(region, day.year).get(day)


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


def _holidays_by_wall_clock(region: str | None, window: Window) -> int:
    """Return the ticks of the region's public holidays, as if the window were local days."""
    return _holiday_ticks(region, "UTC", window) if region else 0


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
