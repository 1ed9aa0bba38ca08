"""An appointment's entry in the mails about it, from booking to cancellation, as readers see it."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clinic import START, Clinic, book, cancel, move
from factories import change
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Centre
from openslot.notifications.ics import Method
from postoffice import PostOffice, run_worker, settings_for
from readers import Entry, Person, agreed, check_form

MOVED = START + timedelta(days=8, hours=2)

SIDES = {
    "ann@example.org": ("Ann Example", "Appointment with Toby Turner"),
    "toby@example.org": ("Toby Turner", "Appointment: A. E."),
}


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


def parts(message: EmailMessage) -> tuple[Any, bytes, bytes]:
    """The part of a mail that is a calendar, what it holds, and what the file holds."""
    (part,) = [one for one in message.walk() if one.get_content_type() == "text/calendar"]
    (file,) = message.iter_attachments()
    return part, part.get_payload(decode=True), file.get_payload(decode=True)


def entry_of(message: EmailMessage, method: Method) -> Entry:
    """What all readers see of the appointment; the mail is made as RFC 6047 wants it."""
    part, written, file = parts(message)
    assert part.get_param("method") == method
    assert part.get_content_charset() == "utf-8"
    assert file == written
    check_form(written)
    seen = agreed(written)
    assert seen.method == method
    (entry,) = seen.entries
    return entry


def test_both_sides_see_one_appointment_from_booking_to_cancellation(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    move(sqlite_database, appointment, MOVED)
    run_worker(sqlite_database, settings)
    cancel(sqlite_database, appointment)
    run_worker(sqlite_database, settings)
    for address, (name, called) in SIDES.items():
        got = [one for one in post.taken if one["To"].addresses[0].addr_spec == address]
        methods: list[Method] = ["REQUEST", "REQUEST", "CANCEL"]
        seen = [entry_of(one, method) for one, method in zip(got, methods, strict=True)]
        assert [one.sequence for one in seen] == [0, 1, 2]
        assert [one.start for one in seen] == [START, MOVED, MOVED]
        assert [one.status for one in seen] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
        assert {one.uid for one in seen} == {str(appointment.id)}
        assert {one.length for one in seen} == {timedelta(minutes=30)}
        assert {one.summary for one in seen} == {called}
        assert {one.location for one in seen} == {"Royal Randwick Hospital, Barker St, Randwick"}
        assert {one.attendees for one in seen} == {(Person(f"mailto:{address}", name),)}
        # Mail programs take an invitation only from whom it is of.
        sender = Person("mailto:no-reply@example.org", "Östliche Gesundheit")
        assert {one.organizer for one in seen} == {sender}
        assert {one["From"].addresses[0].addr_spec for one in got} == {"no-reply@example.org"}


@pytest.mark.parametrize("days", [0, 150], ids=["november", "april"])
@pytest.mark.parametrize("zone", ["Australia/Sydney", "Europe/London"])
def test_the_entry_is_at_the_time_that_the_mail_says(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    post: PostOffice,
    zone: str,
    days: int,
) -> None:
    change(sqlite_database, Centre, 1, time_zone=zone)
    start = START + timedelta(days=days)
    book(sqlite_database, clinic, at=start)
    run_worker(sqlite_database, settings)
    for message in post.taken:
        local = entry_of(message, "REQUEST").start.astimezone(ZoneInfo(zone))
        body = message.get_body(("plain",))
        assert body
        said = body.get_content().replace("\N{NARROW NO-BREAK SPACE}", " ")
        assert f"{local.hour % 12 or 12}:{local:%M} " in said.split("When: ")[1].split("\n")[0]
        assert f"{local.day} {local:%B %Y}" in said
