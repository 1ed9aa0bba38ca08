"""Locks: who looks and then adds is alone meanwhile, on every engine.

The control takes no lock, and both who looked before either had added go on.
"""

from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import engines
from factories import NOW
from openslot.core import audit
from openslot.core.actor import Actor
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.core.locks import Lock, lock
from racing import barrier, race
from working import work

RACERS = 8
MOST = 3

on_servers = pytest.mark.parametrize(
    "engine_name", [name for name in engines.engine_names() if name != "sqlite"], indirect=True
)
"""SQLite's writers wait for each other anyway."""


def counted(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def add_one_of_few(session: Session, looked: Barrier | None = None) -> bool:
    """Add a row if there are fewer than MOST."""
    room = counted(session) < MOST
    if looked:
        looked.wait()
    if room:
        audit.record(work(session, Actor(), NOW), "tested", "test:1")
    return room


def test_a_number_is_not_passed(database: Database) -> None:
    def act(session: Session) -> bool:
        lock(session, "few")
        return add_one_of_few(session)

    outcomes = race(RACERS, lambda _: database.run(act))
    assert sorted(outcomes) == [False] * (RACERS - MOST) + [True] * MOST
    assert database.read(counted) == MOST
    assert database.read(lambda session: session.query(Lock).count()) == 0


@on_servers
def test_control_without_a_lock_it_is(database: Database) -> None:
    looked = barrier(RACERS)
    outcomes = race(RACERS, lambda _: database.run(lambda session: add_one_of_few(session, looked)))
    assert outcomes == [True] * RACERS
    assert database.read(counted) == RACERS


@on_servers
def test_locks_of_other_names_do_not_wait(database: Database) -> None:
    """Both hold their lock at the same moment, or the barrier breaks."""
    both = barrier(2)

    def act(session: Session, number: int) -> int:
        lock(session, f"name {number}")
        return both.wait()

    outcomes = race(2, lambda number: database.run(lambda session: act(session, number)))
    assert sorted(outcomes) == [0, 1]
