"""A cancellation is undone, and appointments are entered for people who came without one."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from factories import MONDAY_9, NOW
from openslot.booking import check, errors
from openslot.booking import commands as booking
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.moves import UNDONE_WITHIN
from openslot.booking.rules import ENTERED_WITHIN, HERE_SINCE
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.referrals import commands as referrals
from openslot.usecases import booking as usecases
from referring import Dentists
from town import Town, build_town
from working import work

AT_TEN_SEVEN = MONDAY_9 + timedelta(hours=1, minutes=7)


@pytest.fixture
def town(database: Database) -> Town:
    """A town whose first patient is known at the hospital."""
    town = build_town(database)
    wanted = town.booking_request(MONDAY_9 + timedelta(days=7))
    database.run(lambda session: usecases.book(work(session, town.patient(), NOW), wanted))
    return town


def desk(town: Town) -> Actor:
    """Staff of the hospital who arrange care for its practitioners."""
    return Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital)


def book(
    database: Database, town: Town, start: datetime = MONDAY_9, patient: int = 0
) -> Appointment:
    wanted = town.booking_request(start, patient=patient)
    return database.run(
        lambda session: usecases.book(work(session, town.patient(patient), NOW), wanted)
    )


def change(
    database: Database, actor: Actor, appointment_id: UUID, to: Status, now: datetime = NOW
) -> Appointment:
    return database.run(
        lambda session: usecases.change_status(work(session, actor, now), appointment_id, to)
    )


def test_a_patient_undoes_their_own_cancellation(database: Database, town: Town) -> None:
    appointment, patient = book(database, town), town.patient()
    change(database, patient, appointment.id, Status.CANCELLED)
    again = change(database, patient, appointment.id, Status.BOOKED, NOW + timedelta(minutes=2))
    assert again.status is Status.BOOKED
    assert again.one_a_day == appointment.one_a_day
    assert check.faults(database) == []


def test_what_the_practice_has_cancelled_its_patient_does_not_bring_back(
    database: Database, town: Town
) -> None:
    appointment, doctor = book(database, town), replace(town.doctor, account_id=uuid4())
    change(database, doctor, appointment.id, Status.CANCELLED)
    with pytest.raises(errors.InvalidTransition):
        change(database, town.patient(), appointment.id, Status.BOOKED)
    assert change(database, doctor, appointment.id, Status.BOOKED).status is Status.BOOKED


def test_a_time_that_others_have_booked_is_not_taken_back(database: Database, town: Town) -> None:
    appointment = book(database, town)
    change(database, town.patient(), appointment.id, Status.CANCELLED)
    book(database, town, patient=1)
    with pytest.raises(errors.SlotTaken):
        change(database, town.patient(), appointment.id, Status.BOOKED)
    assert check.faults(database) == []


def test_after_some_minutes_a_cancellation_stands(database: Database, town: Town) -> None:
    appointment = book(database, town)
    change(database, town.patient(), appointment.id, Status.CANCELLED)
    late = NOW + UNDONE_WITHIN + timedelta(seconds=1)
    with pytest.raises(errors.InvalidTransition):
        change(database, town.patient(), appointment.id, Status.BOOKED, late)


def test_who_has_booked_another_time_that_day_keeps_that(database: Database, town: Town) -> None:
    appointment = book(database, town)
    change(database, town.patient(), appointment.id, Status.CANCELLED)
    book(database, town, MONDAY_9 + timedelta(hours=2))
    with pytest.raises(errors.DailyLimitReached):
        change(database, town.patient(), appointment.id, Status.BOOKED)


def test_undoing_adds_no_more_than_is_for_one_person(database: Database, town: Town) -> None:
    """Another time was booked in its place."""
    appointment = book(database, town)
    change(database, town.patient(), appointment.id, Status.CANCELLED)
    book(database, town, MONDAY_9 + timedelta(days=1))

    def undo(actor: Actor) -> Appointment:
        return database.run(
            lambda session: usecases.change_status(
                work(session, actor, NOW, most_upcoming=2), appointment.id, Status.BOOKED
            )
        )

    with pytest.raises(errors.TooManyUpcoming):
        undo(town.patient())
    assert undo(desk(town)).status is Status.BOOKED


def test_undoing_replaces_what_the_patient_holds(database: Database, town: Town) -> None:
    appointment = book(database, town)
    change(database, town.patient(), appointment.id, Status.CANCELLED)
    wanted = town.booking_request()
    database.run(lambda session: usecases.hold(work(session, town.patient(), NOW), wanted))
    again = change(database, town.patient(), appointment.id, Status.BOOKED)
    assert again.one_a_day == appointment.one_a_day
    assert check.faults(database) == []


@pytest.mark.parametrize("how", ["used", "revoked"])
def test_a_referral_that_is_used_or_revoked_brings_no_appointment_back(
    sqlite_database: Database, how: str
) -> None:
    town = build_town(sqlite_database)
    dentists = Dentists(sqlite_database, town)
    letter = dentists.sent()
    appointment = dentists.book(dentists.booking_request(MONDAY_9 + timedelta(days=3)))
    change(sqlite_database, town.patient(), appointment.id, Status.CANCELLED)
    if how == "used":
        dentists.book()
    else:
        sqlite_database.run(
            lambda session: referrals.revoke(work(session, town.doctor, NOW), letter)
        )
    with pytest.raises(errors.ReferralSpent):
        change(sqlite_database, town.patient(), appointment.id, Status.BOOKED)


def enter(
    database: Database,
    town: Town,
    actor: Actor,
    start: datetime,
    status: Status,
    *,
    now: datetime,
    minutes: int = 20,
) -> Appointment:
    wanted = replace(town.booking_request(start), minutes=minutes)
    return database.run(lambda session: usecases.enter(work(session, actor, now), wanted, status))


def test_somebody_who_stands_at_the_desk_is_entered_as_arrived(
    database: Database, town: Town
) -> None:
    """At 10:07, from 10:05 on, though others start at each half hour; and the time is taken."""
    start = AT_TEN_SEVEN - timedelta(minutes=2)
    here = enter(database, town, desk(town), start, Status.ARRIVED, now=AT_TEN_SEVEN)
    assert (here.status, here.starts_at, here.minutes) == (Status.ARRIVED, start, 20)
    assert check.faults(database) == []
    with pytest.raises(errors.SlotTaken):
        enter(database, town, desk(town), start, Status.ARRIVED, now=AT_TEN_SEVEN)


def test_what_took_place_at_eleven_is_entered_at_five(database: Database, town: Town) -> None:
    at_eleven, at_five = MONDAY_9 + timedelta(hours=2), MONDAY_9 + timedelta(hours=8)
    done = enter(database, town, desk(town), at_eleven, Status.FULFILLED, now=at_five)
    assert done.status is Status.FULFILLED
    assert check.faults(database) == []


@pytest.mark.parametrize(
    ("status", "start", "minutes"),
    [
        (Status.ARRIVED, AT_TEN_SEVEN, 20),
        (Status.ARRIVED, AT_TEN_SEVEN + timedelta(minutes=3), 20),
        (Status.ARRIVED, AT_TEN_SEVEN - HERE_SINCE - timedelta(minutes=2), 20),
        (Status.ARRIVED, AT_TEN_SEVEN - timedelta(minutes=2), 7),
        (Status.FULFILLED, AT_TEN_SEVEN - timedelta(minutes=12), 20),
        (Status.FULFILLED, AT_TEN_SEVEN - ENTERED_WITHIN - timedelta(minutes=7), 20),
    ],
)
def test_times_that_cannot_be_are_refused(
    database: Database, town: Town, status: Status, start: datetime, minutes: int
) -> None:
    with pytest.raises(Invalid):
        enter(database, town, desk(town), start, status, now=AT_TEN_SEVEN, minutes=minutes)


def test_only_who_arranges_care_there_enters(database: Database, town: Town) -> None:
    """A practitioner would open health records to themselves."""
    start = AT_TEN_SEVEN - timedelta(minutes=2)
    elsewhere = Actor(role=Role.CENTRE_ADMIN, centre_id=town.clinic)
    for actor in (town.doctor, town.patient(), elsewhere):
        with pytest.raises((Forbidden, NotFound)):
            enter(database, town, actor, start, Status.ARRIVED, now=AT_TEN_SEVEN)


def test_an_emergency_is_entered_with_a_word_why_and_noted_as_one(
    database: Database, town: Town
) -> None:
    start = AT_TEN_SEVEN - timedelta(minutes=2)
    wanted = replace(town.booking_request(start), minutes=20, emergency=True)

    def act(reason: str | None) -> Appointment:
        return database.run(
            lambda session: usecases.enter(
                work(session, desk(town), AT_TEN_SEVEN),
                replace(wanted, reason=reason),
                Status.ARRIVED,
            )
        )

    with pytest.raises(errors.EmergencyNeedsReason):
        act(None)
    entered = act("Chest pain")
    events = database.read(lambda session: audit.events_of(session, booking.subject_of(entered.id)))
    assert {event.action for event in events} == {"appointment.entered", "appointment.emergency"}
    assert entered.priority is Priority.URGENT
