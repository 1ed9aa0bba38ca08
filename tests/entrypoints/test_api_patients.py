"""Patients and histories through the API: who reads, who writes, and that it is written down."""

from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.audit import AuditEvent
from openslot.core.db import Database

NOTE = {"text": "Swollen knee."}


def path(world: World, who: str = "owner", rest: str = "") -> str:
    return f"/api/v1/patients/{world.patients[who]}{rest}"


def acts(database: Database, action: str) -> int:
    query = select(func.count()).where(AuditEvent.action == action)
    return database.read(lambda session: session.scalar(query)) or 0


@pytest.fixture
def treating(app: Flask, world: World) -> Program:
    return signed_in(app, world, "practitioner-owner")


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("patient-owner", 200),
        ("patient-stranger", 404),
        ("practitioner-owner", 200),
        ("practitioner-stranger", 404),
        ("staff-owner", 200),
        ("centre-admin-owner", 200),
        ("network-admin", 200),
    ],
)
def test_those_read_a_patient_who_do_on_the_pages(
    app: Flask, world: World, person: str, status: int
) -> None:
    answer = signed_in(app, world, person).send("GET", path(world))
    assert answer.status_code == status, answer.text


def test_a_patient_has_contact_details_and_no_history(app: Flask, world: World) -> None:
    found = signed_in(app, world, "patient-owner").get(path(world))
    assert (found["name"], found["born"]) == ("Aroha Owner", "1980-03-31")
    assert not {"history", "account_id", "diary_id"} & found.keys()


def test_a_note_and_a_prescription_are_read_back_newest_first(
    app: Flask, world: World, treating: Program
) -> None:
    visit = str(world.visits["owner"])
    note = treating.send("POST", path(world, rest="/history"), NOTE | {"appointment": visit})
    assert note.status_code == 201, note.text
    given = {"medication": "Ibuprofen", "dose": "400 mg"}
    drug = treating.send("POST", path(world, rest="/prescriptions"), given)
    assert drug.status_code == 201, drug.text
    own = signed_in(app, world, "patient-owner")
    found = own.get(path(world, rest="/history"))["items"]
    assert [one["kind"] for one in found] == ["prescription", "note"]
    assert found[1] == note.json
    assert found[1]["centre"] == "Banksia General Hospital"
    only = own.get(path(world, rest="/history?kind=note"))["items"]
    assert [one["text"] for one in only] == ["Swollen knee."]


def test_a_history_is_read_page_by_page(world: World, treating: Program) -> None:
    for text in ("One", "Two", "Three"):
        treating.send("POST", path(world, rest="/history"), {"text": text})
    first = treating.get(path(world, rest="/history?limit=2"))
    rest = treating.get(first["next"])
    assert [one["text"] for one in first["items"] + rest["items"]] == ["Three", "Two", "One"]
    assert rest["next"] is None


@pytest.mark.parametrize("person", ["patient-stranger", "practitioner-stranger", "staff-owner"])
def test_a_stranger_is_told_the_same_as_of_nobody(
    app: Flask, network: Database, world: World, person: str
) -> None:
    program = signed_in(app, world, person)
    there = program.send("GET", path(world, rest="/history"))
    nobody = program.send("GET", f"/api/v1/patients/{uuid4()}/history")
    assert (there.status_code, there.json) == (404, nobody.json)
    assert acts(network, "record.refused") == 2


def test_every_read_of_a_history_is_written_down(
    network: Database, world: World, treating: Program
) -> None:
    treating.get(path(world, rest="/history"))
    assert acts(network, "record.read") == 1


@pytest.mark.parametrize("rest", ["/history", "/prescriptions"])
def test_only_who_treats_a_patient_adds_to_the_history(
    app: Flask, network: Database, world: World, rest: str
) -> None:
    body = NOTE if rest == "/history" else {"medication": "Ibuprofen", "dose": "400 mg"}
    own = signed_in(app, world, "patient-owner").send("POST", path(world, rest=rest), body)
    assert own.status_code == 403
    stranger = signed_in(app, world, "practitioner-stranger")
    assert stranger.send("POST", path(world, rest=rest), body).status_code == 404
    assert acts(network, "record.refused") == 1


def test_a_key_of_a_program_reads_no_history(app: Flask, network: Database, world: World) -> None:
    program = with_key(app, network, "*")
    assert program.send("GET", path(world, rest="/history")).status_code == 404
    narrow = with_key(app, network, "patients:read")
    refused = narrow.send("GET", path(world, rest="/history"))
    assert (refused.status_code, refused.json["code"]) == (403, "scope-missing")


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        ("/history", {}),
        ("/history", {"text": ""}),
        ("/history", {"text": 5}),
        ("/history", {"text": "x" * 10_001}),
        ("/history", NOTE | {"visit": 1}),
        ("/history", NOTE | {"appointment": "7"}),
        ("/history", NOTE | {"appointment": str(UUID(int=7))}),
        ("/prescriptions", {"medication": "Ibuprofen"}),
        ("/prescriptions", {"medication": "\x00", "dose": "1"}),
    ],
)
def test_odd_entries_are_refused_by_field(
    world: World, treating: Program, rest: str, body: dict[str, object]
) -> None:
    answer = treating.send("POST", path(world, rest=rest), body)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("query", ["after=x", "after=WyJ4Il0", "kind=cure", "limit=0", "x=1"])
def test_odd_parameters_are_refused(world: World, treating: Program, query: str) -> None:
    answer = treating.send("GET", path(world, rest=f"/history?{query}"))
    assert answer.status_code in {404, 422}
