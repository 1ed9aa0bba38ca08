"""Calendar entries read right by several readers, in every zone, whatever the names hold."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openslot.booking.models import Appointment, Status
from openslot.core.language import language
from openslot.directory.models import Centre, Department, Patient, Practitioner, Service
from openslot.notifications.calendar_titles import title
from openslot.notifications.ics import Attendee, Method, calendar_entry, calendar_feed
from openslot.notifications.recipients import Side
from openslot.schedules.models import Schedule
from readers import CLOCKS, Book, Person, agreed, agreed_entry, check_form, instant, unfolded

NOW = datetime(2026, 11, 1, 2, 3, 4, 567890, tzinfo=UTC)
ID = UUID("01930000-0000-7000-8000-000000000001")
URL = "https://book.example.org"
ENGLISH = language("en")
ORGANIZER = "Eastern Health <no-reply@example.org>"


def appointment(
    start: datetime = datetime(2026, 11, 22, 23, 30, tzinfo=UTC),
    *,
    zone: str = "Australia/Sydney",
    status: Status = Status.BOOKED,
    version: int = 1,
    whom: str = "Toby Turner",
    centre: str = "Royal Randwick Hospital",
    street: str | None = "Barker St",
) -> Appointment:
    """An appointment of half an hour, without a database."""
    return Appointment(
        id=ID,
        starts_at=start.astimezone(UTC),
        ends_at=start.astimezone(UTC) + timedelta(minutes=30),
        status=status,
        version=version,
        reason="Cough",
        status_reason="Feels better",
        created_at=NOW,
        changed_at=NOW,
        schedule=Schedule(
            id=7,
            centre=Centre(name=centre, address=street, suburb="Randwick", time_zone=zone),
            practitioner=Practitioner(name=whom),
        ),
        patient=Patient(name="Ann Example", email="ann@example.org"),
    )


def entry(one: Appointment, method: Method = "REQUEST", **more: Any) -> bytes:
    invited = None if method == "PUBLISH" else Attendee("Ann Example", "ann@example.org")
    given = {
        "organizer": ORGANIZER,
        "summary": title(one, Side.PATIENT, ENGLISH),
        "attendee": invited,
        **more,
    }
    return calendar_entry(one, method=method, public_url=URL, now=NOW, **given)


def event_of(written: bytes) -> Any:
    """As icalendar reads it; there is exactly one event."""
    (event,) = icalendar.Calendar.from_ical(written).walk("VEVENT")
    return event


@pytest.mark.parametrize(("zone", "wall", "hours"), CLOCKS)
def test_every_reader_sees_the_wall_clock_time_of_the_centre(
    zone: str, wall: str, hours: float
) -> None:
    start = instant(wall, hours)
    seen = agreed_entry(entry(appointment(start, zone=zone)))
    assert (seen.start, seen.length) == (start, timedelta(minutes=30))
    local = seen.start.astimezone(ZoneInfo(zone))
    assert local.isoformat().startswith(wall)
    assert local.utcoffset() == timedelta(hours=hours)


def test_instants_are_written_in_utc_and_no_zone_is_defined() -> None:
    written = entry(appointment()).decode()
    assert "DTSTART:20261122T233000Z" in written
    assert "DTEND:20261123T000000Z" in written
    assert "DTSTAMP:20261101T020304Z" in written
    assert "VTIMEZONE" not in written
    assert "TZID" not in written


def test_the_uid_stays_and_the_sequence_rises_with_the_version() -> None:
    first, third = (event_of(entry(appointment(version=version))) for version in (1, 3))
    assert first["uid"] == third["uid"] == str(ID)
    assert (first["sequence"], third["sequence"]) == (0, 2)


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH"])
def test_the_method_is_that_asked_for(method: Method) -> None:
    assert agreed(entry(appointment(), method)).method == method


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.HELD, "TENTATIVE"),
        (Status.BOOKED, "CONFIRMED"),
        (Status.ARRIVED, "CONFIRMED"),
        (Status.CANCELLED, "CANCELLED"),
        (Status.ENTERED_IN_ERROR, "CANCELLED"),
    ],
)
def test_the_status_is_that_of_the_appointment(status: Status, word: str) -> None:
    assert agreed_entry(entry(appointment(status=status))).status == word


def test_it_says_with_whom_and_where_and_links_to_the_page() -> None:
    seen = agreed_entry(entry(appointment()))
    assert seen.summary == "Appointment with Toby Turner"
    assert seen.location == "Royal Randwick Hospital, Barker St, Randwick"
    assert seen.url == seen.description == f"{URL}/appointments/{ID}"


def test_a_suburb_that_the_street_names_is_not_said_twice() -> None:
    event = event_of(entry(appointment(street="Barker St, RANDWICK NSW 2031")))
    assert event["location"] == "Royal Randwick Hospital, Barker St, RANDWICK NSW 2031"


def test_it_never_says_why_somebody_comes() -> None:
    one, at_service = appointment(), appointment()
    at_service.schedule.practitioner = None
    at_service.schedule.service = Service(name="Methadone clinic", department=Department(name="D"))
    for written in (entry(one), entry(one, "CANCEL"), entry(at_service, "PUBLISH")):
        assert not re.search("Cough|Feels better|Methadone", written.decode())
    assert event_of(entry(at_service))["summary"] == "Appointment with Royal Randwick Hospital"


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL"])
def test_who_is_invited_comes_already_and_need_not_answer(method: Method) -> None:
    seen = agreed_entry(entry(appointment(), method))
    assert seen.organizer == Person("mailto:no-reply@example.org", "Eastern Health")
    assert seen.attendees == (Person("mailto:ann@example.org", "Ann Example"),)
    (line,) = [one for one in unfolded(entry(appointment(), method)) if one.startswith("ATTENDEE")]
    assert {"PARTSTAT=ACCEPTED", "ROLE=REQ-PARTICIPANT", "RSVP=FALSE"} <= set(
        line.split(":")[0].split(";")
    )


# RFC 5546, 3.2.2, 3.2.5 and 3.2.1: what each method must have exactly once.
MUST = {
    "REQUEST": {"ATTENDEE", "DTSTAMP", "DTSTART", "ORGANIZER", "SUMMARY", "UID"},
    "CANCEL": {"ATTENDEE", "DTSTAMP", "ORGANIZER", "SEQUENCE", "STATUS", "UID"},
    "PUBLISH": {"DTSTAMP", "DTSTART", "ORGANIZER", "SUMMARY", "UID"},
}


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH"])
def test_each_method_has_what_it_must_have(method: Method) -> None:
    names = [re.split("[;:]", line)[0] for line in unfolded(entry(appointment(), method))]
    assert {name for name in names if names.count(name) > 1} == {"BEGIN", "END"}
    assert MUST[method] <= set(names)
    assert ("ATTENDEE" in names) is (method != "PUBLISH")
    assert "VALARM" not in entry(appointment(), method).decode(), "reminders go by mail"


def test_the_address_of_the_other_side_stays_out() -> None:
    written = entry(appointment(), attendee=Attendee("Toby Turner", "toby@example.org")).decode()
    assert "toby@example.org" in written
    assert "ann@example.org" not in written


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ann+appointments@example.org", "mailto:ann+appointments@example.org"),
        ("o'hara_a-b.c@example.org", "mailto:o'hara_a-b.c@example.org"),
        ("50%?#/a&b=c@example.org", "mailto:50%25%3F%23%2Fa%26b%3Dc@example.org"),
        ("zoë@bücher.example", "mailto:zo%C3%AB@b%C3%BCcher.example"),
    ],
)
def test_addresses_are_mailto_uris(email: str, expected: str) -> None:
    seen = agreed_entry(entry(appointment(), attendee=Attendee("Ann", email)))
    assert seen.attendees == (Person(expected, "Ann"),)


def test_without_a_public_address_there_is_no_link() -> None:
    written = calendar_entry(
        appointment(),
        method="PUBLISH",
        public_url="",
        organizer=ORGANIZER,
        summary="Appointment",
        now=NOW,
    )
    assert (agreed_entry(written).url, agreed_entry(written).description) == (None, None)


NAMES = [
    "Turner, Toby; MD",
    "Back\\slash \\n not a break",
    "Zoë Ñuñez-Σωκράτης 李小龍 عمر",
    "Doctor 👩🏽‍⚕️ with emoji",
    "x" * 200,
    "é" * 199,
    'The "quoted": one',
    "BEGIN:VEVENT",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_reader_gets_names_back_as_they_were(name: str) -> None:
    seen = agreed_entry(entry(appointment(whom=name, centre=name)))
    assert seen.summary == f"Appointment with {name}"
    assert seen.location == f"{name}, Barker St, Randwick"


def test_lines_of_an_address_stay_lines() -> None:
    seen = agreed_entry(entry(appointment(street="Level 2\r\n1 High St")))
    assert seen.location == "Royal Randwick Hospital, Level 2\n1 High St, Randwick"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x00", "\x0b"])
def test_no_text_adds_a_line_of_its_own(break_: str) -> None:
    evil = f"Toby{break_}ATTENDEE:mailto:evil@example.org"
    written = entry(appointment(whom=evil, centre=evil), attendee=Attendee(evil, "ann@example.org"))
    (attendee,) = agreed_entry(written).attendees
    assert attendee.address == "mailto:ann@example.org"
    # Some readers end a line where Python does, which is in more places than the format says.
    assert all(line.endswith("\r\n") for line in written.decode().splitlines(keepends=True))
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", written)


@pytest.mark.parametrize("name", ["é" * 199, "👩🏽‍⚕️" * 40, "x" * 200])
def test_lines_are_folded_between_letters(name: str) -> None:
    check_form(entry(appointment(whom=name), attendee=Attendee(name, "ann@example.org")))


@pytest.mark.parametrize("name", ["Ends with \\", "a\\nb", "\\;\\,", "a\\Nb"])
def test_a_backslash_in_the_name_of_an_attendee_is_a_slash(name: str) -> None:
    seen = agreed_entry(entry(appointment(), attendee=Attendee(name, "ann@example.org")))
    assert seen.attendees == (Person("mailto:ann@example.org", name.replace("\\", "/")),)


# Whatever may be typed: anything but control characters and halves of letters.
TYPED = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=120,
)
ZONES = st.sampled_from(sorted({zone for zone, _, _ in CLOCKS}))


@given(
    TYPED,
    TYPED,
    st.datetimes(
        NOW.replace(year=2020, tzinfo=None),
        NOW.replace(year=2039, tzinfo=None),
        timezones=ZONES.map(ZoneInfo),
    ),
)
@example("\\N", "\\n", NOW)
@example("\\\\N, \\; \\,", "^n ^^ ^' ^", NOW)
@example("\ufeff", "x" * 60 + "\ufeff" * 20, NOW)
def test_whatever_is_written_every_reader_gets_it_back(
    whom: str, place: str, start: datetime
) -> None:
    start = start.replace(second=0, microsecond=0)
    attendee = Attendee(place, "ann@example.org")
    written = entry(appointment(start, whom=whom, centre=place), attendee=attendee)
    check_form(written)
    seen = agreed_entry(written)
    assert (seen.start, seen.length) == (start.astimezone(UTC), timedelta(minutes=30))
    assert seen.summary == f"Appointment with {whom}".replace("\\N", "/N")
    assert seen.location == f"{place}, Barker St, Randwick".replace("\\N", "/N")
    said = " ".join(place.replace('"', "'").replace("\\", "/").split())
    assert seen.attendees == (Person("mailto:ann@example.org", said or None),)


@pytest.mark.parametrize("name", NAMES)
def test_a_calendar_without_appointments_is_one_and_has_its_name(name: str) -> None:
    written = calendar_feed([], name=name, public_url=URL)
    check_form(written)
    assert agreed(written) == Book(method=None, name=name, entries=())
    lines = [line for line in unfolded(written) if line.startswith(("NAME:", "X-WR-CALNAME:"))]
    assert len({line.split(":", 1)[1] for line in lines}) == 1
    assert len(lines) == 2
    # RFC 5545, 3.6: one component at least.
    assert len(icalendar.Calendar.from_ical(written).subcomponents) == 1
