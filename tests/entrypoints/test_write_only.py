"""A program that may write and not read learns nothing about people; searches leave no names in
addresses."""

from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask, current_app

from entrypoints.browsing import next_week
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.entrypoints.api.operations import Operation, Written

SEARCH = "/api/v1/patients/search"
NEW = {"name": "Lena Marsh", "born": "1990-05-06", "phone": "0400 000 111"}
OUTCOME = frozenset(Written.model_fields)


def operations(app: Flask) -> list[Operation]:
    with app.app_context():
        views = current_app.view_functions.values()
        found = [getattr(view, "operation", None) for view in views]
    return [one for one in found if isinstance(one, Operation)]


def booking(program: Program, world: World) -> dict[str, Any]:
    schedule = world.schedules["owner"]
    asked = f"/api/v1/slots?schedule={schedule}&from={next_week()}&limit=1"
    (slot,) = program.get(asked)["items"]
    patient = str(world.patients["owner"])
    return {"schedule": schedule, "start": slot["start"], "patient": patient, "reason": "A secret"}


def test_a_patient_is_registered_and_changed_without_being_read(
    app: Flask, network: Database, world: World
) -> None:
    writer = with_key(app, network, "patients:write")
    made = writer.send("POST", "/api/v1/patients", NEW)
    assert (made.status_code, set(made.json)) == (201, {"id"})  # type: ignore[arg-type]
    path = made.headers["Location"]
    assert path.endswith(made.json["id"])  # type: ignore[index] # an object
    changed = writer.send("PATCH", path, {"phone": "0400 000 222"})
    assert (changed.status_code, changed.json) == (200, made.json)
    other = f"/api/v1/patients/{world.patients['owner']}"
    assert set(writer.send("PATCH", other, {"language": "Maori"}).json) == {"id"}  # type: ignore[arg-type]
    assert writer.send("GET", path).status_code == 403
    both = with_key(app, network, "patients:write", "patients:read")
    assert both.send("PATCH", path, {"phone": "0400 000 333"}).json["name"] == "Lena Marsh"  # type: ignore[index]


def test_an_appointment_is_held_booked_and_cancelled_without_being_read(
    app: Flask, network: Database, world: World
) -> None:
    reader = with_key(app, network, "directory:read")
    writer = with_key(app, network, "appointments:write")
    wanted = booking(reader, world)
    held = writer.send("POST", "/api/v1/holds", {k: wanted[k] for k in ("schedule", "start")})
    assert (held.status_code, set(held.json)) == (201, {"id", "until"}), held.text  # type: ignore[arg-type]
    made = writer.send("POST", "/api/v1/appointments", wanted | {"hold": held.json["id"]})  # type: ignore[index]
    assert made.status_code == 201, made.text
    assert set(made.json) == {"id", "version", "status"}  # type: ignore[arg-type]
    assert made.headers["ETag"] == f'"{made.json["version"]}"'  # type: ignore[index]
    again = writer.send("POST", "/api/v1/appointments", wanted, Idempotency_Key="one")
    assert "A secret" not in again.text
    path = made.headers["Location"]
    ended = writer.send("PATCH", path, {"status": "cancelled"}, If_Match=made.headers["ETag"])
    assert (ended.status_code, ended.json["status"]) == (200, "cancelled")  # type: ignore[index]
    assert set(ended.json) == {"id", "version", "status"}  # type: ignore[arg-type]


@pytest.mark.parametrize("prefer", ["representation", "minimal", None])
def test_fhir_gives_a_program_that_may_not_read_no_resource(
    app: Flask, network: Database, world: World, prefer: str | None
) -> None:
    wanted = booking(with_key(app, network, "directory:read"), world)
    start, patient = wanted["start"], wanted["patient"]
    end = (datetime.fromisoformat(start) + timedelta(minutes=30)).isoformat()
    sent = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": start,
        "end": end,
        "participant": [
            {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"},
            {"actor": {"reference": f"Schedule/{wanted['schedule']}"}, "status": "accepted"},
        ],
        "slot": [{"reference": f"Schedule/{wanted['schedule']}"}],
    }
    headers = {"Prefer": f"return={prefer}"} if prefer else {}
    slots = with_key(app, network, "system/*.rs").get(
        f"/fhir/Slot?schedule=Schedule/{wanted['schedule']}&start={start.replace('+', '%2B')}"
    )
    sent["slot"] = [{"reference": f"Slot/{slots['entry'][0]['resource']['id']}"}]
    sent["participant"] = sent["participant"][:1]
    made = with_key(app, network, "system/Appointment.c").send(
        "POST", "/fhir/Appointment", sent, **headers
    )
    assert (made.status_code, made.data) == (201, b"")
    assert made.headers["Location"]


def test_operations_of_fhir_tell_a_program_that_may_not_read_what_it_wrote_alone(
    app: Flask, network: Database, world: World
) -> None:
    reader = with_key(app, network, "system/*.rs")
    writer = with_key(app, network, "system/Appointment.cu")
    day = next_week()
    query = f"start={day}T00:00:00Z&practitioner={world.practitioners['owner']}&_count=1"
    (found, _) = reader.get(f"/fhir/Appointment/$find?{query}")["entry"]
    who = {"name": "patient-reference", "valueString": f"Patient/{world.patients['owner']}"}
    said = {
        "name": "appointment-reference",
        "valueString": f"Appointment/{found['resource']['id']}",
    }
    for operation, status in (("$hold", "pending"), ("$book", "booked")):
        answer = writer.send(
            "POST",
            f"/fhir/Appointment/{operation}",
            {"resourceType": "Parameters", "parameter": [said, who]},
        )
        assert answer.status_code in (200, 201), answer.text
        (made, _) = answer.get_json()["entry"]
        assert set(made["resource"]) == {"resourceType", "id", "meta", "status"}
        assert set(made["resource"]["meta"]) == {"versionId", "tag"}
        assert made["resource"]["status"] == status
        said["valueString"] = f"Appointment/{made['resource']['id']}"
        whole = reader.get(f"/fhir/{said['valueString']}")
        assert whole["participant"], "who may read reads all of it"
    ended = writer.send("POST", f"/fhir/{said['valueString']}/$cancel")
    assert (ended.status_code, ended.data) == (200, b"")
    assert ended.headers["ETag"]


