"""Dates of birth are understood as people write them, and never guessed."""

from datetime import date

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from openslot.entrypoints.web.births import read_day

AUSTRALIA, AMERICA = Locale("en", "AU"), Locale("en", "US")
BIRTH = date(1980, 3, 31)
MARCH_FOURTH = date(1980, 3, 4)


@pytest.mark.parametrize(
    "text",
    [
        "31 3 1980",
        "31/3/1980",
        "31.03.1980",
        "31-3-1980",
        "31 March 1980",
        "31 mar 1980",
        "31st of March, 1980",
        "March 31, 1980",
        "Mar. 31st 1980",
        "1980-03-31",
        "1980/3/31",
        " 31  MARCH  1980 ",
        "３１ ３ １９８０",
        "3/31/1980",
    ],
)
def test_what_people_write_is_read(text: str) -> None:
    assert read_day(text, AUSTRALIA) == BIRTH


def test_the_country_decides_which_number_is_the_month() -> None:
    assert read_day("4/3/1980", AUSTRALIA) == MARCH_FOURTH
    assert read_day("3/4/1980", AMERICA) == MARCH_FOURTH


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("31 mars 1980", Locale("fr")),
        ("31 marzo 1980", Locale("es")),
        ("31 مارس 1980", Locale("ar")),
        ("٣١ مارس ١٩٨٠", Locale("ar")),
        ("31 Márta 1980", Locale("ga")),
        ("31 March 1980", Locale("fr")),
    ],
)
def test_months_have_names_in_the_readers_language(text: str, locale: Locale) -> None:
    assert read_day(text, locale) == BIRTH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "31 3 80",
        "31 2 1980",
        "32 3 1980",
        "3 1980",
        "March 1980",
        "31 ma 1980",
        "31 j 1980",
        "31 Smarch 1980",
        "86400",
        "31031980",
        "31 3 1980 5",
        "0000-00-00",
        "31 March April 1980",
        "\x00",
        "9" * 5000,
        "31 3 1980" + " " * 100,
    ],
)
def test_anything_else_is_not_guessed(text: str) -> None:
    assert read_day(text, AUSTRALIA) is None


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_date_is_read_as_it_is_shown(day: date) -> None:
    assert read_day(day.isoformat(), AUSTRALIA) == day
    assert read_day(f"{day.day} {day.month} {day.year}", AUSTRALIA) == day
    assert read_day(f"{day.month}/{day.day}/{day.year}", AMERICA) == day


@given(st.text())
def test_no_text_is_a_fault(text: str) -> None:
    read_day(text, AUSTRALIA)
