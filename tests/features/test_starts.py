"""Where appointments can start: what is offered is what can be booked, and nothing else is."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from factories import MONDAY_9, NOW, SYDNEY
from openslot.booking import check, errors
from openslot.booking.cells import Use, full_board
from openslot.booking.commands import BookingRequest
from openslot.booking.slots import slots
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.schedules import queries
from openslot.schedules.availability import Weekly, bits, instant_of, window_over
from openslot.schedules.commands import ScheduleDetails, change_schedule, set_hours
from openslot.schedules.errors import BadSlotLength
from openslot.schedules.models import Schedule, StartsFrom
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

MORNING = [Weekly(0, 525, 735)]
"""Mondays from 8:45 to 12:15."""

DAY = timedelta(days=1)
MIDNIGHT = MONDAY_9.replace(hour=0)


@pytest.fixture
def town(sqlite_database: Database) -> Town:
    return build_town(sqlite_database)


def arrange(
    database: Database, town: Town, hours: Sequence[Weekly] = MORNING, **details: Any
) -> None:
    def act(session: Session) -> None:
        unit = work(session, SYSTEM, NOW)
        change_schedule(unit, town.gp_at_hospital, ScheduleDetails(**details))
        set_hours(unit, town.gp_at_hospital, hours)

    database.run(act)


def offered(
    database: Database, town: Town, start: datetime = MIDNIGHT, minutes: int | None = None
) -> list[str]:
    """What is free on the day, as clocks show it."""

    def read(session: Session) -> list[str]:
        places = queries.places(session, Schedule.id == town.gp_at_hospital)
        found = slots(work(session, SYSTEM, NOW), places, start, start + DAY, minutes=minutes)
        return [f"{slot.start:%H:%M}" for slot in found]

    return database.read(read)


def book(
    database: Database, town: Town, clock: str, minutes: int, patient: int = 0, days: int = 0
) -> None:
    hour, minute = map(int, clock.split(":"))
    start = MONDAY_9.replace(hour=hour, minute=minute) + days * DAY
    request = BookingRequest(town.gp_at_hospital, start, minutes, town.patients[patient])
    database.run(lambda session: usecases.book(work(session, SYSTEM, NOW), request))


def test_a_morning_in_half_hours_is_booked_from_its_opening(
    sqlite_database: Database, town: Town
) -> None:
    arrange(sqlite_database, town)
    seven = ["08:45", "09:15", "09:45", "10:15", "10:45", "11:15", "11:45"]
    assert offered(sqlite_database, town) == seven
    book(sqlite_database, town, "10:15", 60)
    assert offered(sqlite_database, town) == [*seven[:3], *seven[5:]]
    with pytest.raises(errors.OffGrid, match=r"The nearest starts are: 08:45, 09:15\.") as refused:
        book(sqlite_database, town, "09:00", 30, patient=1)
    assert refused.value.field == "start"


def test_sessions_of_fifty_minutes_one_an_hour(sqlite_database: Database, town: Town) -> None:
    arrange(sqlite_database, town, [Weekly(0, 540, 1020)], slot_minutes=50, step_minutes=60)
    assert offered(sqlite_database, town) == [f"{hour:02}:00" for hour in range(9, 17)]
    with pytest.raises(errors.OffGrid):
        book(sqlite_database, town, "09:50", 50)
    book(sqlite_database, town, "10:00", 50)
    book(sqlite_database, town, "13:00", 100, patient=1)  # two slots in a row
    free = ["09:00", "11:00", "12:00", "15:00", "16:00"]
    assert offered(sqlite_database, town) == free
    assert check.faults(sqlite_database) == []


def test_a_slot_stays_within_its_period(sqlite_database: Database, town: Town) -> None:
    arrange(sqlite_database, town, [Weekly(0, 540, 720), Weekly(0, 720, 1020)], slot_minutes=50)
    free = offered(sqlite_database, town)
    assert free[:5] == ["09:00", "09:50", "10:40", "12:00", "12:50"]
    with pytest.raises(errors.OffGrid, match="are: 10:40, 12:00"):
        book(sqlite_database, town, "11:30", 50)


def test_flush_starts_leave_no_crumbs(sqlite_database: Database, town: Town) -> None:
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=25, flush=True)
    steps = ["09:00", "09:25", "09:50", "10:15", "10:40", "11:05", "11:30"]
    assert offered(sqlite_database, town) == steps
    with pytest.raises(errors.OffGrid):
        book(sqlite_database, town, "10:05", 25)
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=20, flush=True)
    book(sqlite_database, town, "09:40", 20)
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=25, flush=True)
    free = ["09:00", "09:15", "10:00", "10:15", "10:40", "11:05", "11:30"]
    assert offered(sqlite_database, town) == free
    assert offered(sqlite_database, town, minutes=50) == ["10:00", "10:15", "10:40", "11:05"]
    book(sqlite_database, town, "09:15", 25, patient=1)
    book(sqlite_database, town, "10:00", 50, patient=2)
    assert "10:50" in offered(sqlite_database, town)
    assert check.faults(sqlite_database) == []


def test_flush_is_seen_where_a_search_begins(sqlite_database: Database, town: Town) -> None:
    """What is taken up to midnight UTC, with which the pages of the diary begin."""
    arrange(sqlite_database, town, [Weekly(0, 540, 1020)], slot_minutes=60)
    book(sqlite_database, town, "10:00", 60)  # until 11:00, midnight UTC
    arrange(sqlite_database, town, [Weekly(0, 550, 1020)], slot_minutes=45, flush=True)
    from_eleven = offered(sqlite_database, town, MONDAY_9 + timedelta(hours=2))
    assert from_eleven[0] == "11:00"
    book(sqlite_database, town, "11:00", 45, patient=1)


def test_only_what_is_flush_is_a_start_besides(sqlite_database: Database, town: Town) -> None:
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=20)
    book(sqlite_database, town, "09:40", 20)
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=25)
    assert "10:00" not in offered(sqlite_database, town)
    with pytest.raises(errors.OffGrid):
        book(sqlite_database, town, "10:00", 25, patient=1)


def test_programs_see_the_same_cells(sqlite_database: Database, town: Town) -> None:
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=20, flush=True)
    book(sqlite_database, town, "09:40", 20)
    arrange(sqlite_database, town, [Weekly(0, 540, 720)], slot_minutes=25, flush=True)

    def read(session: Session) -> list[str]:
        places = queries.places(session, Schedule.id == town.gp_at_hospital)
        window = window_over(MIDNIGHT, MIDNIGHT + DAY)
        board = full_board(work(session, SYSTEM, NOW), list(places.values()), window)
        free = board.masks[town.gp_at_hospital, 25, 0, Use.FREE]
        ticks = [instant_of(window.start + bit).astimezone(SYDNEY) for bit in bits(free)]
        return [f"{tick:%H:%M}" for tick in ticks if tick.date() == MONDAY_9.date()]

    assert sqlite_database.read(read) == offered(sqlite_database, town)


def test_every_other_week_is_offered_and_booked(sqlite_database: Database, town: Town) -> None:
    fortnight = Weekly(0, 540, 720, date(2026, 11, 23), None, "FREQ=WEEKLY;INTERVAL=2")
    arrange(sqlite_database, town, [fortnight])
    assert len(offered(sqlite_database, town)) == 6
    assert offered(sqlite_database, town, MIDNIGHT + 7 * DAY) == []
    assert len(offered(sqlite_database, town, MIDNIGHT + 14 * DAY)) == 6
    with pytest.raises(errors.OutsideHours):
        book(sqlite_database, town, "09:00", 30, days=7)
    book(sqlite_database, town, "09:00", 30, days=14)


def test_a_length_of_older_rules_stays_until_it_is_changed(
    sqlite_database: Database, town: Town
) -> None:
    """Slots could be half a day or a day long."""
    sqlite_database.run(
        lambda session: session.execute(
            update(Schedule).where(Schedule.id == town.gp_at_hospital).values(slot_minutes=720)
        )
    )
    arrange(sqlite_database, town, slot_minutes=720, starts_from=StartsFrom.MIDNIGHT)
    with pytest.raises(BadSlotLength):
        arrange(sqlite_database, town, slot_minutes=1440)
