"""Pages of FHIR while others book and cancel: complete, without doubles, with true totals.

What fits all the while is shown once; what comes or goes meanwhile is shown at most once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from entrypoints.programs import Program, with_key
from entrypoints.world import World, book_for, build
from factories import SYDNEY
from openslot.core.db import Database
from serving import app_on

Json = dict[str, Any]
APPOINTMENTS = 9


@pytest.fixture
def world(database: Database) -> World:
    return build(database)


@pytest.fixture
def program(database: Database, world: World, tmp_path: Path) -> Iterator[Program]:
    del world  # is there first
    with app_on(database, tmp_path) as app:
        yield with_key(app, database, "*")


def ids(bundle: Json) -> list[str]:
    return [one["resource"]["id"] for one in bundle.get("entry", ())]


def pages(program: Program, path: str) -> Iterator[Json]:
    """Each page as it is when it is asked for; its total is how many fit at that moment."""
    address: str | None = f"{path}&_count=2"
    while address:
        page = program.get(address.removeprefix("http://localhost"))
        assert page["total"] == len(everything(program, path))
        yield page
        links = {one["relation"]: one["url"] for one in page["link"]}
        address = links.get("next")


def everything(program: Program, path: str) -> list[str]:
    bundle = program.get(f"{path}&_count=200")
    assert bundle["total"] == len(ids(bundle))
    return ids(bundle)


def cancel(program: Program, appointment: str) -> None:
    body = {"status": "cancelled"}
    answer = program.send("PATCH", f"/api/v1/appointments/{appointment}", body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date", "&_sort=-date,_id"])
@pytest.mark.parametrize("status", ["", "&status=booked"])
def test_appointments_while_appointments_are_booked_and_cancelled(
    program: Program, world: World, database: Database, sort: str, status: str
) -> None:
    now = datetime.now(UTC)

    def book(days: int) -> str:
        made = database.run(lambda session: book_for(session, world, "owner", now=now, days=days))
        return str(made.id)

    for number in range(APPOINTMENTS):
        book(10 + 4 * number)
    path = f"/fhir/Appointment?practitioner={world.practitioners['owner']}{status}{sort}"
    first = everything(program, path)
    shown: list[str] = []
    gone: set[str] = set()
    for number, page in enumerate(pages(program, path)):
        shown += ids(page)
        if status:
            assert not gone & set(ids(page))
        ahead = [one for one in first if one not in shown and one not in gone]
        if number < 3:
            book(11 + 13 * number)  # behind some pages, and before others
            for one in (ids(page)[0], *ahead[-1:]):
                cancel(program, one)
                gone.add(one)
    assert len(shown) == len(set(shown))
    last = everything(program, path)
    assert set(first) & set(last) <= set(shown)
    assert [one for one in shown if one in first] == [one for one in first if one in shown]


@pytest.mark.parametrize("status", ["&status=free", "", "&status=busy,free"])
def test_slots_while_some_are_taken_and_others_come_free(
    program: Program, world: World, status: str
) -> None:
    day = (datetime.now(UTC) + timedelta(days=5)).astimezone(SYDNEY).date()
    schedule = world.schedules["owner"]
    window = f"start=ge{day}T00:00:00Z&start=lt{day}T08:00:00Z"
    path = f"/fhir/Slot?schedule={schedule}&{window}{status}"

    def book(hour: int) -> str:
        body = {"schedule": schedule, "start": f"{day}T{hour:02}:30:00Z"}
        answer = program.send("POST", "/api/v1/appointments", body)
        assert answer.status_code == 201, answer.text
        found: str = answer.json["id"]  # type: ignore[index] # an object
        return found

    taken = [book(6), book(2)]
    first, shown = everything(program, path), []
    for number, page in enumerate(pages(program, path)):
        shown += ids(page)
        if number == 1:
            book(0)  # was shown already
            book(4)  # is still to come
        if number == 2:
            for appointment in taken:
                cancel(program, appointment)
    assert len(shown) == len(set(shown))
    last = everything(program, path)
    assert set(first) & set(last) <= set(shown)
    assert shown == sorted(shown, key=lambda key: int(key.split("-")[1]))
    if status == "&status=free":
        assert len(first) == len(last) == len(shown) == 14
    else:
        assert len(shown) == 16
