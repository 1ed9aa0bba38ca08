"""Free times of 1,000 schedules over 90 days, read from PostgreSQL: of a service that needs nothing
else, and of one that needs a machine and a radiographer.
"""

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

import engines
import factories
from bench import servers
from bench.network import found
from engines import DATA_KEYS
from openslot.booking import slots
from openslot.core import clock
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Diary, RoomKind
from openslot.migrations import run as migrations
from openslot.resources.commands import (
    GroupDetails,
    NeedDetails,
    RoomDetails,
    create_group,
    create_room,
    set_needs,
)
from openslot.schedules import known
from openslot.schedules.availability import Window, window_over
from openslot.schedules.models import DiaryPage, OfferedService
from working import work

SCHEDULES, CENTRES, MEMBERS, DAYS, ROUNDS = 1_000, 50, 5, 90, 7
"""Each centre has MEMBERS machines and as many radiographers."""

BOOKED = 0.6
"""The share of half hours that are taken in each diary."""


def figures() -> Iterator[str]:
    """The figure as a line."""
    with servers.folder() as folder, servers.postgresql(folder) as url:
        database = Database(url.format(database="postgres"), DATA_KEYS)
        migrations.upgrade(database.engine)
        network = Settings(_env_file=None, data_dir=folder / "data")
        found(database, network, centres=CENTRES, practitioners=SCHEDULES, patients=1)
        window = window_over(clock.now(), clock.now() + timedelta(days=DAYS))
        alone, with_needs = database.run(lambda session: _fill(session, window))
        (before, few), (after, more) = (
            _measured(database, service, window) for service in (alone, with_needs)
        )
        database.close()
    yield (
        f"free times of {SCHEDULES:,} schedules over {DAYS} days: median {before:.0f} ms in {few} "
        f"statements; with two needs {after:.0f} ms in {more}, {after / before:.1f} times as long"
    )


def _fill(session: Session, window: Window) -> tuple[int, int]:
    """Write both services, what the second needs, and the diaries; the services' ids."""
    now = clock.now()
    unit = work(session, SYSTEM, now)
    alone = factories.offered_service(session, None, "Talk", now=now).id
    with_needs = factories.offered_service(session, None, "Scan", now=now).id
    for centre in range(1, CENTRES + 1):
        for number in range(MEMBERS):
            person = factories.practitioner(session, f"Ray {number}", "Radiographer", now=now)
            factories.schedule(session, centre, practitioner_id=person.id, now=now)
        machines = tuple(
            create_room(unit, centre, RoomDetails(name=f"CT {number}", kind=RoomKind.DEVICE)).id
            for number in range(MEMBERS)
        )
        create_group(unit, centre, GroupDetails(name="Scanners", resources=machines))
    needs = [NeedDetails(group_name="Scanners"), NeedDetails(profession="Radiographer")]
    set_needs(unit, with_needs, needs)
    session.execute(
        insert(OfferedService),
        [
            {"schedule_id": schedule, "service_id": service, "position": position}
            for schedule in range(1, SCHEDULES + 1)
            for position, service in enumerate((alone, with_needs))
        ],
    )
    session.execute(insert(DiaryPage), list(_pages(session, window)))
    return alone, with_needs


def _pages(session: Session, window: Window) -> Iterator[dict[str, object]]:
    chance, half_hour = random.Random(1), 0b111111
    working = Diary.kind.in_(["practitioner", "room"])
    for diary in session.scalars(select(Diary.id).where(working)).all():
        for day in range(window.first, window.first + window.days):
            taken = sum(half_hour << 6 * at for at in range(48) if chance.random() < BOOKED)
            page = taken.to_bytes(36, "little")
            yield {"diary_id": diary, "day": day, "taken": page, "version": 1}


def _measured(database: Database, service: int, window: Window) -> tuple[float, int]:
    """Milliseconds of the median round, and statements of one; the first is not counted."""

    def search(session: Session) -> None:
        places = {
            key: place
            for key, bookable in known.bookable(session).items()
            if (place := bookable.place.offering(service)) is not None and key <= SCHEDULES
        }
        assert len(places) == SCHEDULES
        free = slots.free_starts(work(session, SYSTEM, clock.now()), places, window)
        assert any(free.values())

    database.read(search)
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with engines.counting(database) as counted:
            database.read(search)
        took.append((time.perf_counter() - began) * 1000)
    return median(took), counted.count
