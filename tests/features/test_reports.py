"""Reports against a database: what is read, whose it is, and in how many statements."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

import factories
from engines import Counted
from factories import MONDAY_9, NOW, claimed_by
from openslot.booking.absences import AbsenceDetails, enter_absence
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.reports import queries
from openslot.reports.answers import Answers, answers
from openslot.reports.figures import Tally, Use, Wait
from openslot.reports.rules import SERVICES, Group, Period, Question, Scope
from openslot.schedules import commands as schedules
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

WEEK = Period(date(2026, 11, 23), date(2026, 11, 29))
"""The week that lies ahead of the town."""

MONDAY = date(2026, 11, 23)


def asked(database: Database, scope: Scope | None = None, **more: Any) -> Answers:
    """The figures of the week ahead."""
    question = Question(**{"scope": scope or Scope(), "period": WEEK, **more})

    def read(session: Session) -> Answers:
        offers = queries.offers(session, question.scope)
        return answers(work(session, now=NOW), question, offers)

    return database.read(read)


def book(database: Database, town: Town, **booking_request: Any) -> Appointment:
    """An appointment of the first patient with the GP, unless told otherwise."""
    return database.run(
        lambda session: usecases.book(
            work(session, SYSTEM, NOW), town.booking_request(**booking_request)
        )
    )


def test_the_figures_of_a_small_town(database: Database) -> None:
    town = build_town(database)
    book(database, town)
    book(database, town, start=MONDAY_9 + timedelta(days=1), minutes=60)
    appointment = book(
        database, town, start=MONDAY_9 + timedelta(days=2), schedule=town.scan, patient=1
    )
    cancel(database, appointment)
    hold = town.booking_request(schedule=town.physio_at_hospital, patient=2)
    keep = timedelta(minutes=10)
    database.run(lambda session: usecases.hold(work(session, SYSTEM, NOW, keep=keep), hold))
    found = asked(database)
    found.tallies.total.leads.sort()  # the rows come in no order
    assert found.tallies.total == Tally(appointments=2, cancelled=1, leads=[1, 2])
    # Five schedules, of which two are of one person at either place.
    assert found.uses.total == Use(4 * 5 * 480, 90)
    assert found.uses.rows == {MONDAY: found.uses.total}
    assert found.waits.rows["GP", town.hospital] == Wait(1, 1, 1)
    assert found.waits.total == Wait(1, 1, 5)


def cancel(database: Database, appointment: Appointment) -> None:
    """Cancel an appointment."""
    database.run(lambda session: factories.change_status(session, appointment.id, Status.CANCELLED))


def test_the_period_before_is_as_long_and_counted_in_the_same_statements(
    sqlite_database: Database,
) -> None:
    town = build_town(sqlite_database)
    book(sqlite_database, town)
    book(sqlite_database, town, start=MONDAY_9 + timedelta(days=4), patient=1)
    last_days = Period(date(2026, 11, 25), date(2026, 11, 29))
    found = asked(sqlite_database, period=last_days)
    assert last_days.before == Period(date(2026, 11, 20), date(2026, 11, 24))
    assert (found.tallies.total.appointments, found.tally_before.appointments) == (1, 1)
    # Of the five schedules four are those of different people, open on three and on three days.
    assert (found.uses.total, found.use_before) == (Use(4 * 3 * 480, 30), Use(4 * 3 * 480, 30))


def test_leave_and_closures_shorten_open_time_and_lengthen_the_wait(database: Database) -> None:
    town = build_town(database)
    scope = Scope(practitioner_id=town.physio)
    assert asked(database, scope).uses.total == Use(5 * 480, 0)
    leave = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + timedelta(hours=8)
    )
    database.run(lambda session: enter_absence(work(session, SYSTEM, NOW), town.physio, leave))
    second = MONDAY_9 + timedelta(days=1)
    database.run(
        lambda session: schedules.close_centre(
            work(session, SYSTEM, NOW),
            town.hospital,
            starts=second,
            ends=second + timedelta(hours=4),
            reason="Painting",
        )
    )
    found = asked(database, scope)
    assert found.uses.total == Use(5 * 480 - 480 - 240, 0)
    assert found.waits.total == Wait(2, 2, 1)


def test_each_sees_what_is_theirs(sqlite_database: Database, town: Town) -> None:
    book(sqlite_database, town)
    book(sqlite_database, town, schedule=town.physio_at_hospital, start=MONDAY_9.replace(hour=11))
    at_clinic = MONDAY_9 + timedelta(days=1)
    book(sqlite_database, town, schedule=town.gp_at_clinic, start=at_clinic)
    assert asked(sqlite_database, Scope()).tallies.total.appointments == 3
    assert asked(sqlite_database, Scope(centre_id=town.clinic)).tallies.total.appointments == 1
    own = asked(sqlite_database, Scope(practitioner_id=town.gp))
    assert own.tallies.total.appointments == 2
    assert set(own.centres) == {town.hospital, town.clinic}


@pytest.mark.parametrize(
    ("kind", "appointments", "open_"),
    [("GP", 1, 2400), (SERVICES, 1, 2400), ("Dentist", 0, 0)],
)
def test_one_profession_can_be_asked_for(
    sqlite_database: Database, town: Town, kind: str, appointments: int, open_: int
) -> None:
    book(sqlite_database, town)
    book(sqlite_database, town, schedule=town.scan, start=MONDAY_9.replace(hour=12))
    found = asked(sqlite_database, kind=kind)
    assert (found.tallies.total.appointments, found.uses.total.open) == (appointments, open_)


def test_one_centre_can_be_asked_for(sqlite_database: Database, town: Town) -> None:
    book(sqlite_database, town)
    found = asked(sqlite_database, centre_id=town.clinic, group=Group.CENTRE)
    assert found.tallies.rows == {town.clinic: Tally()}
    assert set(found.uses.rows) == {town.clinic}
    assert set(found.waits.rows) == {(None, town.clinic)}


def test_what_cannot_be_booked_any_more_keeps_its_appointments_and_has_no_open_time(
    sqlite_database: Database, town: Town
) -> None:
    book(sqlite_database, town)
    sqlite_database.run(_deactivate(town.gp_at_hospital))
    found = asked(sqlite_database, centre_id=town.hospital, kind="GP")
    assert (found.tallies.total.appointments, found.uses.total) == (1, Use(0, 0))
    assert found.waits.total == Wait(None, None, 0)


def _deactivate(schedule_id: int) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        schedule = session.get(Schedule, schedule_id)
        assert schedule
        schedule.active = False

    return act


def many(database: Database, town: Town, count: int) -> None:
    """Appointments every half hour around the clock from the week ahead on, by bulk."""
    schedules = (town.gp_at_hospital, town.physio_at_hospital)
    diaries = database.read(lambda session: [claimed_by(session, one) for one in schedules])
    rows = [
        {
            "id": new_id(),
            "schedule_id": schedules[number % 2],
            **diaries[number % 2],
            "patient_id": town.patients[number % 3],
            "starts_at": MONDAY_9 + timedelta(minutes=5 * number),
            "ends_at": MONDAY_9 + timedelta(minutes=5 * number + 5),
            "status": Status.BOOKED,
            "priority": "routine",
            "extensions": 0,
            "offered": False,
            "version": 1,
            "created_at": NOW,
            "changed_at": NOW,
        }
        for number in range(count)
    ]
    database.run(lambda session: session.execute(insert(Appointment), rows))


def test_the_statements_are_as_many_whatever_there_is_to_count(
    database: Database, statements: Callable[[Database], AbstractContextManager[Counted]]
) -> None:
    town = build_town(database)
    with statements(database) as few:
        asked(database)
    many(database, town, 1500)
    with statements(database) as more:
        assert asked(database).tallies.total.appointments == 1500
    assert few.count == more.count == 5


def test_nobodys_name_is_read(sqlite_database: Database, town: Town) -> None:
    book(sqlite_database, town)
    assert "Patient 0" not in repr(asked(sqlite_database))
