"""How much a program's request asks of the database: no more for many results than for few."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from beginnings import half_hour, once
from engines import Counted
from entrypoints.programs import Program, with_key
from entrypoints.world import World, book_for, build
from factories import SYDNEY
from openslot.core.db import Database
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.registry import RESOURCES
from serving import app_on

PROOF = 1
"""The statement that finds the key of the caller."""

Counting = Callable[[Database], AbstractContextManager[Counted]]


@dataclass(frozen=True)
class Busy:
    """A network in which much is booked, a program that may do everything, and its SQL."""

    program: Program
    world: World
    database: Database
    statements: Counting

    def count(self, path: str) -> tuple[int, int]:
        """How many statements a page takes, and how many results it has."""
        with self.statements(self.database) as counted:
            found = self.program.get(path)
        return counted.count - PROOF, len(found.get("items", found.get("entry", ())))


@pytest.fixture
def busy(database: Database, tmp_path: Path, statements: Counting) -> Iterator[Busy]:
    world = once(database, ("busy", half_hour(datetime.now(UTC))), lambda: fill(database))
    with app_on(database, tmp_path) as app:
        used = app.extensions["openslot"].database
        program = with_key(app, database, "*")
        program.get("/api/v1/slots?limit=1")  # what is kept in memory is read
        yield Busy(program, world, used, statements)


def fill(database: Database) -> World:
    world, now = build(database), datetime.now(UTC)

    def book(session: Session) -> None:
        for who in ("owner", "teammate", "stranger"):
            for days in range(4, 12):
                book_for(session, world, who, now=now, days=days)

    database.run(book)
    return world


def day(days: int) -> str:
    return f"{(datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY):%Y-%m-%d}"


def test_free_times_take_three_statements(busy: Busy) -> None:
    own = f"schedule={busy.world.schedules['owner']}"
    found = [
        busy.count(f"/api/v1/slots?{query}")
        for query in (
            f"{own}&limit=1",
            f"{own}&limit=500",
            "limit=1",
            "limit=500",
            f"limit=500&to={day(20)}",
            "limit=500&earliest=true",
        )
    ]
    assert found[0][0] == found[1][0] == 1
    assert {statements for statements, _ in found} <= {1, 2, 3}
    assert (found[0][1], found[-1][1]) == (1, 500)


@pytest.mark.parametrize("status", ["", "&status=free", "&status=busy", "&status:not=free"])
def test_slots_of_fhir_take_four_statements(busy: Busy, status: str) -> None:
    window = f"start=ge{day(3)}&start=lt{day(12)}{status}"
    own = f"schedule={busy.world.schedules['owner']}"
    few = busy.count(f"/fhir/Slot?{own}&{window}&_count=1")
    one = busy.count(f"/fhir/Slot?{own}&{window}&_count=200")
    many = busy.count(f"/fhir/Slot?{window}&_count=200")
    assert few[1] == 1 < one[1] <= many[1]
    assert max(few[0], one[0], many[0]) <= 4


@pytest.mark.parametrize("name", sorted(set(RESOURCES) - {"Slot"}))
def test_many_results_take_as_many_statements_as_few(busy: Busy, name: str) -> None:
    """Also with everything that may come along; AuditEvent grows by each reading, and only many
    are about patients, which is noted."""
    along = "".join(
        f"&_include={name}:{key}"
        for key, parameter in RESOURCES[name].parameters.items()
        if isinstance(parameter, Reference) and parameter.path
    )
    for more, little in (("", 1), (along, 4)):  # four schedules have actors of every kind
        few, many = (busy.count(f"/fhir/{name}?_count={count}{more}") for count in (little, 200))
        assert many[1] >= few[1]
        assert many[0] <= few[0] + (name == "AuditEvent"), (name, more)


def test_booking_takes_as_many_statements_in_a_full_diary(busy: Busy) -> None:
    """At most eight for the booking, one for the proof and two to show what was booked."""
    for days in (3, 10, 15):
        start = f"{day(days)}T05:00:00Z"
        body = {
            "schedule": busy.world.schedules["stranger"],
            "start": start,
            "patient": str(busy.world.patients["owner"]),
        }
        with busy.statements(busy.database) as counted:
            answer = busy.program.send("POST", "/api/v1/appointments", body)
        assert answer.status_code == 201, answer.text
        assert counted.count <= PROOF + 9 + 2, counted.texts
