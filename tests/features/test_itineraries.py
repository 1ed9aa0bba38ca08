"""Itineraries: plans over the network that fit, booked all or nothing."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from imaging import build_imaging
from openslot.booking import check, errors, together
from openslot.booking.commands import BookingRequest
from openslot.booking.itineraries import Gap, Unit
from openslot.booking.models import Appointment, Status
from openslot.booking.slots import Slot
from openslot.core.actor import SYSTEM, Actor
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.usecases import booking
from openslot.usecases import itineraries as usecases
from openslot.usecases.itineraries import Step
from referring import Dentists
from town import Town, build_town
from working import work

HOUR = Gap(0, 60)
LATER = Gap(2, 7, Unit.DAYS)


@pytest.fixture
def town(sqlite_database: Database) -> Iterator[Town]:
    yield build_town(sqlite_database)
    assert check.faults(sqlite_database) == []


def find(
    database: Database,
    town: Town,
    *steps: Step,
    by: Actor = SYSTEM,
    start: datetime = MONDAY_9,
    limit: int = 3,
) -> list[list[Slot]]:
    return database.read(
        lambda session: usecases.find(
            work(session, by, NOW), town.patients[0], steps, start, 14, limit=limit
        )
    )


def book(database: Database, town: Town, plan: list[Slot], by: Actor = SYSTEM) -> list[Appointment]:
    steps = [
        BookingRequest(
            slot.schedule_id, slot.start, 30, town.patients[0], service_id=slot.service_id
        )
        for slot in plan
    ]
    return database.run(lambda session: usecases.book(work(session, by, NOW), steps))


def booked(database: Database) -> list[Appointment]:
    return database.read(
        lambda session: session.query(Appointment).where(Appointment.status == Status.BOOKED).all()
    )


def texts(plans: list[list[Slot]]) -> list[list[str]]:
    return [[f"{slot.start:%a %H:%M}" for slot in plan] for plan in plans]


@pytest.fixture
def blood(sqlite_database: Database, town: Town) -> int:
    """A blood test that the physiotherapist at the hospital and the GP at the clinic offer."""

    def set_up(session: Session) -> int:
        service = factories.offered_service(session, None, "Blood test", minutes=30)
        factories.offer(session, town.physio_at_hospital, service)
        factories.offer(session, town.gp_at_clinic, service)
        return service.id

    return sqlite_database.run(set_up)


def test_steps_follow_each_other_within_an_hour_on_one_day(
    sqlite_database: Database, town: Town
) -> None:
    taken = [MONDAY_9 + HALF_HOUR, MONDAY_9 + 2 * HALF_HOUR, MONDAY_9 + 3 * HALF_HOUR]
    for start in taken:
        sqlite_database.run(
            lambda session, start=start: factories.appointment(
                session, town.gp_at_hospital, start, town.patients[1], second_appointment=True
            )
        )
    found = find(
        sqlite_database,
        town,
        Step(schedule_id=town.scan),
        Step(schedule_id=town.gp_at_hospital, after=HOUR),
    )
    assert texts(found) == [
        ["Mon 09:30", "Mon 11:00"],
        ["Mon 10:00", "Mon 11:00"],
        ["Mon 10:30", "Mon 11:00"],
    ]


def test_a_step_can_be_days_after_and_anywhere_the_service_is_offered(
    sqlite_database: Database, town: Town, blood: int
) -> None:
    steps = (Step(service_id=blood), Step(schedule_id=town.gp_at_hospital, after=LATER))
    assert texts(find(sqlite_database, town, *steps, limit=1)) == [["Mon 09:00", "Wed 09:00"]]
    at_clinic = Step(service_id=blood, centre_id=town.clinic)
    (plan,) = find(sqlite_database, town, at_clinic, steps[1], limit=1)
    assert plan[0].schedule_id == town.gp_at_clinic


def test_the_patient_is_never_busy_and_one_practitioner_has_them_once_a_day(
    sqlite_database: Database, town: Town
) -> None:
    sqlite_database.run(
        lambda session: factories.appointment(session, town.scan, MONDAY_9, town.patients[0])
    )
    found = find(
        sqlite_database,
        town,
        Step(schedule_id=town.gp_at_hospital),
        Step(schedule_id=town.gp_at_clinic, after=Gap(0, 1, Unit.DAYS)),
        limit=1,
    )
    assert texts(found) == [["Mon 09:30", "Tue 09:00"]]


def test_a_plan_is_booked_whole_and_shares_its_id(
    sqlite_database: Database, town: Town, blood: int
) -> None:
    steps = (Step(service_id=blood), Step(schedule_id=town.scan, after=LATER))
    (plan,) = find(sqlite_database, town, *steps, limit=1)
    made = book(sqlite_database, town, plan)
    assert [one.service_id for one in made] == [blood, None]
    assert len({one.itinerary_id for one in booked(sqlite_database)}) == 1


def test_a_step_that_is_taken_stops_all_and_is_named(sqlite_database: Database, town: Town) -> None:
    (plan,) = find(
        sqlite_database,
        town,
        Step(schedule_id=town.physio_at_hospital),
        Step(schedule_id=town.gp_at_hospital, after=LATER),
        limit=1,
    )
    sqlite_database.run(
        lambda session: factories.appointment(
            session, town.gp_at_hospital, plan[1].start, town.patients[1]
        )
    )
    with pytest.raises(errors.SlotTaken) as refused:
        book(sqlite_database, town, plan, town.patient())
    assert refused.value.field == "steps.1"
    assert len(booked(sqlite_database)) == 1


def test_a_referral_is_used_by_one_step(sqlite_database: Database, town: Town) -> None:
    dentists = Dentists(sqlite_database, town)
    first = Step(schedule_id=dentists.first_schedule)
    with pytest.raises(errors.ReferralRequired) as refused:
        find(sqlite_database, town, Step(schedule_id=town.physio_at_hospital), first)
    assert refused.value.field == "referral"
    dentists.sent()
    second = Step(schedule_id=dentists.second_schedule, after=LATER)
    assert find(sqlite_database, town, first, second) == []
    physio = Step(schedule_id=town.physio_at_hospital, after=LATER)
    (plan,) = find(sqlite_database, town, first, physio, by=town.patient(), limit=1)
    assert len(book(sqlite_database, town, plan, town.patient())) == 2


def test_who_may_not_book_a_step_finds_no_plan(sqlite_database: Database, town: Town) -> None:
    steps = (Step(schedule_id=town.physio_at_hospital), Step(schedule_id=town.gp_at_hospital))
    with pytest.raises(NotFound):
        find(sqlite_database, town, *steps, by=town.patient(1))
    with pytest.raises(Forbidden):
        find(sqlite_database, town, *steps, by=town.doctor)


@pytest.mark.parametrize(
    "gap",
    [Gap(10, 5), Gap(-5, 5), Gap(0, 7), Gap(0, 181, Unit.DAYS)],
    ids=["backwards", "negative", "odd", "endless"],
)
def test_a_gap_that_cannot_be_is_refused(sqlite_database: Database, town: Town, gap: Gap) -> None:
    steps = (Step(schedule_id=town.scan), Step(schedule_id=town.gp_at_hospital, after=gap))
    with pytest.raises(errors.BadGap) as refused:
        find(sqlite_database, town, *steps)
    assert refused.value.field == "steps.1"


def test_what_nobody_offers_is_named(sqlite_database: Database, town: Town, blood: int) -> None:
    for nowhere in (Step(service_id=blood, centre_id=99), Step(service_id=99), Step()):
        with pytest.raises(errors.NobodyOffers) as refused:
            find(sqlite_database, town, Step(schedule_id=town.scan), nowhere)
        assert refused.value.field == "steps.1"


def test_an_itinerary_has_steps_in_order(sqlite_database: Database, town: Town) -> None:
    one = find(
        sqlite_database,
        town,
        Step(schedule_id=town.scan),
        Step(schedule_id=town.gp_at_hospital, after=HOUR),
        limit=1,
    )[0]
    for wrong in (one[:1], one[::-1], one * 4):
        with pytest.raises(errors.ItineraryLength):
            book(sqlite_database, town, wrong)


def test_the_rest_of_an_itinerary_is_cancelled_at_once(
    sqlite_database: Database, town: Town
) -> None:
    (plan,) = find(
        sqlite_database,
        town,
        Step(schedule_id=town.physio_at_hospital),
        Step(schedule_id=town.gp_at_hospital, after=LATER),
        limit=1,
    )
    made = book(sqlite_database, town, plan)
    itinerary_id = made[0].itinerary_id
    assert itinerary_id is not None
    sqlite_database.run(
        lambda session: together.cancel(
            work(session, town.patient(), NOW), together.of_itinerary(itinerary_id)
        )
    )
    assert booked(sqlite_database) == []


def test_two_steps_at_one_schedule_each_have_what_they_need(sqlite_database: Database) -> None:
    """The only machine is in use, for another, until half past nine."""
    imaging = build_imaging(sqlite_database, machines=1)
    elsewhere = imaging.request(patient=1, schedule=imaging.town.physio_at_hospital)
    sqlite_database.run(lambda session: booking.book(work(session, SYSTEM, NOW), elsewhere))
    scan = Step(schedule_id=imaging.town.gp_at_hospital, service_id=imaging.ultrasound)
    talk = Step(schedule_id=imaging.town.gp_at_hospital, after=LATER)
    found = find(sqlite_database, imaging.town, scan, talk, limit=1)
    assert texts(found) == [["Mon 09:30", "Wed 09:00"]]
