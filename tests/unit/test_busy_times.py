"""The busy times of calendars that are kept elsewhere."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openslot.schedules import elsewhere
from openslot.schedules.availability import Window, instant_of, window_over
from openslot.schedules.elsewhere import read, read_apart
from openslot.schedules.errors import Unreadable

SYDNEY = ZoneInfo("Australia/Sydney")
AUTUMN = window_over(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC))
"""In Sydney, the clock goes from 2:00 to 3:00 on Sunday 4 October 2026."""

APRIL = window_over(datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 4, 12, tzinfo=UTC))
"""In Sydney, the clock goes from 3:00 to 2:00 on Sunday 4 April 2027."""


def calendar(*entries: str, zones: str = "") -> bytes:
    """A calendar of entries, each given by its lines; "_" is a blank."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN", *zones.split()]
    for number, entry in enumerate(entries):
        lines += ["BEGIN:VEVENT", f"UID:{number}"]
        lines += [line.replace("_", " ") for line in entry.split()]
        lines.append("END:VEVENT")
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def zone_of_its_own(rule: str = "BYDAY=1SU", to: str = "+1000") -> str:
    """The definition of a zone "Odd"."""
    period = f"DTSTART:20000101T000000 RRULE:FREQ=YEARLY;{rule} TZOFFSETFROM:+0900 TZOFFSETTO:{to}"
    periods = [f"BEGIN:{kind} {period} END:{kind}" for kind in ("STANDARD", "DAYLIGHT")]
    return " ".join(["BEGIN:VTIMEZONE TZID:Odd", *periods, "END:VTIMEZONE"])


def times(*entries: str, window: Window = AUTUMN, zone: ZoneInfo = SYDNEY) -> list[str]:
    """The busy times on the clocks of a zone; no entry may be left out."""
    found = read(calendar(*entries), zone, window)
    assert found.unread == 0
    return sorted(
        f"{instant_of(span.start).astimezone(zone):%d.%m %H:%M} "
        f"{instant_of(span.end).astimezone(zone):%d.%m %H:%M}"
        for _, span in found.times
    )


def test_times_are_rounded_out_to_whole_ticks() -> None:
    assert times("DTSTART:20261006T230200Z DTEND:20261006T233601Z") == ["07.10 10:00 07.10 10:40"]


def test_a_weekly_time_stays_on_the_clock_when_it_changes() -> None:
    weekly = "DTSTART;TZID=Australia/Sydney:20260920T090000 DURATION:PT1H RRULE:FREQ=WEEKLY"
    assert times(weekly) == [
        "04.10 09:00 04.10 10:00",
        "11.10 09:00 11.10 10:00",
        "18.10 09:00 18.10 10:00",
    ]
    assert times(weekly, window=APRIL) == [
        "04.04 09:00 04.04 10:00",
        "11.04 09:00 11.04 10:00",
    ]


def test_nights_and_days_of_both_changes_have_their_real_length() -> None:
    night = "DTSTART;TZID=Australia/Sydney:{0}T010000 DTEND;TZID=Australia/Sydney:{0}T040000"
    day = "DTSTART;VALUE=DATE:{0}"
    for date_, window, hours in (("20261004", AUTUMN, 2), ("20270404", APRIL, 4)):
        (short,) = read(calendar(night.format(date_)), SYDNEY, window).times
        (whole,) = read(calendar(day.format(date_)), SYDNEY, window).times
        assert short.span.end - short.span.start == hours * 12
        assert whole.span.end - whole.span.start == (hours + 21) * 12


def test_a_time_that_the_clock_skips_or_repeats_is_read_as_the_standard_says() -> None:
    start = "DTSTART;TZID=Australia/Sydney:{} DURATION:PT1H"
    assert times(start.format("20261004T023000")) == ["04.10 03:30 04.10 04:30"]
    (twice,) = read(calendar(start.format("20270404T023000")), SYDNEY, APRIL).times
    assert instant_of(twice.span.start) == datetime(2027, 4, 3, 15, 30, tzinfo=UTC)


def test_all_day_entries_are_days_of_the_practitioners_zone() -> None:
    days = "DTSTART;VALUE=DATE:20261005 DTEND;VALUE=DATE:20261007"
    for zone in (SYDNEY, ZoneInfo("America/New_York")):
        assert times(days, zone=zone) == ["05.10 00:00 07.10 00:00"]


def test_what_is_free_or_cancelled_or_takes_no_time_is_not_busy() -> None:
    start = "DTSTART:20261006T230000Z "
    assert not times(
        start + "DURATION:PT1H TRANSP:TRANSPARENT", start + "DURATION:PT1H STATUS:CANCELLED", start
    )


