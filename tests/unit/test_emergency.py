"""The emergency number is that of the country, unless operators set one; telephone numbers are
shown as they are dialled there."""

import pytest

from openslot.core import formats
from openslot.core.config import Settings
from openslot.core.emergency import country_of, emergency_number


@pytest.mark.parametrize(
    ("zone", "number"),
    [
        ("Australia/Perth", "000"),
        ("Europe/Dublin", "112"),
        ("Pacific/Auckland", "111"),
        ("America/New_York", "911"),
        (None, "000"),
        ("UTC", "000"),
    ],
)
def test_it_follows_the_country_of_the_zone(zone: str | None, number: str) -> None:
    assert emergency_number(Settings(), zone) == number
    assert emergency_number(Settings(emergency_number="999"), zone) == "999"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Europe/Dublin", "020 911 2001"), ("Australia/Perth", "(02) 0911 2001")],
)
def test_a_number_is_not_taken_for_one_of_another_country(zone: str, shown: str) -> None:
    assert formats.phone("020 911 2001", country_of(Settings(), zone)) == shown
