"""The earliest free times of a network with many schedules are those of a search that reads all,
and as fresh."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from classes import Classes, offer_classes
from factories import MONDAY_9, NOW
from openslot.booking.sessions import commands as sessions
from openslot.booking.slots import Run
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory.models import Gender
from openslot.referrals.queries import booker
from openslot.schedules import diaries, known
from openslot.schedules.availability import DAY, Span, Weekly, tick_at
from openslot.schedules.commands import set_hours
from openslot.search import bookable, results, soonest
from openslot.search.bookable import free_runs
from openslot.search.filters import Filters
from openslot.search.nearby import Spot
from openslot.search.queries import Kind
from openslot.search.results import Directory, Order, Result, Search, find
from working import work

EVERYBODY = 10**9
"""A network of fewer is searched by reading the times of all."""

PEOPLE = frozenset[Kind]({"practitioner"})
EARLIEST = Search(order=Order.EARLIEST)
WANTED = [
    EARLIEST,
    replace(EARLIEST, kinds=PEOPLE, without_referral=True, page_size=4),
    replace(EARLIEST, page_size=3, page=2),
    replace(EARLIEST, page_size=100),
    replace(EARLIEST, text="gp"),
    replace(EARLIEST, text="visit", page_size=5),
    replace(EARLIEST, text="person randwick", page_size=4),
    replace(EARLIEST, filters=Filters(gender=Gender.FEMALE), page_size=4),
    replace(EARLIEST, filters=Filters(new_patients=True), page_size=4),
    replace(EARLIEST, spot=Spot(-33.9, 151.2), page_size=4),
]
MOMENTS = [
    NOW,
    MONDAY_9,
    MONDAY_9 + timedelta(minutes=2),
    MONDAY_9 + timedelta(hours=7, minutes=55),
    MONDAY_9 + timedelta(days=4, hours=12),
]


@pytest.fixture
def classes(sqlite_database: Database) -> Classes:
    """A network of 60 schedules of all kinds, which are taken for the most part."""
    classes = offer_classes(sqlite_database, patients=2)
    chance = Random(7)
    sqlite_database.run(lambda session: _fill(session, classes, chance))
    return classes


def _fill(session: Session, classes: Classes, chance: Random) -> None:
    town = classes.town
    perth = factories.centre(session, "Perth Clinic", suburb="Perth", time_zone="Australia/Perth")
    short = factories.offered_service(session, None, "Short visit", minutes=10)
    long = factories.offered_service(session, None, "Long visit", minutes=50, minutes_before=10)
    for number in range(54):
        profession = chance.choice(["GP", "Physiotherapist", "Specialist"])
        gender = chance.choice([*Gender, None])
        person = factories.practitioner(
            session, f"Person {number % 40}", profession, gender=gender, expertise="Dental"
        )
        opens = chance.choice([7 * 60, 9 * 60, 13 * 60 + 5])
        hours = [Weekly(day, opens, opens + 240) for day in chance.sample(range(7), 3)]
        schedule = factories.schedule(
            session,
            chance.choice([town.hospital, town.clinic, perth.id]),
            practitioner_id=person.id,
            hours=hours,
            slot_minutes=chance.choice([15, 20, 30]),
            notice_minutes=chance.choice([0, 0, 45, 24 * 60]),
            flush=chance.random() < 0.2,
        )
        if chance.random() < 0.3:
            factories.offer(session, schedule.id, *chance.sample([short, long], 2))
        diary, first = person.diary_id, tick_at(NOW) // DAY
        for day in range(chance.choice([0, 2, 8, 60])):
            start = (first + day) * DAY
            diaries.change(session, cover=[(diary, Span(start, start + DAY))])
        for _ in range(20):
            start = first * DAY + chance.randrange(14 * DAY)
            diaries.change(session, cover=[(diary, Span(start, start + chance.randrange(1, 60)))])


@pytest.fixture(params=[2, 10], ids=["two at first", "ten at first"])
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soonest, "FIRST_LOOK", request.param)
    monkeypatch.setattr(soonest, "WIDER", 2)


def found(
    database: Database,
    network: Directory,
    wanted: Search,
    now: datetime = NOW,
    patient: UUID | None = None,
) -> tuple[list[Result], int]:
    def read(session: Session) -> tuple[list[Result], int]:
        reading = work(session, now=now)
        who = booker(reading, patient) if patient else None
        page = find(reading, network, wanted, days=56, times=5, booker=who)
        return page.items, page.total

    return database.read(read)


@pytest.mark.usefixtures("look")
def test_the_earliest_results_are_those_of_a_search_that_reads_all(
    sqlite_database: Database, classes: Classes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_database.run(
        lambda session: sessions.make_session(
            work(session, SYSTEM, NOW),
            classes.town.gp_at_hospital,
            MONDAY_9 - timedelta(hours=3, minutes=25),
            service_id=classes.yoga,
        )
    )
    network = Directory()
    for patient in (None, classes.town.patients[0]):
        for now in MOMENTS:
            for wanted in WANTED:
                monkeypatch.setattr(results, "MANY", EVERYBODY)
                all_read = found(sqlite_database, network, wanted, now, patient)
                monkeypatch.setattr(results, "MANY", 0)
                assert found(sqlite_database, network, wanted, now, patient) == all_read


@pytest.mark.usefixtures("look")
def test_the_earliest_slots_are_those_of_a_search_that_reads_all(
    sqlite_database: Database, classes: Classes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs(session: Session, *, now: datetime, limit: int, minutes: int | None) -> list[Run]:
        every = known.bookable(session)
        ends = now + timedelta(days=28)
        return free_runs(
            work(session, now=now), every, now, ends, minutes=minutes, limit=limit, among=every
        )

    for now in MOMENTS:
        for limit, minutes in ((1, None), (4, 60), (30, None), (500, None)):
            asked = partial(runs, now=now, limit=limit, minutes=minutes)
            monkeypatch.setattr(bookable, "MANY", EVERYBODY)
            all_read = sqlite_database.read(asked)
            monkeypatch.setattr(bookable, "MANY", 0)
            assert sqlite_database.read(asked) == all_read


def test_the_earliest_of_many_are_as_fresh_as_of_few(
    sqlite_database: Database, classes: Classes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MANY", 0)
    network, wanted = Directory(), replace(EARLIEST, kinds=PEOPLE, page_size=1)
    schedule = classes.town.physio_at_hospital

    def first() -> tuple[str, datetime]:
        [result], _ = found(sqlite_database, network, wanted)
        return result.entry.name, result.slots[0].start

    def open_at(hour: int) -> None:
        hours = [Weekly(0, hour * 60, hour * 60 + 60)]
        sqlite_database.run(lambda session: set_hours(work(session, SYSTEM, NOW), schedule, hours))

    before = first()
    open_at(1)
    opened = MONDAY_9.replace(hour=1)
    assert first() == ("Ian Baker", opened), "a schedule that opens earlier is first at once"
    half = timedelta(minutes=30)
    for patient, start in zip(classes.town.patients, (opened, opened + half), strict=True):
        assert first() == ("Ian Baker", start)
        sqlite_database.run(
            lambda session, of=patient, at=start: factories.appointment(session, schedule, at, of)
        )
    assert first() == before, "what is booked is not shown"
