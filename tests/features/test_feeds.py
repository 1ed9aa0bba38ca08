"""Calendars to subscribe to: whose appointments, how they are called, and who may read them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import icalendar
import pytest
from sqlalchemy.orm import Session

import factories
from clinic import NOW, REASON, START, Clinic, book, cancel, move, open_clinic
from engines import Counted
from factories import change
from openslot.booking.models import Appointment, Status
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.directory.models import Department, Dependent, Service
from openslot.directory.queries import patient_of
from openslot.identity.models import Account
from openslot.notifications.calendar_titles import initials
from openslot.notifications.feeds import end_feed, make_feed, read_feed
from openslot.notifications.models import CalendarFeed
from openslot.schedules.models import Schedule
from readers import CLOCKS, agreed, agreed_entry, check_form, instant, unfolded
from working import work

SETTINGS = Settings(_env_file=None, network_name="Eastern Health", secret_key="a key for tests")
URL = "https://book.example.org/"


def address(database: Database, account_id: UUID) -> str:
    return database.run(
        lambda session: make_feed(work(session, Actor(account_id=account_id), NOW), account_id)
    )


def written(database: Database, token: str, *, at: datetime = NOW) -> bytes:
    return database.read(
        lambda session: (
            read_feed(work(session, now=at, settings=SETTINGS), token, public_url=URL).text
        )
    )


def events(database: Database, account_id: UUID, *, at: datetime = NOW) -> list[Any]:
    feed = written(database, address(database, account_id), at=at)
    return list(icalendar.Calendar.from_ical(feed).walk("VEVENT"))


def called(database: Database, account_id: UUID) -> list[str]:
    return [str(event["summary"]) for event in events(database, account_id)]


def staff(database: Database, department_id: int, *, email: str = "sam@example.org") -> UUID:
    def act(session: Session) -> UUID:
        centre_id = session.get_one(Department, department_id).centre_id
        return factories.staff(session, centre_id, department_id, email=email, now=NOW).id

    return database.run(act)


def asked_of(database: Database, clinic: Clinic) -> tuple[Department, Service]:
    """The department and the service that the clinic has."""

    def act(session: Session) -> tuple[Department, Service]:
        schedule = session.get_one(Schedule, clinic.service_schedule)
        service = session.get_one(Service, schedule.service_id)
        return session.get_one(Department, service.department_id), service

    return database.read(act)


# Whose appointments


def test_patients_see_their_own_and_their_dependents_appointments(database: Database) -> None:
    clinic = open_clinic(database)

    def add_child(session: Session) -> None:
        mia = factories.patient(session, "Mia Example", now=NOW)
        session.add(Dependent(patient_id=mia.id, carer_id=clinic.patient, since=NOW))
        stranger = factories.patient(session, "Stan", now=NOW)
        session.flush()
        for hours, patient in enumerate((mia, stranger), 1):
            start = START + timedelta(hours=hours)
            factories.appointment(session, clinic.schedule, start, patient.id, now=NOW)

    database.run(add_child)
    book(database, clinic)
    assert called(database, clinic.patient_account) == [
        "Appointment with Toby Turner",
        "Mia Example: appointment with Toby Turner",
    ]


def test_practitioners_see_no_more_than_initials(sqlite_database: Database, clinic: Clinic) -> None:
    book(sqlite_database, clinic)
    book(sqlite_database, clinic, at=START + timedelta(days=1), schedule=clinic.service_schedule)
    assert called(sqlite_database, clinic.practitioner_account) == ["Appointment: A. E."]


def test_staff_see_what_their_department_does_and_what_others_do_for_it(database: Database) -> None:
    clinic = open_clinic(database)
    own = book(database, clinic, schedule=clinic.service_schedule)
    book(database, clinic, at=START + timedelta(days=1))

    radiology, service = asked_of(database, clinic)

    def ask(session: Session) -> int:
        emergency = factories.department(session, radiology.centre_id, "Emergency", now=NOW)
        request = ServiceRequest(
            id=new_id(),
            service_id=service.id,
            department_id=emergency.id,
            task="Scan",
            starts_at=START,
            minutes=30,
            created_at=NOW,
            changed_at=NOW,
            status=Kept.ACCEPTED,
            appointment_id=own.id,
        )
        session.add(request)
        return emergency.id

    asking = staff(database, database.run(ask))
    asked = staff(database, radiology.id, email="kim@example.org")
    for account_id in (asking, asked):
        (event,) = events(database, account_id)
        assert (event["uid"], event["summary"]) == (str(own.id), "Appointment: A. E.")


def test_an_appointment_for_a_task_has_no_name(sqlite_database: Database, clinic: Clinic) -> None:
    sqlite_database.run(
        lambda session: factories.appointment(session, clinic.service_schedule, START, now=NOW)
    )
    assert called(sqlite_database, staff(sqlite_database, 1)) == ["Booked"]


def test_nothing_tells_why(sqlite_database: Database, clinic: Clinic) -> None:
    book(sqlite_database, clinic, schedule=clinic.service_schedule)
    book(sqlite_database, clinic, at=START + timedelta(days=1))
    for account_id in (clinic.patient_account, clinic.practitioner_account):
        text = written(sqlite_database, address(sqlite_database, account_id)).decode()
        assert REASON not in text
        assert "X-ray" not in text
    assert "Ann" not in text
    assert "Example" not in text


def test_cancelled_appointments_and_holds_are_left_out(
    sqlite_database: Database, clinic: Clinic
) -> None:
    appointment = book(sqlite_database, clinic)
    later = START + timedelta(days=2)
    sqlite_database.run(
        lambda session: factories.hold(session, clinic.schedule, later, clinic.patient, now=NOW)
    )
    assert len(events(sqlite_database, clinic.patient_account)) == 1
    cancel(sqlite_database, appointment)
    assert events(sqlite_database, clinic.patient_account) == []


@pytest.mark.parametrize(("days", "shown"), [(30, 1), (32, 0)])
def test_what_is_over_stays_for_a_month(
    sqlite_database: Database, clinic: Clinic, days: int, shown: int
) -> None:
    appointment = book(sqlite_database, clinic)
    change(sqlite_database, Appointment, appointment.id, status=Status.FULFILLED)
    later = START + timedelta(days=days)
    assert len(events(sqlite_database, clinic.patient_account, at=later)) == shown


# How it is read


def test_every_reader_sees_the_right_times_in_every_zone(
    sqlite_database: Database, clinic: Clinic
) -> None:
    schedules, days = (clinic.schedule, clinic.service_schedule), range(len(CLOCKS))
    appointments = [
        book(sqlite_database, clinic, at=START + timedelta(days=day), schedule=schedules[day % 2])
        for day in days
    ]
    starts = [instant(wall, hours) for _zone, wall, hours in CLOCKS]
    for appointment, start in zip(appointments, starts, strict=True):
        ends = start + timedelta(minutes=30)
        change(sqlite_database, Appointment, appointment.id, starts_at=start, ends_at=ends)
    right = dict(zip([str(appointment.id) for appointment in appointments], starts, strict=True))
    radiology, _service = asked_of(sqlite_database, clinic)
    for account_id, whose in (
        (clinic.patient_account, appointments),
        (clinic.practitioner_account, appointments[::2]),
        (staff(sqlite_database, radiology.id), appointments[1::2]),
    ):
        feed = written(sqlite_database, address(sqlite_database, account_id), at=min(starts))
        check_form(feed)
        seen = agreed(feed)
        assert (seen.method, seen.name) == (None, "Eastern Health")
        assert {one.uid: one.start for one in seen.entries} == {
            str(appointment.id): right[str(appointment.id)] for appointment in whose
        }
        assert {one.length for one in seen.entries} == {timedelta(minutes=30)}
        assert {one.status for one in seen.entries} == {"CONFIRMED"}


def test_an_appointment_has_one_uid_wherever_it_stands_and_its_sequence_rises(
    sqlite_database: Database, clinic: Clinic
) -> None:
    appointment = book(sqlite_database, clinic)
    tokens = [
        address(sqlite_database, account_id)
        for account_id in (clinic.patient_account, clinic.practitioner_account)
    ]
    seen = [agreed_entry(written(sqlite_database, token)) for token in tokens]
    move(sqlite_database, appointment, START + timedelta(days=1))
    seen += [agreed_entry(written(sqlite_database, token)) for token in tokens]
    assert {one.uid for one in seen} == {str(appointment.id)}
    assert [one.sequence for one in seen] == [0, 0, 1, 1]
    assert [one.start for one in seen] == [START] * 2 + [START + timedelta(days=1)] * 2


def test_programs_are_told_how_often_to_look_and_nobody_is_invited(
    sqlite_database: Database, clinic: Clinic
) -> None:
    appointment = book(sqlite_database, clinic)
    feed = written(sqlite_database, address(sqlite_database, clinic.patient_account))
    lines = unfolded(feed)
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT1H" in lines
    assert "X-PUBLISHED-TTL:PT1H" in lines
    assert {"NAME:Eastern Health", "X-WR-CALNAME:Eastern Health"} <= set(lines)
    assert f"URL:{URL}appointments/{appointment.id}" in lines
    assert not [line for line in lines if line.startswith(("METHOD", "ATTENDEE", "ORGANIZER"))]
    assert b"VALARM" not in feed


def test_a_calendar_in_which_nothing_changed_is_the_same_bytes(
    sqlite_database: Database, clinic: Clinic
) -> None:
    book(sqlite_database, clinic)
    token = address(sqlite_database, clinic.patient_account)
    later = NOW + timedelta(hours=3)
    feed = written(sqlite_database, token)
    assert feed == written(sqlite_database, token, at=later)
    assert b"DTSTAMP:20261102T010000Z" in feed, "when it was booked, not when it is read"


# Who may read it


def test_only_the_hash_of_an_address_is_kept(sqlite_database: Database, clinic: Clinic) -> None:
    token = address(sqlite_database, clinic.patient_account)
    kept = sqlite_database.read(
        lambda session: session.get_one(CalendarFeed, clinic.patient_account).token_hash
    )
    assert len(token) >= 43
    assert token.encode() not in kept


def test_a_new_address_ends_the_old_one(sqlite_database: Database, clinic: Clinic) -> None:
    old = address(sqlite_database, clinic.patient_account)
    new = address(sqlite_database, clinic.patient_account)
    assert written(sqlite_database, new)
    with pytest.raises(NotFound):
        written(sqlite_database, old)


def ended(session: Session, account_id: UUID) -> None:
    end_feed(work(session, Actor(account_id=account_id), NOW), account_id)


def switched_off(session: Session, account_id: UUID) -> None:
    session.get_one(Account, account_id).active = False


def deleted(session: Session, account_id: UUID) -> None:
    patient = patient_of(session, account_id)
    assert patient
    patient.account_id = None
    session.delete(session.get_one(Account, account_id))


@pytest.mark.parametrize("end", [ended, switched_off, deleted])
def test_an_address_opens_nothing_once_it_is_over(
    database: Database, end: Callable[[Session, UUID], None]
) -> None:
    clinic = open_clinic(database)
    token = address(database, clinic.patient_account)
    assert written(database, token)
    database.run(lambda session: end(session, clinic.patient_account))
    with pytest.raises(NotFound):
        written(database, token)


def test_it_takes_three_statements_whatever_stands_in_it(
    database: Database, statements: Callable[[Database], AbstractContextManager[Counted]]
) -> None:
    clinic = open_clinic(database)
    token = address(database, clinic.patient_account)
    for number in range(4):
        book(database, clinic, at=START + timedelta(days=number))
        with statements(database) as counted:
            written(database, token)
        assert counted.count == 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ann Example", "A. E."),
        ("Ann Maria van den Berg", "A. B."),
        ("Cher", "C."),
        ("ʻAkamu Keoni", "A. K."),
        ("'Akamu Keoni", "A. K."),
        ("(Ana) Perez", "A. P."),
        ("ß Otto", "ß. O."),
        ("王小明", "王."),
        ("42", ""),
        ("", ""),
    ],
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected
