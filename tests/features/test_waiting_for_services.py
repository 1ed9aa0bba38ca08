"""Waiting for a service: offered with its length, where it is offered, to whoever may book it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking import errors
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import Invalid
from openslot.directory.models import BookableBy
from openslot.schedules.commands import ScheduleDetails, change_schedule
from openslot.usecases import booking as usecases
from openslot.waiting_list.errors import AlreadyWaiting, NobodyOffersThis
from openslot.waiting_list.models import Waiting
from town import Town, build_town
from waitroom import (
    accept,
    appointment,
    assert_clean,
    cancel,
    entry,
    expire_due,
    offers,
    open_offer,
    wait,
)
from working import work

HOUR = timedelta(hours=1)


class Offers(NamedTuple):
    """A town whose GP offers a follow-up, a longer first appointment, and a review for staff."""

    town: Town
    short: int
    new: int
    review: int


@pytest.fixture
def clinic(sqlite_database: Database) -> Iterator[Offers]:
    town = build_town(sqlite_database)

    def set_up(session: Session) -> Offers:
        short = factories.offered_service(session, None, "Follow-up", minutes=30)
        new = factories.offered_service(
            session, town.hospital, "New patient", minutes=60, minutes_after=15
        )
        review = factories.offered_service(
            session, town.hospital, "Review", minutes=30, bookable_by=BookableBy.COLLEAGUES
        )
        factories.offer(session, town.gp_at_hospital, short, new, review)
        change_schedule(
            work(session, SYSTEM, NOW), town.gp_at_hospital, ScheduleDetails(step_minutes=30)
        )
        return Offers(town, short.id, new.id, review.id)

    yield sqlite_database.run(set_up)
    assert_clean(sqlite_database)


def take(
    database: Database, town: Town, patient: int, service: int, hours: float, now: datetime = NOW
) -> Appointment:
    """Book a service so many hours after nine on Monday."""
    request = replace(
        town.booking_request(MONDAY_9 + hours * HOUR, patient=patient),
        minutes=None,
        service_id=service,
    )
    return database.run(lambda session: usecases.book(work(session, SYSTEM, now), request))


def length(one: Appointment) -> timedelta:
    return one.ends_at - one.starts_at


def test_the_service_is_offered_with_its_length_and_margins(
    sqlite_database: Database, clinic: Offers
) -> None:
    database, town = sqlite_database, clinic.town
    taken = take(database, town, 0, clinic.new, 0)
    after = take(database, town, 1, clinic.short, 1.5)
    waits = wait(database, town, 2, service_id=clinic.new)
    assert waits.minutes == 60
    assert expire_due(database) == 0
    cancel(database, taken.id)
    assert expire_due(database) == 1
    offer = open_offer(database, waits)
    assert offer is not None
    accept(database, town.patient(2), offer.id)
    made = appointment(database, offer.hold_id)
    assert (made.service_id, length(made), made.busy_until) == (
        clinic.new,
        HOUR,
        MONDAY_9 + 1.25 * HOUR,
    )
    cancel(database, made.id)
    cancel(database, after.id)
    take(database, town, 1, clinic.short, 0.5)
    wait(database, town, 2, service_id=clinic.new)
    assert expire_due(database) == 0, "the half hour that is free is too short for it"
    wait(database, town, 2)
    assert expire_due(database) == 1
    assert [length(appointment(database, one.hold_id)) for one in offers(database)] == [HOUR / 2]


def test_an_earlier_time_is_for_what_the_appointment_is_for(
    sqlite_database: Database, clinic: Offers
) -> None:
    database, town = sqlite_database, clinic.town
    own = take(database, town, 0, clinic.new, 24)
    with pytest.raises(Invalid):
        wait(database, town, 0, appointment_id=own.id, service_id=clinic.short)
    waits = wait(database, town, 0, appointment_id=own.id)
    assert expire_due(database) == 1
    offer = open_offer(database, waits)
    assert offer is not None
    accept(database, town.patient(0), offer.id)
    moved = appointment(database, own.id)
    assert (moved.starts_at, moved.service_id, length(moved)) == (MONDAY_9, clinic.new, HOUR)


def test_an_appointment_from_before_there_were_services_is_replaced(
    sqlite_database: Database,
) -> None:
    database, town = sqlite_database, build_town(sqlite_database)

    def booked_before(session: Session) -> Appointment:
        later = MONDAY_9 + 24 * HOUR
        own = factories.appointment(session, town.gp_at_hospital, later, town.patients[0])
        short = factories.offered_service(session, None, "Follow-up", minutes=30)
        factories.offer(session, town.gp_at_hospital, short)
        return own

    wait(database, town, 0, appointment_id=database.run(booked_before).id)
    assert expire_due(database) == 1


def test_who_may_wait_for_a_service(sqlite_database: Database, clinic: Offers) -> None:
    database, town = sqlite_database, clinic.town
    with pytest.raises(NobodyOffersThis) as nobody:
        wait(database, town, service_id=999)
    assert nobody.value.field == "service_id"
    with pytest.raises(errors.NotForPatients):
        wait(database, town, service_id=clinic.review)
    wait(database, town, service_id=clinic.review, by=SYSTEM)
    wait(database, town, service_id=clinic.new)
    wait(database, town)
    with pytest.raises(AlreadyWaiting):
        wait(database, town, service_id=clinic.new)


def test_who_books_the_service_is_served_and_who_books_another_is_not(
    sqlite_database: Database, clinic: Offers
) -> None:
    database, town = sqlite_database, clinic.town
    span = {"starts_until": MONDAY_9 + 3 * HOUR, "service_id": clinic.new}
    waits, other = wait(database, town, 0, **span), wait(database, town, 1, **span)
    later = NOW + timedelta(minutes=5)
    take(database, town, 0, clinic.new, 0, later)
    take(database, town, 1, clinic.short, 2, later)
    expire_due(database, later)
    assert entry(database, waits).status == Waiting.SERVED
    assert entry(database, other).status == Waiting.WAITING
