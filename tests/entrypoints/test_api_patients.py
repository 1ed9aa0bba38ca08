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
    appointment = str(world.appointments["owner"])
    note = treating.send("POST", path(world, rest="/history"), NOTE | {"appointment": appointment})
    assert note.status_code == 201, note.text
    given = {"medication": "Ibuprofen", "dose": "400 mg"}
    drug = treating.send("POST", path(world, rest="/prescriptions"), given)
    assert drug.status_code == 201, drug.text
    own = signed_in(app, world, "patient-owner")
    found = own.get(path(world, rest="/history"))["items"]
    assert [one["kind"] for one in found] == ["appointment", "prescription", "note"]
    assert found[2] == note.json
    assert found[2]["centre"] == "Banksia General Hospital"
    only = own.get(path(world, rest="/history?kind=note"))["items"]
    assert [one["text"] for one in only] == ["Swollen knee."]


def test_a_history_is_read_page_by_page(world: World, treating: Program) -> None:
    for text in ("One", "Two", "Three"):
        treating.send("POST", path(world, rest="/history"), {"text": text})
    first = treating.get(path(world, rest="/history?limit=2"))
    rest = treating.get(first["next"])
    found = first["items"] + rest["items"]
    assert [one.get("text") for one in found] == [None, "Three", "Two", "One"]
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
        ("/history", NOTE | {"appointment": 1}),
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


# Found, registered, changed

PATIENTS = "/api/v1/patients"
NEW = {"name": "Ilse Brandt", "born": "1971-02-03", "phone": "0400 999 000"}


def names(program: Program, query: str) -> list[str]:
    return [one["name"] for one in program.get(f"{PATIENTS}?{query}")["items"]]


def test_who_works_with_patients_finds_them_and_leafs_through_none(
    app: Flask, world: World
) -> None:
    desk = signed_in(app, world, "staff-owner")
    assert names(desk, "q=aroha") == ["Aroha Owner", "Aroha Teammate"]
    assert names(desk, "q=owner&born=1980-03-31") == ["Aroha Owner"]
    first = desk.get(f"{PATIENTS}?q=aroha&limit=1")
    rest = desk.get(first["next"])
    assert [one["name"] for one in rest["items"]] == ["Aroha Teammate"]
    assert desk.send("GET", PATIENTS).status_code == 422
    assert first["items"][0].keys() == {"id", "name", "born"}


def test_a_practitioner_finds_their_own_and_others_by_name_and_birth_alone(
    world: World, treating: Program
) -> None:
    assert names(treating, "q=aroha") == ["Aroha Owner"]
    assert names(treating, "born=1980-03-31") == ["Aroha Owner"]
    assert names(treating, "name=aroha+stranger&born=1980-03-31") == ["Aroha Stranger"]
    for query in (
        "name=aroha+stranger&born=1980-03-30",
        "name=aroha&born=1980-03-31",
        "name=aroha+stranger&q=aroha",
        "name=aroha+stranger&born=1980-03-31&q=a",
    ):
        assert "Aroha Stranger" not in names(treating, query), query


def test_patients_find_nobody(app: Flask, world: World) -> None:
    own = signed_in(app, world, "patient-owner")
    assert own.send("GET", f"{PATIENTS}?q=aroha").status_code == 403
    assert own.send("POST", PATIENTS, NEW).status_code == 403


@pytest.mark.parametrize("person", ["staff-owner", "practitioner-owner", "network-admin"])
def test_a_patient_is_registered_once_unless_it_is_somebody_else(
    app: Flask, world: World, person: str
) -> None:
    program = signed_in(app, world, person)
    made = program.send("POST", PATIENTS, NEW)
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"{PATIENTS}/{made.json['id']}"  # type: ignore[index]
    assert program.get(made.headers["Location"]) == made.json
    again = program.send("POST", PATIENTS, NEW)
    assert (again.status_code, again.json["code"]) == (409, "patient-known")  # type: ignore[index]
    assert program.send("POST", PATIENTS, NEW | {"anyway": True}).status_code == 201


@pytest.mark.parametrize("person", ["patient-owner", "practitioner-owner", "staff-owner"])
def test_those_change_a_patient_who_do_on_the_pages(
    app: Flask, network: Database, world: World, person: str
) -> None:
    program = signed_in(app, world, person)
    before = program.get(path(world))
    changed = program.send("PATCH", path(world), {"phone": "0400 111 222"})
    assert changed.json == before | {"phone": "0400 111 222"}
    assert acts(network, "patient.changed") == 1


@pytest.mark.parametrize("person", ["patient-stranger", "practitioner-stranger"])
def test_strangers_change_nobody(app: Flask, world: World, person: str) -> None:
    program = signed_in(app, world, person)
    there = program.send("PATCH", path(world), {"phone": "0400 111 222"})
    nobody = program.send("PATCH", f"{PATIENTS}/{uuid4()}", {"phone": "0400 111 222"})
    assert (there.status_code, there.json) == (404, nobody.json)


def test_one_s_own_name_is_also_the_account_s_and_one_s_address_stays(
    app: Flask, world: World
) -> None:
    own = signed_in(app, world, "patient-owner")
    assert own.send("PATCH", path(world), {"name": "Aroha Ngata"}).status_code == 200
    assert own.get("/api/v1/me")["name"] == "Aroha Ngata"
    refused = own.send("PATCH", path(world), {"email": "other@example.com"})
    assert refused.status_code == 403
    assert refused.json["errors"][0]["field"] == "email"  # type: ignore[index] # an object


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"born": "1700-01-01"}, "born"),
        ({"born": "2999-01-01"}, "born"),
        ({"email": "x"}, "email"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"diary": 1}, "diary"),
    ],
)
def test_odd_patients_are_refused_by_field(
    app: Flask, world: World, change: dict[str, object], field: str
) -> None:
    program = signed_in(app, world, "staff-owner")
    for answer in (
        program.send("POST", PATIENTS, NEW | change),
        program.send("PATCH", path(world), change),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json["errors"][0]["field"] == field  # type: ignore[index] # an object


def test_whom_a_colleague_registered_a_practitioner_does_not_see(
    app: Flask, world: World, treating: Program
) -> None:
    there = treating.send("POST", PATIENTS, NEW).headers["Location"]
    colleague = signed_in(app, world, "practitioner-teammate")
    assert treating.send("PATCH", there, {"name": "Ilse Brand"}).status_code == 200
    assert colleague.send("GET", there).status_code == 404
    assert colleague.send("PATCH", there, {"name": "Ilse"}).status_code == 404
    assert treating.send("GET", f"{there}/history").status_code == 404
