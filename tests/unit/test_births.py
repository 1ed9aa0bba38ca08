"""Dates of birth are understood as people write them, and never guessed."""

from datetime import date

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from openslot.core.births import BirthDate
from openslot.entrypoints.web.births import read_birth, read_day

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


@pytest.mark.parametrize(
    ("text", "birth"),
    [
        ("31/3/1980", "1980-03-31"),
        ("1957", "1957"),
        ("about 1957", "1957"),
        ("c. 1957", "1957"),
        ("1957?", "1957"),
        ("１９５７", "1957"),
        ("January 1957", "1957-01"),
        ("jan 1957", "1957-01"),
        ("in January 1957", "1957-01"),
        ("1/1957", "1957-01"),
        ("1957-12", "1957-12"),
        ("13/1957", None),
        ("smarch 1957", None),
        ("1957 1958", None),
        ("57", None),
        ("31 2 1957", None),
        ("", None),
    ],
)
def test_what_is_known_of_a_birth_is_read(text: str, birth: str | None) -> None:
    assert read_birth(text, AUSTRALIA) == birth


@pytest.mark.parametrize(
    ("birth", "first", "last"),
    [
        ("1980-03-31", date(1980, 3, 31), date(1980, 3, 31)),
        ("1980-02", date(1980, 2, 1), date(1980, 2, 29)),
        ("1980", date(1980, 1, 1), date(1980, 12, 31)),
    ],
)
def test_a_birth_has_a_first_and_a_last_day(birth: str, first: date, last: date) -> None:
    assert (BirthDate(birth).first, BirthDate(birth).last) == (first, last)


@pytest.mark.parametrize("text", ["1980-02-30", "1980-13", "80", "1980-1", "", "１９８０"])
def test_what_is_no_birth_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one depends on what is wrong
        BirthDate(text)


def test_births_of_one_person_may_be_known_differently_well() -> None:
    day, month, year = map(BirthDate, ("1980-03-31", "1980-03", "1980"))
    assert day.may_be(month)
    assert year.may_be(day)
    assert not day.may_be(BirthDate("1980-04"))
