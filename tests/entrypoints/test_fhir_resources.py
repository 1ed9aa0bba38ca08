"""Everything that the demonstration network holds is right FHIR, and hangs together."""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from sqlalchemy import select

import factories
from engines import counting
from entrypoints.programs import Program, demonstration, with_key
from factories import NOW
from openslot.booking import queries
from openslot.booking.absences import AbsenceDetails, enter_absence
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.entrypoints.fhir import search
from openslot.entrypoints.fhir.elements import Site
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Resource
from openslot.schedules.availability import instant_of
from working import work

Json = dict[str, Any]

WINDOW = "start=ge2026-11-23&start=lt2026-11-25"
CODES = {
    "Appointment": {
        "proposed",
        "pending",
        "booked",
        "arrived",
        "fulfilled",
        "cancelled",
        "noshow",
        "entered-in-error",
        "checked-in",
        "waitlist",
    },
    "Slot": {"busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"},
    "Location": {"active", "suspended", "inactive"},
    "ServiceRequest": {
        "draft",
        "active",
        "on-hold",
        "revoked",
        "completed",
        "entered-in-error",
        "unknown",
    },
    "CodeSystem": {"draft", "active", "retired", "unknown"},
    "Encounter": {"arrived", "finished"},
    "Questionnaire": {"active", "retired"},
    "QuestionnaireResponse": {"completed", "in-progress"},
    "DocumentReference": {"current", "superseded"},
    "MedicationRequest": {"active", "entered-in-error"},
    "CapabilityStatement": {"active"},
}
PERSONAL = [
    name
    for name, kind in RESOURCES.items()
    if isinstance(kind, Resource)
    and (kind.opened or kind.whose is not None)
    and name != "Patient"  # which programs read, and that is audited
]
HISTORIES = {"Encounter", "DocumentReference", "MedicationRequest", "AllergyIntolerance"}
PARTICIPATION = {"accepted", "declined", "tentative", "needs-action"}


@pytest.fixture(scope="module")
def app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The demonstration network as it is at NOW."""
    folder = tmp_path_factory.mktemp("demo")
    with demonstration(sqlite_template, folder, "https://book.example") as demo:
        yield demo


@pytest.fixture(scope="module")
def database(app: Flask) -> Database:
    found: Database = app.extensions["openslot"].database
    return found


@pytest.fixture(scope="module")
def program(app: Flask, database: Database) -> Program:
    return with_key(app, database, "*")


@pytest.fixture(scope="module")
def every(app: Flask, program: Program, database: Database) -> dict[str, list[Json]]:
    """All resources by kind; of the slots those of two days. What programs read none of is as
    somebody would read it who cared for every patient."""
    found = {
        name: resources(program, f"/fhir/{name}?_count=200{'&' + WINDOW if name == 'Slot' else ''}")
        for name in RESOURCES
    }
    people = database.read(lambda session: session.scalars(select(Patient.id)).all())
    carer = Actor(role=Role.PATIENT, dependents=frozenset(people))
    asked = Asked(Site("https://book.example/fhir", NOW), ZoneInfo("Australia/Sydney"), carer)
    with app.test_request_context():
        for name in PERSONAL:
            assert found[name] == []
            found[name] = as_read(database, RESOURCES[name], asked)
    return found


def as_read(database: Database, resource: Any, asked: Asked) -> list[Json]:
    """What a reader sees of a kind, each read alone."""
    rows = database.read(lambda session: search.fetch(session, resource, asked=asked))
    return [(resource.whole or resource.show)(row, asked.site) for row in rows]


def local(address: str) -> str:
    """A link of ours as this test's client follows it."""
    assert address.startswith("https://book.example/fhir/"), address
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def pages(program: Program, path: str) -> Iterator[Json]:
    address: str | None = path
    while address:
        bundle = program.get(address)
        yield bundle
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        address = local(links["next"]) if "next" in links else None


