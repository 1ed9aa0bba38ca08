"""Merging at the same moment as booking, cancelling and merging: one order or the other, on every
engine, and no time is taken twice or by nobody."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import check, commands, reassigning
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.directory.models import Patient, PatientMerge
from openslot.schedules import diaries
from openslot.usecases import merging
from racing import PATIENCE, meeting, race
from town import Town, build_town
from working import work

RACERS = 6


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database, patients=4)


def outcome(act: Callable[[], Any]) -> Any:
    """What came of it; anything but a refusal in words is an error of the test."""
    try:
        return act()
    except DomainError as refusal:
        return refusal


def merge(database: Database, into: Any, duplicate: Any) -> Any:
    return outcome(
        lambda: database.run(
            lambda session: merging.merge(work(session, SYSTEM, NOW), into, duplicate)
        )
    )


def book(database: Database, schedule: int, patient: Any, start: Any = MONDAY_9) -> Any:
    return outcome(
        lambda: database.run(
            lambda session: factories.appointment(session, schedule, start, patient)
        )
    )


def together(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """Let each of two threads write its first pages when both have read theirs."""
    if database.engine.dialect.name == "sqlite":  # which lets one write at a time
        return
    meet, write = meeting(2), diaries._compare_and_set

    def writing(session: Session, old: Any, new: Any) -> None:
        if new:
            meet()
        write(session, old, new)

    monkeypatch.setattr(diaries, "_compare_and_set", writing)


def of_merged(database: Database) -> list[Appointment]:
    """The appointments that a merged duplicate still has."""
    return database.read(
        lambda session: (
            session.query(Appointment)
            .join(Patient, Patient.id == Appointment.patient_id)
            .where(Patient.merged_into.is_not(None))
            .all()
        )
    )


@pytest.mark.parametrize("booked_for", [0, 1])
def test_a_booking_at_the_same_moment_moves_too_or_is_refused(
    database: Database, town: Town, booked_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(database, town.physio_at_hospital, town.patients[1])
    together(monkeypatch, database)
    start = MONDAY_9 + booked_for * HALF_HOUR
    steps: list[Callable[[], Any]] = [
        lambda: merge(database, town.patients[0], town.patients[1]),
        lambda: book(database, town.gp_at_hospital, town.patients[booked_for], start),
    ]
    merged, booked = race(2, lambda number: steps[number]())
    assert of_merged(database) == []
    assert check.faults(database) == []
    assert isinstance(merged, PatientMerge) or isinstance(booked, Appointment)


def test_a_booking_that_began_before_the_merge_and_claims_after_it_is_refused(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read that the patient is active; the merge was done before it read the diary."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    has_read, merged = threading.Event(), threading.Event()
    check_patient = commands.check_patient

    def wait(*arguments: Any) -> None:
        check_patient(*arguments)
        if threading.current_thread().name == "late" and not has_read.is_set():
            has_read.set()
            merged.wait(PATIENCE)

    monkeypatch.setattr(commands, "check_patient", wait)
    results: list[Any] = []

    def late() -> None:
        results.append(book(database, town.gp_at_hospital, town.patients[1]))

    booking = threading.Thread(target=late, name="late")
    booking.start()
    has_read.wait(PATIENCE)
    merge(database, town.patients[0], town.patients[1])
    merged.set()
    booking.join(PATIENCE)
    assert [getattr(one, "code", one) for one in results] == ["not-found"]
    assert of_merged(database) == []


def test_control_without_closing_the_diary_a_booking_is_left_behind(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A booking on a page that the merge does not write commits after the merge has looked."""
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    looked, booked = threading.Event(), threading.Event()
    monkeypatch.setattr(reassigning, "close_diary", lambda *_: None)
    ratings = merging._move_ratings

    def wait(*arguments: Any) -> None:
        looked.set()
        booked.wait(PATIENCE)
        ratings(*arguments)

    monkeypatch.setattr(merging, "_move_ratings", wait)
    merger = threading.Thread(target=merge, args=(database, town.patients[0], town.patients[1]))
    merger.start()
    looked.wait(PATIENCE)
    book(database, town.gp_at_hospital, town.patients[1])
    booked.set()
    merger.join(PATIENCE)
    assert len(of_merged(database)) == 1


def test_a_cancellation_at_the_same_moment_frees_the_time(
    database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    appointment = book(database, town.gp_at_hospital, town.patients[1])
    together(monkeypatch, database)
    steps: list[Callable[[], Any]] = [
        lambda: merge(database, town.patients[0], town.patients[1]),
        lambda: database.run(
            lambda s: factories.change_status(s, appointment.id, Status.CANCELLED, now=NOW)
        ),
    ]
    merged, cancelled = race(2, lambda number: steps[number]())
    assert isinstance(merged, PatientMerge)
    assert cancelled is None
    assert of_merged(database) == []
    assert check.faults(database) == []
    monkeypatch.undo()
    again = book(database, town.physio_at_hospital, town.patients[0])
    assert isinstance(again, Appointment)


def test_of_many_merges_of_one_duplicate_one_is_done(database: Database, town: Town) -> None:
    book(database, town.gp_at_hospital, town.patients[3])
    results = race(
        RACERS, lambda number: merge(database, town.patients[number % 3], town.patients[3])
    )
    assert sum(isinstance(one, PatientMerge) for one in results) == 1
    assert check.faults(database) == []


def test_of_many_who_undo_a_merge_one_does(database: Database, town: Town) -> None:
    book(database, town.gp_at_hospital, town.patients[1])
    row = merge(database, town.patients[0], town.patients[1])
    book(database, town.gp_at_hospital, town.patients[0], MONDAY_9 + 6 * HALF_HOUR)

    def undo(_number: int) -> Any:
        return outcome(
            lambda: database.run(
                lambda session: merging.unmerge(work(session, SYSTEM, NOW), row.id)
            )
        )

    results = race(RACERS, undo)
    assert sum(isinstance(one, PatientMerge) for one in results) == 1
    assert check.faults(database) == []
