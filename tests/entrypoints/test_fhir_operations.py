"""Operations on appointments: proposed, held, booked, changed and cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

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
    return {
        "name": "patient-reference",
        "valueReference": {"reference": f"Patient/{world.patients['owner']}"},
    }


def by_reference(one: Json) -> Json:
    return {
        "name": "appointment-reference",
        "valueReference": {"reference": f"Appointment/{one['id']}"},
    }


def test_times_are_proposed_by_get_and_by_post(program: Program, world: World) -> None:
    by_get = proposed(program, world, 50)
    assert by_get
    for one in by_get:
        assert one["status"] == "proposed"
        assert program.get(f"/fhir/Slot/{one['id']}")["status"] == "free"
    own = {"reference": f"Schedule/{world.schedules['owner']}"}
    answer = send(
        program,
        "$find",
        {"name": "start", "valueDateTime": f"{DAY}T00:00:00Z"},
        {"name": "end", "valueDateTime": f"{DAY}T04:00:00Z"},
        {"name": "schedule", "valueReference": own},
        {"name": "specialty", "valueCodeableConcept": {"coding": [{"code": "physiotherapist"}]}},
    )
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
    (appointment,) = resources(booked, "Appointment")
    assert (appointment["id"], appointment["status"]) == (kept["id"], "booked")
    moved = appointment | {"start": other["start"], "end": other["end"]}
    changed = send(program, "$book", {"name": "appointment", "resource": moved})
    assert resources(changed, "Appointment")[0]["slot"][0]["reference"] == f"Slot/{other['id']}"
    why = {"name": "reason", "valueString": "Feeling better"}
    ended = send(program, f"{appointment['id']}/$cancel", why)
    assert ended.status_code == 200, ended.text
    assert ended.json["cancelationReason"] == {"text": "Feeling better"}  # type: ignore[index]
    assert program.get(f"/fhir/Slot/{other['id']}")["status"] == "free"


def test_book_also_cancels_and_lets_a_kept_time_go(program: Program, world: World) -> None:
    one, other = proposed(program, world)
    (appointment,) = resources(
        send(program, "$book", by_reference(one), patient(world)), "Appointment"
    )
    off = appointment | {"status": "cancelled"}
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
        assert (answer.status_code, issue["severity"], issue["code"]) == (409, "fatal", "not-found")


def test_nobody_touches_what_is_not_theirs(
    app: Flask, network: Database, program: Program, world: World
) -> None:
    stranger = signed_in(app, world, "patient-stranger")
    appointment = {"id": str(world.appointments["owner"])}
    assert send(stranger, f"{appointment['id']}/$cancel").status_code == 404
    assert send(stranger, "$book", by_reference(appointment)).status_code == 404
    assert send(Program(app), "$find").status_code == 401
    reader = with_key(app, network, "system/Slot.rs")
    one, _ = proposed(reader, world)
    assert send(reader, "$hold", by_reference(one), patient(world)).status_code == 403
    assert send(reader, f"{appointment['id']}/$cancel").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"resourceType": "Patient"},
        {"resourceType": "Parameters", "parameter": [7]},
        {"resourceType": "Parameters", "parameter": [{"name": "start", "valueRange": {"low": 1}}]},
        {"resourceType": "Parameters", "parameter": [{"name": "appt-id", "valueString": None}]},
        {"resourceType": "Parameters", "parameter": {"name": "x"}},
    ],
    ids=str,
)
def test_bodies_that_make_no_sense_are_refused(program: Program, body: Any) -> None:
    for operation in ("$find", "$hold", "$book"):
        answer = program.send("POST", f"/fhir/Appointment/{operation}", body)
        assert answer.status_code == 400, answer.text
        assert answer.json["resourceType"] == "OperationOutcome"  # type: ignore[index]


def test_operations_are_declared(program: Program) -> None:
    kinds = program.get("/fhir/metadata")["rest"][0]["resource"]
    (one,) = (kind for kind in kinds if kind["type"] == "Appointment")
    assert [each["name"] for each in one["operation"]] == ["find", "hold", "book", "cancel"]


# What is proposed


def finding(program: Program, *pairs: tuple[str, str]) -> Json:
    """The Bundle of $find, the same by GET and by POST."""
    days = (("start", f"{DAY}T00:00:00Z"), ("end", f"{DAY}T04:00:00Z"))
    by_get = program.send("GET", f"/fhir/Appointment/$find?{urlencode((*days, *pairs))}")
    named = [{"name": name, "valueString": value} for name, value in (*days, *pairs)]
    by_post = send(program, "$find", *named)
    assert by_get.status_code == by_post.status_code == 200, by_get.text
    assert by_get.json == by_post.json
    body: Json = by_get.json  # type: ignore[assignment] # an object
    return body


def found(program: Program, *pairs: tuple[str, str]) -> set[str]:
    """The schedules of which something is proposed."""
    entries = finding(program, *pairs, ("_count", "200"))["entry"][:-1]
    return {entry["resource"]["id"].partition("-")[0] for entry in entries}


def test_the_same_parameter_again_means_or_and_another_one_and(
    program: Program, world: World
) -> None:
    own, other = (("practitioner", str(world.practitioners[who])) for who in ("owner", "stranger"))
    mine, theirs = (str(world.schedules[who]) for who in ("owner", "stranger"))
    assert found(program, own) == {mine}
    assert found(program, own, other) == {mine, theirs}
    assert found(program, ("practitioner", f"{own[1]},{other[1]}")) == {mine, theirs}
    assert found(program, own, other, ("location", "2")) == {theirs}
    assert found(program, own, other, ("location", "2"), ("location", "Location/1")) == {
        mine,
        theirs,
    }


def test_times_are_proposed_of_an_organization_and_near_an_address(
    program: Program, world: World
) -> None:
    at_second = found(program, ("location", "2"))
    assert str(world.schedules["stranger"]) in at_second
    assert found(program, ("organization", "Organization/centre-2")) == at_second
    assert found(program, ("organization", "http://localhost/fhir/Organization/centre-2")) == (
        at_second
    )
    assert found(program, ("organization", "department-1")) == {"1"}
    assert found(program, ("organization", "Organization/centre-99")) == set()
    assert found(program, ("organization", "Practitioner/1")) == set()
    assert found(program, ("location-string", "Randwick")) >= at_second
    assert found(program, ("location-string", "Broome")) == set()
    narrower = found(program, ("location-string", "Randwick"), ("organization", "centre-2"))
    assert narrower == at_second


def test_what_find_does_not_know_is_named(program: Program, world: World) -> None:
    body = finding(program, ("colour", "red"), ("patient", str(world.patients["owner"])))
    issues = body["entry"][-1]["resource"]["issue"]
    assert [(one["severity"], one["code"]) for one in issues[1:]] == [("warning", "not-supported")]
    assert "colour" in issues[1]["details"]["text"]
    assert "colour" not in body["link"][0]["url"]
    answer = program.send("GET", "/fhir/Appointment/$find?colour=red", Prefer="handling=strict")
    assert answer.status_code == 400


def test_proposals_are_counted_and_go_on_page_by_page(program: Program, world: World) -> None:
    own = ("practitioner", str(world.practitioners["owner"]))
    everything = [entry["resource"]["id"] for entry in finding(program, own)["entry"][:-1]]
    page = finding(program, own, ("_count", "2"))
    seen: list[str] = []
    for _ in range(20):
        links = {
            one["relation"]: one["url"].removeprefix("http://localhost") for one in page["link"]
        }
        assert page["total"] == len(everything)
        assert program.get(links["self"])["total"] == page["total"]
        seen += [entry["resource"]["id"] for entry in page["entry"][:-1]]
        if "next" not in links:
            break
        page = program.get(links["next"])
    assert seen == everything
    assert len(seen) > 2


# Who it is for


def other_patient(world: World) -> Json:
    return {
        "name": "patient-reference",
        "valueReference": {"reference": f"Patient/{world.patients['teammate']}"},
    }


def actors(one: Json) -> list[str]:
    return [each["actor"]["reference"] for each in one["participant"]]


@pytest.mark.parametrize("form", ["reference", "id", "resource", "whole address"])
def test_a_time_kept_for_nobody_is_booked_for_the_patient_who_is_sent(
    program: Program, world: World, form: str
) -> None:
    """IHE's $hold has appointment-reference as its single input."""
    (kept,) = resources(
        send(program, "$hold", by_reference(proposed(program, world)[0])), "Appointment"
    )
    key = str(world.patients["owner"])
    who = {
        "reference": patient(world),
        "id": {"name": "patient-id", "valueString": key},
        "resource": {
            "name": "patient-resource",
            "resource": {"resourceType": "Patient", "id": key},
        },
        "whole address": {"name": "patient", "valueUri": f"http://localhost/fhir/Patient/{key}"},
    }[form]
    booked = send(program, "$book", by_reference(kept), who)
    assert booked.status_code == 200, booked.text
    (appointment,) = resources(booked, "Appointment")
    assert (appointment["status"], appointment["start"]) == ("booked", kept["start"])
    assert f"Patient/{key}" in actors(appointment)
    assert program.get(f"/fhir/Appointment/{appointment['id']}") == appointment
    assert program.get(f"/fhir/{kept['slot'][0]['reference']}")["status"] == "busy"


