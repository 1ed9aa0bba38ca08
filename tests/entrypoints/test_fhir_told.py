"""What programs send is kept, refused or told of; nothing is passed over in silence."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.programs import Program, with_key
from entrypoints.test_fhir_appointments import create, outcome, wanted_appointment
from entrypoints.test_fhir_operations import by_reference, patient, proposed, resources, send
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Patient, Practitioner

Json = dict[str, Any]


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def status(program: Program, one: Json) -> str:
    found: str = program.get(f"/fhir/Appointment/{one['id']}")["status"]
    return found


def string(name: str, value: str) -> Json:
    return {"name": name, "valueString": value}


def refusal(answer: TestResponse) -> str:
    assert answer.status_code == 400, answer.text
    text: str = outcome(answer)["details"]["text"]
    return text


# Operations


@pytest.mark.parametrize("operation", ["$hold", "$book"])
@pytest.mark.parametrize(
    "parameter",
    [
        string("minutes", "60"),
        {"name": "timing", "valueTiming": {"repeat": {"dayOfWeek": ["mon"]}}},
        {"name": "Patient-reference", "valueReference": {"reference": "Patient/1"}},
    ],
)
def test_an_unknown_parameter_of_an_operation_is_refused(
    program: Program, world: World, operation: str, parameter: Json
) -> None:
    (one, _) = proposed(program, world)
    refused = send(program, operation, by_reference(one), patient(world), parameter)
    assert parameter["name"] in refusal(refused)
    assert program.get(f"/fhir/Slot/{one['id']}")["status"] == "free"


def test_a_repeated_parameter_is_refused(program: Program, world: World) -> None:
    one, other = proposed(program, world)
    refusal(send(program, "$book", by_reference(one), by_reference(other), patient(world)))
    refusal(send(program, "$hold", by_reference(one), patient(world), patient(world)))
    by_id = {"name": "appt-id", "valueString": other["id"]}
    refusal(send(program, "$book", by_reference(one), by_id, patient(world)))
    book = program.send("POST", "/fhir/Appointment/$book?cancelled-appt-id=1")
    assert "cancelled-appt-id" in refusal(book)


def test_booking_with_a_cancelled_appointment_moves(program: Program, world: World) -> None:
    one, other = proposed(program, world)
    (old,) = resources(send(program, "$book", by_reference(one), patient(world)), "Appointment")
    moved = send(
        program,
        "$book",
        by_reference(other),
        patient(world),
        string("cancelled-appt-id", old["id"]),
    )
    assert moved.status_code == 201, moved.text
    (new,) = resources(moved, "Appointment")
    assert (status(program, old), status(program, new)) == ("cancelled", "booked")


def test_a_move_that_fails_leaves_the_old_appointment(program: Program, world: World) -> None:
    one, other = proposed(program, world)
    (old,) = resources(send(program, "$book", by_reference(one), patient(world)), "Appointment")
    cancelled = string("cancelled-appt-id", f"Appointment/{old['id']}")
    someone = {
        "name": "patient-reference",
        "valueReference": {"reference": f"Patient/{world.patients['stranger']}"},
    }
    refused = send(program, "$book", by_reference(other), someone, cancelled)
    assert refused.status_code == 422
    again = send(program, "$book", by_reference(old), cancelled)
    assert again.status_code in (409, 422)
    taken = {"id": f"{world.schedules['owner']}-1-30"}
    assert send(program, "$book", by_reference(taken), patient(world), cancelled).status_code == 422
    assert status(program, old) == "booked"
    assert program.get(f"/fhir/Slot/{other['id']}")["status"] == "free"
    assert send(program, "$hold", by_reference(other), patient(world), cancelled).status_code == 400
    nobody = string("cancelled-appt-id", str(world.patients["owner"]))
    assert send(program, "$book", by_reference(other), patient(world), nobody).status_code == 422


@pytest.mark.parametrize(
    "name",
    [
        "reason",
        "cancelation-reason",
        "cancellation-reason",
        "cancelationReason",
        "cancellationReason",
    ],
)
def test_a_reason_to_cancel_is_kept_under_each_of_its_names(
    program: Program, world: World, name: str
) -> None:
    one, _ = proposed(program, world)
    (kept,) = resources(send(program, "$book", by_reference(one), patient(world)), "Appointment")
    assert "why" in refusal(send(program, f"{kept['id']}/$cancel", string("why", "Ill")))
    cancelled = send(program, f"{kept['id']}/$cancel", string(name, "Ill")).json
    assert cancelled["cancelationReason"] == {"text": "Ill"}  # type: ignore[index]


def test_people_are_found_by_their_identifiers(
    program: Program, world: World, network: Database
) -> None:
    def number(session: Any) -> None:
        session.get_one(Practitioner, world.practitioners["owner"]).provider_number = "2148751B"
        owner = session.get_one(Patient, world.patients["owner"])
        owner.medicare_number = "2123 45670 1"

    network.run(number)
    start = {"name": "start", "valueDateTime": "2026-12-05"}
    first = proposed(program, world)[0]
    start["valueDateTime"] = first["start"]

    def by(name: str, value: str) -> Json:
        return {"name": name, "valueReference": {"identifier": {"value": value}, "display": "x"}}

    answer = send(program, "$find", start, by("practitioner", "2148751B"))
    assert answer.status_code == 200, answer.text
    actors = {
        one["participant"][0]["actor"]["reference"] for one in resources(answer, "Appointment")
    }
    assert actors == {f"Practitioner/{world.practitioners['owner']}"}
    assert resources(send(program, "$find", start, by("practitioner", "9")), "Appointment") == []
    send(program, "$book", by_reference(first), patient(world))
    named = send(program, "$find", start, by("patient", "2123456701"))
    assert named.status_code == 200, named.text
    assert first["start"] not in [one["start"] for one in resources(named, "Appointment")]
    assert send(program, "$find", start, by("patient", "9")).status_code == 400


@pytest.mark.parametrize(
    "value",
    [
        {"valueTiming": {"repeat": {"dayOfWeek": ["mon"]}}},
        {"valueIdentifier": {"system": "urn:x", "value": "1"}},
        {"valueBoolean": True},
        {"part": [{"name": "x", "valueString": "y"}]},
    ],
)
def test_find_warns_of_what_it_does_not_know_of_any_type(program: Program, value: Json) -> None:
    answer = send(program, "$find", string("start", "2026-12-05"), {"name": "timing", **value})
    assert answer.status_code == 200, answer.text
    issues = resources(answer, "OperationOutcome")[0]["issue"]
    assert "timing" in issues[-1]["details"]["text"]
    assert send(program, "$find", {"name": "start", **value}).status_code == 400


# Appointments


def test_reasons_comment_and_description_are_kept_in_the_reason(
    program: Program, world: World
) -> None:
    words = {
        "reasonCode": [{"text": "Knee pain"}, {"text": "Second reason"}],
        "comment": "Needs an interpreter",
        "description": "Knee pain",
    }
    one: Json = create(program, wanted_appointment(world, **words)).json  # type: ignore[assignment]
    text = "Knee pain\nSecond reason\nNeeds an interpreter"
    assert one["reasonCode"] == [{"text": text}]
    path = f"/fhir/Appointment/{one['id']}"
    for body in (one, one | words):
        again = program.send("PUT", path, body)
        assert (again.status_code, again.json["reasonCode"]) == (200, [{"text": text}])  # type: ignore[index]


@pytest.mark.parametrize("name", ["patientInstruction", "reasonReference", "supportingInformation"])
def test_what_would_be_lost_and_matters_is_refused(
    program: Program, world: World, name: str
) -> None:
    value = "Fast" if name == "patientInstruction" else [{"reference": "Condition/1"}]
    refused = create(program, wanted_appointment(world, **{name: value}))
    assert refused.status_code == 422
    assert outcome(refused)["expression"] == [f"Appointment.{name}"]


def test_a_participant_who_declines_is_refused(program: Program, world: World) -> None:
    one: Json = create(program, wanted_appointment(world)).json  # type: ignore[assignment]
    one["participant"][0]["status"] = "declined"
    for answer in (
        program.send("PUT", f"/fhir/Appointment/{one['id']}", one),
        create(program, wanted_appointment(world, participant=one["participant"])),
    ):
        assert answer.status_code == 422
        assert outcome(answer)["expression"] == ["Appointment.participant[0].status"]
    cancelled = program.send("PUT", f"/fhir/Appointment/{one['id']}", one | {"status": "cancelled"})
    assert cancelled.status_code == 200


def test_an_outcome_names_what_was_not_kept(program: Program, world: World) -> None:
    body = wanted_appointment(
        world,
        appointmentType={"text": "Routine"},
        extension=[{"url": "urn:x", "valueString": "y"}],
        priority=3,
        reasonCode=[{"text": "Knee", "coding": [{"system": "urn:x", "code": "1"}]}],
    )
    body["participant"].append({"actor": {"reference": "RelatedPerson/1"}, "status": "accepted"})
    body["participant"][1]["status"] = "tentative"
    made = create(program, body, Prefer="return=OperationOutcome")
    assert made.status_code == 201
    assert "/fhir/Appointment/" in made.headers["Location"]
    told = {issue["expression"][0] for issue in made.json["issue"][1:]}  # type: ignore[index]
    assert told == {
        "Appointment.appointmentType",
        "Appointment.extension",
        "Appointment.priority",
        "Appointment.reasonCode.coding",
        "Appointment.participant[1].status",
        "Appointment.participant[2]",
    }
    plain = create(
        program,
        wanted_appointment(world, hour=14, who="teammate"),
        Prefer="return=OperationOutcome",
    )
    assert [issue["severity"] for issue in plain.json["issue"]] == ["information"]  # type: ignore[index]


@pytest.mark.parametrize("ending", ["/", "/_history/1", "/_history/1/"])
@pytest.mark.parametrize("base", ["", "http://localhost/fhir/"])
def test_references_may_be_versioned_and_end_with_a_slash(
    program: Program, world: World, base: str, ending: str
) -> None:
    body = wanted_appointment(world)
    for part in body["participant"]:
        part["actor"]["reference"] = f"{base}{part['actor']['reference']}{ending}"
    made = create(program, body)
    assert made.status_code == 201, made.text
    one: Json = made.json  # type: ignore[assignment]
    changed = one | {"participant": body["participant"]}
    changed["slot"] = [{"reference": f"{base}{link['reference']}{ending}"} for link in one["slot"]]
    again = program.send("PUT", f"/fhir/Appointment/{one['id']}", changed)
    assert again.status_code == 200, again.text
    query = f"Appointment?patient={base}Patient/{world.patients['owner']}{ending}&status=booked"
    assert one["id"] in [
        entry["resource"]["id"] for entry in program.get(f"/fhir/{query}")["entry"]
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"_status": {"extension": [{"url": "urn:x", "valueString": "y"}]}},
        {"_start": {"id": "a"}, "_description": {"id": "b"}},
        {"language": "en", "_language": {"id": "c"}},
        {"text": {"_given": [None, {"id": "x"}], "given": ["a", None]}},
    ],
)
def test_siblings_of_primitives_and_gaps_in_arrays_are_taken(
    program: Program, world: World, more: Json
) -> None:
    one: Json = create(program, wanted_appointment(world, **more)).json  # type: ignore[assignment]
    again = program.send("PUT", f"/fhir/Appointment/{one['id']}", one | more)
    assert again.status_code == 200, again.text


@pytest.mark.parametrize(
    "more",
    [
        {"_colour": {"id": "a"}},
        {"participant": [None]},
        {"text": {"given": [None]}},
        {"reasonCode": [{"text": "a"}, None]},
        {"comment": None, "reasonCode": None, "_x": None},
    ],
)
def test_what_no_json_of_fhir_has_is_refused(program: Program, world: World, more: Json) -> None:
    answer = create(program, wanted_appointment(world) | more)
    assert answer.status_code == 400
