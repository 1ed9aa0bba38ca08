"""A practitioner books a stranger for themselves: every door to the record stays closed until the
day, but for the one that asks for a reason and tells of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import Client, ClientFor, mails
from entrypoints.programs import Program, signed_in
from entrypoints.world import World
from openslot.booking.models import Appointment
from openslot.core import audit, clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Practitioner
from openslot.entrypoints.worker.main import handle_next
from openslot.records.models import Entry, EntryKind

NOTE = "Left knee, pain on stairs for three weeks."
WHY = "Unconscious after a fall, allergies unknown."
WHO = "practitioner-stranger"


@pytest.fixture
def patient(world: World, network: Database) -> str:
    """A patient with a note, whom the stranger, a GP, has never treated; the id."""

    def prepare(session: Session) -> None:
        session.get_one(Practitioner, world.practitioners["stranger"]).profession = "GP"
        session.add(
            Entry(
                patient_id=world.patients["owner"],
                practitioner_id=world.practitioners["owner"],
                kind=EntryKind.NOTE,
                text=NOTE,
                recorded_at=clock.now(),
            )
        )

    network.run(prepare)
    return str(world.patients["owner"])


@pytest.fixture
def program(app: Flask, world: World) -> Program:
    """What the stranger uses."""
    return signed_in(app, world, WHO)


@pytest.fixture
def doctor(client_for: ClientFor) -> Client:
    """The stranger's browser."""
    return client_for(WHO)


