"""A health network for measurements, made from a seed and written in bulk.

Half-hour times from 9 to 15 on the weekdays: those of the first two weeks are nearly full once
each practitioner has 100 appointments, those after them are free. Appointments beyond that are of
the past.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, delete, insert, select
from sqlalchemy.orm import Session

import factories
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.rules import day_key
from openslot.core.actor import SYSTEM, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.core.tables import Base
from openslot.core.work import Work
from openslot.directory.models import (
    Centre,
    CentreType,
    Diary,
    DirectoryVersion,
    Patient,
    Practitioner,
)
from openslot.identity.keys import create_key
from openslot.notifications.feeds import make_feed
from openslot.schedules.availability import span_between, tick_at
from openslot.schedules.diaries import pages_of
from openslot.schedules.models import DiaryPage, OpeningHours, Schedule

ZONE = ZoneInfo("Australia/Sydney")
OPENS, CLOSES, MINUTES, SHORT = 9 * 60, 15 * 60, 30, 15
NEARLY_FULL = 100
"""Appointments of each practitioner in the 120 times of the next two weeks."""

AT_ONCE = 20_000
NAMES = ("Ann", "Ben", "Chloe", "Dev", "Emma", "Farid", "Grace", "Huong", "Ivan", "Jing", "Karim")
SURNAMES = ("Nguyen", "Smith", "Patel", "Garcia", "Kaya", "Rossi", "Cohen", "Novak", "Haddad")
SUBURBS = ("Randwick", "Kensington", "Bondi", "Coogee", "Maroubra", "Redfern", "Newtown", "Glebe")


@dataclass
class Network:
    """What a network consists of, and where its next bookings go."""

    centres: int
    practitioners: int
    patients: list[UUID]
    key: str
    feed: str = ""
    """The secret part of the address of the first practitioner's calendar."""
    appointments: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    used: set[tuple[UUID | int, int]] = field(default_factory=set)
    """Whose time is taken when, and which patient comes to which practitioner."""

    def diary_of_practitioner(self, practitioner: int) -> int:
        """Return the diary of the practitioner with this id."""
        return self.centres + practitioner

    def diary_of_patient(self, number: int) -> int:
        """Return the diary of the patient at this place of the list."""
        return self.centres + self.practitioners + number + 1


def found(
    database: Database, settings: Settings, *, centres: int, practitioners: int, patients: int
) -> Network:
    """Write a network without appointments into an empty database."""
    chance = random.Random(1)
    network = Network(centres, practitioners, [new_id() for _ in range(patients)], "")
    now = datetime.now(UTC)
    count = centres + practitioners + patients
    kinds = ["centre"] * centres + ["practitioner"] * practitioners + ["patient"] * patients
    _write(database, Diary, ({"id": i + 1, "kind": kinds[i]} for i in range(count)))
    _write(database, Centre, (_centre(chance, number) for number in range(1, centres + 1)))
    people = range(1, practitioners + 1)
    _write(database, Practitioner, (_practitioner(chance, network, one) for one in people))
    _write(database, Patient, (_patient(chance, network, one, now) for one in range(patients)))
    _write(database, Schedule, (_schedule(network, one) for one in people))
    _write(database, OpeningHours, (_hours(one, day) for one in people for day in range(5)))

    def finish(session: Session) -> tuple[str, str]:
        if session.get(DirectoryVersion, 1) is None:
            session.add(DirectoryVersion(id=1, number=1))
        work = Work(session, SYSTEM, now, settings)
        reader = factories.account(session, "first@bench.example", Role.PRACTITIONER, now=now)
        session.get_one(Practitioner, 1).account_id = reader.id
        return create_key(work, "measurements", ["*"], [])[1], make_feed(work, reader.id)

    network.key, network.feed = database.run(finish)
    return network


