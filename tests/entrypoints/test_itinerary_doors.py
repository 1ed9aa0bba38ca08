"""Itineraries on pages and through the API."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database

PATH = "/api/v1/itineraries"


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def terms(world: World, **more: Any) -> dict[str, Any]:
    after = {"least": 2, "most": 7, "unit": "days"}
    return {
        "patient": str(world.patients["owner"]),
        "from": (datetime.now(UTC) + timedelta(days=5)).date().isoformat(),
        "steps": [
            {"service": world.services["owner"]},
            {"schedule": world.schedules["owner"], "after": after},
        ],
        **more,
    }


def found(program: Program, world: World) -> list[dict[str, Any]]:
    answer = program.send("POST", f"{PATH}/search", terms(world, limit=3))
    assert answer.status_code == 200, answer.text
    return [plan["steps"] for plan in answer.json["items"]]  # type: ignore[index] # it is an object


def booked(program: Program, world: World, plan: Any) -> dict[str, Any]:
    steps = [{"schedule": one["schedule"], "start": one["start"]} for one in plan]
    body = {"patient": str(world.patients["owner"]), "steps": steps}
    answer = program.send("POST", PATH, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json  # type: ignore[assignment] # it is an object
    assert answer.headers["Location"].endswith(f"{PATH}/{made['id']}")
    return made


def test_a_program_finds_books_reads_and_cancels(program: Program, world: World) -> None:
    plans = found(program, world)
    assert len(plans) == 3
    first, second = (datetime.fromisoformat(one["start"]) for one in plans[0])
    assert 2 <= (second.date() - first.date()).days <= 7
    one = booked(program, world, plans[0])
    read = program.get(f"{PATH}/{one['id']}")["appointments"]
    assert {step["itinerary"] for step in read} == {one["id"]}
    ended = program.send("POST", f"{PATH}/{one['id']}/cancel", {"why": "Well"}).json
    assert ended is not None
    assert {step["status"] for step in ended["appointments"]} == {"cancelled"}


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ({"service": 9999}, 409, "steps.1"),
        ({"schedule": 1, "after": {"least": 9, "most": 2}}, 422, "steps.1"),
    ],
)
def test_a_step_that_cannot_be_is_named(
    program: Program, world: World, sent: dict[str, Any], status: int, field: str
) -> None:
    steps = [{"service": world.services["owner"]}, sent]
    answer = program.send("POST", f"{PATH}/search", terms(world, steps=steps))
    assert answer.status_code == status, answer.text
    assert answer.json["errors"][0]["field"] == field  # type: ignore[index] # it is an object


def test_strangers_find_no_itinerary(app: Flask, program: Program, world: World) -> None:
    one = booked(program, world, found(program, world)[0])["id"]
    stranger = signed_in(app, world, "patient-stranger")
    assert stranger.send("GET", f"{PATH}/{one}").status_code == 404
    assert stranger.send("POST", f"{PATH}/{one}/cancel", {}).status_code == 404
    assert stranger.send("POST", f"{PATH}/search", terms(world)).status_code == 404


def form(world: World) -> dict[str, object]:
    return {
        "what1": f"service:{world.services['owner']}",
        "what2": f"schedule:{world.schedules['owner']}",
        "least2": 2,
        "most2": 7,
        "unit2": "days",
        "from": (datetime.now(UTC) + timedelta(days=5)).date().isoformat(),
    }


@pytest.mark.parametrize("person", ["patient-owner", "staff-owner"])
def test_a_plan_is_found_and_booked_and_one_that_changes_asks_about_the_rest(
    client_for: ClientFor, program: Program, world: World, person: str
) -> None:
    reader = client_for(person)
    whose = {} if person == "patient-owner" else {"patient": world.patients["owner"]}
    query = "&".join(f"{name}={value}" for name, value in {**form(world), **whose}.items())
    page = reader.get(f"/itineraries/new?{query}").text
    plans = page.split('<form class="os-card os-stack" method="post"')[1:]
    assert plans
    sent: dict[str, object] = {
        name: re.findall(rf'name="{name}" value="([^"]+)"', plans[0])
        for name in ("schedule", "service", "start")
    }
    made = reader.send("/itineraries/new", page=f"/itineraries/new?{query}", **sent, **whose)
    assert made.status_code == 303, made.text
    assert "2 appointments" in reader.get(made.location).text
    one = made.location.split("/")[2].partition("?")[0]
    first = program.get(f"{PATH}/{one}")["appointments"][0]["id"]
    assert f"/itineraries/{one}" in reader.get(f"/appointments/{first}").text
    after = reader.send(f"/appointments/{first}/cancel")
    assert after.location == f"/itineraries/{one}?changed=1"
    assert "Do the others still fit?" in reader.get(after.location).text
    assert "Cancel 1 appointment?" in reader.get(f"/itineraries/{one}/cancel").text
    assert reader.send(f"/itineraries/{one}/cancel").status_code == 303


def test_a_plan_that_is_gone_is_said(client_for: ClientFor, program: Program, world: World) -> None:
    plan = found(program, world)[0]
    other = {"schedule": plan[1]["schedule"], "start": plan[1]["start"]}
    taken = program.send(
        "POST", "/api/v1/appointments", other | {"patient": str(world.patients["teammate"])}
    )
    assert taken.status_code == 201, taken.text
    patient = client_for("patient-owner")
    refused = patient.send(
        "/itineraries/new",
        schedule=[one["schedule"] for one in plan],
        service=[0, 0],
        start=[one["start"] for one in plan],
        page="/forgot",
    )
    assert refused.status_code == 409
    assert "Step 2: This time was booked a moment ago." in refused.text