@pytest.fixture
def appointment(program: Program, patient: str, world: World) -> str:
    """What the stranger books for the patient, in five days; its id."""
    start = (clock.now() + timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
    body = {
        "schedule": world.schedules["stranger"],
        "patient": patient,
        "minutes": 30,
        "start": start.isoformat(),
    }
    program.get("/api/v1/patients?name=Aroha+Owner&born=1980-03-31")
    made = program.send("POST", "/api/v1/appointments", body)
    assert made.status_code == 201, made.text
    return str(made.json["id"])


def comes(network: Database, appointment: str) -> None:
    """The day of the appointment."""
    factories.change(
        network, Appointment, UUID(appointment), opens_record_at=clock.now() - timedelta(hours=1)
    )


def doors(patient: str) -> list[tuple[str, str, Any]]:
    """Requests to what a record opens."""
    api, fhir = f"/api/v1/patients/{patient}", "/fhir"
    referral = {"patient": patient, "expertise": "Dental", "letter": "Please see."}
    return [
        ("GET", api, None),
        ("GET", f"{api}/history", None),
        ("POST", f"{api}/history", {"text": "Looked."}),
        ("POST", f"{api}/prescriptions", {"medication": "Ibuprofen", "dose": "1"}),
        ("PATCH", api, {"phone": "0400 999 999"}),
        ("POST", "/api/v1/referrals", referral),
        ("GET", f"{fhir}/Patient/{patient}", None),
    ]


@pytest.mark.usefixtures("appointment")
def test_no_door_opens_before_the_day(program: Program, patient: str) -> None:
    for method, path, body in doors(patient):
        answer = program.send(method, path, body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert NOTE not in answer.text
    for kind in ("Encounter", "DocumentReference", "MedicationRequest", "Patient"):
        whose = "_id" if kind == "Patient" else "patient"
        found = program.get(f"/fhir/{kind}?{whose}={patient}")
        assert found["total"] == 0, kind


@pytest.mark.usefixtures("appointment")
def test_a_patient_whom_one_only_booked_is_found_by_no_number(
    program: Program, patient: str
) -> None:
    assert program.get("/api/v1/patients?q=patient-owner@example.com")["items"] == []
    by_birth = program.get("/api/v1/patients?name=Aroha+Owner&born=1980-03-31")
    assert [one["id"] for one in by_birth["items"]] == [patient]


def test_the_page_explains_and_asks_for_a_reason(
    doctor: Client, appointment: str, patient: str, network: Database, world: World
) -> None:
    page = doctor.get(f"/patients/{patient}")
    assert page.status_code == 403
    assert "You booked the appointment yourself" in page.text
    assert NOTE not in page.text
    assert f"/patients/{patient}/emergency" in doctor.get(f"/appointments/{appointment}").text
    assert doctor.get(f"/patients/{patient}/edit").status_code == 404
    opened = doctor.send(f"/patients/{patient}/emergency", reason=WHY)
    assert opened.status_code == 303
    assert NOTE in doctor.get(f"/patients/{patient}").text
    noted = network.read(lambda session: audit.events_of(session, f"patient:{patient}"))
    actions = [one.action for one in noted if one.action.startswith("record.")]
    assert actions == ["record.refused", "record.emergency-access", "record.read"]


@pytest.mark.usefixtures("appointment")
def test_the_patient_and_the_administrators_are_told_of_it(
    doctor: Client, patient: str, network: Database, settings: Settings, world: World
) -> None:
    doctor.send(f"/patients/{patient}/emergency", reason=WHY)
    while handle_next(network, settings, now=clock.now):
        pass
    told = {one["to"] for one in mails(network) if "emergency" in one["text"].lower()}
    assert {world.emails["patient-owner"], world.emails["centre-admin-stranger"]} <= told


def test_who_has_booked_nobody_finds_nobody(doctor: Client, patient: str) -> None:
    assert doctor.get(f"/patients/{patient}").status_code == 404
    assert doctor.get(f"/patients/{patient}/emergency").status_code == 404


def test_on_the_day_it_is_open_and_says_so_to_the_patient_also_once_it_is_cancelled(
    program: Program, client_for: ClientFor, appointment: str, patient: str, network: Database
) -> None:
    comes(network, appointment)
    assert NOTE in program.send("GET", f"/api/v1/patients/{patient}/history").text
    changed = program.send("PATCH", f"/api/v1/patients/{patient}", {"phone": "0400 999 999"})
    assert changed.status_code == 404
    body = {"status": "cancelled"}
    gone = program.send("PATCH", f"/api/v1/appointments/{appointment}", body)
    assert gone.status_code == 200, gone.text
    assert program.send("GET", f"/api/v1/patients/{patient}/history").status_code == 404
    readers = client_for("patient-owner").get("/history/reads").text
    assert "Because of an appointment they booked themselves." in readers


def test_the_patient_hears_of_the_appointment_also_if_it_is_cancelled_at_once(
    program: Program, appointment: str, network: Database, settings: Settings, world: World
) -> None:
    program.send("PATCH", f"/api/v1/appointments/{appointment}", {"status": "cancelled"})
    while handle_next(network, settings, now=clock.now):
        pass
    told = [one for one in mails(network) if one["to"] == world.emails["patient-owner"]]
    assert any("Priya Stranger" in one["text"] for one in told)


def test_a_new_patient_who_is_booked_for_today_is_treated_like_any(
    program: Program, network: Database, world: World
) -> None:
    new = {"name": "Ilse Brandt", "born": "1948-03-14"}
    made = program.send("POST", "/api/v1/patients", new).json["id"]
    assert program.get(f"/api/v1/patients/{made}")["name"] == "Ilse Brandt"
    start = (clock.now() + timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
    body = {
        "schedule": world.schedules["stranger"],
        "patient": made,
        "minutes": 30,
        "start": start.isoformat(),
    }
    booked = program.send("POST", "/api/v1/appointments", body).json["id"]
    comes(network, booked)
    assert program.get(f"/api/v1/patients/{made}/history")["items"]
    noted = program.send("POST", f"/api/v1/patients/{made}/history", {"text": "Cough."})
    assert noted.status_code == 201
    changed = program.send("PATCH", f"/api/v1/patients/{made}", {"phone": "0400 999 999"})
    assert changed.status_code == 200
