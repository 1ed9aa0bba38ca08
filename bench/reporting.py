"""The reports of a network with 10,000 appointments in 26 weeks, read from an embedded database.

What is counted is the time of the processor, since other work may share it.
"""

import random
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sqlalchemy import insert
from sqlalchemy.orm import Session

import factories
from engines import DATA_KEYS
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.migrations import run as migrations
from openslot.reports import queries
from openslot.reports.answers import Answers, answers
from openslot.reports.rules import Group, Period, Question, Scope
from working import work

APPOINTMENTS, PRACTITIONERS, CENTRES, ROUNDS = 10_000, 60, 6, 7
PERIOD = Period(date(2026, 5, 18), date(2026, 11, 15))
NOW = datetime(2026, 11, 18, tzinfo=UTC)


def figures() -> Iterator[str]:
    """Each figure as a line."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.sqlite3'}", DATA_KEYS)
        migrations.upgrade(database.engine)
        database.run(_fill)
        for group in Group:
            spread = _measured(database, Question(Scope(), PERIOD, group))
            yield f"all reports of {APPOINTMENTS:,} appointments by {group}: {spread}"
        database.close()


def _fill(session: Session) -> None:
    chance = random.Random(1)
    schedules = [_schedule(session, number) for number in range(PRACTITIONERS)]
    session.execute(
        insert(Appointment), [_appointment(chance, schedules) for _ in range(APPOINTMENTS)]
    )


def _schedule(session: Session, number: int) -> tuple[int, int]:
    """A schedule, and the diary that its appointments are claimed in."""
    if number < CENTRES:
        zone = ("Australia/Sydney", "Australia/Perth")[number % 2]
        factories.centre(session, f"Centre {number}", time_zone=zone, now=NOW)
    profession = ("GP", "Dentist")[number % 2]
    person = factories.practitioner(session, f"Person {number}", profession, now=NOW)
    schedule = factories.schedule(session, number % CENTRES + 1, practitioner_id=person.id, now=NOW)
    return schedule.id, person.diary_id


def _appointment(chance: random.Random, schedules: list[tuple[int, int]]) -> dict[str, object]:
    schedule_id, diary_id = chance.choice(schedules)
    starts = datetime(2026, 5, 18, tzinfo=UTC) + timedelta(minutes=30 * chance.randrange(8700))
    return {
        "id": new_id(),
        "schedule_id": schedule_id,
        "diary_id": diary_id,
        "starts_at": starts,
        "ends_at": starts + timedelta(minutes=30),
        "status": chance.choice([Status.FULFILLED, Status.NO_SHOW, Status.CANCELLED]),
        "priority": "routine",
        "extensions": 0,
        "offered": False,
        "version": 1,
        "created_at": starts - timedelta(days=chance.randrange(40)),
        "changed_at": starts,
    }


def _measured(database: Database, question: Question) -> str:
    def ask(session: Session) -> Answers:
        return answers(work(session, now=NOW), question, queries.offers(session, question.scope))

    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        assert database.read(ask).tallies.total.appointments > 0
        took.append((time.process_time() - began) * 1000)
    return f"median {median(took):.0f} ms ({min(took):.0f} to {max(took):.0f})"
