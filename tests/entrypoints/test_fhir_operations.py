"""Operations on appointments: proposed, held, booked, changed and cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database

Json = dict[str, Any]
DAY = (datetime.now(UTC) + timedelta(days=6)).date()


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def send(program: Program, operation: str, *parameters: Json) -> TestResponse:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    return program.send("POST", f"/fhir/Appointment/{operation}", body if parameters else None)


def resources(answer: TestResponse, kind: str) -> list[Json]:
    body: Json = answer.json  # type: ignore[assignment] # an object
    assert (body["resourceType"], body["type"]) == ("Bundle", "searchset"), body
    found = [entry["resource"] for entry in body["entry"]]
    return [one for one in found if one["resourceType"] == kind]


def proposed(program: Program, world: World, count: int = 2) -> list[Json]:
    query = f"start={DAY}T00:00:00Z&end={DAY}T04:00:00Z&practitioner={world.practitioners['owner']}"
    answer = program.send("GET", f"/fhir/Appointment/$find?{query}&_count={count}")
    assert answer.status_code == 200, answer.text
    return resources(answer, "Appointment")


def patient(world: World) -> Json:
    return {"name": "patient-reference",
            "valueReference": {"reference": f"Patient/{world.patients['owner']}"}}  # fmt: skip


def by_reference(one: Json) -> Json:
    return {"name": "appointment-reference",
            "valueReference": {"reference": f"Appointment/{one['id']}"}}  # fmt: skip


def test_times_are_proposed_by_get_and_by_post(program: Program, world: World) -> None:
    by_get = proposed(program, world, 50)
    assert by_get
    for one in by_get:
        assert one["status"] == "proposed"
        assert program.get(f"/fhir/Slot/{one['id']}")["status"] == "free"
    own = {"reference": f"Schedule/{world.schedules['owner']}"}
    answer = send(
        program, "$find",
        {"name": "start", "valueDateTime": f"{DAY}T00:00:00Z"},
        {"name": "end", "valueDateTime": f"{DAY}T04:00:00Z"},
        {"name": "schedule", "valueReference": own},
        {"name": "specialty", "valueCodeableConcept": {"coding": [{"code": "physiotherapist"}]}},
    )  # fmt: skip
    assert resources(answer, "Appointment") == by_get


def test_an_empty_answer_says_so(program: Program, world: World) -> None:
    query = f"start={DAY}T00:00:00Z&end={DAY}T04:00:00Z&specialty=unheard-of"
    answer = program.send("GET", f"/fhir/Appointment/$find?{query}")
    assert resources(answer, "Appointment") == []
    assert resources(answer, "OperationOutcome")[0]["issue"][0]["code"] == "not-found"


def test_a_proposal_is_held_booked_changed_and_cancelled(program: Program, world: World) -> None:
    one, other = proposed(program, world)
    held = send(program, "$hold", by_reference(one), patient(world))
    assert held.status_code == 201, held.text
    (kept,) = resources(held, "Appointment")
    assert kept["status"] == "pending"
    assert program.get(f"/fhir/Slot/{one['id']}")["status"] == "busy-tentative"
    booked = send(program, "$book", by_reference(kept))
    assert booked.status_code == 200, booked.text
    (visit,) = resources(booked, "Appointment")
    assert (visit["id"], visit["status"]) == (kept["id"], "booked")
    moved = visit | {"start": other["start"], "end": other["end"]}
    changed = send(program, "$book", {"name": "appointment", "resource": moved})
    assert resources(changed, "Appointment")[0]["slot"][0]["reference"] == f"Slot/{other['id']}"
    why = {"name": "reason", "valueString": "Feeling better"}
    ended = send(program, f"{visit['id']}/$cancel", why)
    assert ended.status_code == 200, ended.text
    assert ended.json["cancelationReason"] == {"text": "Feeling better"}  # type: ignore[index]
    assert program.get(f"/fhir/Slot/{other['id']}")["status"] == "free"


def test_book_also_cancels_and_lets_a_kept_time_go(program: Program, world: World) -> None:
    one, other = proposed(program, world)
    (visit,) = resources(send(program, "$book", by_reference(one), patient(world)), "Appointment")
    off = visit | {"status": "cancelled"}
    answer = send(program, "$book", {"name": "appt-resource", "resource": off})
    assert resources(answer, "Appointment")[0]["status"] == "cancelled"
    held = send(program, "$hold", {"name": "appointment", "resource": other}, patient(world))
    (kept,) = resources(held, "Appointment")
    assert send(program, f"{kept['id']}/$cancel").status_code == 200
    assert program.get(f"/fhir/Slot/{other['id']}")["status"] == "free"


def test_a_time_that_is_taken_is_fatal_and_not_found(program: Program, world: World) -> None:
    one, _ = proposed(program, world)
    assert send(program, "$book", by_reference(one), patient(world)).status_code == 201
    second = {"name": "patient", "valueString": str(world.patients["teammate"])}
    for operation in ("$hold", "$book"):
        answer = send(program, operation, by_reference(one), second)
        issue = answer.json["issue"][0]  # type: ignore[index] # an object
        assert (answer.status_code, issue["severity"], issue["code"]) == (
            409, "fatal", "not-found",
        )  # fmt: skip


def test_nobody_touches_what_is_not_theirs(
    app: Flask, network: Database, program: Program, world: World
) -> None:
    stranger = signed_in(app, world, "patient-stranger")
    visit = {"id": str(world.visits["owner"])}
    assert send(stranger, f"{visit['id']}/$cancel").status_code == 404
    assert send(stranger, "$book", by_reference(visit)).status_code == 404
    assert send(Program(app), "$find").status_code == 401
    reader = with_key(app, network, "system/Slot.rs")
    one, _ = proposed(reader, world)
    assert send(reader, "$hold", by_reference(one), patient(world)).status_code == 403
    assert send(reader, f"{visit['id']}/$cancel").status_code == 403


@pytest.mark.parametrize(
    "body",
    [[], {"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": [7]},
     {"resourceType": "Parameters", "parameter": [{"name": "start", "valueRange": {"low": 1}}]},
     {"resourceType": "Parameters", "parameter": [{"name": "appt-id", "valueString": None}]},
     {"resourceType": "Parameters", "parameter": {"name": "x"}}],
    ids=str,
)  # fmt: skip
def test_bodies_that_make_no_sense_are_refused(program: Program, body: Any) -> None:
    for operation in ("$find", "$hold", "$book"):
        answer = program.send("POST", f"/fhir/Appointment/{operation}", body)
        assert answer.status_code == 400, answer.text
        assert answer.json["resourceType"] == "OperationOutcome"  # type: ignore[index]


def test_operations_are_declared(program: Program) -> None:
    kinds = program.get("/fhir/metadata")["rest"][0]["resource"]
    (one,) = (kind for kind in kinds if kind["type"] == "Appointment")
    assert [each["name"] for each in one["operation"]] == ["find", "hold", "book", "cancel"]
