"""Programs for one patient (SMART App Launch): whom they are for, and that they reach nobody
else."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

import factories
from entrypoints.asking import (
    agreed,
    allowed,
    asking,
    brought,
    exchanged,
    leads_to,
    registered,
    tokens_of,
)
from entrypoints.browsing import Client, ClientFor
from entrypoints.programs import Program
from entrypoints.world import PASSWORD, World
from factories import SYDNEY
from openslot.core import clock
from openslot.core.db import Database
from openslot.directory.models import Dependent
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.identity.scopes import AS_PERSON, FOR_PEOPLE

LAUNCH = "https://app.example/launch"
EVERYTHING = "launch/patient patient/*.cruds user/*.cruds appointments:read directory:read"


def launched(browser: Client, patient: UUID, client_id: UUID) -> dict[str, str]:
    """What a program is opened with from the page of a patient."""
    page = browser.get(f"/patients/{patient}").text
    path = f"/patients/{patient}/programs/{client_id}"
    assert path in page
    found = brought(browser.send(path, page=f"/patients/{patient}"))
    assert found["iss"] == "http://localhost/fhir"
    return found


@pytest.fixture
def client_id(network: Database) -> UUID:
    return registered(network, launch_url=LAUNCH)[0]


def test_a_program_is_opened_for_a_patient_once_by_who_pressed_the_button(
    app: Flask, world: World, client_for: ClientFor, client_id: UUID
) -> None:
    staff, patient = client_for("staff-owner"), world.patients["owner"]
    scope = "launch patient/Appointment.rs online_access"
    launch = launched(staff, patient, client_id)["launch"]
    address = asking(client_id, scope, launch=launch)
    teammate = client_for("staff-teammate")
    assert brought(teammate.get(address))["error"] == "invalid_request"
    tokens: Any = exchanged(app, client_id, agreed(staff, address)["code"]).json
    assert tokens["patient"] == str(patient)
    assert brought(staff.get(address))["error"] == "invalid_request"  # it was used
    other, _ = registered(app.extensions["openslot"].database)
    again = launched(staff, patient, client_id)["launch"]
    elsewhere = asking(other, scope, launch=again)
    assert brought(staff.get(elsewhere))["error"] == "invalid_request"
    stranger = client_for("staff-stranger")
    path = f"/patients/{patient}/programs/{client_id}"
    assert stranger.post(path).status_code == 404


def test_carers_and_practitioners_choose_the_patient(
    app: Flask, network: Database, world: World, client_for: ClientFor, client_id: UUID
) -> None:
    child = dependent_of(network, world, "owner")
    carer, own = client_for("patient-owner"), world.patients["owner"]
    address = asking(client_id, "launch/patient patient/*.rs")
    page = carer.get(address).text
    assert str(child) in page
    assert str(own) in page
    missing = allowed(carer, address)
    assert (missing.status_code, leads_to(missing)) == (422, None)
    foreign = allowed(carer, address, patient=world.patients["stranger"])
    assert foreign.status_code == 404
    tokens = tokens_of(app, carer, client_id, "patient/*.rs", patient=child)
    program = Program(app, tokens["access_token"])
    assert tokens["patient"] == str(child)
    assert [one["resource"]["id"] for one in program.get("/fhir/Patient")["entry"]] == [str(child)]
    assert program.get("/fhir/Appointment")["total"] == 0
    practitioner = client_for("practitioner-owner")
    found = practitioner.send(address, decision="find", find="stranger")
    assert str(world.patients["stranger"]) not in found.text
    found = practitioner.send(address, decision="find", find="owner")
    assert str(own) in found.text
    assert str(world.patients["teammate"]) not in found.text


def dependent_of(database: Database, world: World, who: str) -> UUID:
    """A child that a patient looks after."""

    def add(session: Session) -> UUID:
        child = factories.patient(session, "Lily Owner", now=clock.now())
        carer_id = world.patients[who]
        session.add(Dependent(patient_id=child.id, carer_id=carer_id, since=clock.now()))
        return child.id

    return database.run(add)


def also_booked(database: Database, world: World) -> UUID:
    """An appointment of another patient with the same practitioner."""
    start = datetime.combine((clock.now() + timedelta(days=5)).date(), time(10), SYDNEY)

    def book(session: Session) -> UUID:
        schedule, patient = world.schedules["owner"], world.patients["stranger"]
        return factories.appointment(session, schedule, start, patient, now=clock.now()).id

    return database.run(book)


@pytest.mark.parametrize("person", ["practitioner-owner", "staff-owner", "network-admin"])
def test_a_program_for_one_patient_reaches_nobody_else(
    app: Flask,
    network: Database,
    world: World,
    client_for: ClientFor,
    client_id: UUID,
    person: str,
) -> None:
    """Whatever else it was given: every resource is searched and read, and all is tried to change,
    by who works with two patients and lets it act for one of them."""
    ours, other = world.patients["owner"], world.patients["stranger"]
    theirs = also_booked(network, world)
    mine = world.appointments["owner"]
    whole = tokens_of(app, client_for(person), client_id, "user/*.cruds")
    every = Program(app, whole["access_token"])
    assert every.send("GET", f"/fhir/Appointment/{theirs}").status_code == 200
    tokens = tokens_of(app, client_for(person), client_id, EVERYTHING, patient=ours)
    program = Program(app, tokens["access_token"])
    for path in searches():
        answer = program.send("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        assert not {str(other), str(theirs)} & names_in(answer.json), path
    for kind in RESOURCES:
        for key in (other, theirs):
            answer = program.send("GET", f"/fhir/{kind}/{key}")
            assert answer.status_code in (404, 400), (kind, key)
    assert program.send("GET", f"/fhir/Appointment/{mine}").status_code == 200
    refused = (403, 404, 422)
    read: Any = every.get(f"/fhir/Appointment/{theirs}")
    assert program.send("PUT", f"/fhir/Appointment/{theirs}", read).status_code in refused
    assert program.send("POST", f"/fhir/Appointment/{theirs}/$cancel").status_code in refused
    slot = free_slot(program, world)
    for patient, statuses in ((other, refused), (None, refused), (ours, (201,))):
        body = booking(slot, patient)
        answer = program.send("POST", "/fhir/Appointment/$hold", body)
        assert answer.status_code in statuses, (patient, answer.text)
    for name in ("appointment-reference", "cancelled-appt-id"):
        both = booking(slot, ours)
        both["parameter"] = [p for p in both["parameter"] if p["name"] != name]
        both["parameter"].append({"name": name, "valueString": f"Appointment/{theirs}"})
        answer = program.send("POST", "/fhir/Appointment/$book", both)
        assert answer.status_code in refused, (name, answer.text)
    for body, path in written(other, theirs, slot):
        answer = program.send("POST", path, body)
        assert answer.status_code in refused, (path, answer.text)
    for path in (
        "/api/v1/appointments",
        f"/api/v1/appointments/{mine}",
        f"/api/v1/patients/{ours}",
    ):
        assert program.send("GET", path).status_code == 403, path
    assert program.send("GET", "/api/v1/centres").status_code == 200
    with network.reading() as session:
        status = session.execute(
            sql("SELECT status FROM appointment WHERE id = :id"), {"id": theirs.hex}
        ).scalar_one()
    assert status == "booked"


def searches() -> Iterator[str]:
    day = (datetime.now(UTC) + timedelta(days=1)).date()
    for kind in RESOURCES:
        yield f"/fhir/{kind}?start={day}" if kind == "Slot" else f"/fhir/{kind}"
    yield "/fhir/Patient?_revinclude=Appointment:patient"
    yield "/fhir/Appointment?_include=Appointment:patient"
    yield "/fhir/Practitioner?_revinclude=Appointment:practitioner"
    yield "/fhir/Appointment?patient.name=Stranger"
    yield "/fhir/Schedule?_revinclude=Appointment:slot"
    yield f"/fhir/Appointment/$find?start={day}"


def names_in(document: Any) -> set[str]:
    """All UUIDs in a document."""
    return set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", json.dumps(document)))


def free_slot(program: Program, world: World) -> str:
    """A slot with the practitioner on another day than any appointment."""
    schedule = world.schedules["owner"]
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    found = program.get(f"/fhir/Slot?schedule={schedule}&status=free&start=ge{day}&_count=1")
    return str(found["entry"][0]["resource"]["id"])


def booking(slot: str, patient: UUID | None) -> dict[str, Any]:
    """Parameters of $hold and $book."""
    about = [] if patient is None else [("patient-reference", f"Patient/{patient}")]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, "valueReference": {"reference": key}}
            for name, key in [("appointment-reference", f"Appointment/{slot}"), *about]
        ],
    }


def written(other: UUID, theirs: UUID, slot: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Resources about another patient, and where they are created."""
    who = {"reference": f"Patient/{other}"}
    yield (
        {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{slot}"}],
            "participant": [{"actor": who, "status": "accepted"}],
        },
        "/fhir/Appointment",
    )
    yield (
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "subject": who,
            "performerType": {"text": "Cardiology"},
            "note": [{"text": "Palpitations."}],
        },
        "/fhir/ServiceRequest",
    )
    yield (
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "extension": [
                {
                    "url": "urn:openslot:extension:appointment",
                    "valueReference": {"reference": f"Appointment/{theirs}"},
                }
            ],
        },
        "/fhir/QuestionnaireResponse",
    )