def resources(program: Program, path: str) -> list[Json]:
    return [one["resource"] for page in pages(program, path) for one in page.get("entry", ())]


def check_shape(value: Any, path: str) -> None:
    """FHIR's JSON has no null and nothing empty."""
    assert value is not None, path
    assert value not in ("", [], {}), path
    parts = value.items() if isinstance(value, dict) else ()
    parts = enumerate(value) if isinstance(value, list) else parts
    for name, part in parts:
        check_shape(part, f"{path}.{name}")


def check(found: Json) -> None:
    get_fhir_model_class(found["resourceType"]).model_validate(found)
    check_shape(found, found["resourceType"])
    if "status" in found:
        assert found["status"] in CODES[found["resourceType"]]
    if found["resourceType"] == "Appointment":
        check_appointment(found)
    if found["resourceType"] in HISTORIES:
        check_history(found)
    if "start" in found:
        assert found["start"] < found["end"] or found["start"][-6:] != found["end"][-6:]
        assert found["start"][19] in "+-Z"


def check_appointment(found: Json) -> None:
    """app-1 to app-4, and the codes of participants."""
    assert all("actor" in one or "type" in one for one in found["participant"])
    assert {one["status"] for one in found["participant"]} <= PARTICIPATION
    assert ("start" in found) == ("end" in found)
    assert "start" in found or found["status"] in ("proposed", "cancelled", "waitlist")
    assert "cancelationReason" not in found or found["status"] in ("cancelled", "noshow")


def check_history(found: Json) -> None:
    """What R4 demands and its models do not: codes, ends after starts, texts that are texts."""
    subject = "patient" if found["resourceType"] == "AllergyIntolerance" else "subject"
    assert found[subject]["reference"].startswith("Patient/")
    if found["resourceType"] == "AllergyIntolerance":  # ait-1 and ait-2
        verified = found["verificationStatus"]["coding"][0]["code"]
        assert ("clinicalStatus" in found) == (verified != "entered-in-error")
        assert all(reaction["manifestation"] for reaction in found.get("reaction", ()))
    if found["resourceType"] == "Encounter":
        period = found["period"]
        assert found["class"]["code"] == "AMB"
        assert ("end" in period) == (found["status"] == "finished")
        start = datetime.fromisoformat(period["start"])
        assert "end" not in period or start < datetime.fromisoformat(period["end"])
    if found["resourceType"] == "DocumentReference":
        attachment = found["content"][0]["attachment"]
        text = b64decode(attachment["data"], validate=True)
        assert text.decode().strip()
        assert attachment["size"] == len(text)
        assert found["date"][19] in "+-Z"
    if found["resourceType"] == "MedicationRequest":
        assert found["intent"] == "order"
        assert found["medicationCodeableConcept"]["text"]
        assert found["dosageInstruction"][0]["text"]
        assert found["authoredOn"][19] in "+-Z"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for part in value.values():
            yield from references(part)
    if isinstance(value, list):
        for part in value:
            yield from references(part)


def test_every_resource_is_valid(program: Program, every: dict[str, list[Json]]) -> None:
    for some in every.values():
        assert some
        for one in some:
            check(one)
    check(program.get("/fhir/metadata"))
    kinds = Counter(one["status"] for one in every["Appointment"])
    assert set(kinds) >= {"booked", "arrived", "fulfilled", "cancelled", "noshow"}
    letters = Counter(one["status"] for one in every["ServiceRequest"])
    assert set(letters) >= {"active", "completed"}
    assert {"free", "busy"} <= {one["status"] for one in every["Slot"]}


def test_totals_are_true_and_pages_have_no_doubles(program: Program) -> None:
    for name in RESOURCES:
        count = "_count=150&start=2026-11-23" if name == "Slot" else "_count=50"
        count = "_count=7" if name in ("Organization", "Location", "HealthcareService") else count
        totals, ids = set(), []
        for page in pages(program, f"/fhir/{name}?{count}"):
            totals.add(page["total"])
            ids += [entry["resource"]["id"] for entry in page.get("entry", ())]
        assert totals == {len(ids)}, name
        assert len(set(ids)) == len(ids), name


