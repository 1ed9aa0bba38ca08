"""Doctors and their appointments can be sent back as they were read, and what is wrong is named."""

from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.core.db import Database

WEEK = {day: [["09:00", "17:00"]] for day in ("monday", "tuesday", "wednesday")}
GIVEN = {"name": "Dr Ann Lee", "locations": ["12 High St", "3 Sea Road, Coogee"], "schedule": WEEK}
APPOINTMENT = {"date": "2027-02-01", "time": "11:00"}


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "doctors")


@pytest.fixture
def doctor(program: Program) -> Any:
    answer = program.send("POST", "/doctors", GIVEN)
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_doctor_can_be_put_back_as_read(program: Program, doctor: Any) -> None:
    path = f"/doctors/{doctor['id']}"
    answer = program.send("PUT", path, program.get(path) | {"name": "Dr Anna Lee"})
    assert answer.status_code == 200, answer.text
    assert answer.json == doctor | {"name": "Dr Anna Lee"}


@pytest.mark.parametrize("field", ["id", "location_ids"])
def test_another_doctor_or_other_locations_are_refused(
    program: Program, doctor: Any, field: str
) -> None:
    other = {"id": doctor["id"] + 1, "location_ids": doctor["location_ids"][::-1]}[field]
    answer = program.send("PUT", f"/doctors/{doctor['id']}", doctor | {field: other})
    assert answer.status_code == 422
    assert [one["field"] for one in (answer.json or {})["errors"]] == [field]


@pytest.mark.parametrize("field", ["doctor_id", "location_id"])
def test_whoever_or_whatever_is_unknown_is_named(program: Program, doctor: Any, field: str) -> None:
    booking_request = APPOINTMENT | {
        "doctor_id": doctor["id"],
        "location_id": doctor["location_ids"][0],
    }
    answer = program.send("POST", "/appointment", booking_request | {field: 999_999})
    assert answer.status_code == 404
    assert [one["field"] for one in (answer.json or {})["errors"]] == [field]


def test_an_appointment_names_its_patient(program: Program, doctor: Any, world: World) -> None:
    booking_request = APPOINTMENT | {
        "doctor_id": doctor["id"],
        "location_id": doctor["location_ids"][0],
    }
    patient = str(world.patients["owner"])
    program.send("POST", "/appointment", booking_request)
    program.send("POST", "/appointment", booking_request | {"time": "12:00", "patient_id": patient})
    appointments = program.get(f"/appointments/{doctor['id']}")
    assert [one["patient_id"] for one in appointments] == [None, patient]
