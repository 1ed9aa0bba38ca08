"""No door shows somebody's data to others without an access event."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from entrypoints.belongings import Parts, addresses, furnish
from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from factories import NOW
from openslot.core import clock
from openslot.core.actor import Role
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.directory.models import Patient
from openslot.entrypoints.web.access import allowed_roles
from openslot.records.shown import LISTED, SHOWN, ShownPeople

ACCESSES = ("audit.read", "data.exported", "mail.read", "patient.", "record.", "referral.")
"""How the actions begin that say that somebody's data were read."""

UNTRACED = frozenset({"admin_accounts.listing"})
"""Names and addresses of accounts, which administrators keep; it does not say who is a patient."""


@pytest.fixture
def parts(network: Database, world: World) -> Parts:
    return furnish(network, world)


class Audit:
    """The audit events since the last time that they were asked for."""

    def __init__(self, network: Database):
        self.network = network
        self.known: set[UUID] = set()
        self.new()

    def new(self) -> list[AuditEvent]:
        with self.network.reading() as session:
            events = session.scalars(select(AuditEvent)).all()
        new = [event for event in events if event.id not in self.known]
        self.known |= {event.id for event in new}
        return new


READERS = {
    "practitioner-owner": Role.PRACTITIONER,
    "staff-owner": Role.STAFF,
    "network-admin": Role.NETWORK_ADMIN,
    "key": None,
}
BY_PROGRAM = ("practitioner-owner", "key")
"""Who looks through programs too."""


@pytest.mark.parametrize("person", READERS)
def test_whoever_is_shown_to_others_is_written_down(
    app: Flask,
    network: Database,
    world: World,
    parts: Parts,
    client_for: ClientFor,
    monkeypatch: pytest.MonkeyPatch,
    person: str,
) -> None:
    monkeypatch.setattr(ShownPeople, "note", lambda _self, _reader, _name, people, **_: len(people))
    program = with_key(app, network, "*") if person == "key" else signed_in(app, world, person)
    browser = client_for(person if READERS[person] else None)
    with network.reading() as session:
        patients = session.scalars(select(Patient)).all()
    marks = {mark for one in patients for mark in (one.name, str(one.id))}
    audit, shown, silent = Audit(network), 0, []
    for one in addresses(app, world, parts):
        view = app.view_functions[one.endpoint]
        is_page = not hasattr(view, "operation")
        roles = (allowed_roles(view) or frozenset()) - {None}
        may_look = READERS[person] in roles if is_page else person in BY_PROGRAM
        if one.method != "GET" or one.endpoint in UNTRACED or not may_look:
            continue
        answer = browser.get(one.path) if is_page else program.send("GET", one.path)
        text, events = answer.get_data(as_text=True), audit.new()
        if answer.status_code == 200 and any(mark in text for mark in marks):
            shown += 1
            if not any(event.action.startswith(ACCESSES) for event in events):
                silent.append(str(one))
    assert shown > 10, "or the walk would pass by looking at nothing"
    assert silent == []


def test_one_alone_is_told_that_somebody_looked_and_when_again(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    audit, patient = Audit(network), world.patients["owner"]
    hour = clock.now().replace(minute=1, second=0)

    def looks(hours: int) -> list[tuple[str, str, Any]]:
        with time_machine.travel(hour + timedelta(hours=hours), tick=False):
            desk = client_for("staff-owner")
            audit.new()
            for _ in range(2):
                desk.get(f"/appointments/{world.appointments['owner']}")
                desk.get(f"/appointments/{world.appointments['owner']}/cancel")
            return [(one.action, one.subject, one.details.get("page")) for one in audit.new()]

    once = [(SHOWN, f"patient:{patient}", "appointments.show")]
    assert looks(1) == once
    assert looks(1) == [], "an hour has one for each patient and reader"
    assert looks(2) == once


def test_a_board_that_is_read_anew_leaves_one_event_and_leafing_shows() -> None:
    shown, first = ShownPeople(), [uuid4() for _ in range(10)]
    for _ in range(50):
        numbers = [shown.note("a", "board", first, now=NOW) for _ in range(2)]
    assert numbers == [0, 0]
    assert shown.note("b", "board", first, now=NOW) == 10
    leafed = [shown.note("a", "board", [uuid4()], now=NOW) for _ in range(35)]
    assert [number for number in leafed if number] == [20, 40]
    assert shown.note("a", "board", first, now=NOW + timedelta(hours=1)) == 10


def test_who_is_shown_themselves_or_changes_leaves_no_look(
    app: Flask, network: Database, world: World, client_for: ClientFor
) -> None:
    own, desk = client_for("patient-owner"), client_for("staff-owner")
    program = Program(app, signed_in(app, world, "patient-owner").token)
    audit = Audit(network)
    own.get("/dashboard")
    own.get(f"/appointments/{world.appointments['owner']}/cancel")
    program.get("/api/v1/appointments")
    desk.get("/search")
    assert [event.action for event in audit.new()] == []


@pytest.mark.usefixtures("parts")
def test_pages_that_answer_or_refuse_a_form_are_looks_too(
    network: Database, world: World, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ShownPeople, "note", lambda _self, _reader, _name, people, **_: len(people))
    one, other = world.patients["owner"], world.patients["stranger"]
    doors = (
        ("practitioner-owner", "/patients", {}),
        ("practitioner-owner", f"/patients/{one}/notes/new", {}),
        ("network-admin", f"/admin/patients/{one}/merge", {"duplicate": one}),
        ("network-admin", f"/admin/patients/{one}/merge", {"duplicate": other}),
    )
    audit = Audit(network)
    for person, path, fields in doors:
        client = client_for(person)
        client.token_of("/account")
        audit.new()
        answer = client.send(path, page="/account", **fields)
        assert "Aroha Owner" in answer.text, path
        assert any(event.action in (SHOWN, LISTED) for event in audit.new()), path
