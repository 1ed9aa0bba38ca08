"""Histories through the API: all that the page shows, corrected, and opened in an emergency."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engines import counting
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.records.models import AllergyState, EmergencyAccess, Entry, EntryKind
from openslot.referrals.models import Kept, Referral

KNOWN = {"name": "Aroha Owner", "born": "1980-03-31"}
EMERGENCY = {**KNOWN, "reason": "Unconscious, needs allergies"}


def path(world: World, rest: str = "", who: str = "owner") -> str:
    return f"/api/v1/patients/{world.patients[who]}{rest}"


def acts(database: Database, action: str) -> int:
    query = select(func.count()).where(AuditEvent.action == action)
    return database.read(lambda session: session.scalar(query)) or 0


@pytest.fixture
def treating(app: Flask, world: World) -> Program:
    return signed_in(app, world, "practitioner-owner")


@pytest.fixture
def filled(network: Database, world: World) -> None:
    """Besides the appointment, two of each other kind, all of them at one instant."""
    at = datetime.now(UTC) - timedelta(days=1)
    me, you = world.practitioners["owner"], world.practitioners["stranger"]

    def work(session: Session) -> None:
        for _ in range(2):
            whose = {"patient_id": world.patients["owner"]}
            session.add_all(
                [
                    Entry(
                        id=uuid4(),
                        **whose,
                        practitioner_id=me,
                        kind=EntryKind.NOTE,
                        text="Swollen knee.",
                        recorded_at=at,
                    ),
                    Referral(
                        id=uuid4(),
                        **whose,
                        gp_id=me,
                        practitioner_id=you,
                        letter="Pain since May.",
                        status=Kept.SENT,
                        created_at=at,
                        sent_at=at,
                        version=1,
                    ),
                    EmergencyAccess(
                        id=uuid4(),
                        **whose,
                        practitioner_id=you,
                        reason="Fell in the street",
                        starts_at=at,
                        ends_at=at + timedelta(hours=4),
                    ),
                ]
            )

    network.run(work)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("person", ["patient-owner", "practitioner-owner"])
def test_a_history_holds_what_the_page_shows(app: Flask, world: World, person: str) -> None:
    found = signed_in(app, world, person).get(path(world, "/history"))["items"]
    assert [one["kind"] for one in found] == [
        "appointment",
        "note",
        "note",
        "referral",
        "referral",
        "emergency",
        "emergency",
    ]
    appointment, referral, emergency = found[0], found[3], found[5]
    assert (appointment["id"], appointment["reason"]) == (
        str(world.appointments["owner"]),
        "Sore knee",
    )
    assert (appointment["status"], appointment["centre"]) == ("booked", "Banksia General Hospital")
    assert referral["practitioner"]["id"] == world.practitioners["stranger"]
    assert "letter" not in referral
    assert emergency["reason"] == "Fell in the street"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_the_pages_of_a_history_lose_and_repeat_nothing(
    world: World, treating: Program, limit: int
) -> None:
    whole = treating.get(path(world, "/history"))["items"]
    address, found = path(world, f"/history?limit={limit}"), []
    while address:
        part = treating.get(address)
        found += part["items"]
        address = part["next"]
    assert found == whole


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("kind", "count"),
    [("note", 2), ("prescription", 0), ("appointment", 1), ("referral", 2), ("emergency", 2)],
)
def test_a_history_is_sifted_by_kind(
    world: World, treating: Program, kind: str, count: int
) -> None:
    found = treating.get(path(world, f"/history?kind={kind}"))["items"]
    assert [one["kind"] for one in found] == [kind] * count


@pytest.mark.usefixtures("filled")
def test_a_longer_history_takes_no_more_statements(
    app: Flask, world: World, treating: Program
) -> None:
    database = app.extensions["openslot"].database
    counts = []
    for limit in (2, 100):
        with counting(database) as counted:
            treating.get(path(world, f"/history?limit={limit}"))
        counts.append(counted.count)
    assert counts[0] == counts[1]


def test_a_correction_stands_in_the_place_of_the_entry(world: World, treating: Program) -> None:
    note: Any = treating.send("POST", path(world, "/history"), {"text": "Left knee"}).json
    there = path(world, f"/history/{note['id']}/corrections")
    made: Any = treating.send("POST", there, {"text": "Right knee"})
    assert made.status_code == 201, made.text
    assert (made.json["corrects"], made.json["text"]) == (note["id"], "Right knee")
    found = treating.get(path(world, "/history?kind=note"))["items"]
    assert [one["corrected_by"] for one in found] == [None, made.json["id"]]
    again = treating.send("POST", there, {"text": "Both knees"})
    assert (again.status_code, again.json["code"]) == (409, "already-corrected")


def test_allergies_are_written_and_corrected_by_programs_too(
    world: World, treating: Program
) -> None:
    none_known: Any = treating.send("POST", path(world, "/no-allergies"), {}).json
    assert (none_known["kind"], none_known["state"]) == ("no-allergies", "active")
    body = {"substance": "Latex", "reaction": "Weals", "severity": "mild"}
    latex: Any = treating.send("POST", path(world, "/allergies"), body).json
    assert (latex["substance"], latex["text"], latex["severity"]) == ("Latex", "Weals", "mild")
    assert latex["corrects"] == none_known["id"]
    refused: Any = treating.send("POST", path(world, "/no-allergies"), {})
    assert (refused.status_code, refused.json["code"]) == (409, "allergies-known")
    there = path(world, f"/history/{latex['id']}/corrections")
    gone = {"substance": "Latex", "state": "resolved"}
    assert treating.send("POST", there, gone).status_code == 201
    found = treating.get(path(world, "/history?kind=allergy"))["items"]
    assert [one["state"] for one in found] == ["resolved", "active", "active"]


def test_none_known_beside_an_allergy_is_no_statement_as_on_pages_and_in_fhir(
    network: Database, world: World, treating: Program
) -> None:
    treating.send("POST", path(world, "/no-allergies"), {})

    def merge(session: Session) -> None:
        session.add(
            Entry(
                patient_id=world.patients["owner"],
                practitioner_id=world.practitioners["owner"],
                kind=EntryKind.ALLERGY,
                substance="Latex",
                text="",
                state=AllergyState.ACTIVE,
                recorded_at=datetime.now(UTC),
            )
        )

    network.run(merge)
    found = treating.get(path(world, "/history?kind=allergy"))["items"]
    states = {one["kind"]: one["state"] for one in found}
    assert states == {"allergy": "active", "no-allergies": "entered-in-error"}


def test_a_correction_is_of_the_same_kind_by_the_author_alone(
    app: Flask, network: Database, world: World, treating: Program
) -> None:
    note: Any = treating.send("POST", path(world, "/history"), {"text": "Left knee"}).json
    there = path(world, f"/history/{note['id']}/corrections")
    for body, field in (({}, "text"), ({"text": "x", "medication": "y"}, "medication")):
        refused: Any = treating.send("POST", there, body)
        assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, field)
    stranger = signed_in(app, world, "practitioner-stranger")
    assert stranger.send("POST", there, {"text": "x"}).status_code == 404
    assert acts(network, "record.refused") == 1
    other = path(world, f"/history/{uuid4()}/corrections")
    assert treating.send("POST", other, {"text": "x"}).status_code == 404
    opened = {"name": "Aroha Stranger", "born": "1980-03-31", "reason": "Fell in the street"}
    treating.send("POST", path(world, "/emergency-accesses", who="stranger"), opened)
    elsewhere = path(world, f"/history/{note['id']}/corrections", who="stranger")
    assert treating.send("POST", elsewhere, {"text": "x"}).status_code == 404


def test_who_knows_name_and_birth_opens_a_history_in_an_emergency(
    app: Flask, network: Database, world: World
) -> None:
    stranger = signed_in(app, world, "practitioner-stranger")
    found = stranger.get("/api/v1/patients?name=aroha%20owner&born=1980-03-31")["items"]
    assert [one["id"] for one in found] == [str(world.patients["owner"])]
    opened: Any = stranger.send("POST", path(world, "/emergency-accesses"), EMERGENCY)
    assert opened.status_code == 201, opened.text
    history = stranger.get(path(world, "/history"))["items"]
    assert {one["kind"] for one in history} == {"appointment", "emergency"}
    assert acts(network, "record.emergency-access") == 1
    again = stranger.send("POST", path(world, "/emergency-accesses"), EMERGENCY)
    assert (again.status_code, again.json["code"]) == (409, "already-open")


@pytest.mark.parametrize(
    ("person", "change", "status"),
    [
        ("practitioner-stranger", {"name": "Aroha"}, 404),
        ("practitioner-stranger", {"born": "1980-03-30"}, 404),
        ("practitioner-stranger", {"reason": "Curious"}, 422),
        ("patient-stranger", {}, 403),
        ("staff-owner", {}, 403),
        ("network-admin", {}, 403),
    ],
)
def test_nobody_else_opens_a_history(
    app: Flask, network: Database, world: World, person: str, change: dict[str, str], status: int
) -> None:
    program = signed_in(app, world, person)
    answer = program.send("POST", path(world, "/emergency-accesses"), EMERGENCY | change)
    assert answer.status_code == status, answer.text
    assert acts(network, "record.emergency-access") == 0
    assert acts(network, "record.refused") == (status == 404)


def test_patients_see_who_else_read_their_history(
    app: Flask, network: Database, world: World, treating: Program
) -> None:
    own = signed_in(app, world, "patient-owner")
    for program in (treating, own, treating):
        program.get(path(world, "/history"))
    first = own.get(path(world, "/history/reads?limit=1"))
    rest = own.get(first["next"])
    reads = first["items"] + rest["items"]
    assert [(one["what"], one["how"], one["name"]) for one in reads] == [
        ("history", "care", "Priya Owner")
    ] * 2
    assert rest["next"] is None
    for program in (treating, with_key(app, network, "*")):
        assert program.send("GET", path(world, "/history/reads")).status_code == 404
