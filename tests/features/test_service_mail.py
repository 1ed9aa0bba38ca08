"""What mails and calendar entries say about the service that was chosen."""

from datetime import timedelta
from email.message import EmailMessage

import icalendar
import pytest
from sqlalchemy.orm import Session

import factories
from clinic import NOW, Clinic, book, parts_of
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Mode
from openslot.notifications import ics
from openslot.questions.commands import QuestionDetails, set_questions
from postoffice import PostOffice, run_worker, settings_for
from working import work

INSTRUCTIONS = "Find a quiet room."


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


@pytest.fixture
def video(sqlite_database: Database, clinic: Clinic) -> int:
    """Toby offers a call by video, and nothing else."""

    def offer(session: Session) -> int:
        service = factories.offered_service(
            session,
            None,
            "Video call",
            minutes=30,
            mode=Mode.VIDEO,
            video_url="https://meet.example.org/{id}",
            instructions=INSTRUCTIONS,
            now=NOW,
        )
        factories.offer(session, clinic.schedule, service, now=NOW)
        return service.id

    return sqlite_database.run(offer)


def mail_to(post: PostOffice, address: str) -> EmailMessage:
    (found,) = [one for one in post.taken if one["X-Envelope-To"] == address]
    return found


@pytest.mark.usefixtures("video")
def test_mails_say_what_how_and_where_to_join(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    for address, is_patient in (("ann@example.org", True), ("toby@example.org", False)):
        for part in parts_of(mail_to(post, address)):
            assert "Video call" in part
            assert "By video" in part
            assert f"https://meet.example.org/{appointment.id}" in part
            assert (INSTRUCTIONS in part) is is_patient, "for who comes"


@pytest.mark.usefixtures("video")
def test_the_calendar_entry_leads_to_the_call(sqlite_database: Database, clinic: Clinic) -> None:
    appointment = book(sqlite_database, clinic)
    feed = ics.calendar_feed(
        [(appointment, "Toby")], name="Ann", public_url="https://book.example.org"
    )
    (event,) = icalendar.Calendar.from_ical(feed).walk("VEVENT")
    link = f"https://meet.example.org/{appointment.id}"
    assert event["url"] == link
    assert str(event["description"]).splitlines() == [
        link,
        f"https://book.example.org/appointments/{appointment.id}",
    ]


def test_a_reminder_says_that_questions_are_left(
    sqlite_database: Database, clinic: Clinic, video: int, settings: Settings, post: PostOffice
) -> None:
    asked = [QuestionDetails(words="Any pain?", required=True)]
    sqlite_database.run(lambda session: set_questions(work(session, SYSTEM, NOW), video, asked))
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    run_worker(sqlite_database, settings, at=appointment.starts_at - timedelta(hours=24))
    (reminder,) = [one for one in post.taken if "Reminder" in str(one["Subject"])]
    for part in parts_of(reminder):
        assert "Please answer the questions" in part
