"""Schedules and free times through the API."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask

from entrypoints.programs import signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database


def test_a_practitioner_is_made_bookable_and_found_free(
    app: Flask, world: World, network: Database
) -> None:
    program = with_key(app, network, "*")
    person = program.send(
        "POST", "/api/v1/practitioners", {"name": "Ada Doe", "profession": "GP"}
    ).json
    body = {
        "centre": world.centres["own"],
        "practitioner": person["id"],
        "slot_minutes": 15,
        "hours": [{"weekday": day, "starts": "09:00", "ends": "10:00"} for day in range(7)],
    }
    made = program.send("POST", "/api/v1/schedules", body)
    assert made.status_code == 201, made.text
    assert made.json["practitioner"] == {"id": person["id"], "name": "Ada Doe", "profession": "GP"}
    found = program.get(f"/api/v1/slots?practitioner={person['id']}&limit=5")["items"]
    assert [one["start"][11:] for one in found[:2]] != []
    assert all(one["schedule"] == made.json["id"] for one in found)
    first = datetime.fromisoformat(found[0]["start"])
    assert first.utcoffset() is not None
    assert datetime.fromisoformat(found[0]["end"]) - first == timedelta(minutes=15)


def test_changing_hours_leaves_the_rest_and_the_other_way_round(app: Flask, world: World) -> None:
    program = signed_in(app, world, "practitioner-owner")
    path = f"/api/v1/schedules/{world.schedules['owner']}"
    before = program.get(path)
    hours = [
        {"weekday": 0, "starts": "22:00", "ends": "02:00", "valid_from": None, "valid_until": None}
    ]
    changed = program.send("PATCH", path, {"hours": hours}).json
    assert changed == before | {"hours": hours}
    chief = signed_in(app, world, "centre-admin-owner")
    assert chief.send("PATCH", path, {"max_slots": 2}).json == changed | {"max_slots": 2}


def test_times_without_an_offset_are_refused(app: Flask, network: Database) -> None:
    program = with_key(app, network, "*")
    answer = program.send("GET", "/api/v1/slots?from=2027-03-08T09:00:00")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"].startswith("from")


def test_free_times_take_three_statements_however_many_there_are(
    app: Flask, network: Database, world: World, statements: Callable[..., Any]
) -> None:
    program = with_key(app, network, "*")
    program.get("/api/v1/slots")
    with statements(app.extensions["openslot"].database) as counted:
        program.get("/api/v1/slots?limit=500&earliest=true")
    assert counted.count <= 3 + 1, counted.texts  # one more proves who calls
