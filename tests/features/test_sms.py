"""Text messages: what is said to whom, and the provider that takes them over HTTP."""

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

import factories
from clinic import NOW, REASON, START, Clinic, book, cancel, move, open_clinic
from engines import Counted
from factories import change
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import ATTEMPTS, OutboxMessage, State
from openslot.directory.models import Dependent, Patient
from openslot.entrypoints.worker.main import run
from openslot.notifications.dispatch import SMS, SmsMessage, queue_sms
from openslot.notifications.events import Topic
from openslot.notifications.preferences import Kind
from openslot.notifications.sms import BadProvider, provider_of, request_of
from postoffice import PostOffice, rows, run_worker, settings_for
from postoffice import queue as queue_a_mail
from receiver import Receiver, receiver
from texting import BOOKED, MOBILE, PASSWORD, PLACE, REMINDER, TO, sms_settings, texts, wants_sms
from working import work


@pytest.fixture
def provider() -> Iterator[Receiver]:
    with receiver() as there:
        there.status = 201
        yield there


@pytest.fixture
def settings(post: PostOffice, provider: Receiver) -> Settings:
    return sms_settings(post, provider)


# What is said to whom


def test_who_chose_it_is_told_of_appointments_in_short(
    database: Database, settings: Settings, provider: Receiver, post: PostOffice
) -> None:
    clinic = open_clinic(database)
    wants_sms(database, clinic, Kind.APPOINTMENTS)
    appointment = book(database, clinic)
    run_worker(database, settings)
    move(database, appointment, START + timedelta(days=7))
    run_worker(database, settings)
    cancel(database, appointment)
    run_worker(database, settings)
    assert texts(provider) == [
        (TO, BOOKED),
        (TO, f"Your appointment at {PLACE} has moved to Mon 30 Nov, 10:30 am."),
        (TO, f"Your appointment at {PLACE} on Mon 30 Nov, 10:30 am is cancelled."),
    ]
    assert post.recipients.count("ann@example.org") == 3, "mail stays"
    assert all(len(text) <= 160 and text.isascii() for _to, text in texts(provider))
    assert not any(REASON in one.body.decode() for one in provider.taken)


def test_nobody_gets_what_they_did_not_choose(
    sqlite_database: Database, clinic: Clinic, settings: Settings, provider: Receiver
) -> None:
    change(sqlite_database, Patient, clinic.patient, phone=MOBILE)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    assert texts(provider) == []
    wants_sms(sqlite_database, clinic, Kind.OFFERS)
    run_worker(sqlite_database, settings, at=START - timedelta(days=1))
    assert texts(provider) == []


@pytest.mark.parametrize("phone", ["02 9382 1111", "+44 7400 123456", "0412 345 678 ext. 4", "123"])
def test_only_mobile_numbers_of_the_country_are_written_to(
    sqlite_database: Database,
    clinic: Clinic,
    post: PostOffice,
    provider: Receiver,
    phone: str,
) -> None:
    wants_sms(sqlite_database, clinic, phone=phone)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, sms_settings(post, provider))
    assert texts(provider) == []


def test_other_countries_can_be_allowed(
    sqlite_database: Database, clinic: Clinic, post: PostOffice, provider: Receiver
) -> None:
    wants_sms(sqlite_database, clinic, phone="+44 7400 123456")
    book(sqlite_database, clinic)
    run_worker(sqlite_database, sms_settings(post, provider, sms_countries="AU,GB"))
    assert texts(provider) == [("+447400123456", BOOKED)]


def test_who_has_no_account_and_no_email_is_written_to_where_the_network_says_so(
    sqlite_database: Database, clinic: Clinic, post: PostOffice, provider: Receiver
) -> None:
    change(sqlite_database, Patient, clinic.patient, phone=MOBILE, email=None, account_id=None)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, sms_settings(post, provider))
    assert texts(provider) == []
    move_to = sms_settings(post, provider, sms_without_email=True)
    change(sqlite_database, Patient, clinic.patient, email="ann@example.org")
    book(sqlite_database, clinic, at=START + timedelta(days=1))
    run_worker(sqlite_database, move_to)
    assert texts(provider) == [], "mail reaches her"
    change(sqlite_database, Patient, clinic.patient, email=None)
    book(sqlite_database, clinic, at=START + timedelta(days=2))
    run_worker(sqlite_database, move_to)
    assert texts(provider) == [(TO, BOOKED.replace("Mon 23", "Wed 25"))]


def test_who_cares_for_a_child_is_written_to_without_its_name(
    sqlite_database: Database, clinic: Clinic, settings: Settings, provider: Receiver
) -> None:
    wants_sms(sqlite_database, clinic)

    def act(session: Session) -> None:
        mia = factories.patient(session, "Mia Example", now=NOW)
        session.add(Dependent(patient_id=mia.id, carer_id=clinic.patient, since=NOW))
        factories.appointment(session, clinic.schedule, START, mia.id, now=NOW)

    sqlite_database.run(act)
    run_worker(sqlite_database, settings)
    assert texts(provider) == [(TO, BOOKED.replace("Your", "An"))]


