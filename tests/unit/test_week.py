"""The week of the booking page: what each day shows, and why it is empty."""

from datetime import UTC, date, datetime, timedelta

import pytest

from factories import HALF_HOUR, MONDAY_9, NOW, SYDNEY
from openslot.booking import absences
from openslot.booking.absences import AbsenceDetails
from openslot.booking.slots import Slot
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.entrypoints.web.week import Empty, Week, week
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, change_schedule, set_hours
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

SUNDAY = date(2026, 11, 22)
"""The day of NOW in Sydney, when nobody works."""


@pytest.fixture
def town(sqlite_database: Database) -> Town:
    return build_town(sqlite_database)


def shown(
    database: Database,
    town: Town,
    day: date | None = None,
    now: datetime = NOW,
    kept: Slot | None = None,
) -> Week:
    def read(session):  # type: ignore[no-untyped-def] # the session of the reader
        places = schedules.places(session, Schedule.id == town.gp_at_hospital)
        place = places[town.gp_at_hospital]
        return week(work(session, now=now), place, day, minutes=None, days_ahead=180, kept=kept)

    return database.read(read)


def test_the_week_of_the_first_free_time_is_shown(sqlite_database: Database, town: Town) -> None:
    found = shown(sqlite_database, town)
    assert found.first == SUNDAY
    assert found.next_free is not None
    assert found.next_free.start == MONDAY_9
    assert [len(day.slots) for day in found.days] == [0] + [16] * 5 + [0]
    assert found.opens_at == MONDAY_9.date()


@pytest.mark.parametrize(
    ("days", "first"), [(-400, 0), (-1, 0), (0, 0), (6, 0), (7, 7), (13, 7), (14, 14)]
)
def test_weeks_begin_today_and_every_seven_days_later(
    sqlite_database: Database, town: Town, days: int, first: int
) -> None:
    found = shown(sqlite_database, town, SUNDAY + timedelta(days=days))
    assert found.first == SUNDAY + timedelta(days=first)
    assert found.last == found.first + timedelta(days=6)


def test_a_long_day_shows_some_times_of_each_part(sqlite_database: Database, town: Town) -> None:
    def lengthen(session):  # type: ignore[no-untyped-def] # the session of the writer
        hours = [Weekly(0, 600, 1260), Weekly(1, 600, 840)]
        set_hours(work(session, SYSTEM, NOW), town.gp_at_hospital, hours)

    sqlite_database.run(lengthen)
    _, long_day, short_day, *_ = shown(sqlite_database, town).days
    parts = [(part.name, len(part.slots), len(part.rest)) for part in long_day.parts]
    assert parts == [("morning", 4, 0), ("afternoon", 4, 6), ("evening", 4, 4)]
    assert [slot for part in long_day.parts for slot in (*part.slots, *part.rest)] == long_day.slots
    parts = [(part.name, len(part.slots), len(part.rest)) for part in short_day.parts]
    assert parts == [("morning", 4, 0), ("afternoon", 4, 0)]


def test_empty_days_say_why(sqlite_database: Database, town: Town) -> None:
    def prepare(session):  # type: ignore[no-untyped-def] # the session of the writer
        leave = AbsenceDetails(
            kind=AbsenceKind.LEAVE,
            starts_at=MONDAY_9 + timedelta(days=2),
            ends_at=MONDAY_9 + timedelta(days=2, hours=8),
        )
        absences.enter_absence(work(session, SYSTEM, NOW), town.gp, leave)
        hours = [Weekly(day, 540, 570) for day in range(5)]
        set_hours(work(session, SYSTEM, NOW), town.gp_at_hospital, hours)
        set_hours(work(session, SYSTEM, NOW), town.gp_at_clinic, [])
        details = ScheduleDetails(horizon_days=4)
        change_schedule(work(session, SYSTEM, NOW), town.gp_at_hospital, details)
        usecases.book(
            work(session, SYSTEM, NOW), town.booking_request(MONDAY_9 + timedelta(days=1))
        )

    sqlite_database.run(prepare)
    monday_noon = datetime(2026, 11, 23, 12, tzinfo=SYDNEY)
    before = shown(sqlite_database, town, MONDAY_9.date())
    assert [day.empty for day in before.days] == [
        Empty.CLOSED,
        None,
        Empty.FULL,
        Empty.AWAY,
        None,
        Empty.LATER,
        Empty.CLOSED,
    ]
    after = shown(sqlite_database, town, MONDAY_9.date(), monday_noon)
    assert after.days[0].empty is Empty.OVER


def test_the_time_kept_for_the_reader_stands_among_the_free(
    sqlite_database: Database, town: Town
) -> None:
    keep = timedelta(minutes=10)
    sqlite_database.run(
        lambda session: usecases.hold(work(session, SYSTEM, NOW, keep=keep), town.booking_request())
    )
    kept = Slot(MONDAY_9, MONDAY_9 + HALF_HOUR, town.gp_at_hospital)
    assert shown(sqlite_database, town).days[1].slots[0].start == MONDAY_9 + HALF_HOUR
    assert shown(sqlite_database, town, kept=kept).days[1].slots[0] == kept


def test_midnight_of_another_zone_does_not_shift_days(
    sqlite_database: Database, town: Town
) -> None:
    late = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)  # half past midnight on Monday in Sydney
    found = shown(sqlite_database, town, now=late)
    assert found.days[0].slots[0].start == MONDAY_9
