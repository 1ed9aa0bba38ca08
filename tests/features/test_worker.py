"""The worker sends what the outbox holds: at least once, once when all goes well, never lost."""

import email
import io
import json
import logging
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.header import decode_header, make_header
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import icalendar
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from clinic import NOW, REASON, START, Clinic, book, cancel, move, open_clinic
from openslot.booking import commands as booking
from openslot.booking.commands import Wish
from openslot.booking.events import Topic
from openslot.booking.models import Appointment, Status
from openslot.core import logging as logs
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import ATTEMPTS, LEASE, OutboxMessage, State
from openslot.directory.rules import SYSTEM
from openslot.entrypoints.worker import main as worker
from openslot.entrypoints.worker.main import HANDLERS, handle_next, put_lapsed_away, run
from openslot.notifications import mail as mails
from openslot.notifications.commands import MAIL, queue_mail, unpacked
from openslot.notifications.mail import Mail, Refused, Unreachable, send, to_message
from postoffice import Door, Mood, PostOffice, post_office
from racing import race

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def post() -> Iterator[PostOffice]:
    with post_office() as serving:
        yield serving


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


def settings_for(post: PostOffice, **more: Any) -> Settings:
    return Settings(
        _env_file=None,
        smtp_host="127.0.0.1",
        smtp_port=post.port,
        public_url="https://book.example.org",
        mail_from="Östliche Gesundheit <no-reply@example.org>",
        **more,
    )


@pytest.fixture
def clinic(sqlite_database: Database) -> Clinic:
    return open_clinic(sqlite_database)


def a_mail(**other: Any) -> Mail:
    return Mail(
        **{
            "to": "ann@example.org",
            "name": "Ann Example",
            "subject": "Hello",
            "text": "Text",
            "html": "<p>HTML</p>",
            "key": "key-1",
            **other,
        }
    )


def queue(database: Database, mail: Mail | None = None, *, at: datetime = NOW) -> UUID:
    return database.run(lambda session: queue_mail(session, mail or a_mail(), now=at))


def work(database: Database, settings: Settings, *, at: datetime = NOW) -> int:
    """Do all that is due at ``at``; how many messages that was."""
    done = 0
    while handle_next(database, settings, now=lambda: at):
        done += 1
    return done


def rows(database: Database, *topics: str) -> list[OutboxMessage]:
    with database.reading() as session:
        return [
            row
            for topic in topics or HANDLERS
            for row in outbox.messages(session, topic, limit=100, offset=0)
        ]


def row(database: Database, message_id: UUID) -> OutboxMessage:
    return database.read(lambda session: session.get_one(OutboxMessage, message_id))


# What goes out


