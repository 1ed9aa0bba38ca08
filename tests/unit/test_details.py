"""What people type about the directory: blanks, limits, and the sentence for each refusal."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.fields import problems
from openslot.directory.commands import create_centre
from openslot.directory.details import CentreDetails, ServiceDetails
from openslot.directory.errors import BadHolidayRegion
from working import work

CENTRE = {
    "name": "Prince of Wales Hospital",
    "type": "Hospital",
    "suburb": "Randwick",
    "time_zone": "Australia/Sydney",
}


def test_blank_fields_are_none() -> None:
    blank = dict.fromkeys(("address", "phone", "email", "latitude", "longitude"), " ")
    centre = CentreDetails.model_validate({**CENTRE, **blank})
    assert (centre.address, centre.phone, centre.latitude, centre.longitude) == (None,) * 4


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Fill in this field."),
        ("name", "x" * 201, "Shorten this to 200 characters."),
        ("name", "Tab\there", "Remove characters that cannot be seen, such as tabs."),
        ("name", "\ud800", "Remove characters that cannot be seen, such as tabs."),
        ("type", "Bakery", "Choose an option from the list."),
        ("time_zone", "Mars/Base", "Choose a time zone such as Australia/Sydney."),
        ("phone", "call me", "Enter a telephone number such as 02 9382 1111."),
        ("email", "nobody", "Enter an email address such as name@example.com."),
        ("picture_url", "javascript:alert(1)", "Enter an address that begins with https://."),
        ("latitude", "91", "Enter a smaller number."),
        ("latitude", "north", "Enter a number such as -33.92."),
        ("colour", "red", "This field is not recognised."),
    ],
)
def test_each_refusal_says_what_to_enter(field: str, value: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CentreDetails.model_validate({**CENTRE, field: value})
    assert problems(caught.value) == [(field, sentence)]


def test_text_is_composed_and_trimmed() -> None:
    centre = CentreDetails.model_validate({**CENTRE, "name": "  Cafe\u0301   Clinic "})
    assert centre.name == "Café Clinic"


@pytest.mark.parametrize("minutes", [0, 4, 7, 485, -30])
def test_services_take_whole_ticks(minutes: int) -> None:
    with pytest.raises(ValidationError):
        ServiceDetails(name="CT", minutes=minutes)


def test_an_unknown_region_of_holidays_never_reaches_a_calendar(sqlite_database: Database) -> None:
    details = CentreDetails.model_validate({**CENTRE, "holiday_region": "AU-XYZ"})
    with pytest.raises(BadHolidayRegion):
        sqlite_database.run(
            lambda session: create_centre(work(session, SYSTEM, datetime.now(UTC)), details)
        )
    known = CentreDetails.model_validate({**CENTRE, "holiday_region": "AU-NSW"})
    made = sqlite_database.run(
        lambda session: create_centre(work(session, SYSTEM, datetime.now(UTC)), known)
    )
    assert made.holiday_region == "AU-NSW"