def book_until(database: Database, network: Network, total: int) -> None:
    """Add appointments until the network has ``total``, and their time in the diaries."""
    ahead = list(times(_today() + timedelta(days=1), 120))
    behind = list(reversed(list(times(_today() - timedelta(days=700), 12 * 480))))
    pages: dict[tuple[int, int], int] = {}
    chance, people = network.chance, network.practitioners

    def rows() -> Iterator[Mapping[str, Any]]:
        for number in range(network.appointments, total):
            practitioner, turn = number % people + 1, number // people
            is_ahead = turn < NEARLY_FULL
            # The times of a practitioner in an order of its own, each of them once.
            among = ahead if is_ahead else behind
            place = turn if is_ahead else turn - NEARLY_FULL
            start = among[(place * 7 + practitioner * 11) % len(among)]
            yield _appointment(network, practitioner, start, is_ahead, pages, chance)

    _write(database, Appointment, rows())
    network.appointments = total
    _merge_pages(database, pages)


def free_times(network: Network) -> Iterator[tuple[int, datetime, UUID]]:
    """Yield what can be booked, in a random order: schedule, start and patient, each once."""
    starts = list(times(_today() + timedelta(days=20), 12 * 40))
    while True:
        practitioner = network.chance.randint(1, network.practitioners)
        start = network.chance.choice(starts)
        patient = network.chance.choice(network.patients)
        tick = tick_at(start)
        if (practitioner, tick) not in network.used and _takes(
            network, patient, practitioner, start
        ):
            network.used.add((practitioner, tick))
            yield practitioner, start, patient


def has_short_slots(practitioner: int) -> bool:
    """Return whether the slots are those of the doctor-schedule service, as of every tenth."""
    return practitioner % 10 == 0


def _today() -> date:
    return datetime.now(ZONE).date()


