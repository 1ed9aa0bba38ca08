"""Series on pages and through the API."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import icalendar
import pytest
from flask import Flask

from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database

PATH = "/api/v1/series"
WEEK = timedelta(days=7)


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


@pytest.fixture
def start() -> datetime:
    """A morning in ten days."""
    day = datetime.now(UTC) + timedelta(days=10)
    return day.replace(hour=1, minute=0, second=0, microsecond=0)


def text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def wanted(world: World, **more: Any) -> dict[str, Any]:
    return {
        "schedule": world.schedules["owner"],
        "patient": str(world.patients["owner"]),
        **more,
    }


def book(program: Program, world: World, start: datetime, count: int = 3) -> dict[str, Any]:
    starts = [text(start + number * WEEK) for number in range(count)]
    answer = program.send("POST", PATH, wanted(world, starts=starts))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json  # type: ignore[assignment] # it is an object
    return found


# Through the API


def test_a_program_previews_books_reads_moves_and_cancels(
    program: Program, world: World, start: datetime
) -> None:
    asked = wanted(world, start=text(start), rule="FREQ=WEEKLY;COUNT=3")
    found = program.send("POST", f"{PATH}/preview", asked).json
    assert found is not None
    assert [one["state"] for one in found["items"]] == ["free"] * 3
    assert found["problem"] is None
    starts = [one["start"] for one in found["items"]]
    made = program.send("POST", PATH, wanted(world, starts=starts, reason="Knee"))
    assert made.status_code == 201, made.text
    one = made.json["id"]  # type: ignore[index] # it is an object
    assert made.headers["Location"].endswith(f"{PATH}/{one}")
    read = program.get(f"{PATH}/{one}")
    assert {member["series"] for member in read["appointments"]} == {one}
    second = read["appointments"][1]["id"]
    to = {"start": text(start + WEEK + timedelta(hours=1)), "since": second}
    assert [
        item["state"]
        for item in program.send("POST", f"{PATH}/{one}/preview", to).json["items"]  # type: ignore[index] # it is an object
    ] == ["free", "free"]
    moved = program.send("POST", f"{PATH}/{one}/move", to).json
    assert moved is not None
    assert [datetime.fromisoformat(member["start"]) for member in moved["appointments"]] == [
        start,
        start + WEEK + timedelta(hours=1),
        start + 2 * WEEK + timedelta(hours=1),
    ]
    ended = program.send("POST", f"{PATH}/{one}/cancel", {"since": second, "why": "Well"}).json
    assert ended is not None
    assert [member["status"] for member in ended["appointments"]] == [
        "booked",
        "cancelled",
        "cancelled",
    ]


def test_a_time_that_is_taken_is_named_and_nothing_is_booked(
    program: Program, world: World, start: datetime
) -> None:
    book(program, world, start + WEEK, 2)
    starts = [text(start + number * WEEK) for number in range(3)]
    other = wanted(world, starts=starts) | {"patient": str(world.patients["teammate"])}
    answer = program.send("POST", PATH, other)
    assert answer.status_code == 409
    assert answer.json["errors"][0]["field"] == "starts.1"  # type: ignore[index] # it is an object
    theirs = program.get(f"/api/v1/appointments?patient={world.patients['teammate']}")
    assert len(theirs["items"]) == 1, "the one of the world"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"rule": "FREQ=WEEKLY;COUNT=3"}, "starts"),
        ({"start": "2027-01-01T00:00:00Z"}, "starts"),
        ({"start": "2027-01-01T00:00:00Z", "rule": "FREQ=WEEKLY"}, "rule"),
        ({"start": "2027-01-01T00:00:00Z", "rule": "FREQ=DAILY;COUNT=99"}, "rule"),
    ],
)
def test_a_series_that_is_none_is_refused(
    program: Program, world: World, sent: dict[str, str], field: str
) -> None:
    answer = program.send("POST", f"{PATH}/preview", wanted(world, **sent))
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["field"] == field  # type: ignore[index] # it is an object


def test_a_series_is_one_calendar_file(program: Program, world: World, start: datetime) -> None:
    one = book(program, world, start)
    answer = program.send("GET", f"{PATH}/{one['id']}/appointments.ics")
    events = icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    assert [str(event["uid"]) for event in events] == [each["id"] for each in one["appointments"]]


def test_strangers_find_no_series(
    app: Flask, program: Program, world: World, start: datetime
) -> None:
    one = book(program, world, start)["id"]
    stranger = signed_in(app, world, "patient-stranger")
    for method, path, body in (
        ("GET", f"{PATH}/{one}", None),
        ("POST", f"{PATH}/{one}/cancel", {}),
        ("POST", f"{PATH}/{one}/move", {"start": text(start)}),
    ):
        assert stranger.send(method, path, body).status_code == 404


# On pages


def plan_path(world: World, start: datetime, **more: object) -> str:
    fields = {"start": text(start), "minutes": 30, **more}
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    return f"/book/{world.schedules['owner']}/series?{query}"


def test_a_patient_mends_the_times_books_and_changes_them_later(
    client_for: ClientFor, program: Program, world: World, start: datetime
) -> None:
    taken = wanted(world, start=text(start + WEEK)) | {"patient": str(world.patients["teammate"])}
    assert program.send("POST", "/api/v1/appointments", taken).status_code == 201
    patient = client_for("patient-owner")
    path = plan_path(world, start, every=1, count=3)
    page = patient.get(path).text
    assert "2 of 3 are free" in page
    dates = re.findall(r'name="date">\s*<option value="([^"]*)"', page)
    assert dates == [text(start), "", text(start + 2 * WEEK)]
    firsts = re.findall(r'name="wanted" value="([^"]*)"', page)
    sent = {"start": text(start), "minutes": 30, "every": 1, "count": 3, "wanted": firsts}
    unmended = patient.send(path, **sent, date=dates)
    assert unmended.status_code == 422
    assert "leave it out" in unmended.text
    assert re.findall(r'name="wanted" value="([^"]*)"', unmended.text) == firsts
    single = patient.send(path, **sent, date=[dates[0], "none", "none"], reason="Knee")
    assert single.status_code == 422
    assert re.findall(r'name="wanted" value="([^"]*)"', single.text) == firsts
    assert ">Knee</textarea>" in single.text
    booked = patient.send(path, **sent, date=[dates[0], "none", dates[2]], reason="Knee")
    assert booked.status_code == 303, booked.text
    shown = patient.get(booked.location)
    assert "2 appointments" in shown.text
    series_id = UUID(booked.location.split("/")[2].partition("?")[0])
    move = f"/series/{series_id}/move"
    local = datetime.fromisoformat(program.get(f"{PATH}/{series_id}")["appointments"][0]["start"])
    later = {"day": local.date().isoformat(), "clock": f"{local + timedelta(hours=1):%H:%M}"}
    asked = patient.get(f"{move}?day={later['day']}&clock={later['clock']}")
    assert asked.text.count("Free</span>") == 2
    assert patient.post(move, **later).status_code == 303
    page = patient.get(f"/series/{series_id}/change?act=cancel&which=all")
    assert page.status_code == 303
    assert "Cancel 2 appointments?" in patient.get(page.location).text
    assert patient.send(f"/series/{series_id}/cancel", why="Well").status_code == 303
    after = program.get(f"{PATH}/{series_id}")["appointments"]
    assert {one["status"] for one in after} == {"cancelled"}


def test_one_of_a_series_leads_to_it_and_any_appointment_can_be_repeated(
    client_for: ClientFor, program: Program, world: World, start: datetime
) -> None:
    one = book(program, world, start)
    clerk = client_for("staff-owner")
    member = clerk.get(f"/appointments/{one['appointments'][0]['id']}").text
    assert f"/series/{one['id']}" in member
    single = clerk.get(f"/appointments/{world.appointments['owner']}").text
    assert f"/book/{world.schedules['owner']}/series?" in single
    which = f"/series/{one['id']}/change?act=move&which=one&since={one['appointments'][1]['id']}"
    assert clerk.get(which).location.startswith("/appointments/")


def test_a_series_that_cannot_move_whole_says_which_time_is_taken(
    client_for: ClientFor, program: Program, world: World, start: datetime
) -> None:
    one = book(program, world, start)
    later = start + WEEK + timedelta(hours=2)
    taken = wanted(world, start=text(later)) | {"patient": str(world.patients["teammate"])}
    assert program.send("POST", "/api/v1/appointments", taken).status_code == 201
    local = datetime.fromisoformat(one["appointments"][0]["start"]) + timedelta(hours=2)
    practitioner = client_for("practitioner-owner")
    path = f"/series/{one['id']}/move"
    fields = {"day": local.date().isoformat(), "clock": f"{local:%H:%M}"}
    page = practitioner.get(f"{path}?day={fields['day']}&clock={fields['clock']}").text
    assert "Taken</span>" in page
    assert "Move all of these" not in page
    refused = practitioner.post(path, **fields)
    assert refused.status_code == 409
    assert "was booked a moment ago" in refused.text


def test_fhir_shows_what_a_series_shares_and_takes_it_back(
    program: Program, world: World, start: datetime
) -> None:
    one = book(program, world, start)
    shown = [
        program.get(f"/fhir/Appointment/{member['id']}")["extension"]
        for member in one["appointments"]
    ]
    shared = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{one['id']}"}
    assert shown == [[{"url": "urn:openslot:extension:series", "valueIdentifier": shared}]] * 3
    path = f"/fhir/Appointment/{one['appointments'][0]['id']}"
    read = program.get(path)
    back = program.send("PUT", path, read, Prefer="return=OperationOutcome")
    assert back.status_code == 200, back.text
    assert "not kept" not in back.text
