"""The doctor-schedule service as its users call it, on the diaries of everything else."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.app import create_app as made
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.changes.queries import mark_changed
from openslot.schedules.models import Schedule

WEEK = {day: [["09:00", "17:00"]] for day in ("monday", "tuesday", "wednesday")}
GIVEN = {"name": "Dr Ann Lee", "locations": ["12 High St", "3 Sea Road, Coogee"], "schedule": WEEK}


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "doctors")


@pytest.fixture
def doctor(program: Program) -> Any:
    answer = program.send("POST", "/doctors", GIVEN)
    assert answer.status_code == 201, answer.text
    return answer.json


@cache
def next_monday() -> str:
    """A Monday one to two weeks ahead, the same all through a run that midnight may meet."""
    today = datetime.now(UTC).date()
    return (today + timedelta(days=14 - today.weekday())).isoformat()


def appointment(doctor: Any, time: str = "11:00", place: int = 0) -> dict[str, Any]:
    return {
        "doctor_id": doctor["id"],
        "location_id": doctor["location_ids"][place],
        "date": next_monday(),
        "time": time,
    }


def test_a_doctor_comes_back_as_given(program: Program, doctor: Any) -> None:
    assert {key: doctor[key] for key in GIVEN} == GIVEN
    assert program.get(f"/doctors/{doctor['id']}") == doctor
    assert doctor in program.get("/doctors")


def test_lists_are_paged(program: Program, doctor: Any) -> None:
    more = [program.send("POST", "/doctors", GIVEN | {"name": f"Dr {one}"}).json for one in "AB"]
    for time in ("11:00", "11:15", "11:30"):
        assert program.send("POST", "/appointment", appointment(doctor, time)).status_code == 201
    for path, wanted in (
        ("/doctors", [doctor["id"], *(one["id"] for one in more)]),
        (f"/appointments/{doctor['id']}", ["11:00", "11:15", "11:30"]),
    ):
        found, address = [], f"{path}?limit=1"
        while address:
            answer = program.send("GET", address)
            assert len(answer.json) <= 1
            found += [one.get("time") or one["id"] for one in answer.json]
            link = re.fullmatch(
                r'<http://localhost(/.*)>; rel="next"', answer.headers.get("Link", "")
            )
            address = link[1] if link else ""
        assert [one for one in found if one in wanted] == wanted
        assert "Link" not in program.send("GET", path).headers
    for wrong in ("limit=501", "limit=0", "after=x"):
        assert program.send("GET", f"/doctors?{wrong}").status_code in (400, 404, 422)


def test_fifteen_minutes_are_booked_once_wherever(program: Program, doctor: Any) -> None:
    first = program.send("POST", "/appointment", appointment(doctor))
    assert first.status_code == 201, first.text
    assert first.json["minutes"] == 15
    again = program.send("POST", "/appointment", appointment(doctor, place=1))
    assert (again.status_code, again.json["code"]) == (409, "slot-taken")
    assert again.json["alternatives"]
    assert program.send("POST", "/appointment", appointment(doctor, "11:15", 1)).status_code == 201
    listed = program.get(f"/appointments/{doctor['id']}")
    assert [(one["time"], one["location_id"]) for one in listed] == [
        ("11:00", doctor["location_ids"][0]),
        ("11:15", doctor["location_ids"][1]),
    ]


@pytest.mark.parametrize(("slot", "minutes"), [(5, 15), (20, 20), (30, 30)])
def test_who_gives_longer_appointments_is_booked_for_the_shortest(
    program: Program, network: Database, doctor: Any, slot: int, minutes: int
) -> None:
    def act(session: Session) -> None:
        for schedule in session.query(Schedule).filter_by(practitioner_id=doctor["id"]):
            schedule.slot_minutes = slot
            mark_changed(session, "schedule", schedule.id)

    network.run(act)
    booked = program.send("POST", "/appointment", appointment(doctor, "11:00"))
    assert (booked.status_code, booked.json["minutes"]) == (201, minutes), booked.text


def test_a_cancelled_appointment_frees_its_time(program: Program, doctor: Any) -> None:
    program.send("POST", "/appointment", appointment(doctor))
    named = {key: value for key, value in appointment(doctor).items() if key != "location_id"}
    assert program.send("DELETE", "/appointment", named).status_code == 204
    assert program.get(f"/appointments/{doctor['id']}") == []
    assert program.send("DELETE", "/appointment", named).status_code == 404
    assert program.send("POST", "/appointment", appointment(doctor, place=1)).status_code == 201


def test_changing_a_doctor_moves_hours_and_places(program: Program, doctor: Any) -> None:
    given = GIVEN | {
        "locations": ["3 Sea Road, Coogee"],
        "schedule": {"friday": [["10:00", "12:00"]]},
    }
    changed = program.send("PUT", f"/doctors/{doctor['id']}", given).json
    assert {key: changed[key] for key in given} == given
    assert program.send("POST", "/appointment", appointment(doctor)).status_code == 404
    assert program.send("DELETE", f"/doctors/{doctor['id']}").status_code == 204
    assert program.send("GET", f"/doctors/{doctor['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"time": "11:05"}, 422),
        ({"time": "18:00"}, 422),
        ({"date": "2019-02-01"}, 422),
        ({"time": "25:00"}, 422),
        ({"date": "soon"}, 422),
        ({"location_id": 999}, 404),
        ({"doctor_id": 0}, 422),
        ({"room": 3}, 422),
    ],
)
def test_what_cannot_be_booked_is_refused_and_named(
    program: Program, doctor: Any, change: dict[str, Any], status: int
) -> None:
    answer = program.send("POST", "/appointment", appointment(doctor) | change)
    assert answer.status_code == status, answer.text
    assert answer.json["errors"][0]["field"]


def test_networks_are_a_bar_besides_the_key(
    settings: Settings, world: World, network: Database
) -> None:
    for networks, status in ((("127.0.0.0/8",), 200), (("10.0.0.0/8",), 403)):
        app = made(settings.model_copy(update={"doctor_networks": networks}))
        assert Program(app).send("GET", "/doctors").status_code == 401
        assert with_key(app, network, "doctors").send("GET", "/doctors").status_code == status
        app.extensions["openslot"].database.close()


def test_nobody_says_that_they_come_from_a_trusted_network(
    settings: Settings, world: World
) -> None:
    networks = {"doctor_networks": ("10.0.0.0/8",), "trusted_proxies": ("10.9.0.0/16",)}
    app = made(settings.model_copy(update=networks))
    for name in ("X_Forwarded_For", "X_Real_IP", "Forwarded"):
        answer = Program(app).send("GET", "/doctors", **{name: "10.1.2.3"})
        assert answer.status_code == 401
    app.extensions["openslot"].database.close()


def test_without_key_or_network_nobody_is_served(app: Flask) -> None:
    for method, path in (("GET", "/doctors"), ("GET", "/appointments/1"), ("POST", "/appointment")):
        answer = Program(app).send(method, path, {} if method == "POST" else None)
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
