"""Races for what services need, on every engine: a machine is never used twice at one time.

The control shows that they can fail: without the compare-and-set there are more winners.
"""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from imaging import need
from openslot.booking import check
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import SlotTaken
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.directory import queries as directory
from openslot.directory.details import ServiceDetails
from openslot.directory.models import RoomKind
from openslot.resources import commands, queries
from openslot.resources.commands import (
    GroupDetails,
    RoomDetails,
    change_service,
    create_group,
    create_room,
)
from openslot.usecases import booking as usecases
from racing import Outcome, attempt, barrier, race, without_compare_and_set, won
from working import work

RACERS = 32
FEW = 8


def clinics(database: Database, count: int, machines: int) -> list[BookingRequest]:
    """Requests of so many patients at practitioners of their own, for Monday at nine. All need one
    of the machines; they book two services in turn."""

    def build(session: Session) -> list[BookingRequest]:
        unit, centre = work(session, SYSTEM, NOW), factories.centre(session).id
        rooms = [
            create_room(unit, centre, RoomDetails(name=f"MRI {number}", kind=RoomKind.DEVICE)).id
            for number in range(machines)
        ]
        group = create_group(unit, centre, GroupDetails(name="MRI", resources=tuple(rooms)))
        head = factories.offered_service(session, centre, "Head")
        knee = factories.offered_service(session, centre, "Knee")
        need(session, head.id, group.id)
        need(session, knee.id, resource=rooms[0])
        requests = []
        for number in range(count):
            person = factories.practitioner(session, f"Practitioner {number}").id
            schedule = factories.schedule(session, centre, practitioner_id=person).id
            factories.offer(session, schedule, head, knee)
            patient = factories.patient(session, f"Patient {number}").id
            service = head.id if machines > 1 or number % 2 else knee.id
            requests.append(BookingRequest(schedule, MONDAY_9, None, patient, service_id=service))
        return requests

    return database.run(build)


def book_all(database: Database, requests: list[BookingRequest]) -> list[Outcome]:
    return race(
        len(requests),
        lambda number: attempt(
            lambda: database.run(
                lambda session: usecases.book(work(session, SYSTEM, NOW), requests[number])
            )
        ),
    )


def machines_of(outcomes: list[Outcome]) -> list[str]:
    return sorted(one.row.name for appointment in won(outcomes) for one in appointment.resources)


def test_as_many_win_as_a_group_has_members_and_each_gets_its_own(database: Database) -> None:
    """Who loses the race for one takes the next, up to the last."""
    outcomes = book_all(database, clinics(database, RACERS, machines=3))
    assert machines_of(outcomes) == ["MRI 0", "MRI 1", "MRI 2"]
    assert all(isinstance(one, SlotTaken) for one in outcomes if one not in won(outcomes))
    assert check.faults(database) == []


def test_two_services_that_share_a_machine_take_turns(database: Database) -> None:
    outcomes = book_all(database, clinics(database, RACERS, machines=1))
    assert machines_of(outcomes) == ["MRI 0"]
    assert check.faults(database) == []


def places_and_needs(database: Database) -> list[DomainError | None]:
    """What becomes of giving a service places and needs at the same moment."""

    def build(session: Session) -> int:
        return factories.offered_service(session, None, "Class", minutes=30).id

    service_id = database.run(build)

    def give_places(session: Session) -> None:
        row = directory.service(session, service_id)
        details = ServiceDetails.model_validate(row, from_attributes=True)
        wanted = details.model_copy(update={"places": 8})
        change_service(work(session, SYSTEM, NOW), service_id, wanted)

    def give_needs(session: Session) -> None:
        need(session, service_id, profession="Physiotherapist")

    def act(number: int) -> DomainError | None:
        try:
            return database.run((give_places, give_needs)[number])
        except DomainError as refusal:
            return refusal

    return race(2, act)


def test_of_who_gives_a_service_places_and_who_gives_it_needs_one_is_refused(
    database: Database,
) -> None:
    outcomes = places_and_needs(database)
    assert sorted(type(one).__name__ for one in outcomes) == ["NeedsOfSession", "NoneType"]


def test_control_without_waiting_a_service_gets_both(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked before either writes; SQLite lets one write at a time."""
    if database.engine.dialect.name == "sqlite":
        monkeypatch.setattr(queries, "places_of", lambda *_: 1)
        monkeypatch.setattr(queries, "needs", lambda *_: {})
    else:
        monkeypatch.setattr(commands, "_lock_shape", lambda *_: None)
        met = barrier(2)
        for name in ("places_of", "needs"):
            look = getattr(queries, name)
            monkeypatch.setattr(
                queries, name, lambda *args, look=look: (look(*args), met.wait())[0]
            )
    assert places_and_needs(database) == [None, None]


def test_control_without_the_compare_and_set_one_machine_is_used_twice(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = clinics(database, FEW, machines=1)
    others = database.run(
        lambda session: [factories.patient(session, f"Other {n}").id for n in range(FEW)]
    )
    # The pages are there already: making one twice would be stopped by its primary key.
    for number, request in enumerate(requests):
        earlier = replace(request, start=MONDAY_9 + (1 + number) * HALF_HOUR)
        book_all(database, [replace(earlier, patient_id=others[number])])
    without_compare_and_set(database, monkeypatch, FEW)
    outcomes = book_all(database, requests)
    assert len(won(outcomes)) > 1
    assert check.faults(database) != []