# Reminders


def test_there_are_as_many_reminders_as_are_set_each_by_its_channel(
    database: Database, post: PostOffice, provider: Receiver
) -> None:
    clinic = open_clinic(database)
    settings = sms_settings(post, provider, reminder_hours="24", sms_reminder_hours="2 days, 3")
    wants_sms(database, clinic, Kind.REMINDERS)
    book(database, clinic)
    run_worker(database, settings)
    assert [one.due_at for one in rows(database, Topic.REMINDER)] == [START - timedelta(hours=24)]
    for hours, total in ((49, 0), (48, 1), (24, 1), (3, 2), (2, 2)):
        run_worker(database, settings, at=START - timedelta(hours=hours))
        assert texts(provider) == [(TO, REMINDER)] * total
    assert len({one.headers["Idempotency-Key"] for one in provider.taken}) == 2
    assert sum("Reminder" in str(one["Subject"]) for one in post.taken) == 1


def test_two_reminders_that_the_night_brings_together_are_one(
    sqlite_database: Database, clinic: Clinic, post: PostOffice, provider: Receiver
) -> None:
    settings = sms_settings(post, provider, sms_reminder_hours="12,10")
    wants_sms(sqlite_database, clinic, Kind.REMINDERS)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    assert len(rows(sqlite_database, Topic.REMINDER_BY_SMS)) == 1


def test_a_reminder_that_is_no_longer_true_is_not_sent(
    sqlite_database: Database, clinic: Clinic, settings: Settings, provider: Receiver
) -> None:
    wants_sms(sqlite_database, clinic, Kind.REMINDERS)
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    provider.status = 503
    at = START - timedelta(hours=48)
    run_worker(sqlite_database, settings, at=at)
    assert len(provider.taken) == 1, "it was tried, and waits"
    cancel(sqlite_database, appointment)
    provider.status = 201
    run_worker(sqlite_database, settings, at=at + timedelta(hours=1))
    assert len(provider.taken) == 1
    assert {one.state for one in rows(sqlite_database, SMS)} == {State.DONE}


def test_no_telephone_rings_at_night_but_about_what_its_owner_did(
    sqlite_database: Database, clinic: Clinic, settings: Settings, provider: Receiver
) -> None:
    wants_sms(sqlite_database, clinic)
    appointment = book(sqlite_database, clinic)
    night = NOW + timedelta(hours=11)  # 11 pm in Sydney
    run_worker(sqlite_database, settings, at=night)
    assert texts(provider) == []
    cancel(sqlite_database, appointment, by=clinic.patient_account)
    run_worker(sqlite_database, settings, at=night)
    assert [text.split()[-1] for _to, text in texts(provider)] == ["cancelled."]
    run_worker(sqlite_database, settings, at=night + timedelta(hours=8))
    assert len(texts(provider)) == 1, "the booking is no news any more"


# The provider


def queue(database: Database, *, to: str = TO, text: str = "Hello & welcome") -> UUID:
    message = SmsMessage(to, text, f"key of {to}")
    return database.run(lambda session: queue_sms(work(session, now=NOW), message))


def sent(database: Database) -> OutboxMessage:
    (row,) = rows(database, SMS)
    return row


def test_twilio_takes_a_form(
    sqlite_database: Database, post: PostOffice, provider: Receiver
) -> None:
    settings = sms_settings(post, provider, sms_provider="twilio", sms_user="AC1")
    queue(sqlite_database)
    run_worker(sqlite_database, settings)
    (one,) = provider.taken
    assert parse_qs(one.body.decode()) == {
        "To": [TO],
        "From": ["+61400000000"],
        "Body": ["Hello & welcome"],
    }
    assert one.headers["Content-Type"] == "application/x-www-form-urlencoded"
    secret = b64encode(f"AC1:{PASSWORD}".encode()).decode()
    assert one.headers["Authorization"] == f"Basic {secret}"
    plain = settings.model_copy(update={"sms_url": ""})
    assert request_of(SmsMessage(TO, "", ""), plain).url == (
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    )


def test_what_was_sent_keeps_its_number_and_not_its_text(
    sqlite_database: Database, settings: Settings, provider: Receiver
) -> None:
    queue(sqlite_database)
    with capture_logs() as logs:
        run_worker(sqlite_database, settings)
    row = sent(sqlite_database)
    assert (row.state, row.payload) == (State.DONE, {"to": TO})
    assert provider.taken[0].headers["Authorization"] == f"Bearer {PASSWORD}"
    assert not [one for one in logs if PASSWORD in str(one) or "412345678" in str(one)]


