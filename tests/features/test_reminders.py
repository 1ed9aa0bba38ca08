"""Reminders: once for each time that an appointment has, and only while it holds."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

import factories
from clinic import NOW, REASON, START, Clinic, book, cancel, move, open_clinic, parts_of
from factories import change
from openslot.booking import commands as booking
from openslot.booking.models import Status
from openslot.core import outbox
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import LEASE, State
from openslot.directory.models import Patient
from openslot.identity.models import Account
from openslot.notifications.dispatch import MAIL, outdated
from openslot.notifications.events import Topic
from postoffice import PostOffice, row, rows, run_worker, settings_for
from working import work

DAY_BEFORE = START - timedelta(hours=24)
LATER = START + timedelta(days=7)


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


def reminders(database: Database) -> list[Any]:
    return rows(database, Topic.REMINDER)


def reminded(post: PostOffice) -> list[str]:
    """To whom reminders went; their subjects begin so."""
    return [str(one["X-Envelope-To"]) for one in post.taken if "Reminder" in str(one["Subject"])]


def test_an_appointment_is_reminded_of_a_day_before_once(
    database: Database, settings: Settings, post: PostOffice
) -> None:
    book(database, open_clinic(database))
    run_worker(database, settings)
    assert [one.due_at for one in reminders(database)] == [DAY_BEFORE]
    run_worker(database, settings, at=DAY_BEFORE - timedelta(seconds=1))
    assert reminded(post) == []
    run_worker(database, settings, at=DAY_BEFORE)
    assert reminded(post) == ["ann@example.org"]
    run_worker(database, settings, at=START)
    assert reminded(post) == ["ann@example.org"]


def test_it_says_when_and_where_and_never_why(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic, schedule=clinic.service_schedule)
    run_worker(sqlite_database, settings)
    run_worker(sqlite_database, settings, at=DAY_BEFORE)
    (mail,) = [one for one in post.taken if "Reminder" in one["Subject"]]
    assert mail["Subject"] == "Reminder of your appointment: Monday 23 November 2026, 10:30 am"
    for part in parts_of(mail):
        assert "Your appointment is coming up" in part
        assert "Monday 23 November 2026, 10:30 am, Sydney time (UTC+11:00)" in part
        assert "Royal Randwick Hospital, Barker St, Randwick" in part
        assert "until 2 hours before it starts" in part
        assert "Stop reminders" in part
        assert REASON not in part
    assert "text/calendar" not in {part.get_content_type() for part in mail.walk()}


def test_an_appointment_that_moved_is_reminded_of_at_its_new_time_only(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    move(sqlite_database, book(sqlite_database, clinic), LATER)
    run_worker(sqlite_database, settings)
    appointment_at = [one.due_at for one in reminders(sqlite_database)]
    assert appointment_at == [LATER - timedelta(hours=24)]  # the booking was no news any more
    run_worker(sqlite_database, settings, at=DAY_BEFORE)
    assert reminded(post) == []
    run_worker(sqlite_database, settings, at=LATER - timedelta(hours=24))
    assert reminded(post) == ["ann@example.org"]


def test_moved_away_and_back_it_is_reminded_of_once(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    move(sqlite_database, appointment, LATER)
    run_worker(sqlite_database, settings)
    move(sqlite_database, appointment, START)
    run_worker(sqlite_database, settings)
    assert len(reminders(sqlite_database)) == 2
    run_worker(sqlite_database, settings, at=DAY_BEFORE)
    run_worker(sqlite_database, settings, at=LATER)
    assert reminded(post) == ["ann@example.org"]


def test_a_cancelled_appointment_is_not_reminded_of(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    cancel(sqlite_database, appointment)
    run_worker(sqlite_database, settings, at=DAY_BEFORE)
    assert reminded(post) == []
    assert [one.state for one in reminders(sqlite_database)] == [State.DONE]


def test_who_is_here_already_is_not_reminded(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    sqlite_database.run(
        lambda session: booking.change_status(
            work(session, SYSTEM, START - timedelta(hours=1), cutoff=timedelta(hours=2)),
            appointment.id,
            Status.ARRIVED,
        )
    )
    run_worker(sqlite_database, settings, at=DAY_BEFORE)
    assert reminded(post) == []


def test_a_reminder_that_is_stuck_until_the_appointment_begins_is_not_sent(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    nobody_there = settings.model_copy(update={"smtp_port": 1})
    run_worker(sqlite_database, nobody_there, at=DAY_BEFORE)
    (stuck,) = [one for one in rows(sqlite_database, MAIL) if one.state == State.WAITING]

    def is_outdated(seconds: int) -> bool:
        at = START + timedelta(seconds=seconds)
        packed = row(sqlite_database, stuck.id).payload
        return sqlite_database.read(lambda session: outdated(work(session, now=at), [packed]))[0]

    assert not is_outdated(-1)
    assert is_outdated(0)
    run_worker(sqlite_database, settings, at=START)
    assert reminded(post) == []


def test_an_appointment_that_is_near_already_is_not_reminded_of(
    sqlite_database: Database, clinic: Clinic, settings: Settings
) -> None:
    book(sqlite_database, clinic, at=NOW + timedelta(hours=24))
    run_worker(sqlite_database, settings)
    assert reminders(sqlite_database) == []


def test_a_network_may_send_none(
    sqlite_database: Database, clinic: Clinic, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings_for(post, reminder_hours=0))
    assert reminders(sqlite_database) == []


LONDONS_MORNING = DAY_BEFORE + timedelta(hours=7, minutes=30)
"""7 am in London; 10:30 am in Sydney is 11:30 pm of the day before there."""


@pytest.mark.parametrize(
    ("patient_zone", "account_zone", "due"),
    [
        ("Europe/London", None, LONDONS_MORNING),
        (None, "Europe/London", LONDONS_MORNING),
        ("Australia/Perth", "Europe/London", DAY_BEFORE),
        (None, None, DAY_BEFORE),
    ],
)
def test_it_is_the_patients_clock_that_decides_what_is_night(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    patient_zone: str | None,
    account_zone: str | None,
    due: datetime,
) -> None:
    change(sqlite_database, Patient, clinic.patient, time_zone=patient_zone)
    change(sqlite_database, Account, clinic.patient_account, time_zone=account_zone)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    assert [one.due_at for one in reminders(sqlite_database)] == [due]


def test_a_worker_that_was_away_wakes_nobody(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    night = DAY_BEFORE + timedelta(hours=12, minutes=30)  # 11 pm in Sydney
    run_worker(sqlite_database, settings, at=night)
    assert reminded(post) == []
    morning = START - timedelta(hours=3, minutes=30)  # 7 am
    run_worker(sqlite_database, settings, at=morning - timedelta(minutes=1))
    assert reminded(post) == []
    run_worker(sqlite_database, settings, at=morning)
    assert reminded(post) == ["ann@example.org"]


class Killed(BaseException):
    """Ends a worker at once."""


def test_a_worker_killed_over_a_reminder_has_it_sent_once_by_the_next(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    post: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "finish", die)
        with pytest.raises(Killed):
            run_worker(sqlite_database, settings, at=DAY_BEFORE)
    assert reminded(post) == []
    run_worker(sqlite_database, settings, at=DAY_BEFORE + LEASE)
    run_worker(sqlite_database, settings, at=DAY_BEFORE + 3 * LEASE)
    assert reminded(post) == ["ann@example.org"]


def test_a_booking_that_was_rolled_back_is_not_reminded_of(
    sqlite_database: Database, clinic: Clinic, settings: Settings
) -> None:
    def book_and_fail(session: Session) -> None:
        factories.appointment(session, clinic.schedule, START, clinic.patient, now=NOW)
        session.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sqlite_database.run(book_and_fail)
    run_worker(sqlite_database, settings)
    assert reminders(sqlite_database) == []