def test_a_time_kept_for_one_patient_is_not_booked_for_another(
    program: Program, world: World
) -> None:
    one, _ = proposed(program, world)
    (kept,) = resources(send(program, "$hold", by_reference(one), patient(world)), "Appointment")
    answer = send(program, "$book", by_reference(kept), other_patient(world))
    issue = answer.json["issue"][0]  # type: ignore[index] # an object
    assert (answer.status_code, issue["expression"]) == (422, ["Appointment.participant"])
    assert "patient" in issue["details"]["text"]
    assert program.get(f"/fhir/Appointment/{kept['id']}")["status"] == "pending"
    booked = send(program, "$book", by_reference(kept), patient(world))
    assert booked.status_code == 200, booked.text


@pytest.mark.parametrize("named", ["Patient/nobody", "0190b3c2-8c53-7000-8000-000000000000"])
def test_a_kept_time_is_not_booked_for_who_is_nobody(
    program: Program, world: World, named: str
) -> None:
    one, _ = proposed(program, world)
    (kept,) = resources(send(program, "$hold", by_reference(one)), "Appointment")
    who = {"name": "patient-reference", "valueReference": {"reference": named}}
    answer = send(program, "$book", by_reference(kept), who)
    assert answer.status_code == 422, answer.text
    assert program.get(f"/fhir/Appointment/{kept['id']}")["status"] == "pending"


