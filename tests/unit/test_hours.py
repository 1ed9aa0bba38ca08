"""Hours and the starts that they give, as people say them: examples, and what is refused."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from factories import SYDNEY
from openslot.core.errors import DomainError
from openslot.schedules import recurrence
from openslot.schedules.availability import (
    EPOCH,
    Weekly,
    Window,
    bits,
    instant_of,
    span_between,
    spans_of,
)
from openslot.schedules.errors import (
    BadRule,
    BadSlotLength,
    BadStep,
    HoursOverlap,
    NeedsFirstDay,
    NeverOpen,
    SkippedTime,
    TooFarApart,
)
from openslot.schedules.models import StartsFrom
from openslot.schedules.preview import open_hours, preview
from openslot.schedules.rules import (
    Place,
    check_apart,
    check_hours,
    check_slot_minutes,
    check_step_minutes,
    on_clock,
    read_clock,
    times_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)
OFFICE = tuple(Weekly(day, 540, 1020) for day in range(5))


def place(hours: Sequence[Weekly], zone: ZoneInfo = SYDNEY, **more: Any) -> Place:
    """A schedule with these hours."""
    ids = ("schedule_id", "centre_id", "diary_id", "closures_id", "max_slots")
    unknown = ("practitioner_id", "profession", "expertise", "practitioner_email", "room_id")
    limits = {"notice_minutes": 0, "horizon_days": 180, "slot_minutes": 30, "holiday_region": None}
    values = {**dict.fromkeys(ids, 1), **dict.fromkeys(unknown), **limits, **more}
    return Place(**values, zone=zone, hours=check_hours(hours))


def starts(there: Place, first: date = MONDAY, days: int = 1) -> list[str]:
    """The starts of local days, as clocks show them; from the second day on with the day."""
    window = Window((first - EPOCH).days - 1, days + 2)
    at = [
        instant_of(window.start + bit).astimezone(there.zone)
        for bit in bits(times_of(there, window).starts)
    ]
    last = first + timedelta(days=days)
    return [f"{one:%H:%M}" for one in at if first <= one.date() < last]


def on_monday(*texts: str) -> list[Weekly]:
    periods = [[read_clock(clock) for clock in text.split("-")] for text in texts]
    return [Weekly(0, *period) for period in periods]


EACH_HOUR = ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00", "16:00"]


@pytest.mark.parametrize(
    ("hours", "slot", "step", "expected"),
    [
        (["08:45-12:15"], 30, None, "08:45 09:15 09:45 10:15 10:45 11:15 11:45"),
        (["09:30-12:30"], 45, None, "09:30 10:15 11:00 11:45"),
        (["9-17"], 50, None, "09:00 09:50 10:40 11:30 12:20 13:10 14:00 14:50 15:40"),
        (["9-17"], 50, 60, " ".join(EACH_HOUR)),
        (["9-11"], 25, None, "09:00 09:25 09:50 10:15"),
        (["9-11"], 35, None, "09:00 09:35 10:10"),
        (["9-11"], 55, None, "09:00 09:55"),
        (["9-13"], 75, None, "09:00 10:15 11:30"),
        (["9-12", "12-13:30"], 50, None, "09:00 09:50 10:40 12:00"),
        (["9-10:15"], 60, 15, "09:00 09:15"),
        (["9-9:20"], 30, None, ""),
        (["9-17"], 480, None, "09:00"),
    ],
)
def test_starts_lie_from_the_opening(
    hours: list[str], slot: int, step: int | None, expected: str
) -> None:
    there = place(on_monday(*hours), slot_minutes=slot, step_minutes=step)
    assert starts(there) == expected.split()


@pytest.mark.parametrize(
    ("slot", "step", "expected"),
    [
        (30, None, "09:00 09:30 10:00 10:30 11:00 11:30"),
        (50, None, "09:10 10:00 10:50"),
        (30, 60, "09:00 10:00 11:00"),
    ],
)
def test_starts_lie_from_midnight(slot: int, step: int | None, expected: str) -> None:
    midnight = place(
        on_monday("08:45-12:15"),
        slot_minutes=slot,
        step_minutes=step,
        starts_from=StartsFrom.MIDNIGHT,
    )
    assert starts(midnight) == expected.split()


@pytest.mark.parametrize(
    ("night", "length", "expected"),
    [
        (Weekly(5, 1320, 360), 8, "22:00 22:50 23:40 00:30 01:20 02:10 03:00 03:50 04:40"),
        (Weekly(5, 1080, 0), 6, "18:00 18:50 19:40 20:30 21:20 22:10 23:00"),
        (Weekly(5, 1425, 15), 0.5, ""),
    ],
)
def test_a_night_goes_on_past_midnight_and_the_end_of_the_month(
    night: Weekly, length: float, expected: str
) -> None:
    there = place([night], slot_minutes=50)
    assert starts(there, date(2026, 10, 31), days=2) == expected.split()  # a Saturday
    window = Window((date(2026, 10, 30) - EPOCH).days, 4)
    assert times_of(there, window).opened.bit_count() == length * 12


@pytest.mark.parametrize(
    ("night", "expected"),
    [
        (date(2026, 3, 28), "22:00 22:50 23:40 00:30 01:20 03:10 04:00 04:50"),
        (date(2026, 10, 24), "22:00 22:50 23:40 00:30 01:20 02:10 02:00 02:50 03:40 04:30"),
    ],
    ids=["an hour less", "an hour more"],
)
def test_sessions_of_a_night_are_back_to_back_when_the_clock_changes(
    night: date, expected: str
) -> None:
    there = place([Weekly(5, 1320, 360)], BERLIN, slot_minutes=50)
    assert starts(there, night, days=2) == expected.split()


def test_all_day_is_a_day_of_starts() -> None:
    assert len(starts(place(on_monday("0-24")))) == 48


# Recurrence


def days_of(*hours: Weekly, until: date = date(2026, 7, 1), **more: Any) -> list[str]:
    """The local days with hours from March 2026 on."""
    there = place(hours, **more)
    first = date(2026, 3, 1)
    window = Window((first - EPOCH).days, (until - first).days)
    spans = spans_of(times_of(there, window).opened, window)
    return [f"{instant_of(span.start).astimezone(SYDNEY):%a %-d %b}" for span in spans]


def by_rule(rule: str, first: date | None = None, last: date | None = None) -> Weekly:
    return Weekly(0, 540, 720, first, last, rule)


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20260428",
            date(2026, 3, 3),
            ["Tue 3 Mar", "Tue 17 Mar", "Tue 31 Mar", "Tue 14 Apr", "Tue 28 Apr"],
        ),
        ("FREQ=MONTHLY;BYDAY=1MO", None, ["Mon 2 Mar", "Mon 6 Apr", "Mon 4 May", "Mon 1 Jun"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", None, ["Fri 27 Mar", "Fri 24 Apr", "Fri 29 May", "Fri 26 Jun"]),
        ("RRULE:freq=daily;count=2", date(2026, 3, 7), ["Sat 7 Mar", "Sun 8 Mar"]),
        ("FREQ=MONTHLY;COUNT=2", date(2026, 3, 31), ["Tue 31 Mar", "Sun 31 May"]),
        ("FREQ=WEEKLY;BYDAY=TH;COUNT=1", date(2026, 3, 3), ["Thu 5 Mar"]),
    ],
)
def test_hours_recur(rule: str, first: date | None, expected: list[str]) -> None:
    assert days_of(by_rule(rule, first)) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=13",
        "FREQ=WEEKLY;INTERVAL=5;BYDAY=MO,WE,SU",
        "FREQ=MONTHLY;INTERVAL=7;BYDAY=5FR,-1MO",
        "FREQ=MONTHLY;INTERVAL=2",
    ],
)
def test_years_later_a_rule_is_where_counting_leads(rule: str) -> None:
    """With COUNT, each day is counted from the first."""
    for year in range(2026, 2034):
        for first in (FIRST, date(2026, 8, 31)):
            counted = recurrence.days_in(f"{rule};COUNT=1000", first, year)
            assert recurrence.days_in(rule, first, year) == counted


def test_a_hundred_rules_are_compared_together() -> None:
    """Not again for each first day: a schedule is locked meanwhile."""
    hours = [
        Weekly(0, count * 10, count * 10 + 5, FIRST + count * timedelta(28), None, FORTNIGHT)
        for count in range(100)
    ]
    before = recurrence.days_in.cache_info()
    check_hours(hours)
    after = recurrence.days_in.cache_info()
    assert after.hits + after.misses - before.hits - before.misses < 3000


@pytest.mark.parametrize("years", [1, 3])
def test_rules_that_begin_in_too_many_years_are_refused(years: int) -> None:
    """A year apart they are compared in one long time, three years apart in many."""
    hours = [
        Weekly(0, 10 * count, 10 * count + 5, date(1950 + count * years, 1, 2), None, FORTNIGHT)
        for count in range(40)
    ]
    with pytest.raises(TooFarApart):
        check_hours(hours)
    check_hours(hours[:5])


def test_a_single_date_is_a_week_that_begins_and_ends() -> None:
    saturday = date(2026, 3, 7)
    assert days_of(Weekly(5, 540, 720, saturday, saturday)) == ["Sat 7 Mar"]


def test_every_week_is_kept_as_such() -> None:
    (kept,) = check_hours([by_rule("FREQ=WEEKLY;BYDAY=WE;UNTIL=20261231")])
    assert kept == Weekly(2, 540, 720, None, date(2026, 12, 31))


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("", BadRule),
        ("every Tuesday", BadRule),
        ("FREQ=HOURLY", BadRule),
        ("FREQ=YEARLY;BYDAY=1MO", BadRule),
        ("FREQ=WEEKLY;BYDAY=1TU", BadRule),
        ("FREQ=WEEKLY;BYDAY=XX", BadRule),
        ("FREQ=MONTHLY;BYDAY=6MO", BadRule),
        ("FREQ=MONTHLY;BYMONTHDAY=3", BadRule),
        ("FREQ=DAILY;FREQ=DAILY", BadRule),
        ("FREQ=DAILY;INTERVAL=0", BadRule),
        ("FREQ=DAILY;COUNT=100000", BadRule),
        ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20260231", BadRule),
        ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20260301T000000Z", BadRule),
        ("FREQ=WEEKLY;BYDAY=TU;UNTIL=99991231", BadRule),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", NeedsFirstDay),
        ("FREQ=MONTHLY", NeedsFirstDay),
        ("FREQ=DAILY;COUNT=3", NeedsFirstDay),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(rule: str, error: type[DomainError]) -> None:
    with pytest.raises(error):
        check_hours([by_rule(rule)])


def test_hours_that_fall_on_no_day_are_refused() -> None:
    with pytest.raises(NeverOpen):
        check_hours([by_rule("FREQ=DAILY;INTERVAL=7;BYDAY=TU", date(2026, 3, 2))])
    with pytest.raises(NeverOpen):
        check_hours([by_rule("FREQ=WEEKLY;BYDAY=TU,WE", date(2026, 3, 5), date(2026, 3, 9))])


# Overlaps

FIRST, SECOND = date(2026, 3, 3), date(2026, 3, 10)
FORTNIGHT = "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"


@pytest.mark.parametrize(
    "hours",
    [
        [by_rule(FORTNIGHT, FIRST), by_rule(FORTNIGHT, SECOND)],
        [by_rule(FORTNIGHT, FIRST), Weekly(1, 540, 600, date(2026, 3, 10), date(2026, 3, 10))],
        [by_rule("FREQ=MONTHLY;BYDAY=1MO"), by_rule("FREQ=MONTHLY;BYDAY=2MO,3MO")],
        [Weekly(0, 540, 720, None, date(2026, 3, 10)), Weekly(0, 540, 720, date(2026, 3, 10))],
        [Weekly(6, 1320, 360), Weekly(0, 360, 420)],
    ],
)
def test_hours_that_never_meet_are_allowed(hours: list[Weekly]) -> None:
    assert len(check_hours(hours)) == 2
    assert len(check_hours(reversed(hours))) == 2
    check_apart(hours[:1], SYDNEY, [place(hours[1:])])


@pytest.mark.parametrize(
    "hours",
    [
        [by_rule(FORTNIGHT, FIRST), by_rule(FORTNIGHT, date(2028, 3, 14))],
        [by_rule(FORTNIGHT, FIRST), by_rule("FREQ=WEEKLY;INTERVAL=3;BYDAY=TU", SECOND)],
        [by_rule(FORTNIGHT, FIRST), Weekly(1, 700, 800)],
        [by_rule("FREQ=MONTHLY;BYDAY=5MO"), by_rule("FREQ=MONTHLY;BYDAY=-1MO")],
        [Weekly(6, 1320, 360), Weekly(0, 355, 420)],
        [Weekly(0, 540, 600), Weekly(0, 595, 720, date(2031, 1, 6), date(2031, 1, 6))],
    ],
)
def test_hours_that_meet_even_once_are_refused(hours: list[Weekly]) -> None:
    for order in (hours, hours[::-1]):
        with pytest.raises(HoursOverlap):
            check_hours(order)
        with pytest.raises(HoursOverlap):
            check_apart(order[:1], SYDNEY, [place(order[1:])])


def test_an_overlap_says_when_it_is() -> None:
    with pytest.raises(HoursOverlap, match="overlap on 2026-03-17 at 11:00"):
        check_hours(
            [by_rule(FORTNIGHT, FIRST), Weekly(1, 660, 780, date(2026, 3, 12), date(2026, 3, 20))]
        )


EASTER_MONDAY = date(2026, 4, 6)


def test_a_holiday_can_have_hours_of_its_own() -> None:
    morning = Weekly(0, 540, 720, EASTER_MONDAY, EASTER_MONDAY, None, True)
    hours = check_hours([*OFFICE, morning], "AU-NSW")
    there = place(OFFICE, holiday_region="AU-NSW")._replace(hours=hours, slot_minutes=60)
    assert starts(there, EASTER_MONDAY) == ["09:00", "10:00", "11:00"]
    assert starts(there, EASTER_MONDAY + timedelta(days=1)) == EACH_HOUR
    with pytest.raises(HoursOverlap):
        check_hours([*OFFICE, morning])  # where it is no holiday
    week_later = EASTER_MONDAY + timedelta(days=7)
    with pytest.raises(HoursOverlap):
        check_hours(
            [*OFFICE, morning._replace(valid_from=week_later, valid_until=week_later)], "AU-NSW"
        )


def test_hours_of_each_week_can_be_for_holidays_too() -> None:
    there = place([Weekly(0, 540, 720, on_holidays=True)], holiday_region="AU-NSW")
    assert "09:00" in starts(there, EASTER_MONDAY)
    assert not starts(place([Weekly(0, 540, 720)], holiday_region="AU-NSW"), EASTER_MONDAY)


# Lengths


@pytest.mark.parametrize("minutes", [5, 10, 25, 35, 50, 55, 75, 480])
def test_a_slot_is_any_multiple_of_five(minutes: int) -> None:
    assert check_slot_minutes(minutes) == minutes


@pytest.mark.parametrize("minutes", [0, -5, 7, 52, 485])
def test_other_lengths_are_refused(minutes: int) -> None:
    with pytest.raises(BadSlotLength):
        check_slot_minutes(minutes)


@pytest.mark.parametrize("minutes", [0, -5, 7, 1445])
def test_steps_that_cannot_be_are_refused(minutes: int) -> None:
    with pytest.raises(BadStep):
        check_step_minutes(minutes)
    assert check_step_minutes(None) is None
    assert check_step_minutes(1440) == 1440


def test_starts_are_the_same_however_the_window_lies() -> None:
    there = place([Weekly(day, 1320, 360) for day in range(7)], slot_minutes=50)
    whole = Window((MONDAY - EPOCH).days, 10)
    together = [whole.start + bit for bit in bits(times_of(there, whole).starts)]
    apart = []
    for day in range(10):
        window = Window(whole.first + day, 1)
        apart += [window.start + bit for bit in bits(times_of(there, window).starts)]
    assert together == apart
    assert datetime.fromtimestamp(together[0] * 300, SYDNEY).minute in (0, 50, 40, 30, 20, 10)


# The preview


def shown(there: Place, first: date, days: int) -> dict[str, list[tuple[str, int, int]]]:
    """For each day with hours: from when to when, the number of starts, and what is left over."""
    return {
        f"{day.day:%a %-d %b}": [
            (f"{one.begins:%H:%M}-{one.ends:%H:%M}", len(one.starts), one.lost)
            for one in day.openings
        ]
        for day in preview(there, first, days)
        if day.openings or day.holiday
    }


def test_the_preview_shows_each_period_and_what_is_left_over() -> None:
    morning = Weekly(0, 540, 720, EASTER_MONDAY, EASTER_MONDAY, None, True)
    hours = check_hours([*OFFICE, Weekly(2, 1320, 360), morning], "AU-NSW")
    there = place([], holiday_region="AU-NSW", slot_minutes=50)._replace(hours=hours)
    assert shown(there, date(2026, 4, 3), 6) == {
        "Fri 3 Apr": [],
        "Sat 4 Apr": [],
        "Sun 5 Apr": [],
        "Mon 6 Apr": [("09:00-12:00", 3, 30)],
        "Tue 7 Apr": [("09:00-17:00", 9, 30)],
        "Wed 8 Apr": [("09:00-17:00", 9, 30), ("22:00-06:00", 9, 30)],
    }


def test_the_preview_shows_days_without_end_one_by_one() -> None:
    there = place(
        [Weekly(0, 0, 1440, None, None, "FREQ=DAILY")], slot_minutes=480, step_minutes=720
    )
    all_day = [("00:00-00:00", 2, 480)]
    assert list(shown(there, MONDAY, 3).values()) == [all_day] * 3


def test_the_preview_of_a_night_over_the_end_of_summer_time() -> None:
    night = place([Weekly(5, 1320, 360)], BERLIN, slot_minutes=60)
    assert shown(night, date(2026, 10, 24), 2) == {"Sat 24 Oct": [("22:00-06:00", 9, 0)]}


# The clock of a zone


@pytest.mark.parametrize(
    ("day", "minutes", "instant"),
    [
        (date(2026, 11, 23), 24 * 60, "2026-11-24T00:00:00+11:00"),
        (date(2026, 11, 23), 9 * 60, "2026-11-23T09:00:00+11:00"),
        (date(2026, 4, 5), 150, "2026-04-05T02:30:00+11:00"),
        (date(2026, 10, 4), 3 * 60, "2026-10-04T03:00:00+11:00"),
    ],
)
def test_when_a_clock_shows_a_time(day: date, minutes: int, instant: str) -> None:
    assert on_clock(day, minutes, SYDNEY).isoformat() == instant


def test_a_time_that_a_clock_never_shows_is_refused() -> None:
    with pytest.raises(SkippedTime):
        on_clock(date(2026, 10, 4), 150, SYDNEY)


def test_a_centre_is_open_while_anybody_is_there_and_it_is_not_closed() -> None:
    early, late = [Weekly(6, 0, 540)], [Weekly(6, 480, 720), Weekly(6, 780, 1440)]
    sunday = date(2026, 3, 29)  # the clock skips from 2 to 3
    noon = datetime(2026, 3, 29, 14, tzinfo=BERLIN)
    closed = [span_between(noon, noon + timedelta(hours=1))]
    hours = open_hours(
        [place(early, BERLIN), place(late, BERLIN)], closed, BERLIN, sunday - timedelta(days=1), 3
    )
    shown = [[f"{begin:%H:%M}-{end:%H:%M}" for begin, end in one.times] for one in hours]
    assert shown == [[], ["00:00-12:00", "13:00-14:00", "15:00-00:00"], []]
