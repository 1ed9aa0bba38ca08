"""Lists that go on behind a key lose and repeat nothing, on every engine and among equal times."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from factories import MONDAY_9, NOW
from openslot.booking.absences import AbsenceDetails, enter_absence
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.department_requests import queries as requests
from openslot.directory import queries as directory
from openslot.schedules import queries as schedules
from openslot.schedules.models import AbsenceKind
from openslot.waiting_list import search
from town import build_town
from waitroom import wait
from wards import ask, build_wards
from working import work

Mark = tuple[datetime, UUID] | None
HOUR = timedelta(hours=1)


def pages(read: Callable[[Mark], Sequence[Any]], key: Callable[[Any], Mark]) -> list[Any]:
    """The list, read one by one."""
    found: list[Any] = []
    after: Mark = None
    while rows := read(after):
        assert len(found) < 20, "the list never ends"
        found.append(rows[0])
        after = key(rows[0])
    return found


def test_requests(database: Database) -> None:
    wards = build_wards(database)
    made = {ask(database, wards, start=MONDAY_9 + number * HOUR).id for number in range(3)}
    found = pages(
        lambda after: database.read(lambda session: requests.newest(session, after=after, limit=1)),
        lambda one: (one.created_at, one.id),
    )
    assert len(found) == 3
    assert {one.id for one in found} == made


def test_who_waits(database: Database) -> None:
    town = build_town(database)
    made = {
        wait(database, town).id,
        wait(database, town, schedule_id=None, profession="GP").id,
        wait(database, town, schedule_id=None, practitioner_id=town.gp).id,
    }
    found = pages(
        lambda after: database.read(
            lambda session: search.concerning(work(session, town.patient(0)), after=after, limit=1)
        ),
        lambda one: (one.entry.created_at, one.entry.id),
    )
    assert len(found) == 3
    assert {one.entry.id for one in found} == made


def test_absences(database: Database) -> None:
    town = build_town(database)

    def enter(ends: datetime) -> UUID:
        details = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=ends)
        return database.run(
            lambda session: enter_absence(work(session, SYSTEM, NOW), town.gp, details).id
        )

    made = {enter(MONDAY_9 + number * HOUR) for number in (1, 2, 3)}
    diary = database.read(lambda session: directory.practitioner(session, town.gp).diary_id)
    found = pages(
        lambda after: database.read(
            lambda session: schedules.absences(
                session, diary, NOW, MONDAY_9 + 9 * HOUR, after=after, limit=1
            )
        ),
        lambda one: (one.starts_at, one.id),
    )
    assert len(found) == 3
    assert {one.id for one in found} == made
