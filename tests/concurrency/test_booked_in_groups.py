"""Bookings that are written in one transaction are as if each had one, on every engine."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking import check
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import SlotTaken
from openslot.booking.models import Appointment
from openslot.core import db, group_commit, servers
from openslot.core.actor import SYSTEM
from openslot.core.audit import AuditEvent
from openslot.core.db import Database, changed, fetch, is_in_group, write_later, write_rows
from openslot.core.errors import NotFound, Unavailable, Uncertain
from openslot.core.group_commit import GroupCommit, Part
from openslot.core.locks import Lock
from openslot.core.outbox import OutboxMessage
from openslot.core.rows import add_row, inserting
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import Patient
from openslot.schedules.models import Schedule
from openslot.usecases import booking as usecases
from racing import Outcome, attempt, won
from town import Town, build_town
from working import work

DAYS = 5


def book(database: Database, booking_request: BookingRequest) -> Appointment:
    return database.run(
        lambda session: usecases.book(work(session, SYSTEM, NOW), booking_request), in_group=True
    )


def booked_at_once(
    database: Database,
    requests: Sequence[BookingRequest],
    before: Callable[[], object] = lambda: None,
) -> list[Outcome]:
    """What comes of bookings that have all been decided when the first of them is written, and of
    what is done ``before`` that."""
    warm(database)
    group = database._group
    with ThreadPoolExecutor(len(requests)) as pool:
        with writing(group):
            outcomes = [pool.submit(attempt, partial(book, database, one)) for one in requests]
            until = time.monotonic() + 20
            while len(group._ready) < len(requests):
                assert time.monotonic() < until
                time.sleep(0.001)
            before()
        return [one.result() for one in outcomes]


@contextmanager
def writing(group: GroupCommit) -> Iterator[None]:
    """Be the thread that writes: all others get ready meanwhile."""
    assert not group._is_queued(Part())
    yield
    group._call_next()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is ready waits for the others of a test, however slow the machine is."""
    monkeypatch.setattr(group_commit, "WAITS", 20.0)


def warm(database: Database) -> None:
    """Have read once what a process remembers."""
    with suppress(NotFound):
        book(database, BookingRequest(0, NOW, 30, UUID(int=0)))


def rows(database: Database, kind: Any) -> int:
    return database.read(lambda session: session.scalar(select(func.count()).select_from(kind)))


def days(town: Town) -> list[BookingRequest]:
    """A request for each of five days, by another patient each."""
    return [
        town.booking_request(patient=number, start=MONDAY_9 + timedelta(days=number))
        for number in range(DAYS)
    ]


def test_bookings_of_one_group_are_all_there_with_what_belongs_to_each(database: Database) -> None:
    town = build_town(database, patients=DAYS)
    before = rows(database, AuditEvent), rows(database, OutboxMessage)
    statements: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    outcomes = booked_at_once(database, days(town))
    assert len(won(outcomes)) == rows(database, Appointment) == DAYS
    added = rows(database, AuditEvent) - before[0], rows(database, OutboxMessage) - before[1]
    assert added == (DAYS, DAYS)
    assert len([one for one in statements if one.startswith("INSERT INTO appointment ")]) == 1
    assert check.faults(database) == []


def test_of_several_for_one_time_one_wins(database: Database) -> None:
    town = build_town(database, patients=DAYS)
    outcomes = booked_at_once(
        database, [town.booking_request(patient=number) for number in range(DAYS)]
    )
    assert (len(won(outcomes)), sum(isinstance(one, SlotTaken) for one in outcomes)) == (
        1,
        DAYS - 1,
    )
    assert check.faults(database) == []


def test_control_if_none_disagreed_several_would_win(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "_agreeing", lambda parts: parts)
    town = build_town(database, patients=DAYS)
    requests = [town.booking_request(patient=number) for number in range(DAYS)]
    assert len(won(booked_at_once(database, requests))) == DAYS
    assert check.faults(database) != []


def test_what_is_no_longer_so_is_refused_and_the_others_are_booked(database: Database) -> None:
    town = build_town(database, patients=DAYS)

    def merge_one() -> None:
        left = update(Patient).where(Patient.id == town.patients[2]).values(active=False)
        database.run(lambda session: session.execute(left))

    outcomes = booked_at_once(database, days(town), merge_one)
    assert [type(one) for one in outcomes] == [
        *[Appointment] * 2,
        NotFound,
        *[Appointment] * 2,
    ]
    assert rows(database, AuditEvent) >= rows(database, Appointment) == DAYS - 1


def test_a_time_that_was_taken_meanwhile_is_refused(database: Database) -> None:
    town = build_town(database, patients=DAYS + 1)
    another = town.booking_request(patient=DAYS)
    outcomes = booked_at_once(
        database,
        days(town),
        lambda: database.run(lambda session: usecases.book(work(session, SYSTEM, NOW), another)),
    )
    assert [type(one) for one in outcomes] == [SlotTaken, *[Appointment] * (DAYS - 1)]
    assert check.faults(database) == []


def test_a_schedule_that_was_changed_meanwhile_is_looked_at_again(database: Database) -> None:
    town = build_town(database, patients=DAYS)
    outcomes = booked_at_once(database, days(town), lambda: close(database, town))
    assert [type(one) for one in outcomes] == [NotFound] * DAYS
    assert rows(database, Appointment) == 0


def close(database: Database, town: Town) -> None:
    """Deactivate the schedule at the hospital."""

    def end(session: Session) -> None:
        session.execute(
            update(Schedule).where(Schedule.id == town.gp_at_hospital).values(active=False)
        )
        mark_changed(session, "schedule", town.gp_at_hospital)

    database.run(end)


