"""Whoever ranks higher and fits is never passed over: the sweep against a naive model."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import DATA_KEYS
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.models import Priority
from openslot.core.db import Database
from town import Town, build_town
from waitroom import appointment, assert_clean, book, expire_due, offers, wait

SLOTS = 4
"""So many half hours of Monday morning may be taken; windows run over into as many more."""

MOST = 7


@dataclass(frozen=True)
class Player:
    """Somebody who waits: for the GP at the hospital, at the clinic, or at either."""

    urgent: bool
    since: int
    where: int
    first: int
    slots: int


players = st.lists(
    st.builds(
        Player,
        urgent=st.booleans(),
        since=st.integers(0, 3),
        where=st.integers(0, 2),
        first=st.integers(0, SLOTS - 1),
        slots=st.integers(1, SLOTS),
    ),
    max_size=MOST,
)
taken = st.sets(st.integers(0, SLOTS - 1))


def start(slot: int) -> datetime:
    return MONDAY_9 + slot * HALF_HOUR


def expected(people: list[Player], busy: set[int]) -> dict[int, int]:
    """Which slot each is to be offered, the naive way: in order, the first that fits."""
    free = [slot for slot in range(2 * SLOTS) if slot not in busy]
    found = {}
    order = sorted(range(len(people)), key=lambda n: (not people[n].urgent, people[n].since, n))
    for number in order:
        one = people[number]
        fitting = [slot for slot in free if one.first <= slot < one.first + one.slots]
        if fitting:
            found[number] = fitting[0]
            # The GP is one person: a time that is kept at one centre is gone at the other.
            free.remove(fitting[0])
    return found


def play(database: Database, town: Town, people: list[Player], busy: set[int]) -> dict[int, int]:
    """What the system offers to whom."""
    for slot in busy:
        book(database, town, MOST, start(slot), second_appointment=True)
    entries = {}
    for number, one in enumerate(people):
        scope = [
            {"schedule_id": town.gp_at_hospital},
            {"schedule_id": town.gp_at_clinic},
            {"schedule_id": None, "practitioner_id": town.gp},
        ][one.where]
        entry = wait(
            database,
            town,
            number,
            by=town.doctor,
            **scope,
            priority=Priority.URGENT if one.urgent else Priority.ROUTINE,
            starts_from=start(one.first),
            starts_until=start(one.first + one.slots),
            now=NOW + timedelta(seconds=one.since),
        )
        entries[entry.id] = number
    expire_due(database, NOW + timedelta(minutes=1))
    slots = {start(slot): slot for slot in range(2 * SLOTS)}
    return {
        entries[one.entry_id]: slots[appointment(database, one.hold_id).starts_at]
        for one in offers(database)
        if one.entry_id
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(people=players, busy=taken)
def test_nobody_who_ranks_higher_and_fits_is_passed_over(
    sqlite_template: Path, people: list[Player], busy: set[int]
) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "fair.sqlite3"
        copyfile(sqlite_template, file)
        database = Database(f"sqlite:///{file}", DATA_KEYS)
        town = build_town(database, patients=MOST + 1)
        assert play(database, town, people, busy) == expected(people, busy)
        assert_clean(database)
        database.close()
