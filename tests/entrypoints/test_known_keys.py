"""A key that a process knows, and that was revoked elsewhere, lets nobody in."""

import re
from datetime import UTC, datetime

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.core.errors import Busy
from openslot.core.group_commit import GroupCommit, Part
from openslot.directory.keys import queries
from openslot.directory.keys.known import KnownKeys
from openslot.directory.keys.queries import key_of
from openslot.identity.keys import USED_EVERY
from openslot.identity.models import ApiKey
from openslot.identity.queries import ValidKey
from openslot.identity.sessions import token_hash

PAST = datetime(2020, 1, 1, tzinfo=UTC)
EXAMPLES = {"uuid": "01900000-0000-7000-8000-000000000000", "int": "1"}


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    """A program with all rights that has been here."""
    made = with_key(app, network, "*")
    for _ in range(2):
        made.get("/api/v1/appointments")
    return made


def revoke(network: Database) -> None:
    network.run(lambda session: session.execute(update(ApiKey).values(revoked_at=func.now())))


def test_every_reading_is_refused(
    app: Flask, network: Database, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = token_hash(program.token or "")
    known = network.read(lambda session: key_of(session, digest))
    monkeypatch.setattr(KnownKeys, "get", lambda *_given: known)
    revoke(network)
    answers = {}
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if "GET" in (rule.methods or ()) and getattr(operation, "scope", None) is not None:
            path = re.sub(r"<(?:any\((\w+).*?\):)(\w+)>", r"\1", rule.rule)
            path = re.sub(r"<(?:(\w+):)?\w+>", lambda kind: EXAMPLES.get(kind[1], "x"), path)
            path = path.replace("/fhir/x", "/fhir/Patient")
            answers[path] = program.send("GET", path).status_code
    assert len(answers) > 40
    assert {path: status for path, status in answers.items() if status != 401} == {}


def test_nothing_is_booked(network: Database, program: Program, world: World) -> None:
    schedule = world.schedules["owner"]
    start = program.get(f"/api/v1/slots?schedule={schedule}")["items"][0]["start"]
    revoke(network)
    body = {"schedule": schedule, "start": start, "patient": str(world.patients["owner"])}
    refused = program.send("POST", "/api/v1/appointments", body)
    assert (refused.status_code, refused.json["code"]) == (401, "bad-token")  # type: ignore[index]
    then = Appointment.starts_at == datetime.fromisoformat(start)
    booked = select(func.count()).select_from(Appointment).where(then)
    assert network.read(lambda session: session.scalar(booked)) == 0


def test_programs_book_and_hold_in_groups(
    network: Database, program: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what does not go through in one has a transaction of its own."""
    schedule = world.schedules["owner"]
    slots = program.get(f"/api/v1/slots?schedule={schedule}")["items"]

    def status(path: str, number: int) -> int:
        patient = list(world.patients.values())[number]
        body = {"schedule": schedule, "start": slots[number]["start"], "patient": str(patient)}
        return program.send("POST", f"/api/v1/{path}", body).status_code

    assert status("holds", 0) == 201  # what a process remembers is read once
    monkeypatch.setattr(Database, "_attempt", None)
    assert (status("appointments", 1), status("holds", 2)) == (201, 201)


def test_what_has_an_idempotency_key_is_booked_in_a_group_and_once(
    program: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = program.get(f"/api/v1/slots?schedule={world.schedules['owner']}")["items"]
    parts: list[Part] = []
    write = GroupCommit.write

    def note_and_write(group: GroupCommit, part: Part) -> None:
        parts.append(part)
        write(group, part)

    monkeypatch.setattr(GroupCommit, "write", note_and_write)
    body = {
        "schedule": world.schedules["owner"],
        "start": slots[0]["start"],
        "patient": str(world.patients["owner"]),
    }
    answers = [
        program.send("POST", "/api/v1/appointments", body, Idempotency_Key="one") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].data == answers[1].data
    assert len(parts) == 1


def test_nothing_is_learnt_of_what_would_be_refused(network: Database, program: Program) -> None:
    revoke(network)
    body = {"schedule": 999_999, "start": "2030-01-01T09:00:00Z"}
    refused = [program.send("POST", f"/api/v1/{path}", body) for path in ("holds", "appointments")]
    assert [answer.status_code for answer in refused] == [401, 401]


def test_a_key_that_could_not_be_read_again_is_confirmed_later(
    network: Database, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noting its use fails for once, which stops nobody; what comes next asks again."""
    revoke(network)
    answers = iter([Busy(), None])

    def read(_session: Session, _digest: bytes) -> None:
        if failure := next(answers):
            raise failure

    monkeypatch.setattr(queries, "key_of", read)
    with time_machine.travel(datetime.now(UTC) + USED_EVERY, tick=True):
        assert program.send("GET", "/api/v1/appointments").status_code == 401
    assert next(answers, "asked twice") == "asked twice"


def test_a_key_is_forgotten_while_others_are_read() -> None:
    known, other = KnownKeys(), ValidKey(*[None] * len(ValidKey._fields))

    class Meanwhile:
        def __ne__(self, _other: object) -> bool:
            known._keys[b"new"] = other
            return True

    known._keys |= {b"one": other, b"two": other}
    known.forget(Meanwhile())  # type: ignore[arg-type] # compared as an id is
    assert {b"one", b"two"} <= known._keys.keys()


@pytest.mark.parametrize(
    "changed", [{"scopes": "directory:read"}, {"networks": "10.0.0.0/8"}, {"ends_at": PAST}]
)
def test_a_key_whose_rights_were_changed_is_refused_at_once(
    network: Database, program: Program, changed: dict[str, object]
) -> None:
    network.run(lambda session: session.execute(update(ApiKey).values(changed)))
    assert program.send("GET", "/api/v1/appointments").status_code == 401
