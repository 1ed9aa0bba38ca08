"""Dates of searches: as wide as they are precise, in the zone of the network."""

from datetime import datetime, timedelta

import pytest

from factories import SYDNEY
from openslot.core.errors import Malformed
from openslot.entrypoints.fhir.dates import Given, read, repaired, within


@pytest.mark.parametrize(
    ("text", "low", "seconds"),
    [
        ("2027", "2027-01-01T00:00:00+11:00", 365 * 86400),
        ("2028", "2028-01-01T00:00:00+11:00", 366 * 86400),
        ("2027-02", "2027-02-01T00:00:00+11:00", 28 * 86400),
        ("2027-12", "2027-12-01T00:00:00+11:00", 31 * 86400),
        ("2027-04-04", "2027-04-04T00:00:00+11:00", 25 * 3600),  # daylight saving ends
        ("2027-03-08T09:00Z", "2027-03-08T09:00:00+00:00", 60),
        ("2027-03-08T09:00:30+11:00", "2027-03-08T09:00:30+11:00", 1),
        ("2027-03-08T09:00:30 11:00", "2027-03-08T09:00:30+11:00", 1),
        ("2027-03-08T09:00:30.25Z", "2027-03-08T09:00:30.250000+00:00", 0.01),
    ],
)
def test_a_date_is_as_wide_as_it_is_precise(text: str, low: str, seconds: float) -> None:
    given = read("date", text, SYDNEY)
    begin = datetime.fromisoformat(low)
    assert given.prefix == "eq"
    assert given.low == begin
    width = given.high.timestamp() - given.low.timestamp()
    assert width == pytest.approx(seconds)


def test_prefixes_are_periods() -> None:
    for prefix, expected in {
        "eq": [(8, 9)],
        "ne": [(None, 8), (9, None)],
        "gt": [(9, None)],
        "sa": [(9, None)],
        "ge": [(8, None)],
        "lt": [(None, 8)],
        "eb": [(None, 8)],
        "le": [(None, 9)],
    }.items():
        periods = read("date", f"{prefix}2027-03-08", SYDNEY).periods()
        days = [tuple(at.day if at else None for at in period) for period in periods]
        assert days == expected, prefix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "27-03-08",
        "2027-3-8",
        "2027-00",
        "2027-13",
        "2027-02-30",
        "1799",
        "2200",
        "2027-03-08T24:00Z",
        "2027-03-08T09:00",
        "2027-03-08T09",
        "ap2027",
        "xx2027",
        "2027-03-08T09:00+99:00",
        "２０２７",
        "2027-03-08T09:00:61Z",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read("date", text, SYDNEY)


def test_a_lost_plus_is_put_back_and_nothing_else_is_touched() -> None:
    assert repaired("ge2027-03-08T09:00:00 11:00") == "ge2027-03-08T09:00:00+11:00"
    assert repaired("2027-03-08T09:00 05:45") == "2027-03-08T09:00+05:45"
    for text in ("royal rand", "2027-03-08 11:00", "a T09:00 11:00 b"):
        assert repaired(text) == text


def test_periods_meet_where_both_are() -> None:
    begin = datetime(2027, 3, 8, tzinfo=SYDNEY)
    later = begin + timedelta(days=2)
    assert within([(begin, None)], [(None, later)]) == [(begin, later)]
    assert within([(later, None)], [(None, begin)]) == []
    assert within([(None, None)], [(begin, later), (later, None)]) == [
        (begin, later),
        (later, None),
    ]
    assert Given("eq", begin, later).periods() == [(begin, later)]
