"""Referrals through the API: written, sent, read, answered and taken back by who may."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World, give_professions
from openslot.core.audit import AuditEvent
from openslot.core.db import Database

PATH = "/api/v1/referrals"


@pytest.fixture(autouse=True)
def _professions(network: Database, world: World) -> None:
    network.run(lambda session: give_professions(session, world))


@pytest.fixture
def gp(app: Flask, world: World) -> Program:
    return signed_in(app, world, "practitioner-owner")


def letter(world: World, **more: Any) -> dict[str, Any]:
    body = {
        "patient": str(world.patients["owner"]),
        "practitioner": world.practitioners["stranger"],
        "letter": "Pain since May.",
    }
    return {key: value for key, value in (body | more).items() if value is not None}


def written(gp: Program, world: World, **more: Any) -> Any:
    made = gp.send("POST", PATH, letter(world, **more))
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"{PATH}/{made.json['id']}"  # type: ignore[index]
    return made.json


def test_a_draft_is_its_author_s_until_it_is_sent(app: Flask, world: World, gp: Program) -> None:
    made = written(gp, world)
    one = f"{PATH}/{made['id']}"
    readers = [signed_in(app, world, who) for who in ("patient-owner", "practitioner-stranger")]
    assert made["status"] == "draft"
    assert [reader.send("GET", one).status_code for reader in readers] == [404, 404]
    sent: Any = gp.send("PATCH", one, {"letter": "Pain since June.", "status": "sent"}).json
    assert (sent["status"], sent["letter"]) == ("sent", "Pain since June.")
    assert [reader.get(one)["letter"] for reader in readers] == ["Pain since June."] * 2
    for reader in readers:
        [listed] = reader.get(PATH)["items"]
        assert (listed["id"], "letter" in listed) == (made["id"], False)


def test_a_specialist_s_read_is_written_down(
    app: Flask, network: Database, world: World, gp: Program
) -> None:
    made = written(gp, world, send=True)
    signed_in(app, world, "practitioner-stranger").get(f"{PATH}/{made['id']}")
    query = select(func.count()).where(AuditEvent.action == "referral.read")
    assert network.read(lambda session: session.scalar(query)) == 1


def test_an_appointment_uses_it_and_its_specialist_answers(
    app: Flask, world: World, gp: Program
) -> None:
    made = written(gp, world, practitioner=None, expertise="Dental", send=True)
    patient = signed_in(app, world, "patient-owner")
    schedule = world.schedules["stranger"]
    start = patient.get(f"/api/v1/slots?schedule={schedule}&limit=40")["items"][-1]["start"]
    body = {"schedule": schedule, "start": start, "referral": made["id"]}
    booked: Any = patient.send("POST", "/api/v1/appointments", body).json
    one = f"{PATH}/{made['id']}"
    assert patient.get(one)["appointment"] == booked["id"]
    dentist = signed_in(app, world, "practitioner-stranger")
    answer: Any = dentist.send("PATCH", one, {"answer": "A root canal."}).json
    assert (answer["status"], answer["answer"]) == ("used", "A root canal.")
    again = dentist.send("PATCH", one, {"answer": "More."})
    assert (again.status_code, again.json["code"]) == (409, "already-answered")
    assert gp.send("PATCH", one, {"status": "revoked"}).status_code == 409


def test_a_sent_one_is_taken_back_and_a_draft_thrown_away(world: World, gp: Program) -> None:
    sent, draft = written(gp, world, send=True), written(gp, world)
    one = f"{PATH}/{sent['id']}"
    assert gp.send("DELETE", one).status_code == 409
    assert gp.send("PATCH", one, {"status": "revoked"}).json["status"] == "revoked"  # type: ignore[index]
    assert gp.send("DELETE", f"{PATH}/{draft['id']}").status_code == 204
    assert [item["id"] for item in gp.get(PATH)["items"]] == [sent["id"]]


def test_all_that_is_named_changes_or_nothing(world: World, gp: Program) -> None:
    made = written(gp, world)
    one = f"{PATH}/{made['id']}"
    refused = gp.send("PATCH", one, {"letter": "Other", "answer": "Mine"})
    assert refused.status_code == 403
    assert gp.get(one) == made
    changed: Any = gp.send("PATCH", one, {"expertise": "Dental"}).json
    assert (changed["practitioner"], changed["expertise"]) == (None, "Dental")


def test_they_are_listed_page_by_page_and_by_status(world: World, gp: Program) -> None:
    made = [written(gp, world, send=send)["id"] for send in (True, False, False)]
    first = gp.get(f"{PATH}?limit=2")
    rest = gp.get(first["next"])
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert [one["id"] for one in gp.get(f"{PATH}?status=sent")["items"]] == made[:1]


@pytest.mark.parametrize(
    ("person", "status"),
    [
        ("practitioner-teammate", 403),
        ("practitioner-stranger", 403),
        ("patient-owner", 403),
        ("staff-owner", 403),
        ("network-admin", 403),
    ],
)
def test_only_gps_write(app: Flask, world: World, person: str, status: int) -> None:
    assert signed_in(app, world, person).send("POST", PATH, letter(world)).status_code == status


def test_a_gp_refers_whom_they_may_read_and_learns_of_nobody_else(
    world: World, gp: Program
) -> None:
    stranger = gp.send("POST", PATH, letter(world, patient=str(world.patients["stranger"])))
    nobody = gp.send("POST", PATH, letter(world, patient=str(uuid4())))
    assert (stranger.status_code, stranger.json) == (404, nobody.json)


def test_strangers_and_keys_do_not_learn_of_it(
    app: Flask, network: Database, world: World, gp: Program
) -> None:
    one = f"{PATH}/{written(gp, world, send=True)['id']}"
    programs = [signed_in(app, world, who) for who in ("patient-stranger", "staff-owner")]
    for program in (*programs, with_key(app, network, "*")):
        assert program.get(PATH)["items"] == []
        assert program.send("GET", one).status_code == 404
        assert program.send("PATCH", one, {"status": "revoked"}).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"practitioner": None},
        {"expertise": "Dental"},
        {"letter": None},
        {"letter": " "},
        {"patient": 7},
        {"practitioner": 10**30},
        {"practitioner": 0},
        {"send": "perhaps"},
        {"status": "sent"},
    ],
)
def test_odd_letters_are_refused(world: World, gp: Program, change: dict[str, Any]) -> None:
    assert gp.send("POST", PATH, letter(world, **change)).status_code == 422


@pytest.mark.parametrize("change", [{}, {"status": "draft"}, {"expertise": None}, {"answer": 1}])
def test_odd_changes_are_refused(world: World, gp: Program, change: dict[str, Any]) -> None:
    one = f"{PATH}/{written(gp, world)['id']}"
    assert gp.send("PATCH", one, change).status_code == 422
    assert gp.send("PATCH", f"{PATH}/{UUID(int=1)}", {"status": "sent"}).status_code == 404
