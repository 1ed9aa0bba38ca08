"""The examples of docs/api.md, and examples/earliest_gp.py, run as they stand."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from entrypoints.documented import ROOT, Page, Served, documented
from entrypoints.world import World
from openslot.core import clock
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory.models import Practitioner
from openslot.entrypoints.rules import Rule
from openslot.identity.scopes import SCOPES
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import set_hours
from working import work

PAGE = Page("api.md")
HOURS = {"owner": (0, 24), "teammate": (9, 12), "stranger": (7, 16)}
"""Of the clock, on every day: those of a physiotherapist, who is free the earliest, and two GPs."""


def table(heading: str) -> dict[str, str]:
    """The rows of the table under a heading, by what stands in their first column."""
    rows = PAGE.text.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", rows, re.MULTILINE))


def test_the_page_lists_every_scope_in_its_own_words() -> None:
    assert table("Scope") == SCOPES


def test_the_page_lists_every_rule() -> None:
    assert table("Rule").keys() == set(Rule)


@pytest.fixture
def served(app: Flask, network: Database, world: World, tmp_path: Path) -> Iterator[Served]:
    """The app at a port of its own, with two GPs, and somebody else at other hours."""
    network.run(lambda session: _prepare(session, world))
    with documented(app, network, world, tmp_path) as one:
        yield one


def _prepare(session: Session, world: World) -> None:
    gps = [world.practitioners[who] for who in HOURS if who != "owner"]
    rows = update(Practitioner).where(Practitioner.id.in_(gps))
    session.execute(rows.values(profession="GP"))
    for who, (opens, closes) in HOURS.items():
        hours = [Weekly(day, opens * 60, closes * 60) for day in range(7)]
        set_hours(work(session, SYSTEM, clock.now()), world.schedules[who], hours)


def documented_key(served: Served) -> str:
    """A key as the page has one made."""
    making = next(one for one in PAGE.blocks("sh") if "key create" in one)
    return served.shell(making + 'printf %s "$KEY"')


def statuses(served: Served) -> list[str]:
    """How the patient's appointments with the GP stand."""
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
    key = documented_key(served)
    served.run(sys.executable, "-c", PAGE.examples("python"), KEY=key, TOKEN=token)
    assert statuses(served) == ["cancelled"]


@pytest.mark.parametrize("way", [[], ["--fhir"]], ids=["json", "fhir"])
def test_the_earliest_gp_is_booked(served: Served, way: list[str]) -> None:
    slots = served.program.get("/api/v1/slots?profession=GP&earliest=true&limit=1")["items"]
    program = str(ROOT / "examples/earliest_gp.py")
    key = {} if way else {"OPENSLOT_KEY": documented_key(served)}
    given = [served.environment["OPENSLOT"], "--patient", served.environment["PATIENT"], *way]
    said = served.run(sys.executable, program, *given, **key)
    assert datetime.fromisoformat(said.strip()) == datetime.fromisoformat(slots[0]["start"])
    assert statuses(served) == ["booked"]
