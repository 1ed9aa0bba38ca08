"""Races of series and itineraries, on every engine: all of one is booked, or nothing of it.

The control shows that they can fail: without the compare-and-set, several are booked that cross.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import check
from openslot.booking.errors import SlotTaken
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.usecases import booking, itineraries, series
from racing import race, without_compare_and_set
from town import Town, build_town
from working import work

RACERS = 32
FEW = 6
WEEK, DAY = timedelta(days=7), timedelta(days=1)
NOON = MONDAY_9 + 6 * HALF_HOUR

Outcome = list[Appointment] | DomainError


def attempt(database: Database, act: Callable[[Session], list[Appointment]]) -> Outcome:
    try:
        return database.run(act)
    except DomainError as refusal:
        return refusal


def series_of(town: Town, number: int, shared: int) -> Callable[[Session], list[Appointment]]:
    """A series of the patient with this number: three weeks, in one of them at the time of all."""
    own = number % 4 * DAY + (8 + number // 4) * HALF_HOUR
    starts = [
        MONDAY_9 + week * WEEK + (timedelta() if week == shared else own) for week in range(3)
    ]
    wanted = town.booking_request(patient=number)
    return lambda session: series.book(work(session, SYSTEM, NOW), wanted, starts)


def stored(database: Database) -> int:
    return database.read(lambda session: session.query(Appointment).count())


def won(outcomes: list[Outcome]) -> list[list[Appointment]]:
    return [one for one in outcomes if not isinstance(one, DomainError)]


def test_of_series_that_cross_exactly_one_is_booked_and_that_whole(database: Database) -> None:
    town = build_town(database, patients=RACERS)
    outcomes = race(RACERS, lambda number: attempt(database, series_of(town, number, shared=1)))
    assert len(won(outcomes)) == 1
    refused = [one for one in outcomes if isinstance(one, SlotTaken)]
    assert [one.field for one in refused] == ["starts.1"] * (RACERS - 1)
    assert stored(database) == 3
    assert check.faults(database) == []


def test_control_without_the_compare_and_set_several_that_cross_are_booked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(database, patients=FEW + 1)
    # The pages are there already: making one twice would be stopped by its primary key.
    for start in (MONDAY_9 + 2 * HALF_HOUR, *(NOON + week * WEEK for week in (1, 2))):
        other = town.booking_request(start, patient=FEW)
        database.run(lambda session, other=other: booking.book(work(session, SYSTEM, NOW), other))
    without_compare_and_set(database, monkeypatch, FEW)
    outcomes = race(FEW, lambda number: attempt(database, series_of(town, number, shared=0)))
    assert len(won(outcomes)) > 1
    assert check.faults(database) != []


def crossing(
    town: Town, number: int, *, first: bool = False
) -> Callable[[Session], list[Appointment]]:
    """For an odd number an appointment that everybody wants, for an even one an itinerary that ends
    with it, or begins with it if it is the ``first`` step."""
    wanted = MONDAY_9 + (0 if first else 2) * DAY
    shared = town.booking_request(wanted, patient=number)
    if number % 2:
        return lambda session: [booking.book(work(session, SYSTEM, NOW), shared)]
    own = MONDAY_9 + (2 if first else 0) * DAY + number // 2 * HALF_HOUR
    other = town.booking_request(own, schedule=town.physio_at_hospital, patient=number)
    steps = [shared, other] if first else [other, shared]
    return lambda session: itineraries.book(work(session, SYSTEM, NOW), steps)


def test_an_itinerary_and_single_bookings_never_leave_half_of_it(database: Database) -> None:
    """Each itinerary ends where somebody else books alone."""
    town = build_town(database, patients=RACERS)
    outcomes = race(RACERS, lambda number: attempt(database, crossing(town, number)))
    (winner,) = won(outcomes)
    assert all(isinstance(one, SlotTaken) for one in outcomes if one is not winner)
    assert stored(database) == len(winner)
    assert check.faults(database) == []


def test_control_without_the_compare_and_set_itineraries_and_single_bookings_overlap(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They begin where others book alone: all have read that page, and nobody looks again."""
    town = build_town(database, patients=FEW + 2)
    # The pages are there already, of the days before and after eleven in Sydney: midnight UTC.
    for start, schedule, patient in (
        (MONDAY_9 + 2 * HALF_HOUR, town.gp_at_hospital, FEW),
        (MONDAY_9 + 2 * DAY + HALF_HOUR, town.physio_at_hospital, FEW),
        (NOON + 2 * DAY, town.physio_at_hospital, FEW + 1),
    ):
        other = town.booking_request(start, schedule=schedule, patient=patient)
        database.run(lambda session, other=other: booking.book(work(session, SYSTEM, NOW), other))
    without_compare_and_set(database, monkeypatch, FEW)
    outcomes = race(FEW, lambda number: attempt(database, crossing(town, number, first=True)))
    assert len(won(outcomes)) > 1
    assert check.faults(database) != []
