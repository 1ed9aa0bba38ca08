"""Statements that go to the driver themselves do what SQLAlchemy would."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Pipeline
from sqlalchemy import bindparam, inspect, literal, select
from sqlalchemy.orm import Session

import factories
from openslot.booking.patients.queries import patient_with
from openslot.core import sqlite
from openslot.core.db import Database, read_rows
from openslot.core.errors import Conflict, TookTooLong
from openslot.core.outbox import OutboxMessage, State
from openslot.core.rows import add_row, write_new
from openslot.core.statements import Prepared
from openslot.core.tables import Base
from openslot.directory.models import Diary, Patient

NOW = datetime(2026, 3, 1, 9, 30, 0, 123456, UTC)
ONE, TWO = (UUID(f"01900000-0000-7000-8000-00000000000{number}") for number in (1, 2))


VALUES = {"topic": "t", "payload": {"to": "Aroha"}, "created_at": NOW, "due_at": NOW}


def message(session: Session) -> OutboxMessage:
    return write_new(session, OutboxMessage, id=ONE, **VALUES)


def columns(row: Base) -> dict[str, Any]:
    names = inspect(type(row)).columns.keys()
    return {name: getattr(row, name) for name in names}


def test_a_row_is_written_and_read_as_an_object_is(database: Database) -> None:
    written = database.run(lambda session: columns(message(session)))
    read = database.read(lambda session: columns(session.get_one(OutboxMessage, ONE)))
    assert written == read
    assert (read["state"], read["attempts"], read["error"]) == (State.WAITING, 0, None)
    names = tuple(read)
    statement = Prepared(
        select(*(getattr(OutboxMessage, name) for name in names)).where(
            OutboxMessage.id == bindparam("id"), OutboxMessage.state == State.WAITING
        )
    )
    assert database.read(lambda session: read_rows(session, statement, {"id": ONE})) == [
        tuple(read.values())
    ]


def test_a_patient_is_the_one_that_the_session_reads(database: Database) -> None:
    def make(session: Session) -> UUID:
        return factories.patient(
            session,
            "Aroha",
            born=date(1980, 3, 31),
            phone="0400 123 456",
            medicare_number="2123 45670 1",
            now=NOW,
        ).id

    patient_id = database.run(make)
    found = database.read(lambda session: patient_with(session, patient_id, None)[0])
    assert found is not None
    assert columns(found) == database.read(
        lambda session: columns(session.get_one(Patient, patient_id))
    )


def test_what_is_to_be_written_is_there_for_what_is_read_next(database: Database) -> None:
    by_id = Prepared(select(OutboxMessage.topic).where(OutboxMessage.id == bindparam("id")))

    def act(session: Session) -> list[tuple[Any, ...]]:
        message(session)
        return read_rows(session, by_id, {"id": ONE})

    assert database.run(act) == [("t",)]


ROW = {"id": TWO, "state": State.WAITING, "attempts": 0, **VALUES}


def twice(session: Session) -> None:
    for _ in range(2):
        add_row(session, OutboxMessage, **ROW)


def test_a_value_that_is_taken_is_refused_by_the_commit_too(database: Database) -> None:
    database.run(message)
    with pytest.raises(Conflict):
        database.run(message)
    with pytest.raises(Conflict):
        database.run(twice)
    assert database.read(lambda session: session.get(OutboxMessage, TWO)) is None


def test_a_connection_that_is_lost_after_the_commit_has_done_its_work(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(pipeline: Pipeline, _error: object) -> None:
        assert pipeline.status
        monkeypatch.undo()
        raise psycopg.OperationalError("cannot exit pipeline mode while busy")

    monkeypatch.setattr(Pipeline, "_exit", lost)
    database.run(lambda session: add_row(session, OutboxMessage, **ROW, proves=True))
    assert database.read(lambda session: session.get(OutboxMessage, TWO)) is not None


def test_a_reading_that_takes_too_long_while_its_rows_are_looked_for_is_ended(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "ANSWERS_WITHIN", 0.05)
    first = select(literal(1).label("n")).cte(recursive=True)
    numbers = first.union_all(select(first.c.n + 1).where(first.c.n < 100_000_000))
    rare = Prepared(select(numbers.c.n).where(numbers.c.n % 10_000_000 == 1))
    with pytest.raises(TookTooLong):
        sqlite_database.read(lambda session: read_rows(session, rare, {}))


def test_a_list_makes_no_statement_once(sqlite_database: Database) -> None:
    ids = bindparam("ids", expanding=True)
    statement = Prepared(select(Diary.id).where(Diary.id.in_(ids)))
    with pytest.raises(TypeError, match="made once"):
        sqlite_database.read(lambda session: read_rows(session, statement, {"ids": [1]}))
