"""The examples of docs/api.md, and examples/earliest_gp.py, run as they stand."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from entrypoints.documented import ROOT, Page, Served, documented
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Practitioner, Profession

PAGE = Page("api.md")


@pytest.fixture
def served(app: Flask, network: Database, world: World, tmp_path: Path) -> Iterator[Served]:
    """The app at a port of its own, where one practitioner is a GP."""
    gp = update(Practitioner).where(Practitioner.id == world.practitioners["teammate"])
    network.run(lambda session: session.execute(gp.values(profession=Profession.GP)))
    with documented(app, network, world, tmp_path) as one:
        yield one


def statuses(served: Served) -> list[str]:
    """How the patient's visits with the GP stand."""
    path = f"/api/v1/appointments?patient={served.environment['PATIENT']}&limit=100"
    items = served.program.get(path)["items"]
    return [one["status"] for one in items if one["practitioner"]["profession"] == "GP"]


def test_the_examples_for_the_shell_book_move_and_cancel(served: Served) -> None:
    said = served.shell(PAGE.examples("sh"))
    assert statuses(served) == ["cancelled"]
    assert json.loads(said.strip().splitlines()[-1]) == {"items": [], "next": None}


def test_the_examples_for_python_hold(served: Served) -> None:
    sign_in = next(one for one in PAGE.blocks("sh") if "TOKEN" in one)
    token = served.shell(sign_in + 'printf %s "$TOKEN"')
    key = served.environment["OPENSLOT_KEY"]
    served.run(sys.executable, "-c", PAGE.examples("python"), KEY=key, TOKEN=token)
    assert statuses(served) == ["cancelled"]


@pytest.mark.parametrize("way", [[], ["--fhir"]], ids=["json", "fhir"])
def test_the_earliest_gp_is_booked(served: Served, way: list[str]) -> None:
    slots = served.program.get("/api/v1/slots?profession=GP&earliest=true&limit=1")["items"]
    program = str(ROOT / "examples/earliest_gp.py")
    given = [served.environment["OPENSLOT"], "--patient", served.environment["PATIENT"], *way]
    said = served.run(sys.executable, program, *given)
    assert datetime.fromisoformat(said.strip()) == datetime.fromisoformat(slots[0]["start"])
    assert statuses(served) == ["booked"]
