"""Series: previewed, booked all or nothing, and changed from one appointment on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW, SYDNEY
from openslot.booking import check, errors, series, slots, together
from openslot.booking import commands as booking
from openslot.booking.models import Appointment, Status
from openslot.booking.series import State
from openslot.core.actor import SYSTEM, Actor
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.core.work import Work
from openslot.schedules.availability import Window
from openslot.schedules.commands import ScheduleDetails, change_schedule, set_hours
from openslot.schedules.errors import BadRule
from openslot.schedules.rules import Place
from openslot.usecases import series as usecases
from referring import TUESDAY_9, Dentists
from town import Town, build_town
from working import work

WEEK = timedelta(days=7)
WEEKLY = "FREQ=WEEKLY;COUNT=4"


@pytest.fixture
def town(sqlite_database: Database) -> Iterator[Town]:
    yield build_town(sqlite_database)
    assert check.faults(sqlite_database) == []


def weeks(count: int, start: datetime = MONDAY_9) -> list[datetime]:
    return [start + number * WEEK for number in range(count)]


def book(
    database: Database,
    town: Town,
    starts: list[datetime],
    actor: Actor = SYSTEM,
    schedule: int | None = None,
    patient: int = 0,
    **settings: int,
) -> list[Appointment]:
    wanted = town.booking_request(schedule=schedule or town.physio_at_hospital, patient=patient)
    return database.run(
        lambda session: usecases.book(work(session, actor, NOW, **settings), wanted, starts)
    )


def preview(
    database: Database,
    town: Town,
    starts: list[datetime],
    actor: Actor = SYSTEM,
    schedule: int | None = None,
    **settings: int,
) -> usecases.Preview:
    wanted = town.booking_request(schedule=schedule or town.physio_at_hospital)
    return database.read(
        lambda session: usecases.preview(work(session, actor, NOW, **settings), wanted, starts)
    )


def local(appointments: list[Appointment]) -> list[str]:
    return [f"{one.starts_at.astimezone(SYDNEY):%m-%d %H:%M}" for one in appointments]


def stored(database: Database, status: Status = Status.BOOKED) -> list[Appointment]:
    return database.read(
        lambda session: list(
            session.query(Appointment)
            .where(Appointment.status == status)
            .order_by(Appointment.starts_at)
        )
    )


# The rule


def test_a_rule_gives_the_times_by_the_wall_clock_through_a_change_of_it() -> None:
    """Clocks in Sydney go back on 5 April 2026."""
    start = datetime(2026, 3, 30, 9, 0, tzinfo=SYDNEY)
    starts = series.starts_by("FREQ=WEEKLY;INTERVAL=2;COUNT=3", start, SYDNEY)
    assert [f"{one.astimezone(SYDNEY):%m-%d %H:%M %z}" for one in starts] == [
        "03-30 09:00 +1100",
        "04-13 09:00 +1000",
        "04-27 09:00 +1000",
    ]


def test_a_rule_can_name_weekdays_and_a_last_day() -> None:
    starts = series.starts_by("FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20261203", MONDAY_9, SYDNEY)
    assert [one.date() for one in starts] == [
        date(2026, 11, 23),
        date(2026, 11, 26),
        date(2026, 11, 30),
        date(2026, 12, 3),
    ]


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("FREQ=WEEKLY", BadRule),
        ("every week", BadRule),
        ("FREQ=WEEKLY;COUNT=1", errors.SeriesLength),
        ("FREQ=DAILY;COUNT=53", errors.SeriesLength),
        ("FREQ=DAILY;UNTIL=20991231", errors.SeriesLength),
    ],
)
def test_a_rule_that_gives_no_series_is_refused(rule: str, error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        series.starts_by(rule, MONDAY_9, SYDNEY)
    assert getattr(refused.value, "field", None) == "rule"


# The preview


def test_a_preview_says_what_is_free_and_what_else_there_is(
    sqlite_database: Database, town: Town
) -> None:
    def set_up(session: Session) -> None:
        centre = work(session, SYSTEM, NOW)
        factories.appointment(session, town.physio_at_hospital, MONDAY_9 + WEEK, town.patients[1])
        factories.appointment(session, town.gp_at_hospital, MONDAY_9 + 2 * WEEK, town.patients[0])
        factories.appointment(
            session, town.physio_at_hospital, MONDAY_9 + 3 * WEEK + HALF_HOUR, town.patients[0]
        )
        change_schedule(centre, town.physio_at_hospital, ScheduleDetails(horizon_days=40))

    sqlite_database.run(set_up)
    found = preview(sqlite_database, town, weeks(7)).times
    assert [one.state for one in found] == [
        State.FREE,
        State.TAKEN,
        State.PATIENT_BUSY,
        State.SAME_DAY,
        State.FREE,
        State.FREE,
        State.TOO_FAR,
    ]
    taken = found[1]
    assert [f"{one:%a %H:%M}" for one in taken.same_day] == ["Mon 09:30", "Mon 10:00", "Mon 10:30"]
    assert [f"{one:%a %H:%M}" for one in taken.same_week] == [
        "Tue 09:00",
        "Tue 09:30",
        "Tue 10:00",
    ]
    assert found[3].same_day == ()


def test_a_preview_knows_holidays_hours_and_its_own_days(
    sqlite_database: Database, town: Town
) -> None:
    def set_up(session: Session) -> int:
        centre = factories.centre(session, "Royal", holiday_region="AU-NSW")
        specialist = factories.practitioner(session, "Ida Ray", "Specialist", expertise="Skin")
        return factories.schedule(session, centre.id, practitioner_id=specialist.id).id

    schedule = sqlite_database.run(set_up)
    starts = [
        datetime(2026, 12, 25, 9, 0, tzinfo=SYDNEY),
        datetime(2026, 12, 19, 9, 0, tzinfo=SYDNEY),
        MONDAY_9 + timedelta(minutes=10),
        MONDAY_9 + timedelta(days=1),
        MONDAY_9 + timedelta(days=1, hours=3),
        NOW - timedelta(days=1),
    ]
    found = preview(sqlite_database, town, starts, schedule=schedule)
    assert isinstance(found.problem, errors.ReferralRequired)
    assert [(one.state, one.holiday) for one in found.times] == [
        (State.HOLIDAY, "Christmas Day"),
        (State.CLOSED, None),
        (State.CLOSED, None),
        (State.FREE, None),
        (State.SAME_DAY, None),
        (State.TOO_SOON, None),
    ]


def test_times_far_away_cost_no_search(
    sqlite_database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []

    def board(work: Work, places: list[Place], window: Window, **more: Any) -> slots.Board:
        searched.append(window.days)
        return slots.board(work, places, window, **more)

    monkeypatch.setattr(series, "board", board)
    ages = [MONDAY_9, NOW - 999 * WEEK, MONDAY_9 + 999 * WEEK]
    found = preview(sqlite_database, town, ages).times
    assert [one.state for one in found] == [State.FREE, State.TOO_SOON, State.TOO_FAR]
    assert searched == [29]


# Booking


def test_a_series_is_booked_whole_and_shares_its_id(sqlite_database: Database, town: Town) -> None:
    booked = book(sqlite_database, town, weeks(4), town.patient())
    assert local(booked) == ["11-23 09:00", "11-30 09:00", "12-07 09:00", "12-14 09:00"]
    assert len({one.series_id for one in stored(sqlite_database)}) == 1


def test_one_time_that_is_taken_stops_all_and_is_named(
    sqlite_database: Database, town: Town
) -> None:
    sqlite_database.run(
        lambda session: factories.appointment(
            session, town.physio_at_hospital, MONDAY_9 + 2 * WEEK, town.patients[1]
        )
    )
    with pytest.raises(errors.SlotTaken) as refused:
        book(sqlite_database, town, weeks(4))
    assert refused.value.field == "starts.2"
    assert len(stored(sqlite_database)) == 1


def test_patients_book_a_series_within_the_limits_for_one_person(
    sqlite_database: Database, town: Town
) -> None:
    with pytest.raises(errors.TooManyInSeries) as refused:
        book(sqlite_database, town, weeks(4), town.patient(), most_upcoming_with=3)
    assert refused.value.params == {"most": 3, "count": 0, "over": 1}
    problem = preview(sqlite_database, town, weeks(4), town.patient(), most_upcoming_with=3).problem
    assert isinstance(problem, errors.TooManyInSeries)
    assert len(book(sqlite_database, town, weeks(3), town.patient(), most_upcoming_with=3)) == 3
    assert len(book(sqlite_database, town, weeks(4, MONDAY_9 + HALF_HOUR), patient=1)) == 4


def test_who_may_not_book_one_may_not_book_or_preview_a_series(
    sqlite_database: Database, town: Town
) -> None:
    for act in (book, preview):
        with pytest.raises(Forbidden):
            act(sqlite_database, town, weeks(2), town.doctor)
        with pytest.raises(Forbidden):
            act(sqlite_database, town, weeks(2), town.patient(1))


def test_a_referral_covers_a_series_once_the_specialist_has_seen_the_patient(
    sqlite_database: Database, town: Town
) -> None:
    dentists = Dentists(sqlite_database, town)
    dentists.sent(to=dentists.first)
    schedule, later = town.specialist_at_hospital, weeks(3, MONDAY_9 + 2 * WEEK)
    problem = preview(sqlite_database, town, later, schedule=schedule).problem
    assert isinstance(problem, errors.FirstWithReferral)
    with pytest.raises(errors.FirstWithReferral):
        book(sqlite_database, town, later, schedule=schedule)
    first = dentists.book()
    sqlite_database.run(
        lambda session: factories.change_status(session, first.id, Status.ARRIVED, now=TUESDAY_9)
    )
    assert preview(sqlite_database, town, later, schedule=schedule).is_free
    assert len(book(sqlite_database, town, later, town.patient(), schedule=schedule)) == 3


# Later


def cancel(
    database: Database, actor: Actor, appointment: Appointment, since: bool = True
) -> list[Appointment]:
    assert appointment.series_id is not None
    series_id, first = appointment.series_id, appointment.id if since else None
    return database.run(
        lambda session: together.cancel(
            work(session, actor, NOW), together.of_series(series_id), since=first
        )
    )


def move(
    database: Database, actor: Actor, appointment: Appointment, start: datetime, since: bool = True
) -> list[Appointment]:
    assert appointment.series_id is not None
    series_id, first = appointment.series_id, appointment.id if since else None
    return database.run(
        lambda session: series.move(work(session, actor, NOW), series_id, start, since=first)
    )


def test_this_and_following_are_cancelled_and_all_that_is_left(
    sqlite_database: Database, town: Town
) -> None:
    booked = book(sqlite_database, town, weeks(4))
    cancel(sqlite_database, town.patient(), booked[2])
    assert local(stored(sqlite_database)) == ["11-23 09:00", "11-30 09:00"]
    cancel(sqlite_database, town.patient(), booked[0], since=False)
    assert stored(sqlite_database) == []
    with pytest.raises(errors.NothingUpcoming):
        cancel(sqlite_database, town.patient(), booked[0], since=False)


def test_too_late_for_one_is_too_late_for_all(sqlite_database: Database, town: Town) -> None:
    booked = book(sqlite_database, town, weeks(3))
    series_id = booked[0].series_id
    assert series_id is not None
    with pytest.raises(errors.TooLateToChange) as refused:
        sqlite_database.run(
            lambda session: together.cancel(
                work(session, town.patient(), NOW, cutoff=timedelta(days=3)),
                together.of_series(series_id),
            )
        )
    assert refused.value.field == "starts.0"
    assert len(stored(sqlite_database)) == 3


def test_strangers_learn_nothing_of_a_series(sqlite_database: Database, town: Town) -> None:
    booked = book(sqlite_database, town, weeks(3))
    for act in (
        lambda: cancel(sqlite_database, town.patient(1), booked[0]),
        lambda: move(sqlite_database, town.patient(1), booked[0], MONDAY_9 + HALF_HOUR),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_series_moves_by_the_same_days_and_time_also_into_its_own(
    sqlite_database: Database, town: Town
) -> None:
    booked = book(sqlite_database, town, weeks(3))
    move(sqlite_database, town.patient(), booked[0], MONDAY_9 + WEEK + HALF_HOUR)
    assert local(stored(sqlite_database)) == ["11-30 09:30", "12-07 09:30", "12-14 09:30"]
    move(sqlite_database, SYSTEM, booked[1], MONDAY_9 + WEEK + timedelta(days=1))
    assert local(stored(sqlite_database)) == ["11-30 09:30", "12-01 09:00", "12-08 09:00"]


def test_a_series_moves_whole_or_not_at_all_and_the_preview_says_so(
    sqlite_database: Database, town: Town
) -> None:
    booked = book(sqlite_database, town, weeks(3))
    sqlite_database.run(
        lambda session: factories.appointment(
            session, town.physio_at_hospital, MONDAY_9 + 2 * WEEK + HALF_HOUR, town.patients[1]
        )
    )
    series_id = booked[0].series_id
    assert series_id is not None
    found = sqlite_database.read(
        lambda session: series.preview_move(
            work(session, SYSTEM, NOW), series_id, MONDAY_9 + HALF_HOUR, since=None
        )
    )
    assert [one.state for one in found.times] == [State.FREE, State.FREE, State.TAKEN]
    with pytest.raises(errors.SlotTaken) as refused:
        move(sqlite_database, SYSTEM, booked[0], MONDAY_9 + HALF_HOUR)
    assert refused.value.field == "starts.2"
    assert local(stored(sqlite_database))[0] == "11-23 09:00"


def test_a_series_moves_by_the_wall_clock_through_a_change_of_it(
    sqlite_database: Database, town: Town
) -> None:
    """Clocks go back on 4 April 2027: only the first moves over that day."""
    starts = [datetime(2027, month, day, 9, tzinfo=SYDNEY) for month, day in ((3, 29), (4, 5))]
    sqlite_database.run(
        lambda session: change_schedule(
            work(session, SYSTEM, NOW), town.scan, ScheduleDetails(horizon_days=365)
        )
    )
    booked = book(sqlite_database, town, starts, schedule=town.scan)
    move(sqlite_database, SYSTEM, booked[0], starts[1] + timedelta(hours=2))
    assert local(stored(sqlite_database)) == ["04-05 11:00", "04-12 11:00"]


def test_the_preview_of_a_move_counts_the_own_times_as_free(
    sqlite_database: Database, town: Town
) -> None:
    series_id = book(sqlite_database, town, weeks(3))[0].series_id
    assert series_id is not None
    found = sqlite_database.read(
        lambda session: series.preview_move(
            work(session, SYSTEM, NOW), series_id, MONDAY_9 + WEEK, since=None
        )
    )
    assert found.is_free


def test_one_of_a_series_stays_an_appointment_of_its_own(
    sqlite_database: Database, town: Town
) -> None:
    booked = book(sqlite_database, town, weeks(3))
    sqlite_database.run(
        lambda session: booking.change_status(
            work(session, SYSTEM, NOW), booked[1].id, Status.CANCELLED
        )
    )
    assert local(stored(sqlite_database)) == ["11-23 09:00", "12-07 09:00"]


def test_a_series_takes_a_place_in_each_session(sqlite_database: Database, town: Town) -> None:
    def set_up(session: Session) -> int:
        service = factories.offered_service(session, town.hospital, "Class", minutes=60, places=2)
        factories.offer(session, town.physio_at_hospital, service)
        return service.id

    service_id = sqlite_database.run(set_up)
    for patient in (0, 1):
        wanted = replace(
            town.booking_request(schedule=town.physio_at_hospital, patient=patient, minutes=60),
            service_id=service_id,
        )
        found = sqlite_database.read(
            lambda session, wanted=wanted: usecases.preview(
                work(session, SYSTEM, NOW), wanted, weeks(3)
            )
        )
        assert found.is_free
        sqlite_database.run(
            lambda session, wanted=wanted: usecases.book(
                work(session, SYSTEM, NOW), wanted, weeks(3)
            )
        )
    assert len(stored(sqlite_database)) == 6


# When the clock changes


def town_by_night(database: Database) -> Town:
    town = build_town(database)
    database.run(
        lambda session: set_hours(
            work(session, SYSTEM, NOW), town.physio_at_hospital, factories.ALL_DAY
        )
    )
    return town


SPRING = datetime(2027, 9, 26, 2, 30, tzinfo=SYDNEY)
"""A week before the clock skips 2:30."""
AUTUMN = datetime(2027, 3, 28, 2, 30, tzinfo=SYDNEY)
"""A week before the clock shows 2:30 twice."""


def night_work(session: Session, at: datetime) -> Work:
    return work(session, SYSTEM, at - WEEK)


def test_a_time_that_the_clock_skips_is_shown_as_it_is_booked(sqlite_database: Database) -> None:
    town = town_by_night(sqlite_database)
    wanted = town.booking_request(schedule=town.physio_at_hospital)
    starts = series.starts_by("FREQ=WEEKLY;COUNT=3", SPRING, SYDNEY)
    shown = sqlite_database.read(
        lambda session: usecases.preview(night_work(session, SPRING), wanted, starts).times
    )
    assert [f"{one.start:%H:%M}" for one in shown] == ["02:30", "03:30", "02:30"]
    booked = sqlite_database.run(
        lambda session: usecases.book(night_work(session, SPRING), wanted, starts)
    )
    assert [one.starts_at.astimezone(SYDNEY) for one in booked] == [one.start for one in shown]


def test_a_series_moves_to_the_very_time_that_is_named(sqlite_database: Database) -> None:
    town = town_by_night(sqlite_database)
    wanted = town.booking_request(schedule=town.physio_at_hospital)
    second = (AUTUMN + WEEK).replace(fold=1)
    starts = [second + HALF_HOUR * 4, second + WEEK]
    booked = sqlite_database.run(
        lambda session: usecases.book(night_work(session, AUTUMN), wanted, starts)
    )
    moved = sqlite_database.run(
        lambda session: series.move(night_work(session, AUTUMN), booked[0].series_id, second)
    )
    assert moved[0].starts_at.timestamp() == second.timestamp()
