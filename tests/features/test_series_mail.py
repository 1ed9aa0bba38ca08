"""A series in mail: one for all of it, with one calendar file, and a reminder of each."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import icalendar
import pytest

from clinic import NOW, START, Clinic, parts_of
from openslot.booking import series, together
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage
from openslot.core.work import Work
from openslot.notifications.events import Topic
from openslot.usecases import series as usecases
from postoffice import PostOffice, run_worker, settings_for
from working import work

WEEK = timedelta(days=7)
PATIENT, PRACTICE = "ann@example.org", "toby@example.org"


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


@pytest.fixture
def booked(sqlite_database: Database, clinic: Clinic) -> list[Appointment]:
    wanted = BookingRequest(clinic.schedule, START, 30, clinic.patient)
    starts = [START + number * WEEK for number in range(3)]
    return sqlite_database.run(
        lambda session: usecases.book(work(session, SYSTEM, NOW), wanted, starts)
    )


def mails(post: PostOffice) -> dict[str, EmailMessage]:
    """The one mail to each."""
    found = {one["X-Envelope-To"]: one for one in post.taken}
    assert len(found) == len(post.taken)
    return found


def entries(mail: EmailMessage) -> tuple[str, list[Any]]:
    (part,) = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    calendar = icalendar.Calendar.from_ical(part.get_payload(decode=True))
    return str(calendar["method"]), list(calendar.walk("VEVENT"))


def test_a_series_is_one_mail_to_each_side_with_one_calendar_file(
    sqlite_database: Database, settings: Settings, post: PostOffice, booked: list[Appointment]
) -> None:
    run_worker(sqlite_database, settings)
    found = mails(post)
    assert set(found) == {PATIENT, PRACTICE}
    for mail in found.values():
        method, events = entries(mail)
        assert method == "PUBLISH"
        assert [str(one["uid"]) for one in events] == [str(one.id) for one in booked]
        assert not any("attendee" in one for one in events), "RFC 5546, 3.2.1"
        for part in parts_of(mail):
            for day in ("23 November", "30 November", "7 December"):
                assert day in part


@pytest.mark.usefixtures("booked")
def test_each_of_a_series_is_reminded_of(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    run_worker(sqlite_database, settings)
    reminders = sqlite_database.read(
        lambda session: (
            session.query(OutboxMessage).where(OutboxMessage.topic == Topic.REMINDER).count()
        )
    )
    assert reminders == 3
    post.taken.clear()
    run_worker(sqlite_database, settings, at=START - timedelta(hours=20))
    assert "Reminder" in mails(post)[PATIENT]["Subject"]


@pytest.mark.parametrize(
    ("act", "words", "status"),
    [
        (
            lambda unit, one: together.cancel(
                unit, together.of_series(one.series_id), since=one.id
            ),
            "cancelled",
            "CANCEL",
        ),
        (
            lambda unit, one: series.move(
                unit, one.series_id, one.starts_at + timedelta(hours=1), since=one.id
            ),
            "moved",
            "CONFIRMED",
        ),
    ],
    ids=["cancelled", "moved"],
)
def test_what_changes_together_is_told_once(
    sqlite_database: Database,
    settings: Settings,
    post: PostOffice,
    booked: list[Appointment],
    act: Callable[[Work, Appointment], object],
    words: str,
    status: str,
) -> None:
    run_worker(sqlite_database, settings)
    post.taken.clear()
    sqlite_database.run(lambda session: act(work(session, SYSTEM, NOW), booked[1]))
    run_worker(sqlite_database, settings)
    found = mails(post)
    assert set(found) == {PATIENT, PRACTICE}
    assert words in found[PATIENT]["Subject"]
    _, events = entries(found[PATIENT])
    assert [str(one["uid"]) for one in events] == [str(one.id) for one in booked[1:]]
    assert all(str(one["status"]).startswith(status) for one in events)
    assert all(one["sequence"] > 0 for one in events)
