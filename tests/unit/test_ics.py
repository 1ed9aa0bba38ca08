"""Calendar entries read right by two readers, in every zone, whatever the names hold."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from hypothesis import example, given
from hypothesis import strategies as st

from openslot.booking.models import Appointment, Status
from openslot.booking.queries import Visit
from openslot.directory.models import Centre, Department, Patient, Practitioner, Service
from openslot.notifications.ics import Attendee, Method, calendar_entry
from openslot.schedules.models import Schedule

NOW = datetime(2026, 11, 1, 2, 3, 4, 567890, tzinfo=UTC)
ID = UUID("01930000-0000-7000-8000-000000000001")
URL = "https://book.example.org"
ORGANIZER = "Eastern Health <no-reply@example.org>"


def visit(
    start: datetime = datetime(2026, 11, 22, 23, 30, tzinfo=UTC),
    *,
    zone: str = "Australia/Sydney",
    status: Status = Status.BOOKED,
    version: int = 1,
    whom: str = "Toby Turner",
    who: str = "Ann Example",
    centre: str = "Royal Randwick Hospital",
    street: str | None = "Barker St",
    email: str | None = "ann@example.org",
) -> Visit:
    """A visit of half an hour, without a database."""
    appointment = Appointment(
        id=ID,
        starts_at=start.astimezone(UTC),
        ends_at=(start + timedelta(minutes=30)).astimezone(UTC),
        status=status,
        version=version,
        reason="Cough",
        status_reason="Feels better",
        created_at=NOW,
        changed_at=NOW,
    )
    return Visit(
        appointment=appointment,
        schedule=Schedule(id=7),
        centre=Centre(name=centre, address=street, suburb="Randwick", time_zone=zone),
        practitioner=Practitioner(name=whom),
        service=None,
        department=None,
        patient=Patient(name=who, email=email),
    )


def entry(one: Visit, method: Method = "REQUEST", **more: Any) -> bytes:
    return calendar_entry(one, method=method, public_url=URL, organizer=ORGANIZER, now=NOW, **more)


def event_of(written: bytes) -> Any:
    """As icalendar reads it; there is exactly one event."""
    (event,) = icalendar.Calendar.from_ical(written).walk("VEVENT")
    return event


def second_reading(written: bytes) -> Any:
    """As vobject reads it."""
    return vobject.readOne(written.decode()).vevent


WALL_CLOCKS = [
    ("Australia/Sydney", "2026-01-12T10:30", 11.0),
    ("Australia/Sydney", "2026-07-13T10:30", 10.0),
    ("Europe/London", "2026-01-12T10:30", 0.0),
    ("Europe/London", "2026-07-13T10:30", 1.0),
    ("Asia/Kathmandu", "2026-01-12T10:30", 5.75),
    ("Asia/Kathmandu", "2026-07-13T10:30", 5.75),
]


@pytest.mark.parametrize(("zone", "wall", "hours"), WALL_CLOCKS)
def test_both_readers_see_the_wall_clock_time_of_the_centre(
    zone: str, wall: str, hours: float
) -> None:
    start = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone))
    written = entry(visit(start, zone=zone))
    for read in (event_of(written)["dtstart"].dt, second_reading(written).dtstart.value):
        assert read.utcoffset() == timedelta(0)
        local = read.astimezone(ZoneInfo(zone))
        assert local.isoformat().startswith(wall)
        assert local.utcoffset() == timedelta(hours=hours)
    ends = second_reading(written).dtend.value - second_reading(written).dtstart.value
    assert ends == timedelta(minutes=30)


def test_instants_are_written_in_utc_and_no_zone_is_defined() -> None:
    written = entry(visit()).decode()
    assert "DTSTART:20261122T233000Z" in written
    assert "DTEND:20261123T000000Z" in written
    assert "DTSTAMP:20261101T020304Z" in written
    assert "VTIMEZONE" not in written
    assert "TZID" not in written


def test_the_uid_stays_and_the_sequence_rises_with_the_version() -> None:
    first, third = (event_of(entry(visit(version=version))) for version in (1, 3))
    assert first["uid"] == third["uid"] == str(ID)
    assert (first["sequence"], third["sequence"]) == (0, 2)


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH"])
def test_the_method_is_that_asked_for(method: Method) -> None:
    written = entry(visit(), method)
    assert icalendar.Calendar.from_ical(written)["method"] == method
    assert vobject.readOne(written.decode()).method.value == method


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.BOOKED, "CONFIRMED"),
        (Status.ARRIVED, "CONFIRMED"),
        (Status.CANCELLED, "CANCELLED"),
        (Status.ENTERED_IN_ERROR, "CANCELLED"),
    ],
)
def test_the_status_is_that_of_the_visit(status: Status, word: str) -> None:
    assert event_of(entry(visit(status=status)))["status"] == word


def test_it_says_with_whom_and_where_and_links_to_the_page() -> None:
    event = event_of(entry(visit()))
    assert event["summary"] == "Visit with Toby Turner"
    assert event["location"] == "Royal Randwick Hospital, Barker St, Randwick"
    assert event["url"] == f"{URL}/appointments/{ID}"


def test_a_suburb_that_the_street_names_is_not_said_twice() -> None:
    event = event_of(entry(visit(street="Barker St, RANDWICK NSW 2031")))
    assert event["location"] == "Royal Randwick Hospital, Barker St, RANDWICK NSW 2031"


def test_it_never_says_why_somebody_comes() -> None:
    service = Service(name="Methadone clinic")
    one = visit()
    at_service = Visit(
        one.appointment, one.schedule, one.centre, None, service, Department(name="D"), one.patient
    )
    for written in (entry(one), entry(one, "CANCEL"), entry(at_service, "PUBLISH")):
        assert not re.search("Cough|Feels better|Methadone", written.decode())
    assert event_of(entry(at_service))["summary"] == "Visit with Royal Randwick Hospital"


def test_requests_name_organizer_and_attendee_who_need_not_answer() -> None:
    event = event_of(entry(visit()))
    assert event["organizer"] == "mailto:no-reply@example.org"
    assert event["organizer"].params["CN"] == "Eastern Health"
    assert event["attendee"] == "mailto:ann@example.org"
    assert event["attendee"].params["CN"] == "Ann Example"
    assert event["attendee"].params["RSVP"] == "FALSE"


def test_the_address_of_the_other_side_stays_out() -> None:
    written = entry(visit(), attendee=Attendee("Toby Turner", "toby@example.org")).decode()
    assert "toby@example.org" in written
    assert "ann@example.org" not in written


def test_what_is_published_has_no_attendee() -> None:
    event = event_of(entry(visit(), "PUBLISH"))
    assert "attendee" not in event
    assert "organizer" in event


def test_a_patient_without_an_address_is_no_attendee() -> None:
    assert "attendee" not in event_of(entry(visit(email=None)))


def test_without_a_public_address_there_is_no_link() -> None:
    written = calendar_entry(visit(), method="PUBLISH", public_url="", organizer=ORGANIZER, now=NOW)
    assert "url" not in event_of(written)


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
def test_both_readers_get_names_back_as_they_were(name: str) -> None:
    written = entry(visit(whom=name, centre=name))
    for event in (event_of(written), _values(second_reading(written))):
        assert event["summary"] == f"Visit with {name}"
        assert event["location"].startswith(f"{name}, Barker St")


def _values(component: Any) -> dict[str, str]:
    return {child.name.lower(): child.value for child in component.getChildren()}


def test_lines_of_an_address_stay_lines() -> None:
    written = entry(visit(street="Level 2\r\n1 High St"))
    expected = "Royal Randwick Hospital, Level 2\n1 High St, Randwick"
    assert event_of(written)["location"] == expected
    assert second_reading(written).location.value == expected


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x00", "\x0b"])
def test_no_text_adds_a_line_of_its_own(break_: str) -> None:
    evil = f"Toby{break_}ATTENDEE:mailto:evil@example.org"
    written = entry(visit(whom=evil, who=evil, centre=evil))
    assert event_of(written)["attendee"] == "mailto:ann@example.org"
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", written)


def test_lines_are_folded_at_75_octets_and_end_in_crlf() -> None:
    written = entry(visit(whom="é" * 199))
    assert written.endswith(b"END:VCALENDAR\r\n")
    lines = written.split(b"\r\n")
    assert max(len(line) for line in lines) <= 75
    assert not any(b"\n" in line or b"\r" in line for line in lines)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=120))
@example("\\N")
@example("\\n")
@example("\\\\N, \\; \\,")
def test_any_name_survives(name: str) -> None:
    event = event_of(entry(visit(whom=name, who=name)))
    assert event["summary"] == f"Visit with {name}".replace("\\N", "/N")
    assert event["attendee"] == "mailto:ann@example.org"
