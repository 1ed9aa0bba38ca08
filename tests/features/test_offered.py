"""Times that are kept for patients: they give way, and are taken in no other way."""

from datetime import timedelta

import pytest

from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import commands as booking
from openslot.booking import errors, offered
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.usecases import booking as usecases
from town import Town, build_town
from waitroom import appointment, assert_clean, book, cancel
from working import work

DAY = timedelta(days=1)
UNTIL = NOW + timedelta(hours=8)


def hold_for_reschedule(
    database: Database, one: Appointment, schedule: int, start: object = MONDAY_9
) -> Appointment:
    return database.run(
        lambda session: offered.hold_for_reschedule(
            work(session, now=NOW), one.id, schedule, start, until=UNTIL
        )
    )


def keep_new(database: Database, town: Town, patient: int = 0) -> Appointment:
    wanted = town.booking_request(patient=patient)
    return database.run(
        lambda session: booking.make(
            work(session, now=NOW),
            wanted,
            booking.place_of(session, wanted.schedule_id),
            held_until=UNTIL,
            offered=True,
        )
    )


def take(database: Database, town: Town, hold: Appointment, patient: int = 0) -> Appointment:
    return database.run(
        lambda session: offered.take(work(session, town.patient(patient), NOW), hold.id)
    )


def test_a_time_is_kept_beside_the_appointment_that_it_would_replace(database: Database) -> None:
    town = build_town(database)
    later = book(database, town, 0, MONDAY_9 + DAY)
    hold = hold_for_reschedule(database, later, town.gp_at_clinic)
    assert (hold.offered, hold.one_a_day, hold.referral_use) == (True, None, None)
    moved = database.run(
        lambda session: offered.take(
            work(session, town.patient(), NOW), hold.id, instead_of=later.id
        )
    )
    assert (moved.id, moved.schedule_id, moved.starts_at) == (later.id, town.gp_at_clinic, MONDAY_9)
    assert str(moved.one_a_day).endswith("2026-11-23")
    assert_clean(database)


@pytest.mark.parametrize("start", [MONDAY_9 + timedelta(minutes=10), MONDAY_9 - 2 * HALF_HOUR])
def test_only_times_that_can_be_booked_are_kept(
    sqlite_database: Database, town: Town, start: object
) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    with pytest.raises((errors.OffGrid, errors.OutsideHours)):
        hold_for_reschedule(sqlite_database, later, town.gp_at_hospital, start)


def test_time_that_is_taken_is_not_kept(sqlite_database: Database, town: Town) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    book(sqlite_database, town, 1)
    with pytest.raises(errors.SlotTaken):
        hold_for_reschedule(sqlite_database, later, town.gp_at_hospital)


def test_an_appointment_goes_neither_to_another_kind_nor_to_another_specialist(
    sqlite_database: Database, town: Town
) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    for schedule in (town.physio_at_hospital, town.specialist_at_hospital, town.scan):
        with pytest.raises(NotFound):
            hold_for_reschedule(sqlite_database, later, schedule)


def test_a_day_with_another_appointment_is_not_kept(sqlite_database: Database, town: Town) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    book(sqlite_database, town, 0, MONDAY_9 + 4 * HALF_HOUR)
    with pytest.raises(errors.DailyLimitReached):
        hold_for_reschedule(sqlite_database, later, town.gp_at_hospital)


def test_what_the_patient_made_stays_when_we_keep_a_time_for_them(
    sqlite_database: Database, town: Town
) -> None:
    booking_request = town.booking_request(
        schedule=town.physio_at_hospital, start=MONDAY_9 + 4 * HALF_HOUR
    )
    own = sqlite_database.run(
        lambda session: usecases.hold(work(session, town.patient(), NOW), booking_request)
    )
    keep_new(sqlite_database, town)
    assert appointment(sqlite_database, own.id).status == Status.HELD
    assert_clean(sqlite_database)


def test_an_offered_time_is_not_booked_or_stretched_past_its_offer(
    sqlite_database: Database, town: Town
) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    hold = hold_for_reschedule(sqlite_database, later, town.gp_at_hospital)
    with pytest.raises(errors.HoldExpired):
        sqlite_database.run(
            lambda session: booking.extend_hold(
                work(session, town.patient(), NOW, keep=DAY, hold_extensions=2), hold.id
            )
        )
    with pytest.raises(errors.InvalidTransition):
        sqlite_database.run(
            lambda session: booking.change_status(
                work(session, town.patient(), NOW, cutoff=DAY), hold.id, Status.BOOKED
            )
        )
    booked = sqlite_database.run(
        lambda session: usecases.book(
            work(session, town.patient(), NOW), town.booking_request(), hold_id=hold.id
        )
    )
    assert booked.id != hold.id
    assert booked.one_a_day is not None
    assert appointment(sqlite_database, hold.id).status == Status.EXPIRED
    assert_clean(sqlite_database)


def test_moving_an_appointment_lets_what_stands_in_its_way_go(
    sqlite_database: Database, town: Town
) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    hold = keep_new(sqlite_database, town)
    moved = sqlite_database.run(
        lambda session: booking.move(
            work(session, town.patient(), NOW, cutoff=timedelta(0)), later.id, MONDAY_9
        )
    )
    assert moved.starts_at == MONDAY_9
    assert appointment(sqlite_database, hold.id).status == Status.EXPIRED
    assert_clean(sqlite_database)


def test_what_ran_out_or_was_let_go_is_not_taken(sqlite_database: Database, town: Town) -> None:
    hold = keep_new(sqlite_database, town)
    with pytest.raises(NotFound):
        take(sqlite_database, town, hold, patient=1)
    with pytest.raises(errors.HoldExpired):
        sqlite_database.run(
            lambda session: offered.take(work(session, town.patient(), UNTIL), hold.id)
        )
    sqlite_database.run(
        lambda session: offered.release_holds(
            work(session, now=NOW), [session.get(Appointment, hold.id)]
        )
    )
    with pytest.raises(errors.HoldExpired):
        take(sqlite_database, town, hold)
    assert_clean(sqlite_database)


def test_an_appointment_that_is_gone_is_not_moved(sqlite_database: Database, town: Town) -> None:
    later = book(sqlite_database, town, 0, MONDAY_9 + DAY)
    hold = hold_for_reschedule(sqlite_database, later, town.gp_at_hospital)
    cancel(sqlite_database, later.id)
    with pytest.raises(errors.InvalidTransition):
        sqlite_database.run(
            lambda session: offered.take(
                work(session, town.patient(), NOW), hold.id, instead_of=later.id
            )
        )
    with pytest.raises(errors.InvalidTransition):
        hold_for_reschedule(sqlite_database, later, town.gp_at_hospital, MONDAY_9 + HALF_HOUR)
    assert_clean(sqlite_database)