def times(first: date, count: int) -> Iterator[datetime]:
    """Yield ``count`` starts on weekdays from ``first`` on."""
    days = (first + timedelta(days=number) for number in range(count))
    minutes = range(OPENS, CLOSES, MINUTES)
    starts = (
        datetime.combine(day, time(minute // 60, minute % 60), ZONE)
        for day in days
        if day.weekday() < 5
        for minute in minutes
    )
    return islice(starts, count)


def _takes(network: Network, patient: UUID, practitioner: int, start: datetime) -> bool:
    """Take a time for a patient, who has no other then and comes to a practitioner once; return
    False if that is not possible."""
    keys = {(patient, tick_at(start)), (patient, practitioner)}
    if keys & network.used:
        return False
    network.used |= keys
    return True


def _centre(chance: random.Random, number: int) -> dict[str, Any]:
    suburb = SUBURBS[number % len(SUBURBS)]
    kind = chance.choice(list(CentreType))
    return {
        "id": number,
        "diary_id": number,
        "name": f"{suburb} {kind} {number}",
        "type": kind,
        "suburb": suburb,
        "time_zone": ZONE.key,
        "active": True,
    }


def _practitioner(chance: random.Random, network: Network, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "diary_id": network.diary_of_practitioner(number),
        "name": _name(chance),
        "profession": "GP",
        "languages": "",
        "either_place": False,
        "active": True,
    }


def _patient(chance: random.Random, network: Network, number: int, now: datetime) -> dict[str, Any]:
    return {
        "id": network.patients[number],
        "diary_id": network.diary_of_patient(number),
        "name": _name(chance),
        "email": f"patient{number}@bench.example",
        "active": True,
        "created_at": now,
    }


def _name(chance: random.Random) -> str:
    return f"{chance.choice(NAMES)} {chance.choice(SURNAMES)}-{chance.choice(SURNAMES)}"


def _schedule(network: Network, practitioner: int) -> dict[str, Any]:
    return {
        "id": practitioner,
        "centre_id": practitioner % network.centres + 1,
        "practitioner_id": practitioner,
        "slot_minutes": SHORT if has_short_slots(practitioner) else MINUTES,
        "max_slots": 4,
        "notice_minutes": 0,
        "horizon_days": 180,
        "active": True,
    }


def _hours(schedule: int, weekday: int) -> dict[str, Any]:
    return {"schedule_id": schedule, "weekday": weekday, "starts": OPENS, "ends": CLOSES}


def fill_day(database: Database, network: Network, starts: Sequence[datetime]) -> None:
    """Book short appointments at half of the starts of a day with each practitioner; those that
    are over were kept."""
    pages: dict[tuple[int, int], int] = {}
    places = [
        (practitioner, number, start)
        for practitioner in range(1, network.practitioners + 1)
        for number, start in enumerate(starts)
        if (practitioner + number) % 2
    ]
    now = datetime.now(UTC)
    rows = [
        _row(
            network,
            practitioner,
            (practitioner + number * network.practitioners) % len(network.patients),
            (start, start + timedelta(minutes=SHORT)),
            start > now - timedelta(minutes=SHORT),
            pages,
        )
        for practitioner, number, start in places
    ]
    _write(database, Appointment, rows)
    _merge_pages(database, pages)


def _appointment(
    network: Network,
    practitioner: int,
    start: datetime,
    is_ahead: bool,
    pages: dict[tuple[int, int], int],
    chance: random.Random,
) -> dict[str, Any]:
    number = chance.randrange(len(network.patients))
    while not _takes(network, network.patients[number], practitioner, start):
        number = chance.randrange(len(network.patients))
    times = (start, start + timedelta(minutes=MINUTES))
    return _row(network, practitioner, number, times, is_ahead, pages)


def _row(
    network: Network,
    practitioner: int,
    number: int,
    times: tuple[datetime, datetime],
    is_ahead: bool,
    pages: dict[tuple[int, int], int],
) -> dict[str, Any]:
    (start, end), patient = times, network.patients[number]
    diary, patient_diary = (
        network.diary_of_practitioner(practitioner),
        network.diary_of_patient(number),
    )
    span = span_between(start, end)
    for key, mask in pages_of([(diary, span), (patient_diary, span)]).items():
        pages[key] = pages.get(key, 0) | mask
    made = datetime.now(UTC)
    return {
        "id": new_id(),
        "schedule_id": practitioner,
        "patient_id": patient,
        "diary_id": diary,
        "patient_diary_id": patient_diary,
        "starts_at": start,
        "ends_at": end,
        "status": Status.BOOKED if is_ahead else Status.FULFILLED,
        "priority": Priority.ROUTINE,
        "extensions": 0,
        "offered": False,
        "one_a_day": day_key(patient, practitioner, ZONE, start) if is_ahead else None,
        "version": 1,
        "created_at": made,
        "by_program": False,
        "changed_at": made,
    }


def _merge_pages(database: Database, pages: Mapping[tuple[int, int], int]) -> None:
    """Write the time of new appointments to pages, which may have time of older ones."""

    def old(session: Session) -> dict[tuple[int, int], int]:
        columns = (DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken)
        return {
            (diary, day): int.from_bytes(taken, "little")
            for diary, day, taken in session.execute(select(*columns))
        }

    before = database.read(old)
    database.run(lambda session: session.execute(delete(DiaryPage)))
    merged = {key: before.get(key, 0) | pages.get(key, 0) for key in before.keys() | pages.keys()}
    _write(
        database,
        DiaryPage,
        (
            {"diary_id": diary, "day": day, "taken": mask.to_bytes(36, "little"), "version": 1}
            for (diary, day), mask in sorted(merged.items())
        ),
    )


def _write(database: Database, table: type[Base], rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows, some thousands in a transaction."""
    waiting = iter(rows)
    while batch := list(islice(waiting, AT_ONCE)):
        database.run(partial(Session.execute, statement=insert(table), params=batch))
    ids = table.__table__.columns.get("id")
    is_numbered = ids is not None and isinstance(ids.type, Integer) and ids.autoincrement
    if database.engine.dialect.name == "postgresql" and is_numbered:
        database.run(lambda session: _go_on_after(session, table.__tablename__))


def _go_on_after(session: Session, table: str) -> None:
    """Let the ids that PostgreSQL gives begin after those that were written."""
    last = f"(SELECT max(id) FROM {table})"
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    session.connection().exec_driver_sql(f"SELECT setval({sequence}, {last})")
