"""Cells: what the board calls free is what can be booked, and the rest has its reason."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session

from factories import NOW
from importing import found_demo
from openslot.booking import queries
from openslot.booking.cells import Use, appointment_cells, free_board, full_board
from openslot.booking.diaries import occupied
from openslot.booking.models import Appointment
from openslot.booking.moves import relation_to
from openslot.booking.queries import patients_seen_by, seen_by
from openslot.core.actor import Role
from openslot.core.db import Database
from openslot.directory.commands import actor_of
from openslot.directory.models import Patient
from openslot.identity.models import Account
from openslot.schedules import queries as schedules
from openslot.schedules.availability import mask_of, span_between, window_over
from openslot.schedules.models import Schedule
from openslot.schedules.rules import open_ticks
from working import work


def test_the_board_agrees_with_the_slots_and_with_the_appointments(database: Database) -> None:
    found_demo(database)
    window = window_over(NOW - timedelta(days=3), NOW + timedelta(days=12))
    with database.reading() as session:
        places = schedules.places(session)
        free = free_board(work(session, now=NOW), list(places.values()), window)
        full = full_board(work(session, now=NOW), list(places.values()), window)
        for key, mask in free.masks.items():
            assert full.masks[key] == mask
        seen = full.page(10**6)
        assert len(seen) == full.count() == len({one.key for one in seen})
        assert seen == sorted(seen)
        assert full.page(7, seen[9].key) == seen[10:17]
        for appointment in queries.appointments(session, queries.showing(NOW)):
            row, slot_ticks = appointment, appointment.schedule.slot_minutes // 5
            length = None if row.service_id else slot_ticks
            if row.diary_id is None:  # in a session, or beside another
                continue
            for tick, minutes in appointment_cells(
                *span_between(row.starts_at, row.ends_at), length
            ):
                if window.start <= tick < window.end and row.schedule_id in places:
                    found = full.only({(tick, row.schedule_id, minutes, 0): 0}).page(2)
                    assert [one.use for one in found] == [Use.BUSY]
        away = [one for one in seen if one.use is Use.UNAVAILABLE]
        for one in away:
            assert open_ticks(places[one.schedule_id], window) >> (one.tick - window.start) & 1
        absent = mask_of(
            [span for _, span in schedules.absent_spans(session, None, window)], window
        )
        assert away
        assert all(
            absent >> (one.tick - window.start) & (1 << one.minutes // 5) - 1 for one in away
        )


def test_what_the_search_shows_is_what_the_rules_give(sqlite_database: Database) -> None:
    found_demo(sqlite_database)
    with sqlite_database.reading() as session:
        everything = queries.appointments(session)
        for account in session.scalars(select(Account)):
            actor = actor_of(session, account, None)
            given = [one for one in everything if relation_to(actor, one)]
            shown = _ids(session, seen_by(actor, NOW))
            assert shown == {one.id for one in given}, account.email
            own = {actor.patient_id} - {None} | actor.dependents
            whose = () if actor.is_a(Role.PRACTITIONER) else given
            patients = {one.patient_id for one in whose} - {None} | own
            found = set(session.scalars(select(Patient.id).where(patients_seen_by(actor, NOW))))
            if account.role != "network-admin":
                assert found == patients, account.email


def _ids(session: Session, seen: queries.Condition) -> set[object]:
    query = select(Appointment.id).join(Schedule, Schedule.id == Appointment.schedule_id)
    return set(session.scalars(query.where(seen)))


def test_an_appointment_off_the_grid_is_one_cell_and_others_are_cut() -> None:
    assert list(appointment_cells(100, 112, 6)) == [(100, 30), (106, 30)]
    assert list(appointment_cells(100, 104, 6)) == [(100, 20)]


def test_what_takes_time_is_found_by_indexes(sqlite_database: Database) -> None:
    asked: list[tuple[str, Any]] = []
    with sqlite_database.reading() as session:
        connection = session.connection()

        @listens_for(connection, "before_cursor_execute")
        def note(_on: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            asked.append((statement, values))

        window = window_over(NOW, NOW + timedelta(days=30))
        occupied(work(session, now=NOW), window, [1, 2], [1])
        ((statement, values),) = asked
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        steps = [str(row[-1]) for row in plan]
    assert [step for step in steps if step.startswith("SCAN appointment")] == []
    assert any("ix_appointment_schedule_id" in step for step in steps), steps
