"""The waiting list through the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database

PATH = "/api/v1/waitlist"


def booking_request(world: World, **more: Any) -> dict[str, Any]:
    start = datetime.now(UTC) + timedelta(days=1)
    return {
        "schedule": world.schedules["teammate"],
        "from": start.isoformat(),
        "to": (start + timedelta(days=10)).isoformat(),
        **more,
    }


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


def test_a_patient_joins_reads_and_leaves(world: World, patient: Program) -> None:
    made = patient.send("POST", PATH, booking_request(world))
    assert made.status_code == 201, made.text
    entry: Any = made.json
    assert (entry["patient"]["id"], entry["status"]) == (str(world.patients["owner"]), "waiting")
    assert patient.get(PATH)["items"] == [entry]
    assert patient.send("DELETE", f"{PATH}/{entry['id']}").status_code == 204
    left = patient.send("DELETE", f"{PATH}/{entry['id']}")
    assert (left.status_code, left.json["code"]) == (409, "not-waiting")


def test_one_waits_once_for_one_thing(world: World, patient: Program) -> None:
    patient.send("POST", PATH, booking_request(world))
    again = patient.send("POST", PATH, booking_request(world))
    assert (again.status_code, again.json["code"]) == (409, "already-waiting")


def test_an_appointment_is_waited_for_with_its_patient_and_length(
    world: World, patient: Program
) -> None:
    body = booking_request(
        world, schedule=world.schedules["owner"], appointment=str(world.appointments["owner"])
    )
    made = patient.send("POST", PATH, body)
    assert made.status_code == 201, made.text
    assert made.json["patient"]["id"] == str(world.patients["owner"])


def test_strangers_do_not_learn_of_an_entry(app: Flask, world: World, patient: Program) -> None:
    made: Any = patient.send("POST", PATH, booking_request(world)).json
    for person in ("patient-stranger", "staff-stranger", "practitioner-owner"):
        other = signed_in(app, world, person)
        assert other.get(PATH) == {"items": [], "next": None}
        assert other.send("DELETE", f"{PATH}/{made['id']}").status_code == 404
    at_place = signed_in(app, world, "practitioner-teammate").get(PATH)["items"]
    assert [one["id"] for one in at_place] == [made["id"]]


def test_a_patient_waits_for_nobody_else(app: Flask, world: World, patient: Program) -> None:
    other = booking_request(world, patient=str(world.patients["stranger"]))
    nobody = booking_request(world, patient="0190b0c0-0000-7000-8000-000000000000")
    answers = [patient.send("POST", PATH, body) for body in (other, nobody)]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].json == answers[1].json


def test_a_key_books_into_the_list_for_patients(
    app: Flask, network: Database, world: World
) -> None:
    program = with_key(app, network, "care:write", "care:read")
    assert program.send("POST", PATH, booking_request(world)).status_code == 422
    body = booking_request(world, patient=str(world.patients["owner"]), priority="urgent")
    made = program.send("POST", PATH, body)
    assert (made.status_code, made.json["priority"]) == (201, "urgent")


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": None},
        {"practitioner": 1},
        {"schedule": 99999},
        {"profession": "Wizard"},
        {"minutes": 7},
        {"minutes": 0},
        {"from": "2027-01-01T09:00:00"},
        {"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:00:00Z"},
        {"to": "2020-01-01T00:00:00Z"},
        {"centres": [0]},
        {
            "patient": "0190b0c0-0000-7000-8000-000000000000",
            "appointment": "0190b0c0-0000-7000-8000-000000000000",
        },
        {"other": 1},
    ],
)
def test_odd_entries_are_refused(world: World, patient: Program, change: dict[str, Any]) -> None:
    answer = patient.send("POST", PATH, booking_request(world) | change)
    assert answer.status_code == 422, answer.text


def test_the_list_is_read_page_by_page_and_by_status(world: World, patient: Program) -> None:
    made = [
        patient.send("POST", PATH, booking_request(world, schedule=world.schedules[which])).json
        for which in ("owner", "teammate", "stranger")
    ]
    ids: list[str] = [one["id"] for one in made]  # type: ignore[index] # they are objects
    patient.send("DELETE", f"{PATH}/{ids[1]}")
    address, found = f"{PATH}?limit=2", []
    while address:
        part = patient.get(address)
        found += part["items"]
        address = part["next"]
    assert [one["id"] for one in found] == ids[::-1]
    assert [one["id"] for one in patient.get(f"{PATH}?status=left")["items"]] == [ids[1]]
    assert patient.send("GET", f"{PATH}?status=bored").status_code == 422
