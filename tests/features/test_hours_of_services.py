"""Hours that are for some of the services of a schedule only."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking import commands as booking
from openslot.booking import errors, slots
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.schedules import known
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import Offering, offer_services, set_hours
from openslot.schedules.errors import HoursNameIt, HoursNameOthers, HoursOverlap
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

HOUR = timedelta(hours=1)


class Offers(NamedTuple):
    """A town whose GP sees new patients at the hospital on Mondays from 9 to 11, and others until
    12."""

    town: Town
    review: int
    new: int


@pytest.fixture
def offers(database: Database) -> Offers:
    """Both services are 30 minutes."""
    town = build_town(database)

    def set_up(session: Session) -> tuple[int, int]:
        review = factories.offered_service(session, None, "Review", minutes=30)
        new = factories.offered_service(session, None, "New patient", minutes=30)
        factories.offer(session, town.gp_at_hospital, review, new)
        morning = [
            Weekly(0, 9 * 60, 11 * 60, services=(new.id,)),
            Weekly(0, 11 * 60, 12 * 60),
        ]
        set_hours(work(session, SYSTEM, NOW), town.gp_at_hospital, morning)
        return review.id, new.id

    return Offers(town, *database.run(set_up))


def starts(database: Database, offers: Offers, service: int | None) -> list[str]:
    def find(session: Session) -> list[str]:
        place = known.bookable(session)[offers.town.gp_at_hospital].place.offering(service)
        assert place is not None
        ends = MONDAY_9 + timedelta(hours=12)
        found = slots.slots(work(session, SYSTEM, NOW), {1: place}, MONDAY_9, ends)
        return [f"{slot.start:%H:%M}" for slot in found]

    return database.read(find)


def book(database: Database, offers: Offers, start: datetime, service: int | None) -> Appointment:
    request = replace(offers.town.booking_request(start), service_id=service)
    actor = offers.town.patient()
    return database.run(lambda session: usecases.book(work(session, actor, NOW), request))


def test_times_are_of_the_hours_that_are_for_the_service(
    database: Database, offers: Offers
) -> None:
    assert starts(database, offers, None) == ["11:00", "11:30"]
    every_half_hour = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]
    assert starts(database, offers, offers.new) == every_half_hour


def test_what_hours_are_kept_for_is_booked_in_them_and_nothing_else(
    database: Database, offers: Offers
) -> None:
    with pytest.raises(errors.HoursForOthers):
        book(database, offers, MONDAY_9, None)
    appointment = book(database, offers, MONDAY_9 + 2 * HOUR, None)
    with pytest.raises(errors.HoursForOthers):
        database.run(
            lambda session: booking.move(
                work(session, offers.town.patient(), NOW), appointment.id, MONDAY_9
            )
        )
    with pytest.raises(errors.DailyLimitReached):
        book(database, offers, MONDAY_9, offers.new)


def test_hours_name_services_that_are_offered_there(sqlite_database: Database, town: Town) -> None:
    def name_another(session: Session) -> None:
        other = factories.offered_service(session, None, "Review", minutes=30)
        hours = [Weekly(0, 540, 600, services=(other.id,))]
        set_hours(work(session, SYSTEM, NOW), town.gp_at_hospital, hours)

    with pytest.raises(HoursNameOthers):
        sqlite_database.run(name_another)


def test_a_service_stays_offered_while_hours_are_only_for_it(
    database: Database, offers: Offers
) -> None:
    def offer_review(session: Session) -> None:
        offering = [Offering(service_id=offers.review)]
        offer_services(work(session, SYSTEM, NOW), offers.town.gp_at_hospital, offering)

    with pytest.raises(HoursNameIt) as caught:
        database.run(offer_review)
    assert "New patient" in str(caught.value)


def test_one_time_is_in_one_period_whatever_it_is_for(database: Database, offers: Offers) -> None:
    overlapping = [
        Weekly(0, 540, 660, services=(offers.new,)),
        Weekly(0, 600, 720, services=(offers.review,)),
    ]
    with pytest.raises(HoursOverlap):
        database.run(
            lambda session: set_hours(
                work(session, SYSTEM, NOW), offers.town.gp_at_hospital, overlapping
            )
        )
