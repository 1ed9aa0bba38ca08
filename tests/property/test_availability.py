"""Availability against an oracle that asks the wall clock about every minute."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from openslot.schedules import availability, recurrence
from openslot.schedules.availability import DAY, WEEK, Span, Weekly, Window
from openslot.schedules.errors import BadHours, HoursOverlap, LongNight, NeverOpen
from openslot.schedules.rules import check_hours

ZONES = (
    "Australia/Sydney",
    "Europe/London",
    "Europe/Dublin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/New_York",
    "Pacific/Auckland",
    "Pacific/Apia",
    "Africa/Casablanca",
)

EPOCH = date(1970, 1, 1)


def changes_of(zone: str) -> list[int]:
    """The UTC days of 2024 to 2027 on which the zone changes its offset."""
    days = range((date(2024, 1, 1) - EPOCH).days, (date(2027, 12, 31) - EPOCH).days)
    at = [datetime.fromtimestamp(day * 86400, UTC).astimezone(ZoneInfo(zone)) for day in days]
    return [
        day
        for day, (before, after) in zip(days, itertools.pairwise(at), strict=False)
        if before.utcoffset() != after.utcoffset()
    ]


@st.composite
def zones_and_windows(draw: st.DrawFn) -> tuple[ZoneInfo, Window]:
    """A zone, and a window that often lies over one of its changes."""
    zone = draw(st.sampled_from(ZONES))
    changes = changes_of(zone)
    near = st.sampled_from(changes) if changes else st.nothing()
    first = draw(near | st.integers(19_700, 21_200)) - draw(st.integers(0, 3))
    return ZoneInfo(zone), Window(first, draw(st.integers(1, 6)))


def ticks_of_day(lowest: int = 0, highest: int = 287) -> st.SearchStrategy[int]:
    return st.integers(lowest, highest).map(lambda tick: tick * 5)


def dates() -> st.SearchStrategy[date | None]:
    near = st.dates(date(2023, 12, 1), date(2028, 1, 31))
    return st.none() | near


@st.composite
def periods(draw: st.DrawFn) -> Weekly:
    starts = draw(ticks_of_day())
    ends = draw(ticks_of_day(0, 288).filter(lambda end: end != starts))
    return Weekly(draw(st.integers(0, 6)), starts, ends, draw(dates()), draw(dates()))


def oracle(hours: Sequence[Weekly], zone: ZoneInfo, window: Window) -> int:
    """Ask, for each tick, what a wall clock shows that waits where others go back, and whether
    that is within the hours."""
    mask, shown = 0, datetime.min  # noqa: DTZ901 - what a clock shows
    for bit in range(-DAY, window.days * DAY):
        instant = datetime.fromtimestamp((window.start + bit) * 300, UTC)
        shown = max(shown, instant.astimezone(zone).replace(tzinfo=None))
        if bit >= 0 and any(_covers(period, shown) for period in hours):
            mask |= 1 << bit
    return mask


def _covers(period: Weekly, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    ends = period.ends if period.ends > period.starts else period.ends + 1440
    return any(
        _begins(period, local.date() - timedelta(days=back))
        and period.starts <= minute + 1440 * back < ends
        for back in (0, 1)
    )


def _begins(period: Weekly, day: date) -> bool:
    is_due = recurs(period, day) if period.rule else day.weekday() == period.weekday
    return (
        is_due
        and (period.valid_from is None or day >= period.valid_from)
        and (period.valid_until is None or day <= period.valid_until)
    )


@cache
def recurs(period: Weekly, day: date) -> bool:
    """Count up to the day from the first, as a person with a calendar would."""
    rule = recurrence.read(period.rule or "")
    first = period.valid_from or date(2023, 12, 4)
    day_before = first - timedelta(days=1)
    due = 0
    while (day_before := day_before + timedelta(days=1)) <= day:
        if not _is_on(rule, first, day_before):
            continue
        due += 1
        if day_before == day:
            return rule.times is None or due <= rule.times
    return False


def _is_on(rule: recurrence.Rule, first: date, day: date) -> bool:
    ahead = {
        "DAILY": (day - first).days,
        "WEEKLY": (day - first + timedelta(days=first.weekday())).days // 7,
        "MONTHLY": (day.year - first.year) * 12 + day.month - first.month,
    }[rule.frequency]
    if ahead % rule.interval:
        return False
    if not rule.on:
        return rule.frequency == "DAILY" or day.day == first.day
    weekday_of_month = (day.day - 1) // 7 + 1
    is_last = (day + timedelta(days=7)).month != day.month
    from_last = -1 if is_last else None
    return any(
        on.weekday == day.weekday() and on.which in (0, weekday_of_month, from_last)
        for on in rule.on
    )


@st.composite
def recurring(draw: st.DrawFn) -> Weekly:
    """A period with a rule, as check_rule keeps it."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]))
    whiches = ["", "1", "2", "3", "4", "5", "-1"] if frequency == "MONTHLY" else [""]
    on = draw(
        st.lists(
            st.tuples(st.sampled_from(whiches), st.sampled_from(recurrence.WEEKDAYS)), max_size=3
        )
    )
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 5))}"]
    parts += ["BYDAY=" + ",".join(map("".join, on))] if on else []
    if times := draw(st.none() | st.integers(1, 90)):
        parts.append(f"COUNT={times}")
    first = draw(st.dates(date(2023, 12, 1), date(2027, 12, 31)))
    starts = draw(ticks_of_day())
    ends = draw(ticks_of_day(0, 288).filter(lambda end: end != starts))
    try:
        weekday, rule, first_day, last = recurrence.check_rule(";".join(parts), first, None)
    except NeverOpen:
        reject()
    return Weekly(weekday, starts, ends, first_day, last, rule)


@given(where=zones_and_windows(), hours=st.lists(periods() | recurring(), max_size=4))
@example(
    # Sydney's clock goes from 2:00 to 3:00 on 4 October 2026.
    where=(ZoneInfo("Australia/Sydney"), Window((date(2026, 10, 3) - EPOCH).days, 2)),
    hours=[Weekly(6, 90, 210)],
)
@example(
    # Dublin's clock shows 1:00 to 2:00 twice on 25 October 2026.
    where=(ZoneInfo("Europe/Dublin"), Window((date(2026, 10, 25) - EPOCH).days, 1)),
    hours=[Weekly(6, 0, 1440)],
)
@example(
    # Lord Howe's clock changes by half an hour.
    where=(ZoneInfo("Australia/Lord_Howe"), Window((date(2026, 4, 4) - EPOCH).days, 2)),
    hours=[Weekly(6, 60, 180)],
)
def test_opening_hours_follow_the_wall_clock_tick_by_tick(
    where: tuple[ZoneInfo, Window], hours: list[Weekly]
) -> None:
    zone, window = where
    assert availability.opening(hours, zone, window) == oracle(hours, zone, window)


SYDNEY = ZoneInfo("Australia/Sydney")
NIGHT = Window((date(2026, 4, 4) - EPOCH).days, 1)
"""In which Sydney's clock goes from 3:00 back to 2:00, at 16:00 UTC."""


@pytest.mark.parametrize(
    ("starts", "ends", "hours"),
    [(1320, 360, 9), (120, 180, 2), (150, 240, 2.5), (0, 150, 2.5), (0, 120, 2), (180, 240, 1)],
    ids=["all night", "the hour", "from its middle", "to its middle", "to it", "from its end"],
)
def test_what_is_open_when_the_clock_goes_back_stays_open(
    starts: int, ends: int, hours: float
) -> None:
    """A period ends when the clock shows its end for the first time."""
    weekday = 5 if starts > ends else 6
    found = availability.opening([Weekly(weekday, starts, ends)], SYDNEY, NIGHT)
    assert found.bit_count() == hours * 12
    assert len(list(availability.spans_of(found, NIGHT))) == 1


@pytest.mark.parametrize("zone", ZONES)
def test_opening_hours_are_right_over_every_change_of_the_clock(zone: str) -> None:
    hours = [Weekly(day, 0, 1440) for day in range(7)] + [Weekly(2, 1320, 120)]
    for change in changes_of(zone):
        window = Window(change - 1, 3)
        found = availability.opening(hours, ZoneInfo(zone), window)
        assert found == oracle(hours, ZoneInfo(zone), window), change


@given(where=zones_and_windows(), minutes=st.sampled_from([5, 25, 30, 50, 75, 120, 480, 1440]))
def test_starts_lie_on_the_grid_of_the_wall_clock(
    where: tuple[ZoneInfo, Window], minutes: int
) -> None:
    zone, window = where
    expected = 0
    for bit in range(window.days * DAY):
        local = datetime.fromtimestamp((window.start + bit) * 300, UTC).astimezone(zone)
        if (local.hour * 60 + local.minute) % minutes == 0:
            expected |= 1 << bit
    assert availability.grid(minutes, zone, window) == expected


@given(where=zones_and_windows(), back=st.integers(-2, 8))
def test_a_closed_day_is_every_tick_of_the_local_date(
    where: tuple[ZoneInfo, Window], back: int
) -> None:
    zone, window = where
    day = EPOCH + timedelta(days=window.first + back)
    expected = 0
    for bit in range(window.days * DAY):
        local = datetime.fromtimestamp((window.start + bit) * 300, UTC).astimezone(zone)
        expected |= (local.date() == day) << bit
    assert availability.whole_days([day], zone, window) == expected


@given(free=st.integers(0, 2**400 - 1), length=st.integers(1, 96))
def test_a_run_starts_where_all_its_ticks_are_free(free: int, length: int) -> None:
    bits = f"{free:0400b}"[::-1]
    expected = sum(1 << at for at in range(400) if bits[at : at + length] == "1" * length)
    assert availability.starts_of_runs(free, length) == expected


@given(mask=st.integers(0, 2**576 - 1))
def test_a_mask_is_the_spans_that_it_is_cut_into(mask: int) -> None:
    window = Window(20_000, 2)
    spans = list(availability.spans_of(mask, window))
    assert availability.mask_of(spans, window) == mask
    assert all(one.end < other.start for one, other in itertools.pairwise(spans))
    assert list(availability.bits(mask)) == [at for at in range(576) if mask >> at & 1]


@given(start=st.integers(-100, 700), length=st.integers(0, 400))
def test_only_the_part_of_a_span_inside_the_window_counts(start: int, length: int) -> None:
    window = Window(10, 2)
    span = Span(window.start + start, window.start + start + length)
    inside = {tick for tick in range(span.start, span.end) if window.start <= tick < window.end}
    mask = availability.mask_of([span], window)
    assert {window.start + bit for bit in availability.bits(mask)} == inside


STEPS = st.sampled_from([5, 10, 25, 30, 35, 50, 55, 60, 75, 240, 480])


def starts_by_oracle(
    period: Weekly, zone: ZoneInfo, window: Window, step: int, length: int
) -> set[int]:
    """Walk through each day's open time in minutes, from its first open tick on."""
    found = set()
    for day in range(window.first - 3, window.first + window.days + 3):
        local = EPOCH + timedelta(days=day)
        if not _begins(period, local):
            continue
        once = period._replace(
            weekday=local.weekday(), valid_from=local, valid_until=local, rule=None
        )
        around = Window(day - 2, 5)
        opened = [around.start + bit for bit in availability.bits(oracle([once], zone, around))]
        found |= {
            start
            for start in opened[:1] and range(opened[0], opened[-1] + 2 - length // 5, step // 5)
            if window.start <= start < window.end
        }
    return found


@given(
    where=zones_and_windows(),
    hours=st.lists(periods() | recurring(), min_size=1, max_size=3),
    step=STEPS,
    length=STEPS,
)
@example(
    # Two periods that touch, over the night on which Sydney's clock goes from 3:00 back to 2:00.
    where=(SYDNEY, NIGHT),
    hours=[Weekly(5, 1320, 150), Weekly(6, 150, 600)],
    step=50,
    length=50,
)
@example(
    # The second begins at a time that the clock skips.
    where=(SYDNEY, Window((date(2026, 10, 3) - EPOCH).days, 2)),
    hours=[Weekly(5, 1080, 0), Weekly(6, 150, 600)],
    step=35,
    length=55,
)
def test_starts_lie_in_steps_from_the_beginning_of_each_period(
    where: tuple[ZoneInfo, Window], hours: list[Weekly], step: int, length: int
) -> None:
    zone, window = where
    try:
        hours = list(check_hours(hours))
    except (HoursOverlap, LongNight, BadHours):
        reject()
    expected = set()
    for period in hours:
        expected |= starts_by_oracle(period, zone, window, step, length)
    found = availability.from_opening(hours, zone, window, every=step // 5, length=length // 5)
    assert {window.start + bit for bit in availability.bits(found.starts)} == expected
    assert found.opened == availability.opening(hours, zone, window)


@given(taken=st.integers(0, 2**300 - 1), length=st.integers(1, 40))
def test_beside_what_is_taken_is_directly_before_and_after(taken: int, length: int) -> None:
    expected = {
        at
        for at in range(301)
        if (at and taken >> at - 1 & 1 and not taken >> at & 1)
        or (taken >> at + length & 1 and not taken >> at + length - 1 & 1)
    }
    assert set(availability.bits(availability.beside(taken, length))) == expected


def test_naive_datetimes_are_refused_not_guessed() -> None:
    with pytest.raises(TypeError):
        availability.tick_at(datetime(2026, 11, 23, 9))  # noqa: DTZ001 - what is tested


@given(
    starts=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    minutes=st.integers(1, 5000),
)
def test_a_window_holds_all_of_its_period_and_no_whole_day_more(
    starts: datetime, minutes: int
) -> None:
    ends = starts + timedelta(minutes=minutes)
    window = availability.window_over(starts, ends)
    begins = datetime.fromtimestamp(window.start * 300, UTC)
    assert begins <= starts < begins + timedelta(days=1)
    finish = datetime.fromtimestamp(window.end * 300, UTC)
    assert finish - timedelta(days=1) < ends <= finish


@given(st.sets(st.integers(0, 6 * WEEK)))
def test_the_bits_of_weeks_come_in_order(positions: set[int]) -> None:
    mask = sum(1 << position for position in positions)
    assert list(availability.bits(mask)) == sorted(positions)
