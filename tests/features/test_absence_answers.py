"""Who has answered after time was blocked, and who is to be called."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.absences import AbsenceDetails
from openslot.booking.commands import move
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.schedules.models import Absence, AbsenceKind
from openslot.usecases import rebooking
from openslot.usecases.rebooking import Answer, Decided
from openslot.waiting_list.answers import open_for
from openslot.waiting_list.models import Choice, Offer
from openslot.waiting_list.queries import open_for_appointment
from town import Town, build_town
from waitroom import accept, book, cancel, decline, expire_due, offers, work_off
from working import work

DAY = timedelta(days=1)


@pytest.fixture
def town(sqlite_database: Database) -> Town:
    return build_town(sqlite_database)


@pytest.fixture
def booked(sqlite_database: Database, town: Town) -> list[Appointment]:
    """Three appointments on the Monday that is blocked."""
    return [
        book(sqlite_database, town, number, MONDAY_9 + number * HALF_HOUR) for number in range(3)
    ]


def block(database: Database, town: Town, decisions: dict[UUID, Decided]) -> Absence:
    leave = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=MONDAY_9, ends_at=MONDAY_9 + timedelta(hours=9)
    )
    return database.run(
        lambda session: rebooking.enter(work(session, town.doctor, NOW), town.gp, leave, decisions)
    )


def offer_another_day(database: Database, town: Town, booked: list[Appointment]) -> Absence:
    moves = {
        one.id: Decided(Choice.MOVE, town.gp_at_hospital, one.starts_at + DAY) for one in booked
    }
    return block(database, town, moves)


def answers(
    database: Database,
    town: Town,
    absence: Absence,
    now: datetime = NOW,
    by: Actor = SYSTEM,
) -> list[tuple[Answer, UUID]]:
    found = database.read(
        lambda session: rebooking.answers(work(session, by, now), town.gp, absence.id)
    )
    return [(answer, outcome.appointment.id) for answer, outcome in found]


def test_offers_are_taken_refused_or_not_answered(
    sqlite_database: Database, town: Town, booked: list[Appointment]
) -> None:
    one, two, three = (appointment.id for appointment in booked)
    absence = offer_another_day(sqlite_database, town, booked)
    assert answers(sqlite_database, town, absence) == [
        (Answer.PLANNED, key) for key in (one, two, three)
    ]
    work_off(sqlite_database)
    assert answers(sqlite_database, town, absence) == [
        (Answer.WAITING, key) for key in (one, two, three)
    ]
    made = {offer.appointment_id: offer for offer in offers(sqlite_database)}
    accept(sqlite_database, town.patient(0), made[one].id)
    decline(sqlite_database, town.patient(1), made[two].id)
    assert answers(sqlite_database, town, absence) == [
        (Answer.DECLINED, two),
        (Answer.WAITING, three),
        (Answer.MOVED, one),
    ]
    late = made[three].expires_at
    silent = [(Answer.DECLINED, two), (Answer.SILENT, three), (Answer.MOVED, one)]
    assert answers(sqlite_database, town, absence, late) == silent, "before the worker sees it"
    expire_due(sqlite_database, late)
    assert answers(sqlite_database, town, absence, late) == silent


def test_what_was_kept_cancelled_or_found_no_time_is_said(
    sqlite_database: Database, town: Town, booked: list[Appointment]
) -> None:
    one, two, three = (appointment.id for appointment in booked)
    decisions = {
        one: Decided(Choice.CANCEL),
        two: Decided(Choice.KEEP),
        three: Decided(Choice.MOVE, town.gp_at_hospital, MONDAY_9 + DAY),
    }
    absence = block(sqlite_database, town, decisions)
    sqlite_database.run(lambda session: give_up(session, three))
    work_off(sqlite_database)
    assert answers(sqlite_database, town, absence) == [
        (Answer.NO_TIME, three),
        (Answer.KEPT, two),
        (Answer.CANCELLED, one),
    ]


def give_up(session: object, appointment_id: UUID) -> None:
    unit = work(session, SYSTEM, NOW)  # type: ignore[arg-type]
    found = rebooking.queries.decisions_from(unit.session, absence_id(unit), MONDAY_9)
    [decision] = [one for one in found if one.appointment_id == appointment_id]
    rebooking.give_up(unit, decision.id, rebooking.NO_TIME)


def absence_id(unit: object) -> UUID:
    return unit.session.query(Absence).one().id  # type: ignore[attr-defined,no-any-return]


def test_an_appointment_that_its_patient_cancels_needs_no_call(
    sqlite_database: Database, town: Town, booked: list[Appointment]
) -> None:
    absence = offer_another_day(sqlite_database, town, booked)
    work_off(sqlite_database)
    cancel(sqlite_database, booked[0].id)
    found = {key: answer for answer, key in answers(sqlite_database, town, absence)}
    assert found[booked[0].id] is Answer.CANCELLED


def test_who_has_chosen_another_time_is_asked_no_more_before_the_worker_knows(
    sqlite_database: Database, town: Town, booked: list[Appointment]
) -> None:
    offer_another_day(sqlite_database, town, booked)
    work_off(sqlite_database)
    patient, moved = town.patient(0), booked[0]

    def asked(session: Session) -> list[list[Offer]]:
        unit = work(session, patient, NOW)
        return [open_for(unit), open_for_appointment(unit, moved.id)]

    assert [len(found) for found in sqlite_database.read(asked)] == [1, 1]
    sqlite_database.run(
        lambda session: move(work(session, patient, NOW), moved.id, moved.starts_at + 2 * DAY)
    )
    assert sqlite_database.read(asked) == [[], []]


def test_nobody_else_sees_who_has_answered(
    sqlite_database: Database, town: Town, booked: list[Appointment]
) -> None:
    absence = offer_another_day(sqlite_database, town, booked)
    with pytest.raises((Forbidden, NotFound)):
        answers(sqlite_database, town, absence, by=town.patient(0))
    elsewhere = Actor(role=Role.CENTRE_ADMIN, centre_id=town.clinic)
    assert answers(sqlite_database, town, absence, by=elsewhere) == []
    assert len(answers(sqlite_database, town, absence, by=town.doctor)) == 3
    physio = Actor(role=Role.PRACTITIONER, practitioner_id=town.physio)
    with pytest.raises((Forbidden, NotFound)):
        answers(sqlite_database, town, absence, by=physio)
