"""Who books a service of a department: everybody, colleagues at the centre, or on request."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import commands as booking
from openslot.booking import errors
from openslot.booking.models import Appointment, Status
from openslot.booking.slots import Barrier, Booker
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden
from openslot.department_requests import commands as requests
from openslot.department_requests.details import RequestDetails
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import BookableBy, Service
from openslot.schedules import known
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.search.bookable import free_runs
from openslot.usecases import booking as usecases
from openslot.waiting_list import waiting
from openslot.waiting_list.details import WaitingDetails
from town import Town
from working import work

VISITOR = Actor(role=None)


def keep(database: Database, town: Town, bookable_by: BookableBy) -> None:
    def write(session: Session) -> None:
        schedule = session.get_one(Schedule, town.scan)
        service = session.get_one(Service, schedule.service_id)
        service.bookable_by = bookable_by
        mark_changed(session, "service", service.id)

    database.run(write)


def colleague(database: Database, town: Town) -> Actor:
    """Staff of another department of the hospital."""
    other = database.run(lambda session: factories.department(session, town.hospital, "Wards").id)
    return replace(town.clerk, department_id=other)


def book(database: Database, actor: Actor, request: booking.BookingRequest) -> Appointment:
    return database.run(lambda session: usecases.book(work(session, actor, NOW), request))


def test_patients_book_only_what_is_open_to_the_public(
    sqlite_database: Database, town: Town
) -> None:
    scan = town.booking_request(schedule=town.scan)
    for bookable_by in (BookableBy.COLLEAGUES, BookableBy.REQUEST):
        keep(sqlite_database, town, bookable_by)
        with pytest.raises(errors.NotForPatients) as caught:
            book(sqlite_database, town.patient(), scan)
        assert caught.value.code == "not-for-patients"
    keep(sqlite_database, town, BookableBy.PUBLIC)
    assert book(sqlite_database, town.patient(), scan).status is Status.BOOKED


def test_colleagues_book_at_once_or_send_a_request(sqlite_database: Database, town: Town) -> None:
    other = colleague(sqlite_database, town)
    scan = town.booking_request(schedule=town.scan)
    keep(sqlite_database, town, BookableBy.REQUEST)
    with pytest.raises(errors.OnRequest):
        book(sqlite_database, other, scan)
    elsewhere = Actor(role=Role.STAFF, centre_id=town.clinic)
    for bookable_by in (BookableBy.REQUEST, BookableBy.COLLEAGUES):
        keep(sqlite_database, town, bookable_by)
        with pytest.raises(Forbidden):
            book(sqlite_database, elsewhere, scan)
    assert book(sqlite_database, other, scan).status is Status.BOOKED


def test_the_department_and_administrators_book_what_others_request(
    sqlite_database: Database, town: Town
) -> None:
    keep(sqlite_database, town, BookableBy.REQUEST)
    bookers = (
        town.clerk,
        Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital),
        Actor(role=Role.NETWORK_ADMIN),
    )
    for number, actor in enumerate(bookers):
        start = MONDAY_9 + number * HALF_HOUR
        booked = book(sqlite_database, actor, town.booking_request(start, schedule=town.scan))
        assert booked.status is Status.BOOKED


@pytest.mark.parametrize("proposed", [False, True])
def test_a_request_that_is_agreed_on_books_the_service(
    sqlite_database: Database, town: Town, proposed: bool
) -> None:
    keep(sqlite_database, town, BookableBy.REQUEST)
    other = colleague(sqlite_database, town)
    service_id = sqlite_database.read(
        lambda session: schedules.subject(session, town.scan).service_id  # type: ignore[union-attr]
    )

    def agree(session: object) -> Status | None:
        asking = work(session, other, NOW)  # type: ignore[arg-type]
        asked = work(session, town.clerk, NOW)  # type: ignore[arg-type]
        details = RequestDetails(task="Scan", description="Fall")
        made = requests.make(asking, service_id or 0, details, start=MONDAY_9, minutes=30)
        if proposed:
            requests.propose(asked, made.id, MONDAY_9 + HALF_HOUR, answer=None)
            agreed = requests.agree(asking, made.id)
        else:
            agreed = requests.accept(asked, made.id)
        return agreed.appointment.status if agreed.appointment else None

    assert sqlite_database.run(agree) is Status.BOOKED


def test_patients_neither_move_into_it_nor_wait_for_it(
    sqlite_database: Database, town: Town
) -> None:
    booked = book(sqlite_database, town.patient(), town.booking_request(schedule=town.scan))
    keep(sqlite_database, town, BookableBy.REQUEST)
    with pytest.raises(errors.NotForPatients):
        sqlite_database.run(
            lambda session: booking.move(
                work(session, town.patient(), NOW, cutoff=timedelta(0)),
                booked.id,
                MONDAY_9 + HALF_HOUR,
            )
        )
    details = WaitingDetails(
        patient_id=town.patients[1],
        schedule_id=town.scan,
        minutes=30,
        starts_from=MONDAY_9,
        starts_until=MONDAY_9 + timedelta(days=1),
    )
    with pytest.raises(errors.NotForPatients):
        sqlite_database.run(
            lambda session: waiting.join(work(session, town.patient(1), NOW), details)
        )


def test_a_hold_is_not_confirmed_once_the_service_is_kept_for_colleagues(
    sqlite_database: Database, town: Town
) -> None:
    scan = town.booking_request(schedule=town.scan)
    held = sqlite_database.run(
        lambda session: usecases.hold(work(session, town.patient(), NOW), scan)
    )
    keep(sqlite_database, town, BookableBy.COLLEAGUES)
    with pytest.raises(errors.NotForPatients):
        sqlite_database.run(
            lambda session: usecases.book(work(session, town.patient(), NOW), scan, hold_id=held.id)
        )


def test_searches_show_times_only_of_what_the_reader_can_book(
    sqlite_database: Database, town: Town
) -> None:
    other = colleague(sqlite_database, town)

    def times(actor: Actor) -> int:
        def read(session: object) -> int:
            unit = work(session, actor, NOW)  # type: ignore[arg-type]
            scan = {town.scan: known.bookable(unit.session)[town.scan]}
            ends = MONDAY_9 + HALF_HOUR
            runs = free_runs(unit, scan, MONDAY_9, ends, minutes=None, limit=9)
            return sum(len(run.ticks) for run in runs)

        return sqlite_database.read(read)

    def barrier(actor: Actor) -> Barrier | None:
        places = sqlite_database.read(
            lambda session: schedules.places(session, Schedule.id == town.scan)
        )
        return Booker(actor).barrier(places[town.scan])

    seen = {
        BookableBy.PUBLIC: [(1, None), (1, None), (1, None)],
        BookableBy.COLLEAGUES: [(0, Barrier.COLLEAGUES), (1, None), (1, None)],
        BookableBy.REQUEST: [(0, Barrier.COLLEAGUES), (0, Barrier.ON_REQUEST), (1, None)],
    }
    for bookable_by, wanted in seen.items():
        keep(sqlite_database, town, bookable_by)
        assert [
            (times(actor), barrier(actor)) for actor in (VISITOR, other, town.clerk)
        ] == wanted, bookable_by
