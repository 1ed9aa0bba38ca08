"""The examples of docs/fhir.md run as they stand."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.documented import Page, Served, documented
from entrypoints.programs import signed_in
from entrypoints.world import PASSWORD, World, give_professions
from openslot.core.db import Database

PAGE = Page("fhir.md")
NOTE = "Rest, and drink enough."


@pytest.fixture
def served(app: Flask, network: Database, world: World, tmp_path: Path) -> Iterator[Served]:
    """The app at a port of its own, with a GP who offers two services and has written a note, and a
    cardiologist."""

    def set_up(session: Session) -> None:
        give_professions(session, world, expertise="Cardiology")
        names = ("Standard consultation", "Long consultation")
        services = [factories.offered_service(session, None, name) for name in names]
        factories.offer(session, world.schedules["owner"], *services)

    network.run(set_up)
    gp = signed_in(app, world, "practitioner-owner")
    note = gp.send("POST", f"/api/v1/patients/{world.patients['owner']}/history", {"text": NOTE})
    assert note.status_code == 201
    with documented(app, network, world, tmp_path) as one:
        yield one


def test_the_examples_for_the_shell_hold(served: Served, world: World, tmp_path: Path) -> None:
    gp = {"GP_EMAIL": world.emails["practitioner-owner"], "GP_PASSWORD": PASSWORD}
    said = served.shell(PAGE.examples("sh"), **gp)
    assert NOTE in said
    assert "Long consultation: " in said
    assert "Palpitations since May." in said
    lines = said.splitlines()
    assert [one for one in lines if one in ("booked", "cancelled", "revoked", "1")] == [
        "cancelled",
        "booked",
        "cancelled",
        "1",
        "cancelled",
        "revoked",
    ]
    assert "/book/" in lines[-2], "the link of a free time"
    assert lines[-1] == "202", "the end of an export"
    exported = (tmp_path / "Patient.ndjson").read_text().splitlines()
    assert str(world.patients["owner"]) in {json.loads(line)["id"] for line in exported}


def test_the_examples_for_python_hold(served: Served) -> None:
    served.run(sys.executable, "-c", PAGE.examples("python"))
    appointments = served.program.get("/api/v1/appointments?limit=100")["items"]
    assert sum(one["status"] == "cancelled" for one in appointments) == 1
