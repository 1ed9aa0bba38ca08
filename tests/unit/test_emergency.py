"""The emergency number is that of the country, unless operators set one."""

import pytest

from openslot.core.config import Settings
from openslot.core.emergency import emergency_number


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
