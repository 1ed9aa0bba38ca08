"""Requests between departments through the API: asked, answered, changed, rated."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.booking.models import Appointment
from openslot.core.db import Database

PATH = "/api/v1/requests"


def soon(days: int = 2) -> str:
    hour = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
    return (hour + timedelta(days=days)).isoformat()


@pytest.fixture
def surgery(app: Flask, world: World) -> Program:
    """Who asks."""
    return signed_in(app, world, "staff-teammate")


@pytest.fixture
def radiology(app: Flask, world: World) -> Program:
    """Who is asked."""
    return signed_in(app, world, "staff-owner")


def ask(surgery: Program, world: World, **more: Any) -> Any:
    body = {"service": world.services["owner"], "task": "CT head", "start": soon(), "minutes": 30}
    made = surgery.send("POST", PATH, body | more)
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"{PATH}/{made.json['id']}"  # type: ignore[index]
    return made.json


def act(program: Program, asked: Any, name: str, body: Any = None, **headers: str) -> Any:
    done = program.send("POST", f"{PATH}/{asked['id']}/{name}", body, **headers)
    assert done.status_code == 200, done.text
    return done.json


def over(network: Database, appointment: str) -> None:
    """Let the appointment be today, so that it can be completed."""

    def work(session: Any) -> None:
        for row in session.query(Appointment):
            if str(row.id) == appointment:
                row.starts_at = datetime.now(UTC) - timedelta(hours=1)

    network.run(work)


def test_a_request_is_accepted_completed_and_rated(
    network: Database, world: World, surgery: Program, radiology: Program
) -> None:
    asked = ask(surgery, world, patient=str(world.patients["owner"]), priority="urgent")
    assert (asked["status"], asked["relation"]) == ("new", "asking")
    assert asked["actions"] == ["amend", "cancel"]
    [seen] = radiology.get(f"{PATH}?side=asked&status=new&priority=urgent")["items"]
    assert (seen["id"], seen["actions"]) == (asked["id"], ["accept", "decline", "propose"])
    accepted = act(radiology, asked, "accept")
    appointment = surgery.get(f"/api/v1/appointments/{accepted['appointment']}")
    assert appointment["patient"]["id"] == str(world.patients["owner"])
    over(network, accepted["appointment"])
    assert act(radiology, asked, "complete")["status"] == "completed"
    rated = surgery.send("PUT", f"{PATH}/{asked['id']}/rating", {"stars": 4})
    assert (rated.status_code, rated.json["stars"]) == (200, 4)


def test_another_time_is_proposed_and_taken(
    world: World, surgery: Program, radiology: Program
) -> None:
    asked = ask(surgery, world)
    proposed = act(radiology, asked, "propose", {"start": soon(3), "answer": "Busy"})
    assert (proposed["status"], proposed["answer"]) == ("proposed", "Busy")
    agreed = act(surgery, asked, "agree")
    assert agreed["status"] == "accepted"
    assert datetime.fromisoformat(agreed["start"]) == datetime.fromisoformat(soon(3))


def test_no_says_why(world: World, surgery: Program, radiology: Program) -> None:
    asked = ask(surgery, world)
    silent: Any = radiology.send("POST", f"{PATH}/{asked['id']}/decline", {})
    assert (silent.status_code, silent.json["errors"][0]["field"]) == (422, "answer")
    assert act(radiology, asked, "decline", {"answer": "Use ultrasound"})["status"] == "declined"
    late: Any = radiology.send("POST", f"{PATH}/{asked['id']}/accept")
    assert (late.status_code, late.json["code"]) == (409, "request-wrong-state")


def test_what_is_amended_is_not_answered_unseen(
    world: World, surgery: Program, radiology: Program
) -> None:
    asked = ask(surgery, world)
    there = f"{PATH}/{asked['id']}"
    tag = radiology.send("GET", there).headers["ETag"]
    changed = surgery.send("PATCH", there, {"task": "CT neck", "start": soon(4)}, If_Match=tag)
    assert (changed.status_code, changed.json["task"]) == (200, "CT neck")
    assert changed.json["priority"] == asked["priority"]
    unseen: Any = radiology.send("POST", f"{there}/accept", If_Match=tag)
    assert (unseen.status_code, unseen.json["code"]) == (412, "stale-version")
    assert act(radiology, asked, "accept", If_Match=changed.headers["ETag"])["task"] == "CT neck"
    assert act(surgery, asked, "cancel")["status"] == "cancelled"


def test_each_does_what_is_theirs(world: World, surgery: Program, radiology: Program) -> None:
    asked = ask(surgery, world)
    for program, name in ((surgery, "accept"), (radiology, "agree"), (surgery, "complete")):
        answer = program.send("POST", f"{PATH}/{asked['id']}/{name}")
        assert answer.status_code == 403, (name, answer.text)
    rated = radiology.send("PUT", f"{PATH}/{asked['id']}/rating", {"stars": 5})
    assert rated.status_code == 403


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("staff-stranger", 200),
        ("centre-admin-stranger", 200),
        ("practitioner-owner", 403),
        ("patient-owner", 403),
    ],
)
def test_strangers_do_not_learn_of_a_request(
    app: Flask, world: World, surgery: Program, person: str, status: int
) -> None:
    asked, other = ask(surgery, world), signed_in(app, world, person)
    listed: Any = other.send("GET", PATH)
    assert (listed.status_code, listed.json.get("items", [])) == (status, [])
    assert other.send("GET", f"{PATH}/{asked['id']}").status_code == 404
    assert other.send("POST", f"{PATH}/{asked['id']}/cancel").status_code == 404


def test_who_runs_the_place_looks_on_and_may_take_it_back(
    app: Flask, network: Database, world: World, surgery: Program
) -> None:
    asked = ask(surgery, world)
    key = with_key(app, network, "requests:read", "requests:write")
    [seen] = key.get(PATH)["items"]
    assert (seen["relation"], seen["actions"]) == ("overseer", ["cancel"])
    assert key.send("GET", f"{PATH}?side=asked").status_code == 422
    assert act(signed_in(app, world, "centre-admin-owner"), asked, "cancel")["version"] > 1


def test_requests_are_read_page_by_page(world: World, surgery: Program) -> None:
    ids = [ask(surgery, world, start=soon(days))["id"] for days in (2, 3, 4)]
    address, found = f"{PATH}?side=asking&limit=2", []
    while address:
        part = surgery.get(address)
        found += part["items"]
        address = part["next"]
    assert [one["id"] for one in found] == ids[::-1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start": "2020-01-01T09:00:00Z"}, "start"),
        ({"start": "soon"}, "start"),
        ({"minutes": 7}, "minutes"),
        ({"minutes": 1440}, "minutes"),
        ({"task": " "}, "task"),
        ({"priority": "now"}, "priority"),
        ({"other": 1}, "other"),
    ],
)
def test_odd_requests_are_refused_by_field(
    world: World, surgery: Program, change: dict[str, Any], field: str
) -> None:
    body = {"service": world.services["owner"], "task": "CT", "start": soon(), "minutes": 30}
    answer: Any = surgery.send("POST", PATH, body | change)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field), answer.text


def test_another_centre_and_one_s_own_service_are_not_asked(world: World, surgery: Program) -> None:
    body = {"task": "CT", "start": soon(), "minutes": 30}
    foreign = surgery.send("POST", PATH, body | {"service": world.services["stranger"]})
    own: Any = surgery.send("POST", PATH, body | {"service": world.services["teammate"]})
    assert (foreign.status_code, own.status_code, own.json["code"]) == (404, 409, "own-service")
