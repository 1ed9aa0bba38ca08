"""Schedules and free times through the API."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
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


USUAL = {
    "valid_from": None,
    "valid_until": None,
    "rule": None,
    "on_holidays": False,
    "services": [],
}


def test_changing_hours_leaves_the_rest_and_the_other_way_round(app: Flask, world: World) -> None:
    program = signed_in(app, world, "practitioner-owner")
    path = f"/api/v1/schedules/{world.schedules['owner']}"
    before = program.get(path)
    hours = [{"weekday": 0, "starts": "22:00", "ends": "02:00", **USUAL}]
    changed = program.send("PATCH", path, {"hours": hours}).json
    assert changed == before | {"hours": hours}
    chief = signed_in(app, world, "centre-admin-owner")
    assert chief.send("PATCH", path, {"max_slots": 2}).json == changed | {"max_slots": 2}


def test_starts_and_recurrence_are_kept_and_sent_back(app: Flask, world: World) -> None:
    program = signed_in(app, world, "centre-admin-owner")
    path = f"/api/v1/schedules/{world.schedules['owner']}"
    morning = {"starts": "09:00", "ends": "12:00"}
    sent: list[dict[str, Any]] = [
        {"weekday": 0, **morning, "on_holidays": True},
        {**morning, "valid_from": "2027-03-06", "valid_until": "2027-03-06"},
        {**morning, "valid_from": "2027-03-02", "rule": "INTERVAL=2;FREQ=WEEKLY;UNTIL=20270801"},
        {**morning, "rule": "FREQ=MONTHLY;BYDAY=-1FR"},
    ]
    body = {"slot_minutes": 50, "step_minutes": 60, "starts_from": "midnight", "flush": True}
    changed = program.send("PATCH", path, body | {"hours": sent}).json
    assert {name: changed[name] for name in body} == body
    assert changed["hours"] == [
        USUAL | sent[0],
        USUAL
        | sent[2]
        | {"weekday": None, "rule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "valid_until": "2027-08-01"},
        USUAL | sent[3] | {"weekday": None},
        USUAL | sent[1] | {"weekday": 5},
    ]
    assert program.send("PATCH", path, {"hours": changed["hours"]}).json == changed


def test_fhir_says_weekly_hours_as_such_and_others_in_words(
    app: Flask, world: World, network: Database
) -> None:
    program = with_key(app, network, "*")
    schedule = world.schedules["owner"]
    morning = {"starts": "09:00", "ends": "12:00"}
    hours: list[dict[str, Any]] = [
        {"weekday": 0, **morning},
        {**morning, "valid_from": "2027-03-06", "valid_until": "2027-03-06", "on_holidays": True},
        {**morning, "valid_from": "2027-03-02", "rule": "FREQ=WEEKLY;INTERVAL=2"},
        {**morning, "rule": "FREQ=MONTHLY;BYDAY=-1FR"},
    ]
    sent = program.send("PATCH", f"/api/v1/schedules/{schedule}", {"hours": hours})
    assert sent.status_code == 200, sent.text
    role: Any = program.get(f"/fhir/PractitionerRole/{schedule}")
    assert [one["daysOfWeek"] for one in role["availableTime"]] == [["mon"]]
    assert role["availabilityExceptions"].split("; ") == [
        "tue every 2 weeks 09:00 to 12:00 from 2027-03-02",
        "last fri every month 09:00 to 12:00",
        "2027-03-06 09:00 to 12:00, also on public holidays",
    ]


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        ({}, "Give a weekday, a rule"),
        ({"weekday": 1, "rule": "FREQ=MONTHLY;BYDAY=1MO"}, "the rule says the days"),
        ({"weekday": 1, "valid_from": "2027-03-06", "valid_until": "2027-03-06"}, "of the date"),
        ({"rule": "FREQ=YEARLY"}, "for example FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ({"rule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"}, "Enter the first day"),
    ],
)
def test_hours_that_say_no_days_are_refused(
    app: Flask, world: World, hours: dict[str, Any], sentence: str
) -> None:
    program = signed_in(app, world, "centre-admin-owner")
    path = f"/api/v1/schedules/{world.schedules['owner']}"
    answer = program.send("PATCH", path, {"hours": [{"starts": "9:00", "ends": "12:00", **hours}]})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert answer.json["errors"][0]["field"].startswith("hours")


@pytest.mark.parametrize("step", [0, 7, 1445])
def test_steps_that_cannot_be_are_refused(app: Flask, world: World, step: int) -> None:
    program = signed_in(app, world, "centre-admin-owner")
    path = f"/api/v1/schedules/{world.schedules['owner']}"
    answer = program.send("PATCH", path, {"step_minutes": step})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "step_minutes")


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
