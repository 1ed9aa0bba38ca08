"""Of many who send a request with one key again, one does it, on every engine."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from entrypoints.programs import Program, with_key
from factories import NOW
from openslot.core import idempotency as kept
from openslot.core.db import Database
from openslot.core.idempotency import KeptAnswer
from openslot.directory.models import Patient
from openslot.entrypoints.api import idempotency
from racing import barrier, race
from serving import app_on

RACERS = 6
PATH = "/api/v1/patients"
ANN = {"name": "Ann Lee", "anyway": True}
LONG = timedelta(minutes=2)


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Iterator[Flask]:
    """The app on each engine."""
    with app_on(database, tmp_path) as app:
        yield app


def send(program: Program, key: str = "once") -> Any:
    return program.send("POST", PATH, ANN, Idempotency_Key=key)


def patients(database: Database) -> int:
    return database.read(lambda session: session.query(Patient).count())


def break_off(database: Database, status: int | None = None) -> None:
    """As if who did what was asked had died two minutes ago."""

    def work(session: Session) -> None:
        row = session.query(KeptAnswer).one()
        row.status, row.started_at = status, row.started_at - LONG

    database.run(work)


def test_a_request_that_was_broken_off_is_taken_over_by_one(app: Flask, database: Database) -> None:
    program = with_key(app, database, "*")
    assert send(program).status_code == 201
    break_off(database)
    others = [Program(app, program.token) for _ in range(RACERS)]
    answers = race(RACERS, lambda number: send(others[number]))
    done = [one for one in answers if one.status_code == 201]
    assert len({one.json["id"] for one in done}) == 1
    said = Counter(one.json["code"] for one in answers if one.status_code != 201)
    assert set(said) <= {"still-running"}
    assert patients(database) == 2


def taken_over(database: Database, looked: Barrier, take: Callable[[Session], bool]) -> bool:
    """Whether one who saw that it was broken off took it over."""
    seen = database.read(lambda session: kept.find(session, "owner", "key"))
    assert seen
    looked.wait()
    return database.run(take)


def test_of_all_who_saw_it_one_takes_it_over(database: Database) -> None:
    database.run(lambda session: kept.begin(session, "owner", "key", "-", now=NOW))

    def take(session: Session) -> bool:
        return kept.take_over(session, "owner", "key", started=NOW, now=NOW + LONG)

    looked = barrier(RACERS)
    outcomes = race(RACERS, lambda _: taken_over(database, looked, take))
    assert sorted(outcomes) == [False] * (RACERS - 1) + [True]


def test_control_without_the_compare_and_set_all_do(database: Database) -> None:
    database.run(lambda session: kept.begin(session, "owner", "key", "-", now=NOW))

    def take(session: Session) -> bool:
        session.execute(update(KeptAnswer).values(started_at=NOW + LONG))
        return True

    looked = barrier(RACERS)
    assert race(RACERS, lambda _: taken_over(database, looked, take)) == [True] * RACERS


def test_whoever_was_too_slow_does_nothing(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is taken over while it works: what it did is undone when it ends."""
    program = with_key(app, database, "*")
    mark = idempotency._mark_done

    def overtaken(session: Session, owner: str, key: str) -> None:
        session.execute(update(KeptAnswer).values(started_at=NOW))
        mark(session, owner, key)

    monkeypatch.setattr(idempotency, "_mark_done", overtaken)
    answer = send(program)
    assert (answer.status_code, answer.json["code"]) == (409, "still-running")
    assert patients(database) == 0


def test_what_was_done_and_not_answered_is_not_done_again(app: Flask, database: Database) -> None:
    program = with_key(app, database, "*")
    assert send(program).status_code == 201
    break_off(database, kept.UNANSWERED)
    again = send(program)
    assert (again.status_code, again.json["code"]) == (409, "answer-lost")
    assert patients(database) == 1
