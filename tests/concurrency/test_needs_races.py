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
from openslot.directory.models import RoomKind
from openslot.resources.commands import GroupDetails, RoomDetails, create_group, create_room
from openslot.usecases import booking as usecases
from racing import Outcome, attempt, race, without_compare_and_set, won
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
