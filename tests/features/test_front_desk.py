"""The front desk: when people come, go in or run late, and who is at which desk."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import commands as booking
from openslot.booking import errors
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import CHECKS_IN_FROM, MOST_LATE, UNDONE_WITHIN
from openslot.core import outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.births import BirthDate
from openslot.core.db import Database
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.outbox import State
from openslot.desk import commands, queries
from openslot.desk.errors import NotHere
from openslot.desk.rules import Standing, begins, check_desk
from openslot.directory import staff
from openslot.directory.commands import actor_of
from openslot.identity.models import Account
from racing import race
from town import Town, build_town
from working import work

JUST_BEFORE = MONDAY_9 - timedelta(minutes=10)
BORN = date(1980, 3, 31)


def receptionist(town: Town) -> Actor:
    return Actor(role=Role.STAFF, centre_id=town.hospital)


def book(database: Database, town: Town, start: datetime = MONDAY_9, **more: Any) -> Appointment:
    wanted = town.booking_request(start, **more)
    return database.run(
        lambda session: factories.appointment(
            session, wanted.schedule_id, start, wanted.patient_id, now=NOW
        )
    )


def do(
    database: Database,
    actor: Actor,
    command: Callable[..., Any],
    *args: Any,
    now: datetime = JUST_BEFORE,
) -> Any:
    return database.run(lambda session: command(work(session, actor, now), *args))


def read(database: Database, appointment_id: UUID) -> Appointment:
    return database.read(lambda session: session.get_one(Appointment, appointment_id))


def test_who_comes_gets_the_next_number_of_the_centre_that_day(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    first = book(sqlite_database, town)
    second = book(sqlite_database, town, schedule=town.physio_at_hospital, patient=1)
    elsewhere = book(
        sqlite_database, town, MONDAY_9 + HALF_HOUR, schedule=town.gp_at_clinic, patient=2
    )
    tomorrow = book(sqlite_database, town, MONDAY_9 + timedelta(days=1), patient=1)
    for one in (second, first, elsewhere):
        do(sqlite_database, SYSTEM, booking.change_status, one.id, Status.ARRIVED)
    numbers = [read(sqlite_database, one.id).day_number for one in (second, first, elsewhere)]
    assert numbers == [1, 2, 1]
    assert read(sqlite_database, first.id).came_at == JUST_BEFORE
    do(sqlite_database, SYSTEM, booking.change_status, first.id, Status.BOOKED)
    undone = read(sqlite_database, first.id)
    assert (undone.came_at, undone.day_number) == (None, None)
    next_day = {"now": JUST_BEFORE + timedelta(days=1)}
    do(sqlite_database, SYSTEM, booking.change_status, tomorrow.id, Status.ARRIVED, **next_day)
    assert read(sqlite_database, tomorrow.id).day_number == 1


def test_what_is_marked_on_another_day_says_not_when_they_came(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    one = book(sqlite_database, town)
    late = MONDAY_9 + timedelta(days=1)
    do(sqlite_database, SYSTEM, booking.change_status, one.id, Status.ARRIVED, now=late)
    marked = read(sqlite_database, one.id)
    assert (marked.status, marked.came_at, marked.day_number) == (Status.ARRIVED, None, None)


def test_two_who_come_at_once_get_two_numbers(database: Database) -> None:
    town = build_town(database)
    both = [
        book(database, town),
        book(database, town, schedule=town.physio_at_hospital, patient=1),
    ]
    race(
        2,
        lambda number: do(database, SYSTEM, booking.change_status, both[number].id, Status.ARRIVED),
    )
    assert {read(database, one.id).day_number for one in both} == {1, 2}


def test_patients_check_in_from_an_hour_before_until_the_end(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    one, patient = book(sqlite_database, town), town.patient()
    for wrong in (
        MONDAY_9 - CHECKS_IN_FROM - timedelta(minutes=1),
        MONDAY_9 + HALF_HOUR,
    ):
        with pytest.raises(errors.NoCheckIn):
            do(sqlite_database, patient, booking.change_status, one.id, Status.ARRIVED, now=wrong)
        with pytest.raises(errors.NoCheckIn):
            do(sqlite_database, patient, commands.run_late, one.id, 10, now=wrong)
    do(sqlite_database, patient, commands.run_late, one.id, 10)
    assert read(sqlite_database, one.id).late_minutes == 10
    do(sqlite_database, patient, booking.change_status, one.id, Status.ARRIVED)
    assert read(sqlite_database, one.id).day_number == 1
    for command in (commands.call, commands.call_back):
        with pytest.raises(Forbidden):
            do(sqlite_database, patient, command, one.id)
    with pytest.raises(Forbidden):
        do(sqlite_database, patient, booking.change_status, one.id, Status.BOOKED)


def test_who_is_late_is_still_expected(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    one, desk = book(sqlite_database, town), receptionist(town)
    for wrong in (3, MOST_LATE + 5, -5):
        with pytest.raises(Invalid):
            do(sqlite_database, desk, commands.run_late, one.id, wrong)
    do(sqlite_database, desk, commands.run_late, one.id, 20)
    do(sqlite_database, desk, commands.run_late, one.id, 0)
    assert read(sqlite_database, one.id).late_minutes is None
    do(sqlite_database, desk, commands.run_late, one.id, 20)
    do(sqlite_database, desk, booking.move, one.id, MONDAY_9 + HALF_HOUR)
    assert read(sqlite_database, one.id).late_minutes is None
    do(sqlite_database, desk, booking.change_status, one.id, Status.ARRIVED)
    with pytest.raises(errors.InvalidTransition):
        do(sqlite_database, desk, commands.run_late, one.id, 20)


def test_only_who_has_arrived_goes_in(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    one, desk = book(sqlite_database, town), receptionist(town)
    with pytest.raises(NotHere):
        do(sqlite_database, desk, commands.call, one.id)
    do(sqlite_database, desk, booking.change_status, one.id, Status.ARRIVED)
    do(sqlite_database, desk, commands.call, one.id)
    assert read(sqlite_database, one.id).called_at == JUST_BEFORE
    do(sqlite_database, desk, commands.call_back, one.id)
    assert read(sqlite_database, one.id).called_at is None
    stranger = Actor(role=Role.STAFF, centre_id=town.clinic)
    with pytest.raises(NotFound):
        do(sqlite_database, stranger, commands.call, one.id)


def test_what_was_completed_by_mistake_is_undone_for_some_minutes(
    sqlite_database: Database,
) -> None:
    town = build_town(sqlite_database)
    one, desk = book(sqlite_database, town), receptionist(town)
    for to in (Status.ARRIVED, Status.FULFILLED, Status.ARRIVED, Status.FULFILLED):
        do(sqlite_database, desk, booking.change_status, one.id, to)
    assert read(sqlite_database, one.id).day_number == 1
    late = JUST_BEFORE + UNDONE_WITHIN + timedelta(seconds=1)
    with pytest.raises(errors.InvalidTransition):
        do(sqlite_database, desk, booking.change_status, one.id, Status.ARRIVED, now=late)


# Checking in without an account


def expect(database: Database, town: Town, number: int, name: str, born: date | None) -> UUID:
    """Book for a patient of this name the number-th half hour; return the appointment."""
    patient = database.run(lambda session: factories.patient(session, name, born=born).id)
    start = MONDAY_9 + number * HALF_HOUR
    return database.run(
        lambda session: (
            factories.appointment(session, town.gp_at_hospital, start, patient, now=NOW).id
        )
    )


def test_a_letter_and_a_date_of_birth_check_in_who_is_expected(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    one = expect(sqlite_database, town, 0, "Élise Moreau", BORN)
    for initial, born in (("X", BORN), ("M", date(1980, 3, 30)), ("", BORN)):
        checked_in = do(
            sqlite_database, Actor(), commands.check_in, town.hospital, initial, BirthDate(born)
        )
        assert checked_in is None
    there = (commands.check_in, town.clinic, "e", BirthDate(BORN))
    assert do(sqlite_database, Actor(), *there) is None
    here = (commands.check_in, town.hospital, "e", BirthDate(BORN))
    too_early = MONDAY_9 - CHECKS_IN_FROM - timedelta(minutes=1)
    for wrong in (too_early, MONDAY_9 + HALF_HOUR):
        assert do(sqlite_database, Actor(), *here, now=wrong) is None
    assert do(sqlite_database, Actor(), *here).id == one
    assert read(sqlite_database, one).status is Status.ARRIVED
    assert do(sqlite_database, Actor(), *here) is None


def test_who_is_not_expected_is_written_down_as_work_too(sqlite_database: Database) -> None:
    """Reading alone takes a tenth of the time, by which a stranger could tell."""
    town = build_town(sqlite_database)
    do(sqlite_database, Actor(), commands.check_in, town.hospital, "X", BirthDate(BORN))
    assert sqlite_database.read(outbox.counts) == {State.DONE: 1}


@pytest.mark.parametrize("typed", ["’Akamu", "ʻA", "(Ana)", " a"])
def test_signs_before_the_first_letter_do_not_matter(sqlite_database: Database, typed: str) -> None:
    town = build_town(sqlite_database)
    one = expect(sqlite_database, town, 0, "ʻAkamu Keoni", BORN)
    checked_in = do(
        sqlite_database, Actor(), commands.check_in, town.hospital, typed, BirthDate(BORN)
    )
    assert checked_in.id == one


def test_of_two_who_could_be_meant_nobody_is_checked_in(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    both = [
        expect(sqlite_database, town, 0, "Ann Lee", BORN),
        expect(sqlite_database, town, 1, "Amy Moss", BORN),
    ]
    answer = do(sqlite_database, Actor(), commands.check_in, town.hospital, "A", BirthDate(BORN))
    assert answer is None
    assert {read(sqlite_database, one).status for one in both} == {Status.BOOKED}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Jack Black", "b", True),
        ("Jack Black", "jack bl", True),
        ("Jack Black", "ack", False),
        ("Özlem Kaya", "o", True),
        ("Jack Black", "", False),
    ],
)
def test_a_name_begins_with_any_of_its_words(name: str, text: str, expected: bool) -> None:
    assert begins(name, text) is expected


# Who is at which desk


def test_a_receptionist_can_be_at_the_desks_of_several_centres(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    account: Account = sqlite_database.run(
        lambda session: factories.staff(session, town.hospital, now=NOW)
    )

    def who() -> Actor:
        return sqlite_database.read(lambda session: actor_of(session, account, None))

    elsewhere = book(sqlite_database, town, schedule=town.gp_at_clinic)
    with pytest.raises(NotFound):
        check_desk(who(), town.clinic)
    with pytest.raises(NotFound):
        do(sqlite_database, who(), commands.run_late, elsewhere.id, 10)
    manager = Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital)
    with pytest.raises(Forbidden):
        do(sqlite_database, manager, staff.set_desks, account.id, [town.clinic])
    do(sqlite_database, SYSTEM, staff.set_desks, account.id, [town.clinic, town.hospital])
    assert who().centres == {town.hospital, town.clinic}
    check_desk(who(), town.clinic)
    do(sqlite_database, who(), commands.run_late, elsewhere.id, 10)
    day = MONDAY_9.replace(hour=0)
    seen = sqlite_database.read(
        lambda session: queries.entries(
            work(session, who(), JUST_BEFORE), town.clinic, day, day + timedelta(days=1)
        )
    )
    assert [(entry.id, entry.standing) for entry in seen] == [(elsewhere.id, Standing.LATE)]
    in_department = sqlite_database.run(
        lambda session: factories.staff(
            session, town.hospital, town.department, email="ct@example.org", now=NOW
        )
    )
    with pytest.raises(Invalid):
        do(sqlite_database, SYSTEM, staff.set_desks, in_department.id, [town.clinic])


def test_staff_of_a_department_see_what_is_done_there(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    book(sqlite_database, town)
    scan = book(sqlite_database, town, MONDAY_9 + HALF_HOUR, schedule=town.scan)
    day = MONDAY_9.replace(hour=0)

    def ids(actor: Actor) -> list[UUID]:
        entries = sqlite_database.read(
            lambda session: queries.entries(
                work(session, actor, JUST_BEFORE), town.hospital, day, day + timedelta(days=1)
            )
        )
        return [entry.id for entry in entries]

    assert ids(town.clerk) == [scan.id]
    assert len(ids(receptionist(town))) == 2
    assert ids(replace(receptionist(town), centre_id=town.clinic)) == []
