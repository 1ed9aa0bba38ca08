"""Mails are well made, and handed to real mail servers of every mood."""

import email
import shutil
import ssl
import subprocess
import time
from datetime import timedelta
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic import NOW, REASON, Clinic, book
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import ATTEMPTS, State
from openslot.notifications import delivery
from openslot.notifications.delivery import MailMessage, Refused, Unreachable, send, to_letter
from postoffice import (
    Door,
    Mood,
    PostOffice,
    a_mail,
    calendar_of,
    post_office,
    queue,
    row,
    run_worker,
    settings_for,
)


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


def test_text_html_and_calendar_are_alternatives_and_the_calendar_is_attached_too(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings)
    message = post.taken[0]
    assert message.get_content_type() == "multipart/mixed"
    alternatives, attached = message.iter_parts()
    assert alternatives.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in alternatives.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    assert attached.get_content_type() == "application/ics"
    assert attached.get_filename() == "appointment.ics"
    inside = calendar_of(message).to_ical()
    assert icalendar.Calendar.from_ical(attached.get_content()).to_ical() == inside
    assert REASON not in message.as_string()


def test_the_headers_say_that_a_machine_writes(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database)
    run_worker(sqlite_database, settings)
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
    run_worker(sqlite_database, settings)
    (message,) = post.taken
    assert message["Subject"] == words
    assert post.raw[0].isascii()  # passes servers without 8BITMIME or SMTPUTF8
    (address,) = message["To"].addresses
    assert address.addr_spec == "ann@example.org"
    # The modern parser of the standard library puts blanks between the pieces of a long name.
    name, _ = parseaddr(email.message_from_bytes(post.raw[0])["To"])
    assert str(make_header(decode_header(name))) == words


def test_a_mail_survives_the_outbox_unchanged(sqlite_database: Database) -> None:
    mail = a_mail(calendar="BEGIN:VCALENDAR\r\né\r\n", method="REQUEST")
    assert MailMessage.unpack(row(sqlite_database, queue(sqlite_database, mail)).payload) == mail


def test_a_mail_that_an_earlier_version_queued_is_understood() -> None:
    queued = {
        "to": "ann@example.org",
        "name": "Ann Example",
        "subject": "Hello",
        "text": "Text",
        "html": "<p>HTML</p>",
        "key": "key-1",
        "calendar": None,
        "method": None,
        "about": {"topic": "offer.made", "offer": "01930000-0000-7000-8000-000000000001"},
    }
    assert MailMessage.unpack(queued) == a_mail()


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
    run_worker(sqlite_database, settings)
    assert row(sqlite_database, queued).state == State.FAILED
    assert post.tries == 0


@pytest.mark.parametrize("field", ["to", "name", "subject"])
def test_a_line_break_in_an_encoded_word_is_refused_too(field: str) -> None:
    mail = a_mail(**{field: "=?utf-8?q?=0d=0aBcc=3aeve?=@example.org"})
    with pytest.raises(Refused, match="line break"):
        to_letter(mail, Settings(_env_file=None), now=NOW)


@pytest.mark.parametrize(
    "to", ["", "ann", "ann@example.org, eve@evil.example", "ann@example.org eve", "<a@b.example>"]
)
def test_what_is_not_one_address_is_refused(to: str) -> None:
    with pytest.raises(Refused, match="no email address"):
        to_letter(a_mail(to=to), Settings(_env_file=None), now=NOW)


