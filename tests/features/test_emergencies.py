"""Time kept free for emergencies: who books an emergency into it, and that it stays kept free."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

import factories
from engines import Counted
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import absences, check, errors, slots
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Priority, Status
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden
from openslot.schedules import queries as schedules
from openslot.schedules.availability import window_over
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

WHY = "Chest pain since this morning"


def block(
    database: Database,
    town: Town,
    kind: AbsenceKind = AbsenceKind.KEPT_FREE,
    *,
    starts: datetime = MONDAY_9,
    slots_long: int = 4,
) -> None:
    details = AbsenceDetails(kind=kind, starts_at=starts, ends_at=starts + slots_long * HALF_HOUR)
    database.run(
        lambda session: absences.enter_absence(work(session, SYSTEM, NOW), town.gp, details)
    )


def book(database: Database, actor: Actor, request: booking.BookingRequest) -> Appointment:
    return database.run(lambda session: usecases.book(work(session, actor, NOW), request))


def emergency(
    town: Town, start: datetime = MONDAY_9, *, patient: int = 0
) -> booking.BookingRequest:
    return town.booking_request(start, patient=patient, reason=WHY, emergency=True)


def free(database: Database, town: Town, *, in_emergency: bool) -> list[datetime]:
    def read(session: object) -> list[datetime]:
        places = schedules.places(session, Schedule.id == town.gp_at_hospital)  # type: ignore[arg-type]
        if in_emergency:
            places = {key: place.for_emergency() for key, place in places.items()}
        found = slots.slots(
            work(session, town.doctor, NOW),
            places,
            MONDAY_9,
            MONDAY_9 + 4 * HALF_HOUR,  # type: ignore[arg-type]
        )
        return [slot.start for slot in found]

    return database.read(read)


def test_time_kept_free_of_many_is_read_in_as_many_statements_as_of_one(
    sqlite_database: Database,
    town: Town,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    block(sqlite_database, town)

    def count(*ids: int) -> int:
        def search(session: Session) -> None:
            places = schedules.places(session, Schedule.id.in_(ids))
            urgent = {key: place.for_emergency() for key, place in places.items()}
            window = window_over(MONDAY_9, MONDAY_9 + HALF_HOUR)
            assert all(slots.free_starts(work(session, SYSTEM, NOW), urgent, window).values())

        with statements(sqlite_database) as counted:
            sqlite_database.read(search)
        return counted.count

    one = count(town.gp_at_hospital)
    assert count(town.gp_at_hospital, town.physio_at_hospital, town.gp_at_clinic) == one


def administrator(town: Town) -> Actor:
    return Actor(role=Role.NETWORK_ADMIN)


GIVE_CARE: list[Callable[[Town], Actor]] = [
    lambda town: town.doctor,
    lambda town: town.clerk,
    administrator,
]


@pytest.mark.parametrize("who", GIVE_CARE, ids=["practitioner", "desk", "administrator"])
def test_those_who_give_care_there_book_an_emergency_with_a_word_why(
    database: Database, who: Callable[[Town], Actor]
) -> None:
    town = build_town(database)
    block(database, town)
    booked = book(database, who(town), emergency(town))
    assert (booked.status, booked.priority, booked.reason) == (Status.BOOKED, Priority.URGENT, WHY)
    events = database.read(lambda session: audit.events_of(session, booking.subject_of(booked.id)))
    (noted,) = [event for event in events if event.action == "appointment.emergency"]
    assert WHY not in str(noted.details), "erasing does not reach the audit"
    assert check.faults(database) == []


def test_others_do_not_book_time_kept_free(sqlite_database: Database, town: Town) -> None:
    block(sqlite_database, town)
    elsewhere = Actor(role=Role.STAFF, centre_id=town.clinic)
    colleague = Actor(role=Role.PRACTITIONER, practitioner_id=town.physio)
    for actor in (town.patient(), elsewhere, colleague):
        with pytest.raises(Forbidden):
            book(sqlite_database, actor, emergency(town))
    with pytest.raises(errors.EmergencyNotAllowed):
        book(sqlite_database, town.patient(), emergency(town, MONDAY_9 + 8 * HALF_HOUR))


def test_who_may_learns_how_and_everybody_else_that_nobody_is_there(
    sqlite_database: Database, town: Town
) -> None:
    block(sqlite_database, town)
    with pytest.raises(errors.KeptForEmergencies):
        book(sqlite_database, town.doctor, town.booking_request())
    with pytest.raises(errors.Absent):
        book(sqlite_database, town.patient(), town.booking_request())


def test_an_emergency_needs_a_word_why(sqlite_database: Database, town: Town) -> None:
    block(sqlite_database, town)
    with pytest.raises(errors.EmergencyNeedsReason) as caught:
        book(sqlite_database, town.doctor, town.booking_request(emergency=True))
    assert caught.value.field == "reason"


def test_leave_closures_and_other_appointments_stay_in_the_way_of_an_emergency(
    database: Database,
) -> None:
    town = build_town(database)
    book(database, town.patient(), town.booking_request())
    block(database, town)
    block(database, town, AbsenceKind.LEAVE, starts=MONDAY_9 + HALF_HOUR, slots_long=1)
    refused: list[tuple[type[DomainError], datetime]] = [
        (errors.SlotTaken, MONDAY_9),
        (errors.Absent, MONDAY_9 + HALF_HOUR),
    ]
    for error, start in refused:
        with pytest.raises(error):
            book(database, town.doctor, emergency(town, start, patient=1))
    assert free(database, town, in_emergency=True) == [
        MONDAY_9 + 2 * HALF_HOUR,
        MONDAY_9 + 3 * HALF_HOUR,
    ]
    assert check.faults(database) == []


def test_the_block_stays_around_an_emergency_and_when_it_is_cancelled(database: Database) -> None:
    town = build_town(database)
    block(database, town)
    assert free(database, town, in_emergency=False) == []
    booked = book(database, town.doctor, emergency(town))
    assert free(database, town, in_emergency=False) == []
    assert MONDAY_9 not in free(database, town, in_emergency=True)
    database.run(lambda session: factories.change_status(session, booked.id, Status.CANCELLED))
    assert free(database, town, in_emergency=False) == []
    assert MONDAY_9 in free(database, town, in_emergency=True)
    assert check.faults(database) == []


def test_a_hold_in_time_kept_free_is_confirmed_moved_and_replaced(database: Database) -> None:
    town = build_town(database)
    block(database, town)
    first = database.run(
        lambda session: usecases.hold(work(session, town.doctor, NOW), emergency(town))
    )
    again = database.run(
        lambda session: usecases.hold(
            work(session, town.doctor, NOW), emergency(town, MONDAY_9 + HALF_HOUR)
        )
    )
    assert first.id != again.id
    with pytest.raises(errors.KeptForEmergencies):
        database.run(
            lambda session: usecases.book(
                work(session, town.doctor, NOW),
                town.booking_request(MONDAY_9 + HALF_HOUR, reason=WHY),
                hold_id=again.id,
            )
        )
    confirmed = database.run(
        lambda session: usecases.book(
            work(session, town.doctor, NOW), emergency(town, MONDAY_9 + HALF_HOUR), hold_id=again.id
        )
    )
    assert confirmed.id == again.id
    assert free(database, town, in_emergency=False) == []
    assert check.faults(database) == []


def test_a_hold_that_ran_out_in_time_kept_free_is_free_for_an_emergency(
    database: Database,
) -> None:
    town = build_town(database)
    block(database, town)
    database.run(lambda session: usecases.hold(work(session, town.doctor, NOW), emergency(town)))
    later = NOW + timedelta(hours=1)
    booked = database.run(
        lambda session: usecases.book(work(session, town.doctor, later), emergency(town, patient=1))
    )
    assert booked.status is Status.BOOKED
    assert check.faults(database) == []