def test_a_program_for_a_child_reaches_nothing_of_the_carer(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    """In no operation of the API either, and nowhere is it a fault that the carer is nobody."""
    scopes = tuple(sorted(FOR_PEOPLE - {AS_PERSON}))
    client_id, _ = registered(network, scopes=("launch/patient", "patient/*.cruds", *scopes))
    child = dependent_of(network, world, "owner")
    scope = " ".join(("patient/*.cruds", *scopes))
    tokens = tokens_of(app, client_for("patient-owner"), client_id, scope, patient=child)
    program = Program(app, tokens["access_token"])
    hidden = {str(world.patients["owner"]), str(world.appointments["owner"])}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and "GET" in (rule.methods or ()):
            path = rule.rule.replace("<uuid:patient_id>", str(world.patients["owner"]))
            path = path.replace("<uuid:appointment_id>", str(world.appointments["owner"]))
            answer = program.send("GET", re.sub("<[^>]+>", "1", path))
            assert answer.status_code < 500, (path, answer.text)
            assert not hidden & names_in(answer.text), path
    about = {"appointments": [{"id": str(world.appointments["owner"]), "reason": "Other"}]}
    answer = program.send("PUT", "/dashboard", about)
    assert 400 <= answer.status_code < 500, answer.text


def test_a_program_for_the_carer_alone_reaches_nobody_they_look_after(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    """Nor the account, whose calendar address shows the appointments of all of them."""
    scopes = tuple(sorted(FOR_PEOPLE - {AS_PERSON}))
    client_id, _ = registered(network, scopes=("launch/patient", "patient/*.cruds", *scopes))
    child, own = dependent_of(network, world, "owner"), world.patients["owner"]
    scope = " ".join(("patient/*.cruds", *scopes))
    tokens = tokens_of(app, client_for("patient-owner"), client_id, scope, patient=own)
    program = Program(app, tokens["access_token"])
    assert program.send("GET", f"/api/v1/patients/{own}").status_code == 200
    new = {"name": "Tom Owner", "born": "2020-01-01"}
    for method, path, body in (
        ("GET", "/api/v1/me/dependents", None),
        ("POST", "/api/v1/me/dependents", new),
        ("POST", "/api/v1/me/calendar", None),
        ("PATCH", "/api/v1/me", {"name": "Other"}),
        ("DELETE", "/api/v1/me", {"password": PASSWORD}),
        ("PUT", "/dashboard", {"name": "Other"}),
        ("GET", f"/api/v1/patients/{child}", None),
        ("PATCH", f"/api/v1/patients/{child}", {"name": "Other"}),
    ):
        answer = program.send(method, path, body)
        assert answer.status_code in (403, 404), (method, path, answer.text)


def test_what_was_agreed_to_for_a_child_is_not_for_the_carer(
    app: Flask, network: Database, world: World, client_for: ClientFor, client_id: UUID
) -> None:
    """Who is the only one left whom the program could be for."""
    child, carer = dependent_of(network, world, "owner"), client_for("patient-owner")
    tokens = tokens_of(app, carer, client_id, "patient/*.rs online_access", patient=child)
    network.run(lambda session: session.execute(sql("DELETE FROM dependent")))
    assert Program(app, tokens["access_token"]).get("/fhir/Patient")["total"] == 0
    address = asking(client_id, "patient/*.rs online_access", prompt="none")
    assert brought(carer.get(address))["error"] == "consent_required"