def test_so_is_one_that_the_process_has_just_read_for_the_first_time(
    sqlite_database: Database,
) -> None:
    town = build_town(sqlite_database)
    group = sqlite_database._group
    with ThreadPoolExecutor(1) as pool:
        with writing(group):
            first = pool.submit(book, sqlite_database, town.booking_request())
            while not group._ready:
                time.sleep(0.001)
            close(sqlite_database, town)
        assert isinstance(first.exception(), NotFound)


def test_what_is_refused_by_what_is_known_is_looked_up_again(sqlite_database: Database) -> None:
    """A schedule that this process has not read yet can be booked."""
    town = build_town(sqlite_database)
    warm(sqlite_database)

    def add(session: Session) -> int:
        newcomer = factories.practitioner(session, "Ann Lee").id
        return factories.schedule(session, town.clinic, practitioner_id=newcomer).id

    request = town.booking_request(schedule=sqlite_database.run(add))
    assert book(sqlite_database, request).schedule_id == request.schedule_id


def test_if_the_connection_breaks_at_the_commit_each_learns_what_became_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks after the commit: nobody is told that nothing was saved, or books twice."""
    town = build_town(database, patients=DAYS)
    write = database._group._write_all

    def break_off(parts: Sequence[Part]) -> None:
        write(parts)
        if len(parts) > 1:
            raise Unavailable(reason="gone", is_broken=True)

    monkeypatch.setattr(database._group, "_write_all", break_off)
    outcomes = booked_at_once(database, days(town))
    assert len(won(outcomes)) == rows(database, Appointment) == DAYS


def test_a_service_among_several_is_booked_in_a_group(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(sqlite_database)

    def offer(session: Session) -> int:
        service = factories.offered_service(session, town.hospital)
        factories.offer(session, town.gp_at_hospital, service)
        return service.id

    service_id = sqlite_database.run(offer)
    warm(sqlite_database)
    monkeypatch.setattr(Database, "_attempt", None)
    booked = book(sqlite_database, replace(town.booking_request(), service_id=service_id))
    assert booked.booked_service is not None
    assert booked.booked_service.id == service_id


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_what_a_silent_server_may_still_save_is_uncertain(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still with all that it was sent, and saves it when everybody has given up."""
    town = build_town(database, patients=DAYS)
    warm(database)
    monkeypatch.setattr(servers, "SILENT_AFTER", 1.5)  # longer than any answer takes
    monkeypatch.setattr(db, "LOOKS_WITHIN", 0.3)
    database.close()
    stopped: list[int] = []

    def stop(connection: Connection, _cursor: object, text: str, *_more: object) -> None:
        if text.startswith("INSERT INTO appointment ") and not stopped:
            driver: Any = connection.connection.driver_connection
            stopped.append(driver.info.backend_pid)
            os.kill(stopped[0], signal.SIGSTOP)

    event.listen(database.engine, "before_cursor_execute", stop)
    try:
        with pytest.raises(Uncertain):
            book(database, days(town)[0])
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    until = time.monotonic() + 20
    while rows(database, Appointment) == 0:
        assert time.monotonic() < until, "it was saved after all"


def test_what_a_patient_has_booked_is_counted_in_a_transaction(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(sqlite_database)
    groups: list[object] = []
    monkeypatch.setattr(sqlite_database._group, "_write_all", groups.append)
    booked = sqlite_database.run(
        lambda session: usecases.book(work(session, town.patient(), NOW), town.booking_request()),
        in_group=True,
    )
    assert (booked.patient_id, groups) == (town.patients[0], [])


DO_MORE: dict[str, Callable[[Session, Town], object]] = {
    "an object is added": lambda session, _town: session.add(Lock(name_hash="x")),
    "an object is changed": lambda session, town: setattr(
        session.get_one(Patient, town.patients[0]), "name", "Else"
    ),
    "a statement changes rows": lambda session, town: changed(
        session, update(Patient).where(Patient.id == town.patients[0]).values(active=False)
    ),
    "the session executes one": lambda session, town: session.execute(
        update(Patient).where(Patient.id == town.patients[0]).values(active=False)
    ),
    "a prepared one is executed": lambda session, _town: write_rows(
        session, inserting(Lock, ("name_hash",)), {"name_hash": "x"}
    ),
    "a row is locked": lambda session, town: session.get(
        Patient, town.patients[0], with_for_update=True
    ),
    "something is read after what is noted": lambda session, town: (
        add_row(session, Lock, name_hash="x"),
        session.get(Patient, town.patients[0]),
    ),
    "something is read after what is written": lambda session, town: (
        write_later(session, write_nothing, {1: 1}),
        session.get(Patient, town.patients[0]),
    ),
    "rows are read after what is written": lambda session, town: (
        write_later(session, write_nothing, {1: 1}),
        fetch(session, select(Patient.id)),
    ),
}


def write_nothing(_session: Session, _values: Any) -> None:
    """Stand for what writes."""


@pytest.mark.parametrize("more", DO_MORE)
def test_what_does_more_has_a_transaction_of_its_own(
    sqlite_database: Database, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(sqlite_database)
    groups: list[object] = []
    monkeypatch.setattr(sqlite_database._group, "_write_all", groups.append)
    kinds = []

    def do(session: Session) -> None:
        kinds.append(is_in_group(session))
        DO_MORE[more](session, town)

    sqlite_database.run(do, in_group=True)
    assert (kinds, groups) == ([True, False], [])