def test_occurrences_are_added_left_out_moved_and_cancelled() -> None:
    series = (
        "DTSTART:20261005T000000Z DURATION:PT1H RRULE:FREQ=DAILY;COUNT=5 "
        "EXDATE:20261006T000000Z RDATE;VALUE=PERIOD:20261012T000000Z/PT2H"
    )
    moved = "RECURRENCE-ID:20261007T000000Z DTSTART:20261007T030000Z DURATION:PT1H"
    cancelled = "RECURRENCE-ID:20261008T000000Z DTSTART:20261008T000000Z STATUS:CANCELLED"
    written = calendar(series, moved, cancelled).replace(b"UID:1", b"UID:0")
    found = read(written.replace(b"UID:2", b"UID:0"), ZoneInfo("UTC"), AUTUMN)
    assert sorted(f"{instant_of(one.span.start):%d %H}" for one in found.times) == [
        "05 00",
        "07 03",
        "09 00",
        "12 00",
    ]


def test_zones_of_the_calendars_own_and_of_windows_are_known() -> None:
    own = """BEGIN:VTIMEZONE TZID:Here BEGIN:STANDARD DTSTART:19700101T000000 TZOFFSETFROM:+0500
        TZOFFSETTO:+0500 END:STANDARD END:VTIMEZONE"""
    entries = (
        "DTSTART;TZID=Here:20261007T060000 DURATION:PT1H",
        'DTSTART;TZID="W._Europe_Standard_Time":20261007T060000 DURATION:PT1H',
    )
    utc = ZoneInfo("UTC")
    found = sorted(one.span.start for one in read(calendar(*entries, zones=own), utc, AUTUMN).times)
    assert [f"{instant_of(tick):%H}" for tick in found] == ["01", "04"]


@pytest.mark.parametrize(
    "entry",
    [
        "DTSTART:rubbish DURATION:PT1H",
        "DTSTART;TZID=Nowhere/Land:20261006T230000 DURATION:PT1H",
        "DTSTART:20261006T230000Z DTEND:20261006T220000Z",
        "DTSTART:20261006T230000Z DURATION:PT1S RRULE:FREQ=SECONDLY",
        "DTSTART:20261006T230000Z DURATION:PT1H RRULE:FREQ=DAILY;INTERVAL=0",
        "SUMMARY:Nothing",
    ],
)
def test_an_entry_that_cannot_be_followed_is_counted_and_hides_no_other(entry: str) -> None:
    found = read(calendar(entry, "DTSTART:20261006T230000Z DURATION:PT1H"), ZoneInfo("UTC"), AUTUMN)
    assert (found.unread, len(found.times)) == (1, 1)


def test_a_rule_since_long_ago_gives_what_it_gives_now() -> None:
    old = "DTSTART;VALUE=DATE:19000101 RRULE:FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU"
    recent = "DTSTART;VALUE=DATE:20260906 RRULE:FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU"
    assert times(old)
    assert times(old) == times(recent)


ALWAYS = "BYHOUR={0};BYMINUTE={0};BYSECOND={0}".format(",".join(map(str, range(24))))
NEVER = "RRULE:FREQ=DAILY;BYSETPOS=" + ",".join(map(str, range(2, 367)))


@pytest.mark.parametrize(
    "bomb",
    [
        calendar(f"DTSTART:20200101T000000Z DURATION:PT1H {NEVER}"),
        calendar(
            "DTSTART;TZID=Odd:20261006T100000 DURATION:PT1H",
            zones=zone_of_its_own(f"BYDAY=MO;{ALWAYS}"),
        ),
    ],
    ids=["an entry that never is", "a zone that always changes"],
)
def test_a_calendar_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch, bomb: bytes
) -> None:
    monkeypatch.setattr(elsewhere, "SECONDS", 1)
    with pytest.raises(Unreadable, match="too long"):
        read_apart(bomb, SYDNEY, AUTUMN)


def test_the_zones_of_one_calendar_are_not_those_of_another() -> None:
    entry = "DTSTART;TZID=Odd:20261006T100000 DURATION:PT1H"
    begin = [
        read_apart(calendar(entry, zones=zone_of_its_own(to=to)), SYDNEY, AUTUMN)
        .times[0]
        .span.start
        for to in ("+0200", "+1000")
    ]
    assert begin[0] - begin[1] == 8 * 12


@pytest.mark.parametrize("rubbish", [b"", b"<html></html>", b"\xff\xfe\x00", b"BEGIN:VEVENT\r\n"])
def test_what_is_no_calendar_is_refused(rubbish: bytes) -> None:
    with pytest.raises(Unreadable, match="iCalendar"):
        read(rubbish, SYDNEY, AUTUMN)


@given(st.text(alphabet=st.characters(max_codepoint=300), max_size=80))
def test_no_text_does_anything_but_give_times_or_be_left_out(text: str) -> None:
    whole = calendar("DTSTART:20261006T230000Z DURATION:PT1H").decode()
    for written in (whole.replace("20261006T230000Z", text), whole.replace("VERSION", text)):
        with suppress(Unreadable):
            read(written.encode(), SYDNEY, AUTUMN)
