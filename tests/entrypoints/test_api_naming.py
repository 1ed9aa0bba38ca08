"""Errors of the API name its own fields, whatever the commands behind it call theirs."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

import openslot
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Practitioner
from openslot.entrypoints.api.naming import SAID_AS, named, names_of
from openslot.entrypoints.api.operations import Operation

SOURCE = Path(openslot.__file__).parent
ELSEWHERE = (
    "entrypoints/web",
    "entrypoints/fhir",
    "entrypoints/cli",
    "entrypoints/worker",
    "demo",
    "exports",
    "importers",
    "reports",
)
"""What no operation calls."""

BEHIND_OTHER_DOORS = frozenset(
    {
        "jwks",
        "identifier",  # FHIR
        "template",
        "place",
        "role",
        "workplace",
        "department_id",
        "desks",  # pages of administrators
    }
)


@pytest.fixture
def operations(app: Flask) -> list[Operation]:
    found = (getattr(view, "operation", None) for view in app.view_functions.values())
    return [one for one in found if isinstance(one, Operation)]


def blamed() -> Iterator[tuple[str, str]]:
    """Every field that commands blame, and the file that does."""
    for file in sorted(SOURCE.rglob("*.py")):
        name = file.relative_to(SOURCE).as_posix()
        if name.startswith(ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "field":
                value = getattr(node.value, "value", None)
                if isinstance(value, str):
                    yield value, name


def test_whatever_commands_blame_has_a_name_in_some_operation(operations: list[Operation]) -> None:
    nameless = {
        (field, name)
        for field, name in blamed()
        if field not in BEHIND_OTHER_DOORS
        and not any(named([(field, "")], one, ()) for one in operations)
    }
    assert nameless == set()


def test_only_names_of_the_operation_are_said(operations: list[Operation]) -> None:
    everything = [(field, "") for field, _ in blamed()]
    for one in operations:
        said = {name for name, _ in named(everything, one, ())}
        assert said <= names_of(one) | {"If-Match", "Idempotency-Key"}, one.name


def test_nothing_is_translated_that_nobody_says(operations: list[Operation]) -> None:
    known = set().union(*(names_of(one) for one in operations))
    fields = {field for field, _ in blamed()}
    details = {"starts_at", "starts_from", "schedule_id"}  # of models that commands are given
    assert {name for names in SAID_AS.values() for name in names} <= known
    assert SAID_AS.keys() <= fields | details


def later(days: float) -> str:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return (hour + timedelta(days=days)).isoformat()


def wait(**more: Any) -> dict[str, Any]:
    return {"from": later(1), "to": later(9), **more}


Case = tuple[str, str, dict[str, Any], list[str]]

CASES: dict[str, Case] = {
    "absence": ("practitioner-owner", "absences", {"start": later(9), "end": later(8)}, ["end"]),
    "nothing to wait for": (
        "patient-owner",
        "waitlist",
        wait(),
        ["schedule", "practitioner", "profession"],
    ),
    "two things to wait for": (
        "patient-owner",
        "waitlist",
        wait(schedule=1, profession="GP"),
        ["schedule", "profession"],
    ),
    "nobody to wait for": ("patient-owner", "waitlist", wait(practitioner=99999), ["practitioner"]),
    "a wait that is over": (
        "patient-owner",
        "waitlist",
        wait(schedule=1, to="2020-01-01T00:00:00Z"),
        ["to"],
    ),
    "a letter to nobody": (
        "practitioner-owner",
        "referrals",
        {"letter": "Pain."},
        ["practitioner", "expertise"],
    ),
    "a letter to somebody who is none": (
        "practitioner-owner",
        "referrals",
        {"letter": "Pain.", "practitioner": 99999},
        ["practitioner"],
    ),
    "an appointment of somebody else": (
        "practitioner-owner",
        "patients/{patient}/history",
        {"text": "Pain.", "appointment": "0190b0c0-0000-7000-8000-000000000000"},
        ["appointment"],
    ),
    "a closure": (
        "centre-admin-owner",
        "centres/{centre}/closures",
        {"start": later(9), "end": later(8), "reason": "Painting"},
        ["end"],
    ),
    "what nobody knows": ("patient-owner", "waitlist", wait(schedule=1, colour="red"), ["colour"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_fields_to_blame_are_those_that_were_sent(
    app: Flask, network: Database, world: World, case: str
) -> None:
    own = Practitioner.id == world.practitioners["owner"]
    gp = update(Practitioner).where(own).values(profession="GP")
    network.run(lambda session: session.execute(gp))
    person, path, body, fields = CASES[case]
    there = path.format(patient=world.patients["owner"], centre=world.centres["own"])
    if path == "referrals":
        body = {"patient": str(world.patients["owner"]), **body}
    answer: Any = signed_in(app, world, person).send("POST", f"/api/v1/{there}", body)
    assert answer.status_code in {409, 422}, answer.text
    assert [one["field"] for one in answer.json["errors"]] == fields


def test_two_appointments_that_move_to_one_time_are_blamed_on_the_decisions(
    app: Flask, world: World
) -> None:
    move = {"choice": "move", "schedule": world.schedules["owner"]}
    body = {"decisions": [{"appointment": str(world.appointments["owner"]), **move}]}
    answer: Any = signed_in(app, world, "practitioner-owner").send(
        "POST", "/api/v1/absences", {"start": later(2), "end": later(5), **body}
    )
    assert [one["field"] for one in answer.json["errors"]] == ["decisions"]


def test_a_doctor_s_time_is_its_date_and_its_time(
    app: Flask, network: Database, world: World
) -> None:
    doctor = world.practitioners["owner"]
    body = {
        "doctor_id": doctor,
        "location_id": world.centres["own"],
        "date": "2020-02-01",
        "time": "11:00",
    }
    answer: Any = with_key(app, network, "doctors").send("POST", "/appointment", body)
    assert (answer.status_code, answer.json["code"]) == (422, "in-the-past")
    assert [one["field"] for one in answer.json["errors"]] == ["date", "time"]


def test_what_has_no_name_is_left_to_the_sentence(app: Flask, world: World) -> None:
    program: Program = signed_in(app, world, "practitioner-owner")
    taken = {
        "practitioner": world.practitioners["owner"],
        "centre": world.centres["own"],
        "hours": [],
    }
    answer: Any = signed_in(app, world, "centre-admin-owner").send(
        "POST", "/api/v1/schedules", taken
    )
    assert [one["field"] for one in answer.json["errors"]] == ["centre"]
    gone: Any = program.send("DELETE", f"/api/v1/absences/{world.appointments['owner']}")
    assert (gone.status_code, gone.json.get("errors")) == (404, None)


def test_a_refusal_of_the_whole_says_its_sentence(app: Flask, world: World) -> None:
    both = {
        "practitioner": world.practitioners["owner"],
        "service": world.services["owner"],
        "centre": world.centres["own"],
        "hours": [],
    }
    answer: Any = signed_in(app, world, "centre-admin-owner").send(
        "POST", "/api/v1/schedules", both
    )
    assert (answer.status_code, answer.json.get("errors")) == (422, None)
    assert answer.json["detail"] == "Choose a practitioner or a service."