def test_a_pending_appointment_is_put_to_booked_for_the_patient_who_is_named(
    program: Program, world: World
) -> None:
    """With the number that another system gave it, and the address of what it is then."""
    one, _ = proposed(program, world)
    pending = one | {"status": "pending", "identifier": [{"system": "urn:ward", "value": "7"}]}
    kept: Json = program.send("POST", "/fhir/Appointment", pending).json  # type: ignore[assignment]
    who = {"actor": patient(world)["valueReference"], "status": "accepted"}
    wanted = kept | {"participant": [*kept["participant"], who]}
    path = f"/fhir/Appointment/{kept['id']}"
    assert program.send("PUT", path, wanted).status_code == 422  # still pending: for nobody
    answer = program.send("PUT", path, wanted | {"status": "booked"})
    assert answer.status_code == 200, answer.text
    appointment: Json = answer.json  # type: ignore[assignment] # an object
    assert (appointment["status"], appointment["start"]) == ("booked", kept["start"])
    assert f"Patient/{world.patients['owner']}" in actors(appointment)
    assert {"system": "urn:ward", "value": "7"} in appointment["identifier"]
    if appointment["id"] != kept["id"]:
        assert f"/Appointment/{appointment['id']}/" in answer.headers["Location"]
        assert program.send("GET", path).status_code == 410
