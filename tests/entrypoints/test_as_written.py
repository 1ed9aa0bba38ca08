"""Rule: at every door people and places are found however their names and numbers are written, and
what is entered means the same at each."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import time_machine
from flask import Flask

from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.request import EXTENSION

PEOPLE = {
    "José García": {"phone": "0491 570 156", "medicare_number": "2428 77813 1"},
    "Niamh O'Brien": {"phone": "+61491570157", "email": "tom.varga+kids@rivermouth.example"},
    "Øystein Ödegård": {"born": "1957"},
    "王小明": {"born": "1988-02"},
}
FOUND = [
    ("José García", "jose garcia"),
    ("José García", "JOSÉ"),
    ("José García", "0491570156"),
    ("José García", "+61 491 570 156"),
    ("José García", "(0491) 570-156"),
    ("José García", "2428778131"),
    ("Niamh O'Brien", "O’Brien"),
    ("Niamh O'Brien", "obrien niamh"),
    ("Niamh O'Brien", "0491570157"),
    ("Øystein Ödegård", "oystein"),
    ("Øystein Ödegård", "odegard"),
    ("王小明", "小明"),
]


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    """A program that may do everything, in a network with a few people more."""
    program = with_key(app, network, "*")
    for name, details in PEOPLE.items():
        body = {"name": name, "anyway": True, **details}
        answer = program.send("POST", "/api/v1/patients", body)
        assert answer.status_code == 201, answer.text
    return program


@pytest.mark.parametrize(("name", "text"), FOUND)
def test_patients_are_found_at_the_desk(
    program: Program, client_for: ClientFor, name: str, text: str
) -> None:
    found = program.get(f"/api/v1/patients?q={quote(text)}")["items"]
    assert [patient["name"] for patient in found] == [name]
    page = client_for("network-admin").search(f"/patients?q={quote(text)}").text
    assert "1 patient" in page


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("name=oystein", "Øystein Ödegård"),
        ("name=garcia", "José García"),
        ("name=obrien", "Niamh O'Brien"),
        ("phone=0491570156", "José García"),
        ("phone=%2B61 491 570 156", "José García"),
        ("phone=+61491570157", "Niamh O'Brien"),
        ("phone=0491 570 157", "Niamh O'Brien"),
        ("email=tom.varga%2Bkids@rivermouth.example", "Niamh O'Brien"),
        ("email=tom.varga+kids@Rivermouth.example", "Niamh O'Brien"),
        ("identifier=2428778131", "José García"),
        ("identifier=2428 77813 1", "José García"),
        ("birthdate=1957", "Øystein Ödegård"),
        ("birthdate=lt1958", "Øystein Ödegård"),
        ("birthdate=1988-02", "王小明"),
        ("birthdate=ge1988-02-01&birthdate=le1988-02-29", "王小明"),
    ],
)
def test_patients_are_found_in_fhir(program: Program, query: str, name: str) -> None:
    bundle = program.get(f"/fhir/Patient?{query}")
    assert [entry["resource"]["name"][0]["text"] for entry in bundle["entry"]] == [name]


@pytest.mark.parametrize("query", ["birthdate=1988-02-03", "birthdate=gt1988-02-28", "phone=00"])
def test_who_may_or_may_not_be_meant_is_not_found(program: Program, query: str) -> None:
    entries = program.get(f"/fhir/Patient?{query}").get("entry", [])
    names = {entry["resource"]["name"][0]["text"] for entry in entries}
    assert not names & {"王小明", "José García"}


def test_a_birth_is_told_as_far_as_it_is_known(program: Program) -> None:
    [patient] = program.get("/api/v1/patients?q=oystein")["items"]
    assert patient["born"] == "1957"
    assert program.get(f"/fhir/Patient/{patient['id']}")["birthDate"] == "1957"


def test_a_practitioner_finds_a_stranger_by_a_second_detail(
    app: Flask, program: Program, world: World
) -> None:
    practitioner = signed_in(app, world, "practitioner-owner")
    for name, detail, number in (
        ("niamh o’brien", "identifier=0491570157", 1),
        ("Niamh OBrien", "identifier=tom.varga%2Bkids@rivermouth.example", 1),
        ("Garcia Jose", "identifier=2428778131", 1),
        ("Jose", "identifier=2428778131", 0),
        ("Øystein Ödegård", "born=1957", 1),
        ("Øystein Ödegård", "born=1957-01-01", 0),
        ("Niamh O'Brien", "identifier=0491570156", 0),
    ):
        found = practitioner.get(f"/api/v1/patients?name={quote(name)}&{detail}")["items"]
        assert len(found) == number, (name, detail)
    answer = practitioner.send("GET", "/api/v1/patients?identifier=0491570156")
    assert answer.status_code == 422


def test_places_are_found_in_any_case_and_without_accents(program: Program) -> None:
    doctor = {"schedule": {"monday": [["09:00", "17:00"]]}}
    made = []
    for name in ("Anouk Lemaire", "Béa Roux"):
        body = {"name": name, "locations": ["12 Rue Haute, Évry"], **doctor}
        answer = program.send("POST", "/doctors", body)
        assert answer.status_code == 201
        made.append(answer.json["id"])  # type: ignore[index]
    for suburb in ("Évry", "evry", "ÉVRY"):
        [centre] = program.get(f"/api/v1/centres?suburb={quote(suburb)}")["items"]
        assert centre["suburb"] == "Évry"
    for doctor_id in made:
        same = program.get(f"/doctors/{doctor_id}")
        shown = {name: same[name] for name in ("name", "locations", "schedule")}
        assert program.send("PUT", f"/doctors/{doctor_id}", shown).status_code == 200


MORNING = datetime(2026, 3, 9, 21, 30, tzinfo=UTC)
"""Tuesday 10 March, 8:30 am in Sydney; still Monday in UTC and in Los Angeles."""


def test_a_child_born_this_morning_is_registered(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    with time_machine.travel(MORNING, tick=False):
        key, parent = with_key(app, network, "*"), signed_in(app, world, "patient-owner")
        today, tomorrow = "2026-03-10", "2026-03-11"
        body = {"name": "Baby Owner", "born": today}
        assert key.send("POST", "/api/v1/patients", body).status_code == 201
        assert parent.send("POST", "/api/v1/me/dependents", body).status_code == 201
        desk = client_for("staff-stranger")  # in Adelaide, where it is 8 am
        typed = {"name": "Baby Ngata", "born": "10 March 2026"}
        assert desk.send("/patients/new", **typed).status_code == 303
        late = key.send("POST", "/api/v1/patients", {"name": "Baby Later", "born": tomorrow})
        assert (late.status_code, late.json["errors"][0]["field"]) == (422, "born")  # type: ignore[index]


def test_today_is_the_networks_where_no_centre_is_known(
    app: Flask, settings: Settings, network: Database
) -> None:
    west = settings.model_copy(update={"time_zone": "America/Los_Angeles"})
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], settings=west)
    with time_machine.travel(MORNING, tick=False):
        key = with_key(app, network, "*")
        for born, status in (("2026-03-10", 422), ("2026-03-09", 201)):
            answer = key.send("POST", "/api/v1/patients", {"name": f"Born {born}", "born": born})
            assert answer.status_code == status


def test_the_time_zone_of_the_account_comes_before_the_devices(
    app: Flask, world: World, client_for: ClientFor
) -> None:
    page = f"/appointments/{world.appointments['owner']}"
    client = client_for("patient-owner")
    client.http.set_cookie("tz", "UTC")
    assert "in UTC" in client.get(page).text
    chosen = {"time_zone": "Australia/Perth"}
    assert (
        signed_in(app, world, "patient-owner").send("PATCH", "/api/v1/me", chosen).status_code
        == 200
    )
    text = client.get(page).text
    assert "in Perth" in text
    assert "in UTC" not in text