def test_a_booking_reaches_both_sides_once(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    assert work(sqlite_database, settings) == 3
    assert sorted(post.recipients) == ["ann@example.org", "toby@example.org"]
    assert len({str(one["Message-ID"]) for one in post.taken}) == 2
    assert {one.state for one in rows(sqlite_database)} == {State.DONE}
    assert work(sqlite_database, settings, at=NOW + timedelta(days=2)) == 0
    assert len(post.taken) == 2


def test_on_every_engine_a_visit_is_told_from_booking_to_cancellation(
    database: Database, settings: Settings, post: PostOffice
) -> None:
    visit = book(database, open_clinic(database, patient_name="Zoë 李小龍 👩🏽‍⚕️"))
    work(database, settings)
    move(database, visit, START + timedelta(days=7))
    work(database, settings)
    cancel(database, visit, why="Fährt weg 🚂")
    work(database, settings)
    to_ann = [one for one in post.taken if one["X-Envelope-To"] == "ann@example.org"]
    assert [_calendar_of(one)["method"] for one in to_ann] == ["REQUEST", "REQUEST", "CANCEL"]
    assert "Why: Fährt weg 🚂" in _part(to_ann[-1], "plain")
    assert "Hello Zoë 李小龍 👩🏽‍⚕️," in _part(to_ann[0], "plain")
    assert {one.state for one in rows(database)} == {State.DONE}


def _part(message: Any, kind: str) -> str:
    content = message.get_body((kind,)).get_content()
    return str(content).replace("\r\n", "\n")


def _calendar_of(message: Any) -> Any:
    (part,) = [one for one in message.walk() if one.get_content_type() == "text/calendar"]
    calendar = icalendar.Calendar.from_ical(part.get_content())
    assert part.get_param("method") == calendar["method"]
    return calendar


def test_text_html_and_calendar_are_alternatives_and_the_calendar_is_attached_too(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    work(sqlite_database, settings)
    message = post.taken[0]
    assert message.get_content_type() == "multipart/mixed"
    alternatives, attached = message.iter_parts()
    assert alternatives.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in alternatives.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    assert attached.get_content_type() == "application/ics"
    assert attached.get_filename() == "visit.ics"
    inside = _calendar_of(message).to_ical()
    assert icalendar.Calendar.from_ical(attached.get_content()).to_ical() == inside
    assert REASON not in message.as_string()


def test_the_headers_say_that_a_machine_writes(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database)
    work(sqlite_database, settings)
    (message,) = post.taken
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<key-1@example.org>"
    assert message["Date"].datetime == NOW
    assert message["From"].addresses[0].display_name == "Östliche Gesundheit"
    assert message["To"].addresses[0].display_name == "Ann Example"


WORDS = [
    "Zoë Ñuñez-Σωκράτης 李小龍 عمر 👩🏽‍⚕️",
    'Müller, Ann; "Nan" <a@b.example> (new)',
    "é" * 120,
    "word " * 39 + "word",
]


@pytest.mark.parametrize("words", WORDS)
def test_names_and_subjects_decode_right(
    sqlite_database: Database, settings: Settings, post: PostOffice, words: str
) -> None:
    queue(sqlite_database, a_mail(name=words, subject=words, text=words, html=words))
    work(sqlite_database, settings)
    (message,) = post.taken
    assert message["Subject"] == words
    assert post.raw[0].isascii()  # passes servers without 8BITMIME or SMTPUTF8
    (address,) = message["To"].addresses
    assert address.addr_spec == "ann@example.org"
    # The modern parser of the standard library puts blanks between the pieces of a long name.
    name, _ = parseaddr(email.message_from_bytes(post.raw[0])["To"])
    assert str(make_header(decode_header(name))) == words


def test_a_mail_survives_the_outbox_unchanged(sqlite_database: Database) -> None:
    mail = a_mail(calendar="BEGIN:VCALENDAR\r\né\r\n".encode(), method="REQUEST")
    assert unpacked(row(sqlite_database, queue(sqlite_database, mail)).payload) == mail


# Headers cannot be injected

BREAKS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x85", "\u2028"]


@pytest.mark.parametrize("field", ["to", "name", "subject", "key"])
@pytest.mark.parametrize("break_", BREAKS)
def test_a_line_break_in_a_header_is_refused_for_good(
    sqlite_database: Database, settings: Settings, post: PostOffice, field: str, break_: str
) -> None:
    queued = queue(
        sqlite_database, a_mail(**{field: f"ann@example.org{break_}Bcc: e@evil.example"})
    )
    work(sqlite_database, settings)
    assert row(sqlite_database, queued).state == State.FAILED
    assert post.tries == 0


@pytest.mark.parametrize(
    "to", ["", "ann", "ann@example.org, eve@evil.example", "ann@example.org eve", "<a@b.example>"]
)
def test_what_is_not_one_address_is_refused(to: str) -> None:
    with pytest.raises(Refused, match="no e-mail address"):
        to_message(a_mail(to=to), Settings(_env_file=None), now=NOW)


@given(name=st.text(max_size=80), subject=st.text(max_size=80))
def test_whatever_the_words_there_is_one_recipient_and_no_new_header(
    name: str, subject: str
) -> None:
    try:
        message = to_message(a_mail(name=name, subject=subject), Settings(_env_file=None), now=NOW)
    except Refused:
        return
    head = message.as_bytes().split(b"\r\n\r\n")[0]
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert names[:6] == [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted"]
    assert len(names) == 8  # MIME-Version and Content-Type besides
    assert head.count(b"ann@example.org") == 1


def test_a_domain_of_other_letters_is_written_in_ascii() -> None:
    message = to_message(a_mail(to="ann@bücher.example"), Settings(_env_file=None), now=NOW)
    assert message["To"].addresses[0].domain == "xn--bcher-kva.example"


# Once, and at least once


def test_two_workers_do_not_send_twice(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    for number in range(12):
        queue(sqlite_database, a_mail(key=f"key-{number}"))
    race(2, lambda _number: work(sqlite_database, settings))
    work(sqlite_database, settings)  # in case both saw the same eight rows at last
    assert len(post.taken) == 12
    assert len({str(one["Message-ID"]) for one in post.taken}) == 12


def test_a_worker_that_dies_before_sending_leaves_the_mail_to_the_next(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database)
    sqlite_database.run(lambda session: outbox.lease(session, now=NOW))  # and dies
    assert work(sqlite_database, settings, at=NOW + LEASE - MOMENT) == 0
    assert work(sqlite_database, settings, at=NOW + LEASE) == 1
    assert len(post.taken) == 1


class Killed(BaseException):
    """Ends a worker at once, as a signal does: nothing catches it."""


def test_a_worker_killed_between_sending_and_marking_has_it_sent_again_recognisably(
    sqlite_database: Database,
    settings: Settings,
    post: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued = queue(sqlite_database)

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "finish", die)
        with pytest.raises(Killed):
            work(sqlite_database, settings)
    assert len(post.taken) == 1
    assert row(sqlite_database, queued).state == State.WAITING
    assert work(sqlite_database, settings, at=NOW + LEASE) == 1
    first, second = post.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert row(sqlite_database, queued).state == State.DONE


def test_a_worker_killed_over_an_event_has_written_no_mail(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    post: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book(sqlite_database, clinic)

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "finish", die)
        with pytest.raises(Killed):
            work(sqlite_database, settings)
    assert rows(sqlite_database, MAIL) == []
    work(sqlite_database, settings, at=NOW + LEASE)
    assert sorted(post.recipients) == ["ann@example.org", "toby@example.org"]


def test_a_message_that_kills_each_worker_is_given_up(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queued = queue(sqlite_database)
    moment = NOW
    for _ in range(ATTEMPTS):
        assert sqlite_database.run(partial(outbox.lease, now=moment))
        moment += LEASE
    work(sqlite_database, settings, at=moment)
    given_up = row(sqlite_database, queued)
    assert (given_up.state, post.tries) == (State.FAILED, 0)
    assert "again and again" in str(given_up.error)


def test_nothing_is_sent_for_a_booking_that_was_rolled_back(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    def book_and_fail(session: Session) -> None:
        wish = Wish(clinic.schedule, START, 30, clinic.patient)
        booking.book(session, SYSTEM, wish, now=NOW)
        session.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sqlite_database.run(book_and_fail)
    assert work(sqlite_database, settings) == 0
    assert post.taken == []


def test_a_confirmation_is_not_sent_after_the_cancellation(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    visit = book(sqlite_database, clinic)
    post.mood = Mood.LATER
    work(sqlite_database, settings)  # both confirmations were refused for now
    assert post.tries == 2
    post.mood = Mood.ACCEPTING
    cancel(sqlite_database, visit)
    work(sqlite_database, settings, at=NOW + timedelta(hours=1))
    assert [_calendar_of(one)["method"] for one in post.taken] == ["CANCEL", "CANCEL"]
    assert {one.state for one in rows(sqlite_database)} == {State.DONE}


# When the mail server does not take it


@pytest.mark.parametrize(("mood", "code"), [(Mood.REFUSING, "550"), (Mood.REFUSING_TEXT, "554")])
def test_what_is_refused_for_good_is_put_aside_at_once(
    sqlite_database: Database, settings: Settings, post: PostOffice, mood: Mood, code: str
) -> None:
    post.mood = mood
    queued = queue(sqlite_database)
    assert work(sqlite_database, settings, at=NOW) == 1
    failed = row(sqlite_database, queued)
    assert failed.state == State.FAILED
    assert failed.error == f"the mail server answered {code}"
    assert failed.finished_at == NOW
    post.mood = Mood.ACCEPTING
    assert work(sqlite_database, settings, at=NOW + timedelta(days=7)) == 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "TIMEOUT", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mood", [Mood.LATER, Mood.HANGING_UP, Mood.SLOW])
def test_what_may_pass_is_tried_again(
    sqlite_database: Database, settings: Settings, post: PostOffice, mood: Mood
) -> None:
    post.mood = mood
    queued, began = queue(sqlite_database), time.monotonic()
    assert work(sqlite_database, settings) == 1
    assert time.monotonic() - began < 10
    waiting = row(sqlite_database, queued)
    assert (waiting.state, waiting.attempts) == (State.WAITING, 1)
    assert waiting.error
    post.mood = Mood.ACCEPTING
    post.slow_down.set()
    work(sqlite_database, settings, at=NOW + timedelta(minutes=1))
    assert post.recipients == ["ann@example.org"]
    assert row(sqlite_database, queued).error is None


@pytest.mark.usefixtures("impatient")
def test_what_was_taken_is_not_sent_again_however_the_farewell_goes(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    post.mood = Mood.NO_FAREWELL
    queued = queue(sqlite_database)
    work(sqlite_database, settings)
    assert row(sqlite_database, queued).state == State.DONE
    assert len(post.taken) == 1


def test_while_the_mail_server_is_down_the_waits_grow_and_at_last_it_is_given_up(
    sqlite_database: Database,
) -> None:
    with post_office() as gone:
        settings = settings_for(gone)
    queued, moment, waits = queue(sqlite_database), NOW, []
    while row(sqlite_database, queued).state == State.WAITING:
        assert work(sqlite_database, settings, at=moment) == 1
        due = row(sqlite_database, queued).due_at
        waits.append(due - moment)
        moment = due
    assert len(waits) == ATTEMPTS
    assert waits[:3] == [timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=45)]
    assert waits[:-1] == sorted(waits[:-1])
    assert moment - NOW > timedelta(hours=12)
    failed = row(sqlite_database, queued)
    assert (failed.state, failed.error) == (State.FAILED, "ConnectionRefusedError")


def test_a_broken_sender_is_not_held_against_the_mail(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queued = queue(sqlite_database)
    broken = settings.model_copy(update={"mail_from": "nobody in particular"})
    work(sqlite_database, broken)
    assert row(sqlite_database, queued).state == State.WAITING


def test_without_a_mail_server_mails_are_kept_and_never_sent_later(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    work(sqlite_database, Settings(_env_file=None))
    kept = rows(sqlite_database, MAIL)
    assert [one.state for one in kept] == [State.KEPT, State.KEPT]
    assert "Toby Turner" in json.dumps([one.payload["text"] for one in kept])
    assert work(sqlite_database, settings, at=NOW + timedelta(days=1)) == 0
    assert post.taken == []


# Secured lines


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, with its key, that nobody trusts by itself."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl program")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def _doors(folder: Path) -> dict[str, Door]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return {
        "tls": Door(tls=context),
        "starttls": Door(starttls=context),
        "sign-in": Door(starttls=context, password="right horse"),
    }


@pytest.mark.parametrize("which", ["tls", "starttls", "sign-in"])
def test_secured_lines_and_sign_in(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with post_office(_doors(certificate)[which]) as post:
        settings = settings_for(
            post,
            smtp_security="tls" if which == "tls" else "starttls",
            smtp_user="us" if which == "sign-in" else "",
            smtp_password="right horse",
        )
        send(to_message(a_mail(), settings, now=NOW), settings)
        assert post.recipients == ["ann@example.org"]


@pytest.mark.parametrize("which", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    certificate: Path, which: str
) -> None:
    with post_office(_doors(certificate)[which]) as post:
        settings = settings_for(post, smtp_security=which)
        with pytest.raises(Unreachable, match="SSLCertVerificationError"):
            send(to_message(a_mail(), settings, now=NOW), settings)
        assert post.taken == []


def test_a_wrong_password_may_be_put_right_and_the_mail_waits(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with post_office(_doors(certificate)["sign-in"]) as post:
        settings = settings_for(
            post, smtp_security="starttls", smtp_user="us", smtp_password="wrong"
        )
        with pytest.raises(Unreachable, match="SMTPAuthenticationError 535"):
            send(to_message(a_mail(), settings, now=NOW), settings)


def test_a_server_without_starttls_gets_no_mail_in_the_clear(post: PostOffice) -> None:
    settings = settings_for(post, smtp_security="starttls")
    with pytest.raises(Unreachable, match="SMTPNotSupportedError"):
        send(to_message(a_mail(), settings, now=NOW), settings)
    assert post.taken == []


# Handlers and the loop


def test_every_topic_has_a_handler() -> None:
    assert set(HANDLERS) == {*Topic, MAIL}


@pytest.mark.parametrize("topic", [Topic.FULFILLED, Topic.NO_SHOW])
def test_some_events_are_no_news(
    sqlite_database: Database, settings: Settings, topic: Topic
) -> None:
    sqlite_database.run(lambda session: outbox.send(session, topic, {}, now=NOW))
    assert work(sqlite_database, settings) == 1
    assert [one.state for one in rows(sqlite_database)] == [State.DONE]


def test_an_unknown_topic_waits_for_a_version_that_knows_it(
    sqlite_database: Database, settings: Settings
) -> None:
    queued = sqlite_database.run(
        lambda session: outbox.send(session, "appointment.dreamt", {}, now=NOW)
    )
    assert work(sqlite_database, settings) == 1
    waiting = row(sqlite_database, queued)
    assert waiting.state == State.WAITING
    assert "no handler" in str(waiting.error)


def test_once_does_what_is_due_and_returns(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database)
    run(sqlite_database, settings, once=True, stop=threading.Event())
    assert post.recipients == ["ann@example.org"]


def test_the_loop_ends_when_it_is_told_to(
    sqlite_database: Database, settings: Settings, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "IDLE", 0.01)
    queue(sqlite_database)
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(sqlite_database, settings), kwargs={"stop": stop})
    thread.start()
    while not post.taken:
        stop.wait(0.005)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    run(sqlite_database, settings, stop=stop)  # returns at once


def test_the_loop_outlives_a_database_that_is_away(
    sqlite_database: Database, settings: Settings, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(sqlite_database)
    away = Database("postgresql+psycopg://nobody@/nowhere?host=/nonexistent")
    back = sqlite_database.run
    waits = Waits(stop_after=8)

    def come_back_after_three(work: Any) -> Any:
        return (away.run if len(waits.seconds) < 3 else back)(work)

    monkeypatch.setattr(sqlite_database, "run", come_back_after_three)
    with structlog.testing.capture_logs() as lines:
        run(sqlite_database, settings, stop=waits)
    assert waits.seconds[:5] == [2.0, 4.0, 8.0, 1.0, 1.0]
    assert post.recipients == ["ann@example.org"]
    assert [line["event"] for line in lines].count("worker.waits") == 3
    away.close()


class Waits(threading.Event):
    """Waits for nothing, remembers for how long it should have, and is set after some times."""

    def __init__(self, stop_after: int):
        super().__init__()
        self.seconds: list[float] = []
        self.stop_after = stop_after

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        if len(self.seconds) >= self.stop_after:
            self.set()
        return self.is_set()


def test_once_says_when_the_database_is_away(settings: Settings) -> None:
    away = Database("postgresql+psycopg://nobody@/nowhere?host=/nonexistent")
    with pytest.raises(Exception, match="nonexistent"):
        run(away, settings, once=True, stop=threading.Event())
    away.close()


def test_holds_that_ran_out_are_put_away(sqlite_database: Database, clinic: Clinic) -> None:
    wish = Wish(clinic.schedule, START, 30, clinic.patient)
    held = sqlite_database.run(
        lambda session: booking.hold(session, SYSTEM, wish, now=NOW, keep=timedelta(minutes=10))
    )

    def status_after(minutes: int) -> str:
        put_lapsed_away(sqlite_database, now=lambda: NOW + timedelta(minutes=minutes))
        return sqlite_database.read(lambda session: session.get_one(Appointment, held.id).status)

    assert status_after(9) == Status.HELD
    assert status_after(10) == Status.LAPSED


def test_the_loop_sweeps_each_minute(
    sqlite_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[float] = []
    waits = Waits(stop_after=150)
    seconds = SimpleNamespace(monotonic=lambda: float(len(waits.seconds)))
    monkeypatch.setattr(worker, "time", seconds)
    monkeypatch.setattr(worker, "put_lapsed_away", lambda _db: swept.append(seconds.monotonic()))
    run(sqlite_database, settings, stop=waits)
    assert swept == [0.0, 60.0, 120.0]


# The log


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Everything logged since the last look, read as JSON."""
    root, ours, stderr = logging.getLogger(), logging.getLogger("openslot"), io.StringIO()
    before = root.handlers, root.level, ours.level

    def lines() -> list[dict[str, Any]]:
        written = stderr.getvalue()
        stderr.seek(0)
        stderr.truncate()
        return [json.loads(line) for line in written.splitlines()]

    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure(Settings(_env_file=None))
    yield lines
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_the_log_tells_what_happened_and_names_nobody(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice, log: Any
) -> None:
    post.mood = Mood.REFUSING
    book(sqlite_database, clinic)
    work(sqlite_database, settings)
    lines = log()
    assert [line["event"] for line in lines] == ["outbox.done", *["outbox.put-aside"] * 2]
    assert {"level", "at", "topic", "message", "attempt", "logger"} <= lines[0].keys()
    assert not {"Ann", "Toby", "@", "itches"} & set(_words(lines))


def _words(lines: list[dict[str, Any]]) -> Iterator[str]:
    text = json.dumps(lines)
    return (word for word in ("Ann", "Toby", "@", "itches") if word in text)


def test_an_error_is_logged_by_its_kind_and_place_and_not_by_its_words(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    log: Any,
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise ValueError("ann@example.org")

    queued = queue(sqlite_database)
    monkeypatch.setattr(mails, "send", fail)
    work(sqlite_database, settings)
    (line,) = log()
    assert line["event"] == "outbox.put-back"
    assert line["error"].startswith("ValueError in test_worker.py:")
    assert row(sqlite_database, queued).error == line["error"]


def test_lines_of_a_request_carry_its_id_and_not_that_of_the_one_before(log: Any) -> None:
    ours = structlog.get_logger("openslot.test")
    logs.bind(request_id="one", extra="x")
    ours.info("first")
    logs.bind(request_id="two")
    ours.info("second")
    first, second = log()
    assert (first["request_id"], first["extra"]) == ("one", "x")
    assert second["request_id"] == "two"
    assert "extra" not in second


def test_libraries_speak_the_same_form_and_their_exceptions_keep_silent(log: Any) -> None:
    library = logging.getLogger("library")
    library.info("not heard")
    try:
        raise KeyError("ann@example.org")
    except KeyError:
        library.exception("it broke")
    (line,) = log()
    assert (line["event"], line["level"], line["logger"]) == ("it broke", "error", "library")
    assert line["error"].startswith("KeyError in test_worker.py:")
    assert line["frames"]
    assert "ann@" not in json.dumps(line)


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 2), ("error", 0)])
def test_the_level_is_that_of_the_settings(
    log: Any, monkeypatch: pytest.MonkeyPatch, level: str, heard: int
) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    logs.configure(Settings(_env_file=None, log_level=level))
    for name in ("openslot.test", "library"):
        logger = structlog.get_logger(name)
        logger.debug("a")
        logger.warning("b")
    assert len(stderr.getvalue().splitlines()) == heard
