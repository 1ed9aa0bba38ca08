"""Races for time, on every engine: whatever the order, no diary is ever taken twice.

Each race has a control that shows it can fail: without the compare-and-set there are several
winners.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import absences, check
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.errors import DailyLimitReached, PatientBusy, SlotTaken
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.schedules import commands as schedules
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import AbsenceKind
from openslot.usecases import booking as usecases
from racing import Outcome, attempt, race, without_compare_and_set, won
from town import Town, build_town
from working import work

RACERS = 32
FEW = 8


def book(database: Database, town: Town, booking_request: booking.BookingRequest) -> Appointment:
    return database.run(lambda session: usecases.book(work(session, SYSTEM, NOW), booking_request))


def live(database: Database) -> int:
    return len([one for one in appointments(database) if one.status == Status.BOOKED])


def appointments(database: Database) -> list[Appointment]:
    return database.read(lambda session: list(session.query(Appointment)))


def test_of_32_clients_for_one_slot_exactly_one_wins(database: Database) -> None:
    town = build_town(database, patients=RACERS)
    outcomes = race(
        RACERS,
        lambda number: attempt(lambda: book(database, town, town.booking_request(patient=number))),
    )
    refused = [one for one in outcomes if isinstance(one, SlotTaken)]
    assert (len(won(outcomes)), len(refused)) == (1, RACERS - 1)
    assert all(one.alternatives for one in refused)
    assert check.faults(database) == []


def test_control_without_the_compare_and_set_several_win(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All read the pages before anybody writes, then write without looking."""
    town = build_town(database, patients=FEW + 1)
    # The page is there already: making it twice would be stopped by its primary key.
    book(database, town, town.booking_request(MONDAY_9 + HALF_HOUR, patient=FEW))
    without_compare_and_set(database, monkeypatch, FEW)
    outcomes = race(
        FEW,
        lambda number: attempt(lambda: book(database, town, town.booking_request(patient=number))),
    )
    assert len(won(outcomes)) > 1
    assert check.faults(database) != []


def test_neighbours_on_one_page_all_get_their_slot(database: Database) -> None:
    """A lost compare-and-set is no refusal: the slot was free, so it is tried again."""
    town = build_town(database, patients=12)
    outcomes = race(
        12,
        lambda number: attempt(
            lambda: book(
                database, town, town.booking_request(MONDAY_9 + number * HALF_HOUR, patient=number)
            )
        ),
    )
    assert len(won(outcomes)) == 12
    assert check.faults(database) == []


def test_one_patient_at_two_practitioners_gets_one_appointment(database: Database) -> None:
    town = build_town(database)
    booking_requests = [
        town.booking_request(),
        town.booking_request(schedule=town.physio_at_hospital),
    ] * (FEW // 2)
    outcomes = race(
        FEW, lambda number: attempt(lambda: book(database, town, booking_requests[number]))
    )
    assert len(won(outcomes)) == 1
    kinds = (PatientBusy, SlotTaken, DailyLimitReached)
    assert all(isinstance(one, kinds) for one in outcomes if isinstance(one, DomainError))
    assert check.faults(database) == []


def test_one_practitioner_at_either_place_gets_one_appointment(database: Database) -> None:
    town = build_town(database, patients=FEW)
    places = [town.gp_at_hospital, town.gp_at_clinic]
    outcomes = race(
        FEW,
        lambda number: attempt(
            lambda: book(
                database, town, town.booking_request(schedule=places[number % 2], patient=number)
            )
        ),
    )
    assert len(won(outcomes)) == 1
    assert check.faults(database) == []


def test_one_appointment_a_day_also_under_a_race(database: Database) -> None:
    """Morning and afternoon lie on two pages, so no page decides: the key of the day does."""
    town = build_town(database)
    starts = [MONDAY_9, MONDAY_9 + timedelta(hours=6)] * (FEW // 2)
    outcomes = race(
        FEW,
        lambda number: attempt(lambda: book(database, town, town.booking_request(starts[number]))),
    )
    assert len(won(outcomes)) == 1
    assert check.faults(database) == []


def test_two_practitioners_in_one_room_take_turns(database: Database) -> None:
    town = build_town(database, patients=FEW)

    def share(session: Session) -> None:
        for schedule in (town.gp_at_hospital, town.physio_at_hospital):
            details = ScheduleDetails(room="Room 4")
            schedules.change_schedule(work(session, SYSTEM, NOW), schedule, details)

    database.run(share)
    places = [town.gp_at_hospital, town.physio_at_hospital]
    outcomes = race(
        FEW,
        lambda number: attempt(
            lambda: book(
                database, town, town.booking_request(schedule=places[number % 2], patient=number)
            )
        ),
    )
    assert len(won(outcomes)) == 1
    assert check.faults(database) == []


def test_crossing_moves_lose_no_appointment(database: Database) -> None:
    """Two appointments change places by way of free times, both ways at once."""
    town = build_town(database, patients=2)
    first = book(database, town, town.booking_request(patient=0))
    second = book(database, town, town.booking_request(MONDAY_9 + HALF_HOUR, patient=1))
    targets = [(first, second.starts_at), (second, first.starts_at)] * (FEW // 2)

    def move(number: int) -> Outcome:
        appointment, start = targets[number]
        return attempt(
            lambda: database.run(
                lambda session: booking.move(
                    work(session, SYSTEM, NOW, cutoff=timedelta(0)), appointment.id, start
                )
            )
        )

    race(FEW, move)
    assert live(database) == 2
    assert check.faults(database) == []


def test_a_hold_that_ran_out_goes_to_one_of_many(database: Database) -> None:
    town = build_town(database, patients=FEW)
    keep = timedelta(minutes=10)
    database.run(
        lambda session: usecases.hold(work(session, SYSTEM, NOW, keep=keep), town.booking_request())
    )
    later = NOW + timedelta(minutes=11)

    def take(number: int) -> Outcome:
        booking_request = replace(town.booking_request(), patient_id=town.patients[number])
        return attempt(
            lambda: database.run(
                lambda session: usecases.book(work(session, SYSTEM, later), booking_request)
            )
        )

    assert len(won(race(FEW, take))) == 1
    assert live(database) == 1
    assert check.faults(database) == []


def test_booking_against_cancelling_leaves_one_appointment_at_most(database: Database) -> None:
    town = build_town(database, patients=FEW)
    appointment = book(database, town, town.booking_request(patient=0))

    def act(number: int) -> Outcome:
        if number == 0:
            return attempt(
                lambda: database.run(
                    lambda session: factories.change_status(
                        session, appointment.id, Status.CANCELLED
                    )
                )
            )
        return attempt(lambda: book(database, town, town.booking_request(patient=number)))

    race(FEW, act)
    assert live(database) <= 1
    assert check.faults(database) == []


def test_booking_against_an_absence_is_before_it_or_refused(database: Database) -> None:
    town = build_town(database, patients=FEW)
    leave = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + timedelta(hours=8)
    )

    def act(number: int) -> Any:
        if number == 0:
            return database.run(
                lambda session: absences.enter_absence(work(session, SYSTEM, NOW), town.gp, leave)
            )
        start = MONDAY_9 + number * HALF_HOUR
        return attempt(lambda: book(database, town, town.booking_request(start, patient=number)))

    race(FEW, act)
    assert check.faults(database) == []
    after = attempt(
        lambda: book(database, town, town.booking_request(MONDAY_9 + 10 * HALF_HOUR, patient=0))
    )
    assert isinstance(after, DomainError)


def test_booking_while_hours_change_leaves_the_diaries_right(database: Database) -> None:
    town = build_town(database, patients=FEW)

    def act(number: int) -> Any:
        if number == 0:
            return database.run(
                lambda session: schedules.set_hours(
                    work(session, SYSTEM, NOW), town.gp_at_hospital, []
                )
            )
        start = MONDAY_9 + number * HALF_HOUR
        return attempt(lambda: book(database, town, town.booking_request(start, patient=number)))

    race(FEW, act)
    assert check.faults(database) == []
    after = attempt(lambda: book(database, town, town.booking_request(MONDAY_9, patient=0)))
    assert isinstance(after, DomainError)