def test_every_reference_resolves(program: Program, every: dict[str, list[Json]]) -> None:
    known = {f"{name}/{one['id']}" for name, some in every.items() for one in some}
    wanted = {
        reference
        for name, some in every.items()
        if name != "AuditEvent"
        for one in some
        for reference in references(one)
    }
    for reference in sorted(wanted - known):
        answer = program.send("GET", f"/fhir/{reference}")
        assert answer.status_code == 200, reference
        slot: Json = answer.json or {}
        is_class = "Antenatal class" in str(slot.get("serviceType"))
        assert slot["status"].startswith("busy") or is_class  # past, or with places left


def test_slots_have_a_service_only_while_they_are_free(every: dict[str, list[Json]]) -> None:
    found = every["Slot"]
    assert not [one for one in found if one["status"] != "free" and "serviceType" in one]
    assert [one for one in found if one["status"] == "free" and "serviceType" in one]


def test_a_slot_reads_as_the_search_showed_it(program: Program) -> None:
    found = program.get(f"/fhir/Slot?{WINDOW}&_count=200")["entry"]
    by_status = {entry["resource"]["status"]: entry["resource"] for entry in found}
    assert len(by_status) > 1
    for one in by_status.values():
        assert program.get(f"/fhir/Slot/{one['id']}") == one


def test_an_absence_and_a_hold_show_in_the_slots(program: Program, database: Database) -> None:
    free = program.get("/fhir/Slot?start=2026-11-25&status=free&specialty=GP")["entry"]
    first, later = free[0]["resource"], free[-1]["resource"]
    tick = int(first["id"].split("-")[1])
    appointment = database.read(lambda session: queries.appointments(session, limit=400))
    patient = next(one.patient for one in appointment if isinstance(one.patient, Patient))
    schedule_id = int(first["id"].split("-")[0])
    minutes = int(first["id"].split("-")[2])
    database.run(
        lambda s: factories.hold(s, schedule_id, instant_of(tick), patient.id, minutes=minutes)
    )
    role = program.get(f"/fhir/PractitionerRole/{later['id'].split('-')[0]}")
    person = int(role["practitioner"]["reference"].split("/")[1])
    details = AbsenceDetails(
        kind="leave",
        starts_at=datetime.fromisoformat(later["start"]),
        ends_at=datetime.fromisoformat(later["end"]),
    )
    database.run(lambda s: enter_absence(work(s, SYSTEM, NOW), person, details))
    assert program.get(f"/fhir/Slot/{first['id']}")["status"] == "busy-tentative"
    assert program.get(f"/fhir/Slot/{later['id']}")["status"] == "busy-unavailable"


def test_statements_do_not_grow_with_the_answer(program: Program, database: Database) -> None:
    for query in (
        "Slot?start=ge2026-11-23&start=lt2026-12-20",
        "Slot?start=ge2026-11-23&start=lt2026-12-20&status=free",
        "Appointment?",
        "Appointment?patient.name=a&_include=Appointment:actor",
        "Patient?_revinclude=Appointment:patient",
        "PractitionerRole?_include=PractitionerRole:practitioner",
        "Schedule?_include=Schedule:actor",
        "Organization?_include=Organization:partof",
    ):
        counts = []
        for count in (1, 200):
            with counting(database) as counted:
                program.get(f"/fhir/{query}&_count={count}")
            counts.append(counted.count - 1)  # the bearer's own
        few, many = counts
        # One of schedules is for the services that practitioners offer, and one of what names
        # patients for the audit.
        assert few <= many <= (5 if query.startswith("Slot") else 11), (query, counts)
        if "include" not in query:
            assert few == many, (query, counts)
