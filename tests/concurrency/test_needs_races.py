"""Races for what services need, on every engine: a machine is never used twice at one time.

The control shows that they can fail: without the compare-and-set there are more winners.
"""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from engines import SERVERS
from factories import HALF_HOUR, MONDAY_9, NOW
from imaging import need
from openslot.booking import check, needs
from openslot.booking import commands as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import SlotTaken
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory.models import RoomKind
from openslot.resources import queries
from openslot.resources.commands import (
    GroupDetails,
    RoomDetails,
    create_group,
    create_room,
)
from openslot.schedules.models import Schedule
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


def class_and_clinics(database: Database, count: int) -> list[BookingRequest]:
    """Requests of so many patients for Monday at nine that need one machine: in turn for a place in
    one class, and alone at practitioners of their own."""
    requests = clinics(database, count, machines=1)

    def add_class(session: Session) -> int:
        centre = session.get_one(Schedule, requests[0].schedule_id).centre_id
        lesson = factories.offered_service(session, centre, "Class", minutes=30, places=count)
        (group,) = queries.groups(session)
        need(session, lesson.id, group.row.id)
        factories.offer(session, requests[0].schedule_id, lesson)
        return lesson.id

    lesson = database.run(add_class)
    together = {"schedule_id": requests[0].schedule_id, "service_id": lesson}
    return [one if number % 2 else replace(one, **together) for number, one in enumerate(requests)]


@pytest.mark.parametrize("engine_name", SERVERS, indirect=True)
def test_who_looked_before_a_class_was_made_has_a_place_in_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, second, _ = class_and_clinics(database, 4)
    look, made = needs._joins, []

    def look_before(*place: Any) -> bool:
        found = look(*place)
        if not made:
            made.append(second)
            book_all(database, [second])
        return found

    monkeypatch.setattr(needs, "_joins", look_before)
    assert len(won(book_all(database, [first]))) == 1
    assert check.faults(database) == []


def kinds_of(outcomes: list[Outcome]) -> set[bool]:
    """Whether the winners are in the class."""
    return {one.session_id is not None for one in won(outcomes)}


def test_a_class_and_single_bookings_never_use_one_machine_at_once(database: Database) -> None:
    outcomes = book_all(database, class_and_clinics(database, RACERS))
    (is_class,) = kinds_of(outcomes)
    assert len(won(outcomes)) == (RACERS // 2 if is_class else 1)
    assert all(isinstance(one, SlotTaken) for one in outcomes if one not in won(outcomes))
    assert check.faults(database) == []


def test_control_without_the_compare_and_set_a_class_uses_what_others_use(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = class_and_clinics(database, FEW)[:2]
    # The pages are there already: making one twice would be stopped by its primary key.
    for number, request in enumerate(requests):
        earlier = replace(request, start=MONDAY_9 + (1 + number) * HALF_HOUR)
        (made,) = book_all(database, [earlier])
        assert isinstance(made, Appointment)
        database.run(
            lambda session, made=made: booking.change_status(
                work(session, SYSTEM, NOW), made.id, Status.CANCELLED
            )
        )
    without_compare_and_set(database, monkeypatch, 2)
    outcomes = book_all(database, requests)
    assert kinds_of(outcomes) == {True, False}
    assert check.faults(database) != []


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
