"""Races for the places of sessions, on every engine, each with a control that shows it can fail."""

from contextlib import suppress
from datetime import timedelta
from threading import local
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from classes import Classes, groups, offer_classes
from engines import SERVERS
from factories import NOW
from openslot.booking import check
from openslot.booking.errors import NoPlacesLeft
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.patients import queries as claims_queries
from openslot.booking.sessions import commands, places, queries
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError, NotFound
from openslot.schedules import commands as schedules
from openslot.schedules import diaries
from openslot.usecases import booking as usecases
from openslot.usecases import deactivation
from racing import meeting, race
from working import work

RACERS = 32
FEW = 8
TWO_HOURS = timedelta(hours=2)

Outcome = Appointment | DomainError


def book(database: Database, classes: Classes, patient: int) -> Outcome:
    try:
        return database.run(
            lambda session: usecases.book(work(session, SYSTEM, NOW), classes.request(patient))
        )
    except DomainError as refusal:
        return refusal


def won(outcomes: list[Outcome]) -> int:
    return sum(isinstance(one, Appointment) for one in outcomes)


def test_of_32_first_bookings_of_a_session_as_many_win_as_it_has_places(
    database: Database,
) -> None:
    classes = offer_classes(database, patients=RACERS, places=12)
    outcomes = race(RACERS, lambda number: book(database, classes, number))
    refused = [one for one in outcomes if isinstance(one, NoPlacesLeft)]
    assert (won(outcomes), len(refused)) == (12, RACERS - 12)
    assert all(one.alternatives for one in refused)
    assert [(group.places, group.taken) for group in groups(database)] == [(12, 12)]
    assert check.faults(database) == []


def test_of_32_for_the_last_place_exactly_one_wins(database: Database) -> None:
    classes = offer_classes(database, patients=RACERS + 2, places=3)
    for first in (RACERS, RACERS + 1):
        book(database, classes, first)
    outcomes = race(RACERS, lambda number: book(database, classes, number))
    assert won(outcomes) == 1
    assert sum(isinstance(one, NoPlacesLeft) for one in outcomes) == RACERS - 1
    assert check.faults(database) == []