@pytest.mark.parametrize("status", [302, 400, 404, 422])
def test_what_is_refused_is_put_aside_at_once(
    sqlite_database: Database, settings: Settings, provider: Receiver, status: int
) -> None:
    provider.status, provider.answer = status, f'{{"code": 21211, "to": "{TO}"}}'.encode()
    queue(sqlite_database)
    with capture_logs() as logs:
        run_worker(sqlite_database, settings)
    row = sent(sqlite_database)
    assert (row.state, row.attempts) == (State.FAILED, 1)
    assert row.error == f"the SMS provider answered {status}, code 21211"
    assert not [one for one in logs if TO in str(one)]


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_what_may_pass_is_tried_again_after_growing_pauses_and_given_up(
    sqlite_database: Database, settings: Settings, provider: Receiver, status: int
) -> None:
    provider.status = status
    queue(sqlite_database)
    at, pauses = NOW, []
    for _attempt in range(ATTEMPTS):
        run_worker(sqlite_database, settings, at=at)
        due = sent(sqlite_database).due_at
        pauses.append(due - at)
        at = due
    assert pauses[:3] == [timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=45)]
    assert len(provider.taken) == ATTEMPTS
    assert sent(sqlite_database).state == State.FAILED


def test_a_provider_that_is_away_is_tried_again(
    sqlite_database: Database, post: PostOffice, provider: Receiver
) -> None:
    settings = sms_settings(post, provider, sms_url="http://127.0.0.1:1/")
    queue(sqlite_database)
    run_worker(sqlite_database, settings)
    row = sent(sqlite_database)
    assert row.state == State.WAITING
    assert row.error == "the SMS provider: The host refused the connection."


def test_plain_http_is_for_own_networks_only(
    sqlite_database: Database, post: PostOffice, provider: Receiver
) -> None:
    queue(sqlite_database)
    run_worker(sqlite_database, sms_settings(post, provider, sms_url="http://192.0.2.1/"))
    assert "https" in str(sent(sqlite_database).error) or "private" in str(
        sent(sqlite_database).error
    )


def test_without_a_provider_any_more_it_is_kept(
    sqlite_database: Database, post: PostOffice
) -> None:
    queue(sqlite_database)
    run_worker(sqlite_database, settings_for(post))
    row = sent(sqlite_database)
    assert (row.state, row.payload["text"]) == (State.KEPT, "Hello & welcome")


def test_a_provider_that_hangs_holds_up_no_mail(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    provider: Receiver,
    post: PostOffice,
) -> None:
    released = threading.Event()
    provider.before = lambda: bool(released.wait(30))  # type: ignore[assignment,return-value]
    for number in range(6):
        queue(sqlite_database, to=f"+6141234560{number}")
    stop = threading.Event()
    worker = threading.Thread(
        target=run, args=(sqlite_database, settings), kwargs={"stop": stop}, daemon=True
    )
    worker.start()
    try:
        ends = time.monotonic() + 20
        while not provider.taken and time.monotonic() < ends:
            time.sleep(0.02)
        queue_a_mail(sqlite_database)
        while not post.taken and time.monotonic() < ends:
            time.sleep(0.02)
        assert post.taken, "mail goes out meanwhile"
        assert len(provider.taken) <= 4
    finally:
        released.set()
        stop.set()
        worker.join(30)


def test_it_costs_nothing_where_it_is_not_set(
    sqlite_database: Database,
    clinic: Clinic,
    post: PostOffice,
    provider: Receiver,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    wants_sms(sqlite_database, clinic, Kind.OFFERS)

    def spent(settings: Settings, at: timedelta) -> int:
        book(sqlite_database, clinic, at=START + at)
        with statements(sqlite_database) as counted:
            run_worker(sqlite_database, settings)
        return counted.count

    without = settings_for(post)
    spent(without, timedelta())
    plain = spent(without, timedelta(days=1))
    assert not rows(sqlite_database, SMS, Topic.REMINDER_BY_SMS)
    assert plain <= spent(sms_settings(post, provider), timedelta(days=2))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('encoding = "form"\n[body]\na = "$nobody"', "nobody"),
        ('encoding = "xml"\n[body]\na = "b"', "encoding"),
        ("encoding", "cannot be used"),
        ('encoding = "form"\n[body]\na = "$text"', "OPENSLOT_SMS_URL"),
    ],
)
def test_a_template_that_cannot_work_is_refused(tmp_path: Any, written: str, problem: str) -> None:
    file = tmp_path / "provider.toml"
    file.write_text(written)
    with pytest.raises(BadProvider, match=problem):
        provider_of(Settings(_env_file=None, sms_provider=str(file)))


def test_json_can_be_nested(tmp_path: Any) -> None:
    file = tmp_path / "provider.toml"
    file.write_text(
        'url = "https://gateway.example/$user"\nencoding = "json"\n'
        '[body]\nlist = [{ to = "$to", flash = false }]\ntext = "$text"'
    )
    settings = Settings(_env_file=None, sms_provider=str(file), sms_user="a/b")
    request = request_of(SmsMessage(TO, 'Say "$to"', "k"), settings)
    assert request.url == "https://gateway.example/a%2Fb"
    assert request.body == (
        b'{"list": [{"to": "+61412345678", "flash": false}], "text": "Say \\"$to\\""}'
    )
