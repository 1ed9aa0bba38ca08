"""A program's hold ends when it is booked, released or expires, whatever else happens meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import SYDNEY, World
from openslot.booking.rules import MOST_HOLDS
from openslot.core.db import Database

Json = dict[str, Any]


def at(hour: int, days: int) -> str:
    day = (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date()
    return datetime.combine(day, time(hour), SYDNEY).isoformat()


def body(world: World, hour: int = 9, days: int = 6) -> Json:
    patient = str(world.patients["owner"])
    return {"schedule": world.schedules["owner"], "start": at(hour, days), "patient": patient}


def hold(program: Program, world: World, hour: int = 9, days: int = 6) -> str:
    answer = program.send("POST", "/api/v1/holds", body(world, hour, days))
    assert answer.status_code == 201, answer.text
    key: str = answer.json["id"]  # type: ignore[index] # an object
    return key


@pytest.fixture
def ward(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def is_held(program: Program, key: str) -> bool:
    answer = program.send("GET", f"/fhir/Appointment/{key}")
    return answer.status_code == 200 and answer.json["status"] == "pending"  # type: ignore[index]


def programs_hold(other: Program, world: World) -> None:
    hold(other, world, days=8)


def programs_book(other: Program, world: World) -> None:
    booked = other.send("POST", "/api/v1/appointments", body(world, days=8))
    assert booked.status_code == 201, booked.text


def programs_move(other: Program, world: World) -> None:
    address = f"/api/v1/appointments/{world.appointments['owner']}"
    assert other.send("PATCH", address, {"start": at(11, 9)}).status_code == 200


@pytest.mark.parametrize("doing", [programs_hold, programs_book, programs_move])
@pytest.mark.parametrize("who", ["program", "patient-owner"])
def test_a_programs_hold_stays_whatever_else_is_held_booked_or_moved(
    app: Flask,
    network: Database,
    world: World,
    ward: Program,
    doing: Callable[[Program, World], None],
    who: str,
) -> None:
    kept = hold(ward, world)
    other = with_key(app, network, "*") if who == "program" else signed_in(app, world, who)
    doing(other, world)
    assert is_held(ward, kept)
    slots = ward.get(f"/fhir/Slot?schedule={world.schedules['owner']}&start={at(9, 6)[:10]}")
    assert "busy-tentative" in {entry["resource"]["status"] for entry in slots["entry"]}


def test_a_program_leaves_what_a_patient_holds(app: Flask, world: World, ward: Program) -> None:
    patient = signed_in(app, world, "patient-owner")
    kept = hold(patient, world)
    hold(ward, world, days=8)
    assert is_held(ward, kept)
    hold(patient, world, days=9)
    assert not is_held(ward, kept), "a person's next hold takes the place of their last"


def test_the_time_of_a_programs_hold_can_be_booked_for_its_patient(
    ward: Program, world: World
) -> None:
    kept = hold(ward, world)
    again = ward.send("POST", "/api/v1/holds", body(world))
    assert again.status_code == 409
    booked = ward.send("POST", "/api/v1/appointments", body(world))
    assert booked.status_code == 201, booked.text
    assert not is_held(ward, kept)


def test_a_hold_that_is_named_gives_way_to_another_time(ward: Program, world: World) -> None:
    kept = hold(ward, world)
    booked = ward.send("POST", "/api/v1/appointments", body(world, hour=14) | {"hold": kept})
    assert booked.status_code == 201, booked.text
    assert not is_held(ward, kept)


def test_free_times_for_the_patient_are_those_that_can_be_booked(
    app: Flask, world: World, ward: Program
) -> None:
    hold(ward, world)
    patient = signed_in(app, world, "patient-owner")
    starts = f"from={at(8, 6)}&to={at(12, 6)}".replace("+", "%2B")
    for schedule in ("owner", "teammate"):
        address = f"/api/v1/slots?schedule={world.schedules[schedule]}&{starts}"
        for program in (patient, ward):
            found = program.get(f"{address}&patient={world.patients['owner']}")["items"]
            assert at(9, 6) not in [slot["start"] for slot in found]
            if schedule == "owner":
                assert found == [], "the hold is the one appointment of that day"
            else:
                assert found


def test_programs_hold_many_times_for_a_patient_but_not_all(ward: Program, world: World) -> None:
    for days in range(6, 6 + MOST_HOLDS):
        hold(ward, world, days=days)
    answer = ward.send("POST", "/api/v1/holds", body(world, days=6 + MOST_HOLDS))
    assert answer.status_code == 409
    assert answer.json["code"] == "too-many-holds"  # type: ignore[index]
