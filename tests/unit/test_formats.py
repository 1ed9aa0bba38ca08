"""Dates, times, lengths, lists and numbers read as the design writes them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask_babel import Babel, force_locale
from markupsafe import Markup

from factories import HALF_HOUR, SYDNEY
from openslot.core import formats as plain
from openslot.core.births import BirthDate
from openslot.entrypoints.web import formats

LORD_HOWE = "Australia/Lord_Howe"
START = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday 23 November, 10:30 am in Sydney
NAIVE = datetime(2026, 11, 23, 10, 30)  # noqa: DTZ001 -- what must be refused
NBSP = "\u00a0"
THIN = "\u2009"
OTHER_LOCALES = ["ar", "es", "fr", "ga", "zh_Hans_CN"]


@pytest.fixture(autouse=True)
def _a_day_in_november() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 21, 3, 0, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def app() -> Flask:
    made = Flask("formats")
    Babel(made, default_locale="en_AU")
    formats.install(made)
    return made


def test_a_day_in_full_has_no_comma_and_leaves_out_this_year() -> None:
    assert formats.day_long(START, SYDNEY) == "Monday 23 November"
    assert formats.day_long(START, SYDNEY, year=True) == "Monday 23 November 2026"


def test_another_year_is_always_written_unless_told_otherwise() -> None:
    assert formats.day_long(date(2027, 3, 1)) == "Monday 1 March 2027"
    assert formats.day_short(date(2027, 3, 1)) == "Mon 1 Mar 2027"
    assert formats.day_long(date(2027, 3, 1), year=False) == "Monday 1 March"


def test_this_year_is_that_of_the_zone() -> None:
    with time_machine.travel(datetime(2026, 12, 31, 14, 0, tzinfo=UTC), tick=False):
        assert formats.day_long(date(2027, 1, 2), SYDNEY) == "Saturday 2 January"
        assert formats.day_long(date(2027, 1, 2), "UTC") == "Saturday 2 January 2027"


def test_a_day_in_little_room() -> None:
    assert formats.day_short(START, SYDNEY) == "Mon 23 Nov"
    assert formats.day_month(START, SYDNEY) == "23 Nov"


def test_the_day_is_that_of_the_zone_and_not_of_the_instant() -> None:
    assert formats.day_long(START, "UTC") == "Sunday 22 November"
    assert formats.day_long(START, "Australia/Sydney") == "Monday 23 November"


@pytest.mark.parametrize(
    ("part", "words"),
    [("weekday", "Mon"), ("weekday_long", "Monday"), ("day", "23"), ("month", "Nov")],
)
def test_the_pieces_of_a_tile(part: Any, words: str) -> None:
    assert formats.day_part(START, part, SYDNEY) == words


def test_the_time_of_day_is_lower_case_and_never_breaks() -> None:
    assert formats.clock_time(START, SYDNEY) == f"10:30{NBSP}am"
    assert formats.clock_time(START + timedelta(hours=3), SYDNEY) == f"1:30{NBSP}pm"


def test_a_time_that_occurs_twice_says_which_it_is() -> None:
    first = datetime(2026, 4, 4, 15, tzinfo=UTC)
    assert formats.clock_time(first - HALF_HOUR, SYDNEY) == f"1:30{NBSP}am"
    assert formats.clock_time(first, SYDNEY) == f"2:00{NBSP}am{NBSP}(UTC+11:00)"
    second = first + timedelta(hours=1)
    assert formats.clock_time(second, SYDNEY) == f"2:00{NBSP}am{NBSP}(UTC+10:00)"
    end = second + timedelta(hours=1)
    assert formats.time_range(second, end, SYDNEY).startswith(f"2:00{NBSP}am{NBSP}(UTC+10:00)")
    assert formats.clock_time(end, SYDNEY) == f"3:00{NBSP}am"


def test_day_and_time_are_joined_by_the_locale() -> None:
    full = formats.day_time(START, SYDNEY, year=True)
    assert full == f"Monday 23 November 2026, 10:30{NBSP}am"
    assert formats.day_time(START, SYDNEY, short=True) == f"Mon 23 Nov, 10:30{NBSP}am"


def test_a_range_of_times_says_am_once_when_both_are_in_the_morning() -> None:
    end = START + HALF_HOUR
    assert formats.time_range(START, end, SYDNEY) == f"10:30{NBSP}–{NBSP}11:00{NBSP}am"


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (2, f"10:30{NBSP}am{NBSP}–{NBSP}12:30{NBSP}pm"),
        (24, f"10:30{NBSP}am{NBSP}–{NBSP}10:30{NBSP}am"),
    ],
)
def test_a_range_over_noon_or_midnight_says_both(hours: int, words: str) -> None:
    assert formats.time_range(START, START + timedelta(hours=hours), SYDNEY) == words


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (date(2026, 11, 23), "23 Nov"),
        (date(2026, 11, 29), "23–29 Nov"),
        (date(2026, 12, 6), f"23 Nov{THIN}–{THIN}6 Dec"),
        (date(2027, 1, 3), f"23 Nov 2026{THIN}–{THIN}3 Jan 2027"),
    ],
)
def test_a_range_of_days(end: date, words: str) -> None:
    assert formats.date_range(date(2026, 11, 23), end) == words


def test_a_range_of_days_with_its_year() -> None:
    week = formats.date_range(START, START + timedelta(days=6), SYDNEY, year=True)
    assert week == "23–29 Nov 2026"


@pytest.mark.parametrize("locale", OTHER_LOCALES)
def test_a_range_over_years_without_the_year(app: Flask, locale: str) -> None:
    with app.app_context(), force_locale(locale):
        days = formats.date_range(date(2026, 12, 28), date(2027, 1, 3), year=False)
    assert "2026" not in days
    assert "28" in days


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        (SYDNEY, "Sydney time"),
        ("Asia/Kathmandu", "Kathmandu time"),
        ("America/St_Johns", "St John’s time"),
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
    ],
)
def test_a_zone_is_named_by_its_city(zone: formats.Zone, words: str) -> None:
    assert formats.zone_city(zone) == words


def test_the_reader_hears_how_far_their_clock_is() -> None:
    behind = formats.zone_difference("Australia/Adelaide", SYDNEY, START)
    assert behind == "Your own clock, in Adelaide, is 30 minutes behind."
    ahead = formats.zone_difference("Pacific/Auckland", SYDNEY, START)
    assert ahead == "Your own clock, in Auckland, is 2 hours ahead."


def test_the_difference_is_that_of_the_day_in_question() -> None:
    in_june = datetime(2026, 6, 1, tzinfo=UTC)
    half = formats.zone_difference(LORD_HOWE, SYDNEY, in_june)
    assert half == "Your own clock, in Lord Howe Island, is 30 minutes ahead."
    assert formats.zone_difference(LORD_HOWE, SYDNEY, START) is None


def test_equal_clocks_say_nothing() -> None:
    assert formats.zone_difference("Australia/Melbourne", SYDNEY, START) is None


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        (SYDNEY, "UTC+11:00"),
        ("America/St_Johns", "UTC-03:30"),
        ("Asia/Kathmandu", "UTC+05:45"),
        ("UTC", "UTC+00:00"),
    ],
)
def test_the_offset(zone: formats.Zone, words: str) -> None:
    assert formats.offset(START, zone) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-3, "3 days ago"),
        (-1, "yesterday"),
        (0, "today"),
        (1, "tomorrow"),
        (2, "in 2 days"),
        (13, "in 13 days"),
        (60, "in 60 days"),
        (90, "in 3 months"),
        (800, "in 2 years"),
    ],
)
def test_how_far_a_day_is(days: int, words: str) -> None:
    assert formats.relative_day(START + timedelta(days=days), SYDNEY, now=START) == words


def test_tomorrow_begins_at_midnight_of_the_zone() -> None:
    evening = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # 11 pm in Sydney
    assert formats.relative_day(evening + timedelta(hours=2), SYDNEY, now=evening) == "tomorrow"
    assert formats.relative_day(date(2026, 11, 22), SYDNEY) == "tomorrow"


def test_a_birth_always_has_its_year() -> None:
    assert formats.born(BirthDate("1980-03-31")) == "31 March 1980"
    assert formats.born(BirthDate("2026-03-31")) == "31 March 2026"
    assert formats.born(BirthDate("1957-01")) == "January 1957"
    assert formats.born(BirthDate("1957")) == "1957"


@pytest.mark.parametrize(
    ("minutes", "long", "short"),
    [
        (0, "0 minutes", "0 min"),
        (1, "1 minute", "1 min"),
        (30, "30 minutes", "30 min"),
        (60, "1 hour", "1 h"),
        (90, "1 hour 30 minutes", "1 h 30 min"),
        (130, "2 hours 10 minutes", "2 h 10 min"),
    ],
)
def test_a_length_of_time(minutes: int, long: str, short: str) -> None:
    assert formats.duration(minutes) == long
    assert formats.duration(minutes, short=True) == short


@pytest.mark.parametrize(
    ("typed", "region", "words"),
    [
        ("0293822222", "AU", "(02) 9382 2222"),
        ("+61 2 9382 2222", "AU", "(02) 9382 2222"),
        ("0412 345 678", "AU", "0412 345 678"),
        ("+353 1 234 5678", "AU", "+353 1 234 5678"),
        ("+61293822222", "IE", "+61 2 9382 2222"),
        ("ask at the desk", "AU", "ask at the desk"),
        ("12", "AU", "12"),
    ],
)
def test_phone_numbers(typed: str, region: str, words: str) -> None:
    assert plain.phone(typed, region) == words


def test_things_in_a_row() -> None:
    assert formats.listing(["English"]) == "English"
    assert formats.listing(["English", "Tamil", "Hindi"]) == "English, Tamil and Hindi"
    assert formats.listing(["Monday", "Tuesday"], "or") == "Monday or Tuesday"


def test_markup_in_a_row_stays_markup_and_text_beside_it_is_escaped() -> None:
    row = formats.listing([Markup("<b>one</b>"), "<two>"])
    assert row == Markup("<b>one</b> and &lt;two&gt;")
    assert isinstance(row, Markup)


def test_numbers(app: Flask) -> None:
    assert formats.number(12345) == "12,345"
    assert formats.number(Decimal("4.75"), 1) == "4.8"
    assert formats.number(3, 0) == "3"
    with app.app_context(), force_locale("fr"):
        assert formats.number(Decimal("4.8"), 1) == "4,8"


@pytest.mark.parametrize(
    "call",
    [
        lambda: formats.day_long(NAIVE, SYDNEY),
        lambda: formats.day_short(NAIVE, SYDNEY),
        lambda: formats.day_time(NAIVE, SYDNEY),
        lambda: formats.clock_time(NAIVE, SYDNEY),
        lambda: formats.time_range(NAIVE, START, SYDNEY),
        lambda: formats.date_range(START, NAIVE, SYDNEY),
        lambda: formats.relative_day(NAIVE, SYDNEY),
        lambda: formats.relative_day(START, SYDNEY, now=NAIVE),
        lambda: formats.offset(NAIVE, SYDNEY),
        lambda: formats.zone_difference("UTC", SYDNEY, NAIVE),
        lambda: formats.day_long(START),
    ],
)
def test_a_naive_instant_or_a_missing_zone_is_refused(call: Any) -> None:
    with pytest.raises(TypeError, match="needed"):
        call()


@pytest.mark.parametrize("locale", ["en", "en_AU", "en_GB", "en_IE", "en_NZ"])
def test_english_that_writes_the_day_first_reads_as_the_design_does(
    app: Flask, locale: str
) -> None:
    with app.app_context(), force_locale(locale):
        assert formats.day_long(START, SYDNEY, year=True) == "Monday 23 November 2026"
        assert formats.day_long(START, SYDNEY) == "Monday 23 November"
        assert formats.day_short(START, SYDNEY) == "Mon 23 Nov"


@pytest.mark.parametrize(
    ("locale", "full", "short", "time", "week"),
    [
        ("en_US", "Monday, November 23, 2026", "Mon, Nov 23", "10:30 AM", f"Nov 23{THIN}–{THIN}29"),
        ("ar", "الاثنين، 23 نوفمبر 2026", "الاثنين، 23 نوفمبر", "10:30 ص", "23–29 نوفمبر"),
        ("es", "lunes, 23 de noviembre de 2026", "lun, 23 nov", "10:30", "23–29 nov"),
        ("fr", "lundi 23 novembre 2026", "lun. 23 nov.", "10:30", "23–29 nov."),
        ("ga", "Dé Luain 23 Samhain 2026", "Luan 23 Samh", "10:30", f"23{THIN}–{THIN}29 Samh"),
        ("zh_Hans_CN", "2026年11月23日星期一", "11月23日周一", "10:30", "11月23日至29日"),
    ],
)
def test_other_languages_keep_their_own_order(
    app: Flask, locale: str, full: str, short: str, time: str, week: str
) -> None:
    with app.app_context(), force_locale(locale):
        assert formats.day_long(START, SYDNEY, year=True) == full
        assert formats.day_short(START, SYDNEY) == short
        assert formats.clock_time(START, SYDNEY).replace(NBSP, " ") == time
        assert formats.date_range(START, START + timedelta(days=6), SYDNEY) == week


def test_templates_have_every_format_as_a_filter(app: Flask) -> None:
    with app.app_context():
        page = app.jinja_env.from_string(
            "{{ at|time_range(at + half, zone) }}, {{ zone|zone_city }}"
        )
        words = page.render(at=START, half=HALF_HOUR, zone=SYDNEY)
    assert words == f"10:30{NBSP}–{NBSP}11:00{NBSP}am, Sydney time"
    assert {function.__name__ for function in formats.FORMATS} <= app.jinja_env.filters.keys()
