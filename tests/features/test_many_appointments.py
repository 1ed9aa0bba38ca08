"""Rule: nobody fills a practice's calendar; what is beyond is booked at the desk."""

from dataclasses import replace
from datetime import timedelta

import pytest

from factories import MONDAY_9, NOW
from openslot.booking import commands
from openslot.booking.errors import TooManyUpcoming
from openslot.booking.models import Status
from openslot.core.actor import SYSTEM, Actor
from openslot.core.db import Database
from openslot.usecases.booking import book, hold
from town import Town
from working import work

LIMITS = {"most_upcoming": 3, "most_upcoming_with": 2}
DAY = timedelta(days=1)


def book_on(database: Database, town: Town, day: int, *, by: Actor, schedule: int) -> object:
    """Book the town's first patient on a weekday from Monday on, as a page does: held first."""
    request = town.booking_request(MONDAY_9 + day * DAY, schedule=schedule)
    held = database.run(lambda session: hold(work(session, by, NOW, **LIMITS), request))
    return database.run(
        lambda session: book(work(session, by, NOW, **LIMITS), request, hold_id=held.id)
    )


def test_a_patient_books_some_with_each_and_some_in_all(
    sqlite_database: Database, town: Town
) -> None:
    patient = town.patient()
    for day in (0, 1):
        book_on(sqlite_database, town, day, by=patient, schedule=town.gp_at_hospital)
    with pytest.raises(TooManyUpcoming, match="2 upcoming"):
        book_on(sqlite_database, town, 2, by=patient, schedule=town.gp_at_clinic)
    third = book_on(sqlite_database, town, 2, by=patient, schedule=town.physio_at_hospital)
    with pytest.raises(TooManyUpcoming, match="3 upcoming"):
        book_on(sqlite_database, town, 3, by=patient, schedule=town.scan)
    carer = replace(town.patient(1), dependents=frozenset({town.patients[0]}))
    with pytest.raises(TooManyUpcoming):
        book_on(sqlite_database, town, 3, by=carer, schedule=town.scan)
    book_on(sqlite_database, town, 3, by=SYSTEM, schedule=town.gp_at_hospital)
    for appointment in (third,):
        sqlite_database.run(
            lambda session, one=appointment: commands.change_status(
                work(session, SYSTEM, NOW), one.id, Status.CANCELLED
            )
        )
    with pytest.raises(TooManyUpcoming):
        book_on(sqlite_database, town, 4, by=patient, schedule=town.gp_at_hospital)


def test_a_patient_may_have_any_number_where_there_is_no_limit(
    sqlite_database: Database, town: Town
) -> None:
    for day in range(5):
        request = town.booking_request(MONDAY_9 + day * DAY)
        sqlite_database.run(
            lambda session, request=request: book(
                work(session, town.patient(), NOW, most_upcoming=0, most_upcoming_with=0), request
            )
        )
