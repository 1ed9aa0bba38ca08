"""Rules that hold on every path to an appointment: out of a hold, by moving, by amending, and of
several schedules at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import absences, check, errors, slots
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import AlreadyWorksHere, WorksElsewhere
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.usecases import booking as usecases
from town import Town
from working import work

NO_CUTOFF = timedelta(0)
TEN_MINUTES = timedelta(minutes=10)


def hold(database: Database, actor: Actor, booking_request: booking.BookingRequest) -> Appointment:
    return database.run(lambda session: usecases.hold(work(session, actor, NOW), booking_request))


def book(
    database: Database,
    actor: Actor,
    booking_request: booking.BookingRequest,
    now: datetime = NOW,
    **more: Any,
) -> Appointment:
    return database.run(
        lambda session: usecases.book(work(session, actor, now), booking_request, **more)
    )


def away(database: Database, town: Town) -> None:
    details = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + 2 * HALF_HOUR
    )
    database.run(
        lambda session: absences.enter_absence(work(session, SYSTEM, NOW), town.gp, details)
    )


def closed(database: Database, town: Town) -> None:
    database.run(
        lambda session: schedules.close_centre(
            work(session, SYSTEM, NOW),
            town.hospital,
            starts=MONDAY_9,
            ends=MONDAY_9 + 2 * HALF_HOUR,
            reason="Flood",
        )
    )


def clean(database: Database) -> bool:
    return check.faults(database) == []


# Out of a hold


@pytest.mark.parametrize(
    ("happens", "refusal"), [(away, errors.Absent), (closed, errors.CentreClosed)]
)
def test_a_hold_does_not_outlive_what_keeps_everybody_away(
    sqlite_database: Database, town: Town, happens: Any, refusal: type[Exception]
) -> None:
    kept = hold(sqlite_database, town.patient(), town.booking_request())
    happens(sqlite_database, town)
    with pytest.raises(refusal):
        book(sqlite_database, town.patient(), town.booking_request(), hold_id=kept.id)
    assert clean(sqlite_database)


def test_a_hold_whose_time_has_begun_is_neither_stretched_nor_booked(
    sqlite_database: Database, town: Town
) -> None:
    kept = hold(sqlite_database, town.patient(), town.booking_request())
    later = MONDAY_9 + timedelta(minutes=1)
    with pytest.raises(errors.HoldExpired):
        sqlite_database.run(
            lambda session: booking.extend_hold(
                work(session, town.patient(), later, keep=TEN_MINUTES, hold_extensions=3), kept.id
            )
        )
    with pytest.raises(errors.InThePast):
        book(sqlite_database, town.patient(), town.booking_request(), later, hold_id=kept.id)


def test_a_hold_of_another_length_is_booked_as_long_as_is_wanted(
    sqlite_database: Database, town: Town
) -> None:
    kept = hold(sqlite_database, town.patient(), town.booking_request())
    appointment = book(
        sqlite_database, town.patient(), town.booking_request(minutes=60), hold_id=kept.id
    )
    assert appointment.minutes == 60
    assert clean(sqlite_database)


def test_a_hold_for_nobody_is_booked_for_the_patient_who_is_named_then(
    sqlite_database: Database, town: Town
) -> None:
    program = Actor(role=Role.NETWORK_ADMIN, program="pas")
    kept = hold(sqlite_database, program, town.booking_request(patient=None))
    appointment = book(sqlite_database, program, town.booking_request(), hold_id=kept.id)
    assert (appointment.patient_id, appointment.status) == (town.patients[0], Status.BOOKED)
    assert clean(sqlite_database)
    with pytest.raises(errors.PatientBusy):
        book(sqlite_database, SYSTEM, town.booking_request(schedule=town.physio_at_hospital))


# What is urgent, and until when


def amend(
    database: Database,
    actor: Actor,
    appointment: Appointment,
    *,
    now: datetime = NOW,
    cutoff: timedelta = NO_CUTOFF,
    **more: Any,
) -> Appointment:
    arguments = {"reason": "Fever", **more}
    return database.run(
        lambda session: booking.amend(
            work(session, actor, now, cutoff=cutoff), appointment.id, **arguments
        )
    )


def urgent(booking_request: booking.BookingRequest) -> booking.BookingRequest:
    return booking.BookingRequest(
        booking_request.schedule_id,
        booking_request.start,
        booking_request.minutes,
        booking_request.patient_id,
        priority=Priority.URGENT,
    )


def test_patients_do_not_say_that_they_are_urgent(sqlite_database: Database, town: Town) -> None:
    booking_request = urgent(town.booking_request())
    with pytest.raises(errors.PriorityNotAllowed):
        book(sqlite_database, town.patient(), booking_request)
    kept = hold(sqlite_database, town.patient(), town.booking_request())
    with pytest.raises(errors.PriorityNotAllowed):
        book(sqlite_database, town.patient(), booking_request, hold_id=kept.id)
    appointment = book(sqlite_database, town.clerk, booking_request)
    for priority in Priority:
        if priority != appointment.priority:
            with pytest.raises(errors.PriorityNotAllowed):
                amend(sqlite_database, town.patient(), appointment, priority=priority)
    kept_so = amend(sqlite_database, town.patient(), appointment, priority=Priority.URGENT)
    assert (kept_so.reason, kept_so.priority) == ("Fever", Priority.URGENT)


def test_patients_amend_until_the_cut_off_and_carers_later(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    late = {"now": MONDAY_9 - timedelta(hours=1), "cutoff": timedelta(hours=2)}
    with pytest.raises(errors.TooLateToChange):
        amend(sqlite_database, town.patient(), appointment, **late)
    assert amend(sqlite_database, town.doctor, appointment, **late).reason == "Fever"


# Moving, and missing


def test_staff_move_appointments_only_where_they_may_book(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())

    def moved(actor: Actor) -> Appointment:
        return sqlite_database.run(
            lambda session: booking.move(
                work(session, actor, NOW, cutoff=NO_CUTOFF),
                appointment.id,
                MONDAY_9 + 4 * HALF_HOUR,
                schedule_id=town.gp_at_clinic,
            )
        )

    with pytest.raises(Forbidden):
        moved(town.clerk)
    assert moved(town.patient()).schedule_id == town.gp_at_clinic


def becomes(database: Database, town: Town, appointment: Appointment, to: Status) -> Appointment:
    then = MONDAY_9 + timedelta(hours=1)
    return database.run(
        lambda session: booking.change_status(
            work(session, town.doctor, then, cutoff=NO_CUTOFF), appointment.id, to
        )
    )


def test_a_missed_appointment_leaves_the_day_free(sqlite_database: Database, town: Town) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    becomes(sqlite_database, town, appointment, Status.NO_SHOW)
    later = town.booking_request(MONDAY_9 + 6 * HALF_HOUR)
    second = book(sqlite_database, town.patient(), later, MONDAY_9 + timedelta(hours=2))
    assert second.status == Status.BOOKED
    # Taken back, it is live beside the other, as a second appointment that those who give care
    # book.
    assert becomes(sqlite_database, town, appointment, Status.BOOKED).one_a_day is None
    assert clean(sqlite_database)


def test_a_miss_that_is_taken_back_keeps_the_day_again(
    sqlite_database: Database, town: Town
) -> None:
    appointment = book(sqlite_database, town.patient(), town.booking_request())
    key = appointment.one_a_day
    assert becomes(sqlite_database, town, appointment, Status.NO_SHOW).one_a_day is None
    assert becomes(sqlite_database, town, appointment, Status.BOOKED).one_a_day == key
    with pytest.raises(errors.DailyLimitReached):
        book(sqlite_database, town.patient(), town.booking_request(MONDAY_9 + 6 * HALF_HOUR))


# Several schedules at once


def test_each_start_is_of_the_schedule_that_has_it(sqlite_database: Database, town: Town) -> None:
    ids = (town.gp_at_hospital, town.physio_at_hospital, town.scan)
    mornings = tuple(Weekly(day, 9 * 60, 11 * 60) for day in range(5))
    sqlite_database.run(
        lambda session: schedules.set_hours(
            work(session, SYSTEM, NOW), town.physio_at_hospital, mornings
        )
    )

    def found(*wanted: int) -> list[slots.Slot]:
        return sqlite_database.read(
            lambda session: slots.slots(
                work(session, now=NOW),
                schedule_queries.places(session, Schedule.id.in_(wanted)),
                MONDAY_9,
                MONDAY_9 + timedelta(days=2),
            )
        )

    each = [one for key in ids for one in found(key)]
    assert found(*ids) == sorted(each, key=lambda one: (one.start, one.schedule_id))
    assert len({len(found(key)) for key in ids}) > 1


# Who makes whom bookable where


def runs(centre: int) -> Actor:
    return Actor(role=Role.CENTRE_ADMIN, centre_id=centre)


def opened(database: Database, actor: Actor, centre: int, practitioner: int) -> Schedule:
    return database.run(
        lambda session: factories.schedule(
            session, centre, practitioner_id=practitioner, hours=(), by=actor
        )
    )


def test_who_runs_a_centre_does_not_take_over_who_works_elsewhere(
    sqlite_database: Database, town: Town
) -> None:
    with pytest.raises(WorksElsewhere):
        opened(sqlite_database, runs(town.clinic), town.clinic, town.physio)
    physio = Actor(role=Role.PRACTITIONER, practitioner_id=town.physio)
    with pytest.raises(Forbidden):
        opened(sqlite_database, physio, town.clinic, town.physio)
    assert opened(sqlite_database, SYSTEM, town.clinic, town.physio).centre_id == town.clinic
    with pytest.raises(AlreadyWorksHere):
        opened(sqlite_database, runs(town.clinic), town.clinic, town.physio)


def test_who_signs_in_and_works_nowhere_yet_is_added_by_the_network(
    sqlite_database: Database, town: Town
) -> None:
    def create(session: Session) -> tuple[int, int]:
        account = factories.account(session, "nell@example.org", Role.PRACTITIONER)
        return (
            factories.practitioner(session, "Nell New", account_id=account.id).id,
            factories.practitioner(session, "Nell New").id,
        )

    invited, drafted = sqlite_database.run(create)
    with pytest.raises(WorksElsewhere):
        opened(sqlite_database, runs(town.clinic), town.clinic, invited)
    assert opened(sqlite_database, SYSTEM, town.clinic, invited).centre_id == town.clinic
    assert opened(sqlite_database, runs(town.clinic), town.clinic, drafted).active


def test_who_runs_one_of_two_centres_blocks_no_time_at_both(
    sqlite_database: Database, town: Town
) -> None:
    here = book(sqlite_database, town.patient(), town.booking_request())
    there = book(
        sqlite_database,
        town.patient(1),
        town.booking_request(MONDAY_9 + HALF_HOUR, schedule=town.gp_at_clinic, patient=1),
    )
    details = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + 4 * HALF_HOUR
    )

    def hit(actor: Actor) -> list[Any]:
        return sqlite_database.read(
            lambda session: [
                one.id for one in absences.hit_by(work(session, actor), town.gp, details)
            ]
        )

    for one_of_two in (town.hospital, town.clinic):
        with pytest.raises(errors.BlocksElsewhere):
            hit(runs(one_of_two))
    assert hit(town.doctor) == [here.id, there.id]
