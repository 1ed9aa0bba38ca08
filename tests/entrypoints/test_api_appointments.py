"""Appointments through the API: held, booked, moved, changed, cancelled, never twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar

from entrypoints.browsing import next_week
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.config import Settings
from openslot.core.db import Database

PATH = "/api/v1/appointments"


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


def starts(program: Program, world: World, who: str = "teammate", count: int = 4) -> list[str]:
    found = program.get(f"/api/v1/slots?schedule={world.schedules[who]}&limit=200")["items"]
    by_day = {one["start"][:10]: one["start"] for one in found}
    return list(by_day.values())[1 : count + 1]


def booked(program: Program, world: World, start: str) -> Any:
    body = {"schedule": world.schedules["teammate"], "start": start, "reason": "Sore knee"}
    answer = program.send("POST", PATH, body)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_patient_books_for_themselves_and_reads_it_back(patient: Program, world: World) -> None:
    made = booked(patient, world, starts(patient, world)[0])
    assert made["patient"]["id"] == str(world.patients["owner"])
    assert (made["status"], made["version"], made["reason"]) == ("booked", 1, "Sore knee")
    answer = patient.send("GET", made["links"]["self"])
    assert answer.json == made
    assert answer.headers["ETag"] == '"1"'


def test_a_hold_keeps_the_time_and_becomes_the_appointment(
    app: Flask, world: World, patient: Program
) -> None:
    start = starts(patient, world)[0]
    kept = patient.send(
        "POST", "/api/v1/holds", {"schedule": world.schedules["teammate"], "start": start}
    ).json
    other = signed_in(app, world, "patient-stranger")
    body = {"schedule": world.schedules["teammate"], "start": start}
    taken = other.send("POST", PATH, body)
    assert (taken.status_code, taken.json["code"]) == (409, "slot-taken")
    made = patient.send("POST", PATH, body | {"hold": kept["id"]}).json
    assert made["id"] == kept["id"]


def test_a_hold_is_booked_as_long_as_it_is(app: Flask, network: Database, world: World) -> None:
    """Whoever it is for, and also where the hold itself is replaced."""
    program = with_key(app, network, "*")
    start = program.get(f"/api/v1/slots?schedule={world.schedules['owner']}&from={next_week()}")
    where = {"schedule": world.schedules["owner"], "start": start["items"][0]["start"]}
    held = program.send("POST", "/api/v1/holds", where | {"minutes": 60}).json
    made = program.send(
        "POST", PATH, where | {"patient": str(world.patients["owner"]), "hold": held["id"]}
    ).json
    length = datetime.fromisoformat(made["end"]) - datetime.fromisoformat(made["start"])
    assert length == timedelta(minutes=60)


def test_a_stale_version_changes_nothing(patient: Program, world: World) -> None:
    first, second = starts(patient, world)[:2]
    made = booked(patient, world, first)
    moved = patient.send("PATCH", made["links"]["self"], {"start": second}, If_Match='"1"')
    assert (moved.status_code, moved.json["start"]) == (200, second)
    stale = patient.send("PATCH", made["links"]["self"], {"reason": "X"}, If_Match='"1"')
    assert (stale.status_code, stale.json["code"]) == (412, "stale-version")
    assert patient.get(made["links"]["self"]) == moved.json


def test_all_that_is_named_changes_or_nothing(patient: Program, world: World) -> None:
    first, second = starts(patient, world)[:2]
    made = booked(patient, world, first)
    path = made["links"]["self"]
    refused = patient.send("PATCH", path, {"start": second, "status": "fulfilled"})
    assert refused.status_code == 409
    assert patient.get(path) == made
    cancelled = patient.send("PATCH", path, {"status": "cancelled", "why": "Better"}).json
    assert (cancelled["status"], cancelled["status_reason"]) == ("cancelled", "Better")


def test_strangers_do_not_learn_of_an_appointment(
    app: Flask, patient: Program, world: World
) -> None:
    made = booked(patient, world, starts(patient, world)[0])
    for who in ("patient-stranger", "practitioner-stranger", "staff-stranger"):
        other = signed_in(app, world, who)
        unknown = other.send("GET", f"{PATH}/00000000-0000-7000-8000-000000000000")
        known = other.send("GET", made["links"]["self"])
        assert (known.status_code, known.json) == (404, unknown.json)
        assert made["id"] not in [one["id"] for one in other.get(PATH)["items"]]


def test_lists_are_paged_and_filtered(patient: Program, world: World) -> None:
    made = [booked(patient, world, start)["id"] for start in starts(patient, world, count=3)]
    found, address = [], f"{PATH}?limit=2&schedule={world.schedules['teammate']}&status=booked"
    while address:
        page = patient.get(address)
        found += [one["id"] for one in page["items"]]
        address = page["next"]
    assert found == made


def test_booking_takes_nine_statements(
    app: Flask, world: World, network: Database, statements: Callable[..., Any]
) -> None:
    program = with_key(app, network, "*")
    body = {
        "schedule": world.schedules["teammate"],
        "patient": str(world.patients["owner"]),
        "start": starts(program, world)[0],
    }
    with statements(app.extensions["openslot"].database) as counted:
        assert program.send("POST", PATH, body).status_code == 201
    assert counted.count <= 9 + 3, counted.texts


def test_of_many_programs_one_gets_the_time(app: Flask, world: World, network: Database) -> None:
    token = with_key(app, network, "*").token
    start = starts(Program(app, token), world)[0]
    people = list(world.patients.values())

    def attempt(number: int) -> int:
        body = {
            "schedule": world.schedules["teammate"],
            "start": start,
            "patient": str(people[number % len(people)]),
        }
        return Program(app, token).send("POST", PATH, body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(12)))
    assert sorted(set(answers)) == [201, 409]
    assert answers.count(201) == 1


def test_an_appointment_can_be_put_into_a_calendar(
    app: Flask, patient: Program, world: World
) -> None:
    made = booked(patient, world, starts(patient, world)[0])
    found = patient.send("GET", made["links"]["calendar"])
    assert found.content_type == "text/calendar; charset=utf-8; method=PUBLISH"
    [event] = Calendar.from_ical(found.data).walk("VEVENT")
    assert event["DTSTART"].dt == datetime.fromisoformat(made["start"])
    stranger = signed_in(app, world, "patient-stranger")
    assert stranger.send("GET", made["links"]["calendar"]).status_code == 404


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A deployment that is reached by another address than the one that it sees."""
    return settings.model_copy(update={"public_url": "https://book.example/"})


def test_links_lead_to_the_public_address(patient: Program, world: World) -> None:
    made = booked(patient, world, starts(patient, world)[0])
    one = f"{PATH}/{made['id']}"
    assert made["links"] == {
        "self": f"https://book.example{one}",
        "page": f"https://book.example/appointments/{made['id']}",
        "calendar": f"https://book.example{one}/appointment.ics",
    }


def test_a_taken_time_names_free_ones_that_can_be_booked(
    app: Flask, patient: Program, world: World
) -> None:
    taken = starts(patient, world)[0]
    booked(patient, world, taken)
    schedule = world.schedules["teammate"]
    other = signed_in(app, world, "patient-stranger")
    problem = other.send("POST", PATH, {"schedule": schedule, "start": taken, "minutes": 60}).json
    free = (problem or {})["alternatives"][0]
    length = datetime.fromisoformat(free["end"]) - datetime.fromisoformat(free["start"])
    assert (free["schedule"], length) == (schedule, timedelta(hours=1))
    body = {"schedule": schedule, "start": free["start"], "minutes": 60}
    assert other.send("POST", PATH, body).status_code == 201
