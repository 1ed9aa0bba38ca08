"""Whoever only looks changes nothing: GET and HEAD over the whole URL map, as everybody."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from entrypoints.belongings import Address, Parts, addresses, furnish, links
from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.test_walk import PEOPLE
from entrypoints.world import World
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.identity.models import AccountSession
from openslot.schema import metadata

LOOKS = (
    "access.forbidden",
    "access.not-found",
    "access.unauthenticated",
    "audit.read",
    "data.exported",
    "key.first-used",
    "record.read",
    "record.refused",
    "referral.read",
    "mail.read",
    "patient.listed",
    "patient.read",
    "patient.searched",
    "patient.shown",
    "patient.found",
    "patient.not-found",
)
"""What the audit says of readings and refusals: they are written down, on purpose."""

MARKS = {"account_session": {"seen_at"}, "api_key": {"used_at", "used_from"}}
"""Columns that a look may change: a session ends when it was not used for some hours, and of a key
one sees when and from where it was last used."""

LEADING = "email=patient-owner@example.com&name=X&yes=1&confirm=1&_method=DELETE&method=POST"
"""Parameters that forms send, and those by which some frameworks take another method."""

OVERRIDES = {
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Method-Override": "POST",
}


@pytest.fixture
def parts(network: Database, world: World) -> Parts:
    return furnish(network, world)


@pytest.fixture
def looked_at(app: Flask, world: World, parts: Parts) -> list[Address]:
    return [one for one in addresses(app, world, parts) if one.method == "GET"]


class Kept:
    """What the tables hold, compared by row."""

    def __init__(self, network: Database):
        self.network = network
        self.rows = self._read()

    def _read(self) -> dict[str, dict[Any, dict[str, Any]]]:
        return self.network.read(
            lambda session: {
                table.name: {
                    tuple(row._mapping[column] for column in table.primary_key): dict(row._mapping)
                    for row in session.execute(select(table))
                }
                for table in metadata.sorted_tables
            }
        )

    def changes(self) -> list[str]:
        """What was added, changed and removed since this was asked last, but for what a look
        may leave."""
        before, self.rows = self.rows, self._read()
        return [
            f"{name} {before[name].get(key)} -> {rows.get(key)}"
            for name, rows in self.rows.items()
            for key in before[name].keys() | rows.keys()
            if not _is_allowed(name, before[name].get(key), rows.get(key))
        ]


def _is_allowed(table: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> bool:
    if old == new:
        return True
    if table == AuditEvent.__tablename__ and old is None and new is not None:
        return new["action"] in LOOKS
    if old is None or new is None:
        return False
    return {name for name in new if new[name] != old[name]} <= MARKS.get(table, set())


def _version(network: Database) -> Iterator[int]:
    """A number that differs whenever somebody else has written to the file."""
    with closing(sqlite3.connect(str(network.engine.url.database))) as connection:
        while True:
            yield int(connection.execute("PRAGMA data_version").fetchone()[0])


def _walk(network: Database, looked_at: list[Address], ask: Any) -> list[str]:
    """Look at everything by GET and by HEAD; what that changed."""
    kept, versions = Kept(network), _version(network)
    last, wrong = next(versions), []
    for one in looked_at:
        for method in ("GET", "HEAD"):
            answer: TestResponse = ask(method, one)
            assert answer.status_code < 500 or one.endpoint == "system.ready", str(one)
            if (version := next(versions)) != last:
                wrong += [f"{method} {one}: {change}" for change in kept.changes()]
                last = version
    return wrong


@pytest.mark.parametrize("person", PEOPLE)
def test_looking_at_pages_writes_nothing(
    network: Database, client_for: ClientFor, looked_at: list[Address], person: str | None
) -> None:
    client = client_for(person)
    network.run(_unused_for_an_hour)

    def ask(method: str, one: Address) -> TestResponse:
        path = f"{one.path}?{LEADING}"
        return client.http.open(path, method=method, headers=OVERRIDES, buffered=True)

    pages = [one for one in looked_at if not _is_for_programs(one)]
    assert _walk(network, pages, ask) == []


def test_the_links_of_the_walk_lead_somewhere(
    client_for: ClientFor, app: Flask, world: World, parts: Parts, looked_at: list[Address]
) -> None:
    """Or it would pass by looking at nothing."""
    asked = links(app, world, parts)
    client = client_for(None)
    paths = [one.path for one in looked_at if one.endpoint in asked]
    assert len(paths) >= 6
    assert {client.get(path).status_code for path in paths} == {200}


def _is_for_programs(one: Address) -> bool:
    return one.endpoint.startswith(("api_", "fhir"))


def _unused_for_an_hour(session: Any) -> None:
    """Sessions are marked as used now and then only; make that be now."""
    hour = timedelta(hours=1)
    for row in session.scalars(select(AccountSession)):
        session.execute(update(AccountSession).values(seen_at=row.seen_at - hour))


@pytest.mark.parametrize("person", [*PEOPLE, "key"])
def test_looking_by_programs_writes_nothing(
    app: Flask, network: Database, world: World, looked_at: list[Address], person: str | None
) -> None:
    program = (
        with_key(app, network, "*")
        if person == "key"
        else (signed_in(app, world, person) if person else Program(app))
    )
    ours = [one for one in looked_at if _is_for_programs(one)]

    def ask(method: str, one: Address) -> TestResponse:
        headers = {name.replace("-", "_"): value for name, value in OVERRIDES.items()}
        return program.send(method, one.path, **headers)

    assert _walk(network, ours, ask) == []


def test_a_look_at_a_history_is_written_down_by_head_too(
    app: Flask, network: Database, world: World, parts: Parts
) -> None:
    program = signed_in(app, world, "practitioner-owner")
    there = f"/api/v1/patients/{parts['patient_id']}/history"

    def reads() -> int:
        query = select(AuditEvent).where(AuditEvent.action == "record.read")
        return len(network.read(lambda session: session.scalars(query).all()))

    assert program.send("HEAD", there).status_code == 200
    assert reads() == 1


def test_head_is_get_without_its_body(client_for: ClientFor, looked_at: list[Address]) -> None:
    client = client_for("network-admin")
    for one in looked_at:
        if one.endpoint not in ("accounts.sign_out", "system.ready"):
            got = client.http.get(one.path, buffered=True)
            head = client.http.head(one.path)
            assert head.data == b"", str(one)
            assert head.status_code == got.status_code, str(one)
            for name in ("Content-Type", "ETag", "Location", "Allow", "WWW-Authenticate"):
                assert head.headers.get(name) == got.headers.get(name), str(one)


def test_head_says_how_long_the_body_is_and_whether_it_is_known(
    client_for: ClientFor, world: World, app: Flask, network: Database
) -> None:
    http = client_for(None).http
    assert http.head("/sign-up").content_length == len(http.get("/sign-up").data)
    tag = http.get("/fhir/$bulk-publish").headers["ETag"]
    known = http.head("/fhir/$bulk-publish", headers={"If-None-Match": tag})
    assert (known.status_code, known.data) == (304, b"")
    program = with_key(app, network, "*")
    there = f"/api/v1/appointments/{world.appointments['owner']}"
    tag = program.send("GET", there).headers["ETag"]
    assert program.send("HEAD", there, If_None_Match=tag).status_code == 304


def test_what_is_only_posted_is_not_looked_at(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    for method in ("GET", "HEAD"):
        answer = client.http.open("/theme/dark", method=method)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
    options = client.http.options("/sign-up")
    assert {"GET", "HEAD", "POST"} <= set(options.headers["Allow"].split(", "))
