"""Appointments that are squeezed in over taken time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import absences, check, errors
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.schedules import commands as schedules
from openslot.schedules.models import AbsenceKind
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

WHY = "Wound opened again"


@pytest.fixture
def town(sqlite_database: Database) -> Iterator[Town]:
    """The GP's nine o'clock is taken by the first patient."""
    town = build_town(sqlite_database, patients=6)
    sqlite_database.run(lambda session: taken(session, town))
    yield town
    assert check.faults(sqlite_database) == []


def taken(session: Session, town: Town) -> Appointment:
    return factories.appointment(session, town.gp_at_hospital, MONDAY_9, town.patients[0])


def asked(town: Town, patient: int = 1, *, reason: str | None = WHY) -> BookingRequest:
    return replace(town.booking_request(patient=patient, reason=reason), squeeze_in=True)


def squeeze(
    database: Database,
    wanted: BookingRequest,
    *,
    actor: Actor = SYSTEM,
    status: Status | None = None,
) -> Appointment:
    def act(session: Session) -> Appointment:
        if status:
            return usecases.enter(work(session, actor, wanted.start), wanted, status)
        return usecases.book(work(session, actor, NOW), wanted)

    return database.run(act)


def test_it_takes_time_that_is_taken_and_only_the_patients(
    sqlite_database: Database, town: Town
) -> None:
    appointment = squeeze(sqlite_database, asked(town))
    assert (appointment.squeezed_in, appointment.diary_id) == (True, None)
    assert appointment.starts_at == MONDAY_9
    elsewhere = town.booking_request(schedule=town.physio_at_hospital, patient=1)
    with pytest.raises(errors.PatientBusy):
        squeeze(sqlite_database, elsewhere)


def test_time_that_is_free_is_booked_as_usual(sqlite_database: Database, town: Town) -> None:
    wanted = replace(asked(town), start=MONDAY_9 + HALF_HOUR, reason=None)
    appointment = squeeze(sqlite_database, wanted)
    assert not appointment.squeezed_in
    assert appointment.diary_id is not None


def test_it_may_start_between_the_usual_starts_but_inside_the_hours(
    sqlite_database: Database, town: Town
) -> None:
    wanted = replace(asked(town), start=MONDAY_9 + timedelta(minutes=10))
    assert squeeze(sqlite_database, wanted).squeezed_in
    early = replace(asked(town, 2), start=MONDAY_9 - timedelta(minutes=10))
    with pytest.raises(errors.OutsideHours):
        squeeze(sqlite_database, early)


@pytest.mark.parametrize(
    "actor",
    [
        Actor(role=Role.PRACTITIONER, practitioner_id=999),
        Actor(role=Role.STAFF, centre_id=999),
        Actor(role=Role.CENTRE_ADMIN, centre_id=999),
        Actor(),
    ],
    ids=["another practitioner", "staff elsewhere", "administrator elsewhere", "visitor"],
)
def test_only_who_gives_or_arranges_care_there_squeezes_in(
    sqlite_database: Database, town: Town, actor: Actor
) -> None:
    for other in (actor, town.patient(1)):
        with pytest.raises(errors.SqueezeInNotAllowed):
            squeeze(sqlite_database, asked(town), actor=other)


def test_it_needs_a_reason(sqlite_database: Database, town: Town) -> None:
    with pytest.raises(errors.SqueezeInNeedsReason):
        squeeze(sqlite_database, asked(town, reason=None))


def test_a_day_of_a_schedule_has_two_at_most(sqlite_database: Database, town: Town) -> None:
    first, _second = (squeeze(sqlite_database, asked(town, patient)) for patient in (1, 2))
    with pytest.raises(errors.NoMoreSqueezedIn):
        squeeze(sqlite_database, asked(town, 3))
    change(sqlite_database, first, Status.CANCELLED)
    squeeze(sqlite_database, asked(town, 3))
    with pytest.raises(errors.NoMoreSqueezedIn):
        change(sqlite_database, first, Status.BOOKED)


def change(database: Database, appointment: Appointment, to: Status) -> Appointment:
    return database.run(
        lambda session: booking.change_status(work(session, SYSTEM, NOW), appointment.id, to)
    )


def test_undoing_its_cancellation_squeezes_it_in_again(
    sqlite_database: Database, town: Town
) -> None:
    appointment = squeeze(sqlite_database, asked(town))
    change(sqlite_database, appointment, Status.CANCELLED)
    again = change(sqlite_database, appointment, Status.BOOKED)
    assert (again.squeezed_in, again.diary_id) == (True, None)


def test_moved_to_time_that_is_free_it_is_like_any_other(
    sqlite_database: Database, town: Town
) -> None:
    appointment = squeeze(sqlite_database, asked(town))
    moved = sqlite_database.run(
        lambda session: booking.move(
            work(session, SYSTEM, NOW), appointment.id, MONDAY_9 + HALF_HOUR
        )
    )
    assert not moved.squeezed_in
    assert moved.diary_id is not None


def test_who_is_here_is_squeezed_in_when_the_time_is_taken(
    sqlite_database: Database, town: Town
) -> None:
    appointment = squeeze(sqlite_database, asked(town), actor=SYSTEM, status=Status.ARRIVED)
    assert (appointment.squeezed_in, appointment.status) == (True, Status.ARRIVED)


def test_absences_and_closures_stay_absolute(sqlite_database: Database, town: Town) -> None:
    leave = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + HALF_HOUR)
    sqlite_database.run(
        lambda session: absences.enter_absence(work(session, SYSTEM, NOW), town.gp, leave)
    )
    with pytest.raises(errors.Absent):
        squeeze(sqlite_database, asked(town))
    sqlite_database.run(
        lambda session: schedules.close_centre(
            work(session, SYSTEM, NOW),
            town.hospital,
            starts=MONDAY_9,
            ends=MONDAY_9 + HALF_HOUR,
            reason="Flood",
        )
    )
    with pytest.raises(errors.CentreClosed):
        squeeze(sqlite_database, asked(town))
