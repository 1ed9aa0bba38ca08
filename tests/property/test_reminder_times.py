"""When reminders go out, against a naive walk over the minutes, through both DST changes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from factories import SYDNEY
from openslot.notifications.reminders import (
    USEFUL,
    Quiet,
    after_quiet_hours,
    quiet_hours,
    reminder_due,
)

NIGHT = Quiet(time(21), time(7))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ZONES = st.sampled_from(
    [
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "Europe/London",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "UTC",
    ]
).map(ZoneInfo)
CHANGES = [
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Sydney goes back, Lord Howe too, by half an hour
    datetime(2026, 10, 3, 16, tzinfo=UTC),  # and forth
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # London
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 5, tzinfo=UTC),  # St John's
    datetime(2026, 11, 1, 4, tzinfo=UTC),
]
TICKS = st.builds(
    lambda change, ticks: change + ticks * timedelta(minutes=5),
    st.sampled_from(CHANGES),
    st.integers(-600, 600),
)
"""Starts within two days of a change, and others."""

CLOCKS = st.times().map(lambda when: when.replace(second=0, microsecond=0, tzinfo=None))


def due(start: datetime, hours: int = 24, zone: ZoneInfo = SYDNEY, **more: object) -> datetime:
    options = {"quiet": NIGHT, "now": LONG_AGO, **more}
    found = reminder_due(start, hours=hours, zone=zone, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def at(day: int, hour: int, minute: int = 0, *, month: int = 6) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SYDNEY)


def test_by_day_it_goes_out_as_long_before_as_is_set() -> None:
    assert due(at(10, 9)) == at(9, 9)
    assert due(at(10, 16), hours=3) == at(10, 13)


def test_the_night_is_slept_through_where_two_hours_are_left() -> None:
    assert due(at(10, 12), hours=12) == at(10, 12) - timedelta(hours=5)
    assert due(at(10, 9), hours=9) == at(10, 7)


def test_else_it_goes_out_before_the_night() -> None:
    assert due(at(10, 8, 55), hours=9) == at(9, 20, 59)
    assert due(at(10, 2), hours=2) == at(9, 20, 59)


def test_a_short_reminder_is_of_use_for_half_of_its_time() -> None:
    assert due(at(10, 8), hours=2) == at(10, 7)
    assert due(at(10, 7, 59), hours=2) == at(9, 20, 59)


def test_hours_are_counted_and_the_night_is_what_the_clock_shows() -> None:
    # Sydney goes forth on Sunday 4 October 2026, from 2 to 3 am.
    assert due(at(4, 20, month=10)) == at(3, 19, month=10)
    assert due(at(4, 9, 30, month=10), hours=8) == at(4, 7, month=10)
    # And back on Sunday 5 April 2026, from 3 to 2 am.
    assert due(at(5, 8, month=4)) == at(4, 9, month=4)


@pytest.mark.parametrize("quiet", [None, Quiet(time(7), time(7))])
def test_without_quiet_hours_nothing_is_put_off(quiet: Quiet | None) -> None:
    assert due(at(10, 3), quiet=quiet) == at(9, 3)


def test_it_is_not_sent_once_its_time_is_over() -> None:
    start = at(10, 9)
    last = at(9, 9)
    assert reminder_due(start, hours=24, quiet=NIGHT, zone=SYDNEY, now=last - MINUTE) == last
    assert reminder_due(start, hours=24, quiet=NIGHT, zone=SYDNEY, now=last) is None
    # Moved to before the night, which has begun already.
    now = at(9, 22)
    assert reminder_due(at(10, 8), hours=8, quiet=NIGHT, zone=SYDNEY, now=now) is None


def test_the_setting_is_read() -> None:
    assert quiet_hours("21:00-07:30") == Quiet(time(21), time(7, 30))
    assert quiet_hours("00:00-00:00") == Quiet(time(0), time(0)), "nothing is put off"


@given(start=TICKS, hours=st.integers(1, 72), zone=ZONES, begins=CLOCKS, ends=CLOCKS)
def test_it_never_rings_at_night_and_moves_no_further_than_it_must(
    start: datetime, hours: int, zone: ZoneInfo, begins: time, ends: time
) -> None:
    quiet = Quiet(begins, ends)
    wanted = start - timedelta(hours=hours)
    found = reminder_due(start, hours=hours, quiet=quiet, zone=zone, now=LONG_AGO)
    assert found is not None
    assert not quiet.includes(found, zone)
    if not quiet.includes(wanted, zone):
        assert found == wanted
        return
    steps = range(1, 60 * 49)
    later = next(
        wanted + n * MINUTE for n in steps if not quiet.includes(wanted + n * MINUTE, zone)
    )
    earlier = next(
        wanted - n * MINUTE for n in steps if not quiet.includes(wanted - n * MINUTE, zone)
    )
    useful = min(USEFUL, timedelta(hours=hours) / 2)
    assert found == (later if start - later >= useful else earlier)


@given(start=TICKS, zone=ZONES)
def test_the_usual_night_is_the_one_on_the_wall(start: datetime, zone: ZoneInfo) -> None:
    found = reminder_due(start, hours=24, quiet=NIGHT, zone=zone, now=LONG_AGO)
    assert found is not None
    assert 7 <= found.astimezone(zone).hour < 21
    assert timedelta(0) <= abs(found - (start - timedelta(hours=24))) <= timedelta(hours=11)


@given(moment=TICKS, zone=ZONES)
def test_nobody_is_woken_by_a_worker_that_was_away(moment: datetime, zone: ZoneInfo) -> None:
    found = after_quiet_hours(moment, quiet=NIGHT, zone=zone)
    assert not NIGHT.includes(found, zone)
    assume(found != moment)
    assert NIGHT.includes(moment, zone)
    assert found - moment <= timedelta(hours=11)
