"""Free times through the API: of several schedules, and as far ahead as bookings go."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from engines import counting
from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.booking import slots
from openslot.booking.slots import Run, slot_at
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.entrypoints.api.shapes import slots_shown, slots_written
from openslot.entrypoints.api.slots import SlotList
from openslot.schedules import known
from openslot.schedules.availability import Weekly, tick_at
from openslot.schedules.commands import set_hours
from working import work


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def found(program: Program, query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = program.get(f"/api/v1/slots?{query}")["items"]
    return items


def test_each_time_is_of_who_has_it(program: Program, network: Database, world: World) -> None:
    for number, schedule in enumerate(world.schedules.values()):
        hours = tuple(Weekly(day, (8 + number) * 60, (10 + number) * 60) for day in range(7))
        network.run(
            lambda session, schedule=schedule, hours=hours: set_hours(
                work(session, SYSTEM, datetime.now(UTC)), schedule, hours
            )
        )
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    span = f"from={day}&to={day + timedelta(days=2)}&limit=500"
    each = [
        slot
        for key in world.schedules.values()
        for slot in found(program, f"schedule={key}&{span}")
    ]
    at_once = found(program, span)
    assert len({slot["schedule"] for slot in at_once}) == len(world.schedules)
    by_start = sorted(each, key=lambda one: (datetime.fromisoformat(one["start"]), one["schedule"]))
    assert at_once == by_start


def test_earliest_goes_on_until_there_are_enough(
    app: Flask, program: Program, network: Database, world: World
) -> None:
    mondays = (Weekly(0, 9 * 60, 9 * 60 + 30),)
    key = world.schedules["owner"]
    network.run(lambda session: set_hours(work(session, SYSTEM, datetime.now(UTC)), key, mondays))
    database: Database = app.extensions["openslot"].database
    found(program, f"schedule={key}")
    with counting(database) as a_week:
        found(program, f"schedule={key}")
    with counting(database) as counted:
        free = found(program, f"schedule={key}&earliest=true&limit=20")
    starts = [datetime.fromisoformat(slot["start"]) for slot in free]
    assert len(starts) == 20
    assert starts[-1] - starts[0] > timedelta(days=120)
    assert counted.count == a_week.count
    since = found(program, f"schedule={key}&earliest=true&limit=20&from=1900-01-01")
    assert since == free


def test_the_earliest_of_many_are_the_earliest(
    program: Program, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [
        f"schedule={world.schedules['owner']}&earliest=true&limit={limit}" for limit in (1, 500)
    ]
    every_time = [found(program, query) for query in asked]
    monkeypatch.setattr(slots, "MANY", 0)
    assert [found(program, query) for query in asked] == every_time


@pytest.mark.parametrize("zone", ["Europe/London", "Australia/Lord_Howe"])
def test_slots_are_written_as_their_shape_says(network: Database, world: World, zone: str) -> None:
    bookable = network.read(known.bookable)
    place = bookable[world.schedules["owner"]].place._replace(zone=ZoneInfo(zone))
    before_changes = datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2027, 4, 3, 14, tzinfo=UTC)
    runs = [
        Run(place, [tick_at(begin) + 6 * number for number in range(8)], left)
        for begin in before_changes
        for left in (None, 3)
    ]
    each = [slot_at(tick, place, 45, run.places_left) for run in runs for tick in run.ticks]
    expected = SlotList.model_construct(items=slots_shown(each, bookable)).model_dump_json()
    assert f'{{"items":[{slots_written(runs, bookable, 45)}]}}' == expected