def test_control_without_the_condition_more_win_than_there_are_places(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All read how many places are taken before anybody writes, then write what they read."""
    classes = offer_classes(database, patients=FEW + 1, places=2)
    book(database, classes, FEW)
    meet = meeting(FEW)
    is_sqlite = database.engine.dialect.name == "sqlite"

    def take_blindly(session: Session, session_id: object, _start: object) -> bool:
        # SQLite lets in one writer at a time: its control is to have none of them look.
        taken = 1 if is_sqlite else session.get_one(GroupSession, session_id).taken
        if not is_sqlite:
            meet()
        session.execute(
            update(GroupSession).where(GroupSession.id == session_id).values(taken=taken + 1)
        )
        return taken < 2

    monkeypatch.setattr(queries, "take_place", take_blindly)
    outcomes = race(FEW, lambda number: book(database, classes, number))
    assert won(outcomes) > 1
    assert check.faults(database) != []


def test_the_last_who_leaves_and_the_next_who_comes_agree_on_the_session(
    database: Database,
) -> None:
    """Each of a few leaves while another books: nobody is in a session that was released."""
    classes = offer_classes(database, patients=2 * FEW, places=2)
    for _round in range(3):
        booked = book(database, classes, 0)
        assert isinstance(booked, Appointment)

        def act(number: int, booked: Appointment = booked) -> Outcome:
            if number:
                return book(database, classes, number)
            return database.run(lambda session: leave(session, booked))

        race(FEW, act)
        assert check.faults(database) == []
        database.run(all_leave)
    assert all(group.released for group in groups(database))


def leave(session: Session, appointment: Appointment) -> Appointment:
    unit = work(session, SYSTEM, NOW)
    return usecases.commands.change_status(unit, appointment.id, Status.CANCELLED)


def all_leave(session: Session) -> None:
    booked = session.query(Appointment).filter(Appointment.status == Status.BOOKED)
    for appointment in booked.all():
        leave(session, appointment)


def test_control_a_session_released_without_the_condition_loses_those_who_come(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = offer_classes(sqlite_database, places=2)
    first, _second = (book(sqlite_database, classes, number) for number in (0, 1))
    assert isinstance(first, Appointment)

    def release_blindly(session: Session, session_id: object) -> bool:
        queries.release(session, session_id)  # type: ignore[arg-type]
        return True

    monkeypatch.setattr(places.queries, "release_empty", release_blindly)
    sqlite_database.run(lambda session: leave(session, first))
    assert groups(sqlite_database)[0].released
    assert groups(sqlite_database)[0].taken == 1


def test_of_a_place_and_a_deactivation_at_once_one_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place claims no time of the practitioner, whose pages are written all the same."""
    classes = offer_classes(database)
    database.run(lambda session: make(session, classes))
    is_sqlite = database.engine.dialect.name == "sqlite"  # which lets one write at a time
    write, meet = diaries._compare_and_set, meeting(2)

    def write_together(*arguments: Any) -> None:
        if not is_sqlite:
            meet()
        write(*arguments)

    monkeypatch.setattr(diaries, "_compare_and_set", write_together)

    def act(number: int) -> Outcome | None:
        return book(database, classes, 0) if number else deactivate(database, classes)

    deactivated, booked = race(2, act)
    assert (deactivated is None) is not isinstance(booked, Appointment)


@pytest.mark.parametrize("engine_name", SERVERS)
def test_control_of_a_place_that_writes_no_pages_and_a_deactivation_both_are_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks for the last time at what the other changes, before either changes it."""
    classes = offer_classes(database)
    database.run(lambda session: make(session, classes))
    change, meet = diaries.change, meeting(2)
    looked_at, set_active = claims_queries.as_it_is_now, schedules.set_active

    def change_without(session: Session, **claims: Any) -> None:
        change(session, **claims | {"touch": ()})

    def look_and_wait(*arguments: Any) -> Any:
        found = looked_at(*arguments)
        meet()
        return found

    def wait_and_set_active(*arguments: Any) -> None:
        meet()
        set_active(*arguments)

    monkeypatch.setattr(diaries, "change", change_without)
    monkeypatch.setattr(claims_queries, "as_it_is_now", look_and_wait)
    monkeypatch.setattr(schedules, "set_active", wait_and_set_active)

    def act(number: int) -> Outcome | None:
        return book(database, classes, 0) if number else deactivate(database, classes)

    deactivated, booked = race(2, act)
    assert deactivated is None
    assert isinstance(booked, Appointment)


@pytest.mark.parametrize("looks_again", [True, False], ids=["race", "control"])
@pytest.mark.parametrize("other", ["moves", "cancels"])
def test_of_two_who_change_a_session_at_once_the_later_sees_what_it_has_become(
    database: Database, monkeypatch: pytest.MonkeyPatch, looks_again: bool, other: str
) -> None:
    """Both have read it before either changes it. Without another look, the later releases the
    time where it was; but where one writer waits for the other to end."""
    classes = offer_classes(database)
    group = database.run(lambda session: make(session, classes))
    is_sqlite = database.engine.dialect.name == "sqlite"
    adopt, loaded, meet, met = queries.adopt, queries.loaded, meeting(2), local()

    def adopt_together(session: Session, session_id: UUID) -> None:
        if not is_sqlite:
            meet()
        adopt(session, session_id)

    def load_once(session: Session, session_id: UUID) -> GroupSession | None:
        met.group = getattr(met, "group", None) or loaded(session, session_id)
        return met.group

    monkeypatch.setattr(queries, "adopt", adopt_together)
    if not looks_again:
        monkeypatch.setattr(queries, "loaded", load_once)

    def act(number: int) -> None:
        with suppress(NotFound):  # it was cancelled
            database.run(lambda session: change(session, group, number, other))

    race(2, act)
    assert (check.faults(database) == []) is (looks_again or is_sqlite)


def change(session: Session, group: GroupSession, number: int, other: str) -> None:
    unit = work(session, SYSTEM, NOW)
    if number and other == "cancels":
        commands.cancel_session(unit, group.id)
    else:
        commands.move_session(unit, group.id, group.starts_at + (number + 1) * TWO_HOURS)


def make(session: Session, classes: Classes) -> GroupSession:
    wanted = classes.request()
    return commands.make_session(
        work(session, SYSTEM, NOW), wanted.schedule_id, wanted.start, service_id=wanted.service_id
    )


def deactivate(database: Database, classes: Classes) -> DomainError | None:
    try:
        database.run(
            lambda session: deactivation.deactivate_schedule(
                work(session, SYSTEM, NOW), classes.town.gp_at_hospital, active=False
            )
        )
    except DomainError as refusal:
        return refusal
    return None
