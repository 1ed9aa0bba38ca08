"""openslot check finds planted corruption, and repair mends what can be mended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking import absences, check
from openslot.booking.absences import AbsenceDetails
from openslot.booking.check import NOT_TAKEN, TAKEN_BY_NOTHING, TAKEN_TWICE
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.directory.models import Practitioner
from openslot.schedules import commands as schedules
from openslot.schedules.models import AbsenceKind, DiaryPage
from town import Town, build_town
from working import work

Planting = Callable[[Session, Town], Any]


def booked(session: Session, town: Town, number: int) -> Appointment:
    """Book a patient with the GP, one half hour after the other from Monday at nine."""
    start = MONDAY_9 + number * HALF_HOUR
    return factories.appointment(session, town.gp_at_hospital, start, town.patients[number])


def an_appointment_a_hold_and_an_absence(database: Database) -> Town:
    town = build_town(database)

    def fill(session: Session) -> None:
        booked(session, town, 0)
        tuesday_9 = MONDAY_9 + timedelta(days=1)
        factories.hold(session, town.gp_at_hospital, tuesday_9, town.patients[1])
        leave = AbsenceDetails(
            kind=AbsenceKind.LEAVE,
            starts_at=MONDAY_9 + timedelta(hours=2),
            ends_at=MONDAY_9 + timedelta(hours=4),
        )
        absences.enter_absence(work(session, SYSTEM, NOW), town.gp, leave)
        schedules.close_centre(
            work(session, SYSTEM, NOW),
            town.clinic,
            starts=MONDAY_9,
            ends=MONDAY_9 + 4 * HALF_HOUR,
            reason="Flood",
        )

    database.run(fill)
    return town


def diary_of_gp(session: Session, town: Town) -> int:
    found = session.scalar(select(Practitioner.diary_id).where(Practitioner.id == town.gp))
    assert found is not None
    return found


def a_page_lost(session: Session, town: Town) -> None:
    session.execute(delete(DiaryPage).where(DiaryPage.diary_id == diary_of_gp(session, town)))


def a_page_full_of_nothing(session: Session, town: Town) -> None:
    page = {"diary_id": diary_of_gp(session, town), "day": 22_000, "taken": b"\x01" * 36}
    session.execute(insert(DiaryPage).values(page))


def an_appointment_cancelled_behind_our_back(session: Session, town: Town) -> None:
    session.execute(update(Appointment).values(status=Status.CANCELLED))


@pytest.mark.parametrize(
    ("planting", "kind"),
    [
        (a_page_lost, NOT_TAKEN),
        (a_page_full_of_nothing, TAKEN_BY_NOTHING),
        (an_appointment_cancelled_behind_our_back, TAKEN_BY_NOTHING),
    ],
)
def test_planted_corruption_is_found_and_mended(
    database: Database, planting: Planting, kind: str
) -> None:
    town = an_appointment_a_hold_and_an_absence(database)
    assert check.faults(database) == []
    database.run(lambda session: planting(session, town))
    found = check.faults(database)
    assert {fault.kind for fault in found} == {kind}
    assert all("UTC" in str(fault) for fault in found)
    assert check.repair(database, found) > 0
    assert check.faults(database) == []


def test_two_appointments_at_one_time_are_reported_and_left_to_people(
    sqlite_database: Database,
) -> None:
    town = build_town(sqlite_database)

    def book_both(session: Session) -> None:
        booked(session, town, 0)
        second = booked(session, town, 1)
        session.flush()
        session.execute(
            update(Appointment)
            .where(Appointment.id == second.id)
            .values(
                starts_at=MONDAY_9,
                ends_at=MONDAY_9 + HALF_HOUR,
                busy_from=MONDAY_9,
                busy_until=MONDAY_9 + HALF_HOUR,
            )
        )

    sqlite_database.run(book_both)
    check.repair(sqlite_database, check.faults(sqlite_database))
    assert {fault.kind for fault in check.faults(sqlite_database)} == {TAKEN_TWICE}


# Absences


def leave_on_monday(hours: int = 8) -> AbsenceDetails:
    return AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + timedelta(hours=hours)
    )


def test_an_absence_keeps_the_appointments_inside(sqlite_database: Database) -> None:
    town = build_town(sqlite_database)
    inside = sqlite_database.run(
        lambda session: {booked(session, town, number).id for number in (0, 1)}
    )
    hit = sqlite_database.read(
        lambda session: absences.hit_by(work(session, town.doctor), town.gp, leave_on_monday())
    )
    assert {appointment.id for appointment in hit} == inside
    made = sqlite_database.run(
        lambda session: absences.enter_absence(
            work(session, town.doctor, NOW), town.gp, leave_on_monday()
        )
    )
    found = sqlite_database.read(
        lambda session: {one.id: one.status for one in session.query(Appointment)}
    )
    assert found == dict.fromkeys(inside, Status.BOOKED)
    assert check.faults(sqlite_database) == []
    sqlite_database.run(
        lambda session: absences.end_absence(work(session, town.doctor, NOW), town.gp, made.id)
    )
    assert check.faults(sqlite_database) == []


def test_absences_belong_to_the_practitioner_and_who_runs_all_their_centres(
    sqlite_database: Database,
) -> None:
    town = build_town(sqlite_database)
    chief = Actor(role=Role.CENTRE_ADMIN, centre_id=town.clinic)
    for stranger in (
        chief,  # of one centre of two
        town.patient(),
        town.clerk,
        Actor(role=Role.PRACTITIONER, practitioner_id=town.physio),
    ):
        with pytest.raises(Forbidden):
            sqlite_database.run(
                lambda session, stranger=stranger: absences.enter_absence(
                    work(session, stranger, NOW), town.gp, leave_on_monday()
                )
            )
    made = sqlite_database.run(
        lambda session: absences.enter_absence(
            work(session, SYSTEM, NOW), town.gp, leave_on_monday()
        )
    )
    other = Actor(role=Role.PRACTITIONER, practitioner_id=town.physio)
    with pytest.raises(NotFound):
        sqlite_database.run(
            lambda session: absences.end_absence(work(session, other, NOW), town.physio, made.id)
        )
