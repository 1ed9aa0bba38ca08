"""What no longer holds is not told, in whatever order the worker comes to it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clinic import NOW, START, Clinic, Mails, book, cancel, move
from openslot.booking.events import AppointmentChanged, Topic
from openslot.booking.models import Appointment, Status
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.notifications.dispatch import notify, outdated
from openslot.notifications.staleness import has_changed
from working import work

URL = "https://book.example.org"
LATER = START + timedelta(days=7)


def test_an_appointment_cancelled_before_the_worker_came_is_not_confirmed(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    cancel(sqlite_database, book(sqlite_database, clinic))
    sent = mails.new()
    assert sent.keys() == {"ann@example.org", "toby@example.org"}
    assert {mail["method"] for mail in sent.values()} == {"CANCEL"}
    assert mails.new() == {}


def test_an_appointment_moved_before_the_worker_came_is_told_once_with_its_new_time(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    move(sqlite_database, book(sqlite_database, clinic), LATER)
    sent = mails.new()
    assert {mail["subject"] for mail in sent.values()} == {
        "Your appointment has moved: Monday 30 November 2026, 10:30 am",
        "Appointment moved: Monday 30 November 2026, 10:30 am",
    }


def test_an_event_of_an_appointment_that_is_gone_tells_nobody(
    sqlite_database: Database, clinic: Clinic, settings: Settings, mails: Mails
) -> None:
    appointment = book(sqlite_database, clinic)
    mails.new()
    gone = {**_event(appointment), "appointment": str(UUID(int=1))}
    sqlite_database.run(
        lambda session: notify(work(session, now=NOW, settings=settings), [(Topic.BOOKED, gone)])
    )
    assert mails.new() == {}


def test_queued_mails_are_asked_about_in_one_statement(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    statements: Callable[[Database], Any],
) -> None:
    stands, is_off = book(sqlite_database, clinic), book(sqlite_database, clinic, at=LATER)
    cancel(sqlite_database, is_off)
    about = [_event(one, topic=Topic.BOOKED) for one in (stands, is_off)]
    gone = {**about[0], "appointment": str(UUID(int=1))}
    queued = [{"about": one} for one in (*about, gone)] + [{"about": None}]
    with statements(sqlite_database) as counted:
        found = sqlite_database.read(
            lambda session: outdated(work(session, now=NOW, settings=settings), queued)
        )
    assert found == [False, True, True, False]
    assert counted.count == 1


def _event(appointment: Appointment, **other: Any) -> dict[str, Any]:
    return {
        "appointment": str(appointment.id),
        "version": appointment.version,
        "schedule": appointment.schedule_id,
        "start": appointment.starts_at.isoformat(),
        "end": appointment.ends_at.isoformat(),
        "was": None,
        "by": None,
        **other,
    }


TRUTHS = [
    (Topic.BOOKED, Status.BOOKED, {}, True),
    (Topic.BOOKED, Status.ARRIVED, {"version": 1}, True),
    (Topic.BOOKED, Status.BOOKED, {"version": 1}, True),
    (Topic.BOOKED, Status.BOOKED, {"version": 1, "start": LATER.isoformat()}, False),
    (Topic.BOOKED, Status.BOOKED, {"version": 1, "end": LATER.isoformat()}, False),
    (Topic.BOOKED, Status.BOOKED, {"version": 1, "schedule": 8}, False),
    (Topic.BOOKED, Status.CANCELLED, {}, False),
    (Topic.BOOKED, Status.ENTERED_IN_ERROR, {"version": 1}, False),
    (Topic.MOVED, Status.BOOKED, {}, True),
    (Topic.MOVED, Status.CANCELLED, {"version": 1}, False),
    (Topic.CANCELLED, Status.CANCELLED, {}, True),
    (Topic.CANCELLED, Status.ENTERED_IN_ERROR, {"version": 1}, True),
    (Topic.CANCELLED, Status.BOOKED, {"version": 1}, False),
]


@pytest.mark.parametrize(("topic", "status", "said", "news"), TRUTHS)
def test_only_what_still_holds_is_news(
    topic: Topic, status: Status, said: dict[str, Any], news: bool
) -> None:
    appointment = _row(status)
    event = AppointmentChanged(**_event(appointment, **said))
    assert has_changed(topic, event, appointment, now=NOW) is not news


@pytest.mark.parametrize("topic", [Topic.BOOKED, Topic.MOVED])
def test_what_is_over_is_no_news(topic: Topic) -> None:
    appointment = _row(Status.BOOKED)
    event = AppointmentChanged(**_event(appointment))
    assert not has_changed(
        topic, event, appointment, now=appointment.ends_at - timedelta(seconds=1)
    )
    assert has_changed(topic, event, appointment, now=appointment.ends_at)


def _row(status: Status) -> Appointment:
    return Appointment(
        id=UUID(int=7),
        version=3,
        schedule_id=7,
        status=status,
        starts_at=START,
        ends_at=START + timedelta(minutes=30),
    )