def test_every_answer_of_a_change_to_people_has_its_scope_to_read(app: Flask) -> None:
    hidden = {one.name: one.read_by for one in operations(app) if one.read_by}
    assert {
        "create_patient",
        "change_patient",
        "create_appointment",
        "create_referral",
        "create_request",
        "create_dependent",
        "create_merge",
        "change_me",
    } <= hidden.keys()
    for one in operations(app):
        about_people = one.scope in ("patients:write", "records:write", "referrals:write")
        if about_people and one.answer is not None:
            assert one.read_by, f"{one.name} tells a writer all that it answers"


def test_the_directory_and_people_s_own_tokens_get_the_whole_answer(
    app: Flask, network: Database, world: World
) -> None:
    writer = with_key(app, network, "directory:write")
    changed = writer.send("PATCH", "/api/v1/centres/1", {"phone": "02 9382 1112"})
    assert changed.json["name"] == "Banksia General Hospital"  # type: ignore[index] # an object
    own = signed_in(app, world, "patient-owner")
    path = f"/api/v1/patients/{world.patients['owner']}"
    assert own.send("PATCH", path, {"language": "Maori"}).json["name"] == "Aroha Owner"  # type: ignore[index]


def test_both_answers_are_documented(app: Flask, network: Database) -> None:
    document = Program(app).get("/api/v1/openapi.json")
    good = document["paths"]["/api/v1/patients"]["post"]["responses"]["201"]
    (kinds,) = (one["schema"]["anyOf"] for one in good["content"].values())
    assert [one["$ref"].rpartition("/")[2] for one in kinds] == ["Patient", "Written"]
    assert document["components"]["schemas"]["Written"]["properties"].keys() == OUTCOME
    search = document["paths"][SEARCH]["post"]
    assert {one["name"] for one in search["parameters"]} == {"limit", "after"}
    assert "409" not in search["responses"]


@pytest.mark.parametrize(
    ("person", "terms"),
    [
        ("staff-owner", {"q": "aroha owner"}),
        ("staff-owner", {"name": "Aroha Owner", "born": "1980-03-31"}),
        ("network-admin", {"q": "owner"}),
        ("practitioner-owner", {"born": "1980-03-31"}),
    ],
)
def test_patients_are_found_by_a_body_as_by_an_address(
    app: Flask, world: World, person: str, terms: dict[str, str]
) -> None:
    program = signed_in(app, world, person)
    query = "&".join(f"{name}={value}" for name, value in terms.items())
    found = program.send("POST", SEARCH, terms)
    assert found.status_code == 200, found.text
    assert found.json["items"] == program.get(f"/api/v1/patients?{query}")["items"]  # type: ignore[index]
    assert [one["name"] for one in found.json["items"]] == ["Aroha Owner"]  # type: ignore[index]


def test_pages_of_a_search_have_no_name_in_their_address(app: Flask, network: Database) -> None:
    program = with_key(app, network, "patients:read", "patients:write")
    for number in "abcde":
        program.send("POST", "/api/v1/patients", {"name": f"Łukasz Zedwin{number}", "anyway": True})
    seen: list[str] = []
    address = f"{SEARCH}?limit=2"
    while address:
        parts = urlsplit(address)
        cursor = parse_qs(parts.query).get("after", [""])[0]
        assert b"Zedwin" not in urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        assert parse_qs(parts.query).keys() <= {"limit", "after"}
        answer = program.send("POST", f"{parts.path}?{parts.query}", {"q": "zed"})
        assert answer.status_code == 200, answer.text
        seen += [one["name"] for one in answer.json["items"]]  # type: ignore[index]
        address = answer.json["next"]  # type: ignore[index]
    assert seen == [f"Łukasz Zedwin{number}" for number in "abcde"]


def test_a_search_by_body_refuses_what_it_does_not_know(
    app: Flask, network: Database, world: World
) -> None:
    program = with_key(app, network, "patients:read")
    for body, query, status in (
        ({}, "", 422),
        ({"q": " "}, "", 422),
        ({"q": "\u0000"}, "", 422),
        ({"identifier": "0400 123 456"}, "", 422),
        ({"surname": "x"}, "", 422),
        ({"q": "x"}, "?q=x", 422),
        ({"q": "x"}, "?after=x", 404),
    ):
        assert program.send("POST", f"{SEARCH}{query}", body).status_code == status, (body, query)
    assert (
        signed_in(app, world, "patient-owner").send("POST", SEARCH, {"q": "x"}).status_code == 403
    )
    assert (
        with_key(app, network, "patients:write").send("POST", SEARCH, {"q": "x"}).status_code == 403
    )


def test_no_answer_of_a_search_is_stored(app: Flask, network: Database) -> None:
    program = with_key(app, network, "patients:read", "patients:write")
    terms = {"q": "zed"}
    first = program.send("POST", SEARCH, terms, Idempotency_Key="one")
    program.send("POST", "/api/v1/patients", {"name": "Ann Zed", "anyway": True})
    second = program.send("POST", SEARCH, terms, Idempotency_Key="one")
    assert (len(first.json["items"]), len(second.json["items"])) == (0, 1)  # type: ignore[index]