@given(name=st.text(max_size=80), subject=st.text(max_size=80))
def test_whatever_the_words_there_is_one_recipient_and_no_new_header(
    name: str, subject: str
) -> None:
    try:
        letter = to_letter(a_mail(name=name, subject=subject), Settings(_env_file=None), now=NOW)
    except Refused:
        return
    head = letter.content.split(b"\r\n\r\n")[0]
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert names[:6] == [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted"]
    assert len(names) == 8  # MIME-Version and Content-Type besides
    assert head.count(b"ann@example.org") == 1


def test_a_domain_of_other_letters_is_written_in_ascii() -> None:
    letter = to_letter(a_mail(to="ann@bücher.example"), Settings(_env_file=None), now=NOW)
    assert letter.recipient == "ann@xn--bcher-kva.example"
    assert b"<ann@xn--bcher-kva.example>" in letter.content


def test_a_sender_of_other_letters_is_written_in_utf_8() -> None:
    settings = Settings(_env_file=None, mail_from="us@bücher.example")
    letter = to_letter(a_mail(), settings, now=NOW)
    assert letter.is_international
    assert letter.content.startswith("From: us@bücher.example\r\n".encode())


INTERNATIONAL = [
    ("jörg@rivermouth.example", "jörg@rivermouth.example"),
    ("用户@例子.example", "用户@xn--fsqu00a.example"),
    ("मीरा@उदाहरण.example", "मीरा@xn--p1b6ci4b4b3a.example"),
    ("نادية@rivermouth.example", "نادية@rivermouth.example"),
]


@pytest.mark.parametrize(("address", "sent_to"), INTERNATIONAL)
def test_an_address_of_other_letters_is_reached_through_a_server_that_knows_them(
    sqlite_database: Database, address: str, sent_to: str
) -> None:
    with post_office(Door(utf8=True)) as post:
        queued = queue(sqlite_database, a_mail(to=address, name="Jörg, Müller"))
        run_worker(sqlite_database, settings_for(post))
    assert row(sqlite_database, queued).state == State.DONE
    assert post.recipients == [sent_to]
    assert f"<{sent_to}>".encode() in post.raw[0]


@pytest.mark.parametrize("address", [address for address, _sent_to in INTERNATIONAL])
def test_without_such_a_server_the_mail_is_put_aside_with_the_reason(
    sqlite_database: Database, settings: Settings, post: PostOffice, address: str
) -> None:
    queued = queue(sqlite_database, a_mail(to=address))
    assert run_worker(sqlite_database, settings) == 1
    failed = row(sqlite_database, queued)
    assert (failed.state, failed.attempts) == (State.FAILED, 1)
    assert "SMTPUTF8" in (failed.error or "")
    assert address not in (failed.error or "")
    assert run_worker(sqlite_database, settings, at=NOW + timedelta(days=7)) == 0
    assert post.tries == 0


# Commands one by one, and together


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
def test_lines_arrive_as_they_are_and_the_next_mail_after_a_refused_one(
    sqlite_database: Database, settings: Settings, post: PostOffice, offers: tuple[str, ...]
) -> None:
    post.offers = offers
    text = ".first\n.\n..third\n" + "word ." * 40
    post.mood = Mood.REFUSING
    refused = queue(sqlite_database, a_mail(to="bo@example.org", key="key-0"))
    run_worker(sqlite_database, settings)
    post.mood = Mood.ACCEPTING
    queue(sqlite_database, a_mail(text=text))
    run_worker(sqlite_database, settings)
    assert row(sqlite_database, refused).error == "the mail server answered 550"
    (message,) = post.taken
    assert message.get_body(("plain",)).get_content().split("\r\n") == text.split("\n")
    assert message["X-Envelope-To"] == "ann@example.org"


# When the mail server does not take it


@pytest.mark.parametrize(("mood", "code"), [(Mood.REFUSING, "550"), (Mood.REFUSING_TEXT, "554")])
def test_what_is_refused_for_good_is_put_aside_at_once(
    sqlite_database: Database, settings: Settings, post: PostOffice, mood: Mood, code: str
) -> None:
    post.mood = mood
    queued = queue(sqlite_database)
    assert run_worker(sqlite_database, settings, at=NOW) == 1
    failed = row(sqlite_database, queued)
    assert failed.state == State.FAILED
    assert failed.error == f"the mail server answered {code}"
    assert failed.finished_at == NOW
    post.mood = Mood.ACCEPTING
    assert run_worker(sqlite_database, settings, at=NOW + timedelta(days=7)) == 0


@pytest.fixture
def impatient(post: PostOffice) -> Settings:
    return settings_for(post, smtp_timeout=0.2)


@pytest.mark.parametrize("mood", [Mood.LATER, Mood.HANGING_UP, Mood.SLOW])
def test_what_may_pass_is_tried_again(
    sqlite_database: Database, impatient: Settings, post: PostOffice, mood: Mood
) -> None:
    post.mood = mood
    queued, began = queue(sqlite_database), time.monotonic()
    assert run_worker(sqlite_database, impatient) == 1
    assert time.monotonic() - began < 10
    waiting = row(sqlite_database, queued)
    assert (waiting.state, waiting.attempts) == (State.WAITING, 1)
    assert waiting.error
    post.mood = Mood.ACCEPTING
    post.slow_down.set()
    run_worker(sqlite_database, impatient, at=NOW + timedelta(minutes=1))
    assert post.recipients == ["ann@example.org"]
    assert row(sqlite_database, queued).error is None


def test_what_was_taken_is_not_sent_again_however_the_farewell_goes(
    sqlite_database: Database, impatient: Settings, post: PostOffice
) -> None:
    post.mood = Mood.NO_FAREWELL
    queued = queue(sqlite_database)
    run_worker(sqlite_database, impatient)
    assert row(sqlite_database, queued).state == State.DONE
    assert len(post.taken) == 1


def test_an_answer_that_drips_without_end_is_broken_off(
    sqlite_database: Database, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each letter is in time, and the mail would be leased to another worker meanwhile."""
    monkeypatch.setattr(delivery, "TAKEN_WITHIN", 0.5)
    post.mood = Mood.DRIPPING
    queued, began = queue(sqlite_database), time.monotonic()
    run_worker(sqlite_database, settings_for(post))
    assert time.monotonic() - began < 5
    assert row(sqlite_database, queued).attempts == 1


def test_a_connection_whose_end_is_not_answered_is_waited_for_a_second(
    sqlite_database: Database, post: PostOffice
) -> None:
    """The main thread of the worker ends the connections."""
    post.mood = Mood.NO_FAREWELL
    queue(sqlite_database)
    run_worker(sqlite_database, settings_for(post))
    began = time.monotonic()
    delivery.hang_up()
    assert time.monotonic() - began < 5


def test_while_the_mail_server_is_down_the_waits_grow_and_at_last_it_is_given_up(
    sqlite_database: Database,
) -> None:
    with post_office() as gone:
        settings = settings_for(gone)
    queued, moment, waits = queue(sqlite_database), NOW, []
    while row(sqlite_database, queued).state == State.WAITING:
        assert run_worker(sqlite_database, settings, at=moment) == 1
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
    run_worker(sqlite_database, broken)
    assert row(sqlite_database, queued).state == State.WAITING


# Secured lines


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, with its key, that nobody trusts by itself."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl program")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
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
        send(to_letter(a_mail(), settings, now=NOW), settings)
        assert post.recipients == ["ann@example.org"]


@pytest.mark.parametrize("which", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    certificate: Path, which: str
) -> None:
    with post_office(_doors(certificate)[which]) as post:
        settings = settings_for(post, smtp_security=which)
        with pytest.raises(Unreachable, match="SSLCertVerificationError"):
            send(to_letter(a_mail(), settings, now=NOW), settings)
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
            send(to_letter(a_mail(), settings, now=NOW), settings)


def test_a_server_without_starttls_gets_no_mail_in_the_clear(post: PostOffice) -> None:
    settings = settings_for(post, smtp_security="starttls")
    with pytest.raises(Unreachable, match="SMTPNotSupportedError"):
        send(to_letter(a_mail(), settings, now=NOW), settings)
    assert post.taken == []
