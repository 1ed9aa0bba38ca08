"""Rule: what looks alike has the same answer on every engine, at once."""

import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import factories
from entrypoints.browsing import Client
from entrypoints.programs import Program, with_key
from entrypoints.world import PASSWORD, World, build, password_hash
from openslot.core import clock
from openslot.core.db import Database
from openslot.identity import queries
from serving import app_on

PAIRS = [
    ("Cafe", "Café", 201),
    ("Strase", "Straße", 201),
    ("😀 Clinic", "😁 Clinic", 201),
    ("San Jose", "San José", 201),
    ("Łukasz", "Lukasz", 201),
    ("Zoe\u0308", "Zoë", 409),  # one text in two forms
    ("Same", " Same ", 409),
    ("王小明", "王小明", 409),
]


@pytest.fixture
def world(database: Database) -> World:
    return build(database)


@pytest.fixture
def app(database: Database, world: World, tmp_path: Path) -> Iterator[Flask]:
    with app_on(database, tmp_path) as app:
        yield app


@pytest.fixture
def program(app: Flask, database: Database) -> Program:
    return with_key(app, database, "*")


def doors(world: World) -> dict[str, tuple[str, dict[str, Any]]]:
    centre, department = world.centres["own"], world.departments["owner"]
    site = {"type": "Hospital", "suburb": "Randwick", "time_zone": "UTC"}
    return {
        "centre": ("/api/v1/centres", site),
        "department": ("/api/v1/departments", {"centre_id": centre}),
        "service": ("/api/v1/services", {"department_id": department}),
    }


def test_names_that_look_alike_are_two_and_the_same_one_is_refused_at_once(
    program: Program, world: World
) -> None:
    for door, (path, body) in doors(world).items():
        for first, second, status in PAIRS:
            assert program.send("POST", path, {**body, "name": first}).status_code == 201, first
            began = time.monotonic()
            answer = program.send("POST", path, {**body, "name": second})
            assert answer.status_code == status, (door, first, second, answer.text)
            assert time.monotonic() - began < 3.0
            if status == 409:
                assert answer.json["errors"][0]["field"] == "name"  # type: ignore[index]


def test_business_numbers_are_compared_letter_by_letter(program: Program, world: World) -> None:
    path, body = doors(world)["centre"]
    for number, (text, status) in enumerate(
        (("12a", 201), ("12A", 201), ("12ä", 201), ("12a", 409))
    ):
        given = {**body, "name": f"Place {number}", "business_number": text}
        assert program.send("POST", path, given).status_code == status, text


def test_a_patient_of_any_letters_is_kept_as_written(program: Program) -> None:
    for name in ("王小明", "Łukasz", "😀 Smile", "Ärzte"):
        answer = program.send("POST", "/api/v1/patients", {"name": name, "born": "1980-03-31"})
        assert answer.status_code == 201, answer.text
        assert answer.json["name"] == name  # type: ignore[index]
        patient = program.get(f"/fhir/Patient/{answer.json['id']}")  # type: ignore[index]
        assert patient["name"][0]["text"] == name


def test_an_address_is_the_same_however_its_accents_are_typed(
    app: Flask, program: Program, database: Database
) -> None:
    """Both forms of an accent, and capitals, at every way in."""
    now = clock.now()
    database.run(
        lambda session: factories.account(
            session,
            "édith@example.org",
            password_hash=password_hash(),
            confirmed_at=now,
            now=now,
        )
    )
    apart = unicodedata.normalize("NFD", "ÉDITH@example.org")
    answer = program.send("POST", "/api/v1/tokens", {"email": apart, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    assert Client(app).send("/login", email=apart, password=PASSWORD).status_code == 303
    for odd in ("a\x00@example.org", "a\udc80@example.org"):
        assert database.read(lambda session, odd=odd: queries.by_email(session, odd)) is None


def test_if_none_exist_finds_no_identifier_that_only_looks_alike(
    program: Program, world: World
) -> None:
    """On an engine that folds letters it answered with the appointment of somebody else."""
    ids = []
    schedule = world.schedules["owner"]
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 14 * 86400))
    window = f"schedule={schedule}&from={today}T00:00:00Z&to={today}T23:59:00Z"
    slots = program.get(f"/api/v1/slots?{window}")["items"]
    for who, slot, value in zip(
        ("owner", "teammate", "stranger"), slots[::3], ("ab1", "AB1", "äb1"), strict=False
    ):
        resource = {
            "resourceType": "Appointment",
            "status": "booked",
            "start": slot["start"],
            "end": slot["end"],
            "identifier": [{"system": "urn:example:ward", "value": value}],
            "participant": [
                {"actor": {"reference": f"Patient/{world.patients[who]}"}, "status": "accepted"},
                {
                    "actor": {"reference": f"Practitioner/{world.practitioners['owner']}"},
                    "status": "accepted",
                },
                {"actor": {"reference": f"Location/{world.centres['own']}"}, "status": "accepted"},
            ],
        }
        query = f"identifier=urn:example:ward|{value}"
        answer = program.send("POST", "/fhir/Appointment", resource, If_None_Exist=query)
        assert answer.status_code == 201, answer.text
        ids.append(answer.headers["Location"])
    assert len(set(ids)) == 3
    for value in ("ab1", "AB1", "äb1"):
        for asked in (f"urn:example:ward|{value}", value):
            assert program.get(f"/fhir/Appointment?identifier={asked}")["total"] == 1
