"""Other programs are told of events: at least once, signed, and only where they may be."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import factories
from clinic import NOW, START, Clinic, book, cancel, move, open_clinic
from engines import DATA_KEYS
from factories import change
from openslot.booking.models import Status
from openslot.core import outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.core.outbox import LEASE, OutboxMessage, State
from openslot.entrypoints.worker.main import handle_next
from openslot.migrations import run as migrations
from openslot.referrals import events as referrals
from openslot.webhooks import commands, queries, sending
from openslot.webhooks import deliveries as outgoing
from openslot.webhooks.errors import PrivateAddress, SwitchedOff
from openslot.webhooks.events import WEBHOOK, Event
from openslot.webhooks.models import Delivery, DeliveryState, Endpoint
from openslot.webhooks.rules import GIVES_UP, WAITS
from openslot.webhooks.sending import Answer, Parcel, find, send
from postoffice import rows, run_worker
from receiver import LOOPBACK, Receiver, again, certified, deliveries, receiver, settings, tell
from working import work

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def there() -> Iterator[Receiver]:
    """A program that is told of events."""
    with receiver() as serving:
        yield serving


def parcel(url: str, **other: Any) -> Parcel:
    values = {"delivery_id": uuid4(), "payload": {"type": "x"}, "secrets": ("whsec_MTIz",)}
    return Parcel(url, **(values | other))


# What is told


def test_on_every_engine_an_appointment_is_told_in_ids_and_times(
    database: Database, there: Receiver
) -> None:
    endpoint = tell(database, there.url)
    clinic = open_clinic(database, patient_name="Zoë 李小龍")
    appointment = book(database, clinic)
    run_worker(database, settings())
    later = START + timedelta(days=7)
    move(database, appointment, later)
    run_worker(database, settings())
    cancel(database, appointment, why="Fährt weg")
    run_worker(database, settings())
    old = {
        "schedule": clinic.schedule,
        "start": START.isoformat(),
        "end": (START + timedelta(minutes=30)).isoformat(),
    }
    new = {
        "schedule": clinic.schedule,
        "start": later.isoformat(),
        "end": (later + timedelta(minutes=30)).isoformat(),
    }
    told = sorted(
        ((one.payload["type"], one.payload["data"]) for one in there.taken), key=lambda one: one[0]
    )
    about = {"appointment": str(appointment.id)}
    assert told == [
        ("appointment.booked", about | old | {"version": 1}),
        ("appointment.cancelled", about | new | {"version": 3}),
        ("appointment.moved", about | new | {"version": 2, "was": old}),
        ("slot.freed", old),
        ("slot.freed", new),
    ]
    for letter in there.taken:
        assert letter.path == "/hooks?from=openslot"
        assert letter.headers["Content-Type"] == "application/json"
        assert letter.payload["timestamp"] == NOW.isoformat()
        assert letter.is_signed_with(endpoint.secret)
        assert not letter.is_signed_with("whsec_" + "A" * 44)
        for word in ("Zoë", "Toby", "Rash", "Fährt", "F\\u00e4hrt"):
            assert word not in letter.body.decode()
    done = deliveries(database, endpoint)
    assert {(one.state, one.attempts, one.answer) for one in done} == {("done", 1, "204")}
    assert {str(one.id) for one in done} == {one.id for one in there.taken}


@pytest.mark.parametrize(
    ("to", "event"),
    [(Status.FULFILLED, "appointment.fulfilled"), (Status.NO_SHOW, "appointment.no_show")],
)
def test_what_became_of_an_appointment_is_told(
    sqlite_database: Database, clinic: Clinic, there: Receiver, to: Status, event: str
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings())
    tell(sqlite_database, there.url)
    after = START + timedelta(hours=1)
    for status in (Status.ARRIVED, to) if to is Status.FULFILLED else (to,):
        sqlite_database.run(
            lambda session, status=status: factories.change_status(
                session, appointment.id, status, now=after
            )
        )
    run_worker(sqlite_database, settings(), at=after)
    assert [one.payload["type"] for one in there.taken] == [event]


def test_an_appointment_in_error_frees_its_time_though_its_patient_had_arrived(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings())
    endpoint, mails = tell(sqlite_database, there.url), len(rows(sqlite_database, "mail"))
    early = START - timedelta(hours=1)
    for status in (Status.ARRIVED, Status.ENTERED_IN_ERROR):
        sqlite_database.run(
            lambda session, status=status: factories.change_status(
                session, appointment.id, status, now=early
            )
        )
    run_worker(sqlite_database, settings(), at=early)
    span = {
        "schedule": clinic.schedule,
        "start": START.isoformat(),
        "end": (START + timedelta(minutes=30)).isoformat(),
    }
    [told] = deliveries(sqlite_database, endpoint)
    assert (told.payload["type"], told.payload["data"]) == ("slot.freed", span)
    assert len(rows(sqlite_database, "mail")) == mails


def test_an_appointment_entered_in_error_frees_its_time(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    appointment = book(sqlite_database, clinic)
    run_worker(sqlite_database, settings())
    tell(sqlite_database, there.url, Event.FREED)
    sqlite_database.run(
        lambda session: factories.change_status(
            session, appointment.id, Status.ENTERED_IN_ERROR, now=NOW
        )
    )
    run_worker(sqlite_database, settings())
    (letter,) = there.taken
    assert letter.payload["data"]["start"] == START.isoformat()


def test_a_referral_is_told_by_its_id_alone(sqlite_database: Database, there: Receiver) -> None:
    tell(sqlite_database, there.url)
    payload = {"referral": str(uuid4()), "by": str(uuid4())}
    sqlite_database.run(
        lambda session: outbox.send(work(session, now=NOW), referrals.Topic.SENT, payload)
    )
    run_worker(sqlite_database, settings())
    (letter,) = there.taken
    assert letter.payload["type"] == "referral.sent"
    assert letter.payload["data"] == {"referral": payload["referral"]}


def test_each_endpoint_is_told_what_it_asked_for_while_it_is_on(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    chosen = tell(sqlite_database, there.url, Event.CANCELLED)
    silent = tell(sqlite_database, there.url)
    sqlite_database.run(
        lambda session: commands.set_active(work(session, SYSTEM, NOW), silent.id, active=False)
    )
    cancel(sqlite_database, book(sqlite_database, clinic))
    run_worker(sqlite_database, settings())
    assert [one.payload["type"] for one in there.taken] == ["appointment.cancelled"]
    assert there.taken[0].is_signed_with(chosen.secret)
    assert deliveries(sqlite_database, silent) == []


def test_what_is_rolled_back_is_told_to_nobody(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    endpoint = tell(sqlite_database, there.url)

    def fails(session: Any) -> None:
        factories.appointment(session, clinic.schedule, START, clinic.patient, now=NOW)
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sqlite_database.run(fails)
    assert run_worker(sqlite_database, settings()) == 0
    assert (there.taken, deliveries(sqlite_database, endpoint)) == ([], [])


def test_deliveries_stand_or_fall_with_the_mark_on_their_event(
    sqlite_database: Database, clinic: Clinic, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = tell(sqlite_database, there.url)
    book(sqlite_database, clinic)
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "finish", lambda *_a, **_k: 1 / 0)
        assert handle_next(sqlite_database, settings(), now=lambda: NOW)
    assert deliveries(sqlite_database, endpoint) == []
    run_worker(sqlite_database, settings(), at=NOW + timedelta(minutes=1))
    assert len(there.taken) == 1


def test_queueing_costs_the_same_for_many_events_and_rows(
    sqlite_database: Database, clinic: Clinic, there: Receiver, statements: Any
) -> None:
    for _ in range(3):
        tell(sqlite_database, there.url)
    sent = [
        OutboxMessage(
            topic=referrals.Topic.SENT, payload={"referral": str(uuid4())}, created_at=NOW
        )
        for _ in range(3)
    ]

    def queue(session: Any) -> None:
        outgoing.queue(work(session, now=NOW), sent)

    with statements(sqlite_database) as counted:
        sqlite_database.run(queue)
    assert counted.count <= 3  # one look, and the rows of each table together


# Trying again


def test_on_every_engine_a_failed_delivery_comes_again_with_its_id(
    database: Database, there: Receiver
) -> None:
    endpoint = tell(database, there.url, Event.BOOKED)
    book(database, open_clinic(database))
    there.status, there.answer = 500, "Düster\x00\n\t🚂\u202e ".encode() * 50
    run_worker(database, settings())
    (one,) = deliveries(database, endpoint)
    assert (one.state, one.attempts, one.next_at) == ("waiting", 1, NOW + WAITS[0])
    assert one.answer is not None
    assert one.answer.startswith("500 Düster 🚂")
    assert len(one.answer) <= 200
    assert one.answer.isprintable()
    there.status, there.answer = 200, b"ok"
    run_worker(database, settings(), at=NOW + WAITS[0] - MOMENT)
    assert len(there.taken) == 1
    second = NOW + WAITS[0]
    run_worker(database, settings(), at=second)
    first, other = there.taken
    assert (first.id, first.body) == (other.id, other.body)
    assert other.is_signed_with(endpoint.secret, at=second)
    assert first.headers["webhook-timestamp"] != other.headers["webhook-timestamp"]
    (one,) = deliveries(database, endpoint)
    assert (one.state, one.attempts, one.next_at, one.answer) == ("done", 2, None, "200 ok")


def test_after_three_days_it_is_given_up(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    endpoint = tell(sqlite_database, there.url, Event.BOOKED)
    book(sqlite_database, clinic)
    there.status, at = 503, NOW
    while (one := _last(sqlite_database, endpoint, at)).next_at:
        at = one.next_at
    assert (one.state, one.attempts) == ("failed", len(WAITS) + 1)
    assert timedelta(hours=68) < at - NOW <= GIVES_UP
    assert len({letter.id for letter in there.taken}) == 1
    tries = len(there.taken)
    run_worker(sqlite_database, settings(), at=NOW + timedelta(days=30))
    assert len(there.taken) == tries


def _last(database: Database, endpoint: Endpoint, at: Any) -> Delivery:
    run_worker(database, settings(), at=at)
    return deliveries(database, endpoint)[-1]


def test_410_switches_the_endpoint_off_and_ends_what_waits(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    endpoint = tell(sqlite_database, there.url)
    there.status = 410
    cancel(sqlite_database, book(sqlite_database, clinic))
    run_worker(sqlite_database, settings())
    assert len(there.taken) == 1
    found = again(sqlite_database, endpoint)
    assert (found.active, found.stopped_at) == (False, NOW)
    states = [(one.state, one.answer) for one in deliveries(sqlite_database, endpoint)]
    assert sorted(states, key=str) == [
        ("failed", "410"),
        ("failed", outgoing.OFF),
        ("failed", outgoing.OFF),
    ]
    with pytest.raises(SwitchedOff):
        _send_again(sqlite_database, endpoint)
    there.status = 200
    sqlite_database.run(
        lambda session: commands.set_active(work(session, SYSTEM, NOW), endpoint.id, active=True)
    )
    _send_again(sqlite_database, endpoint)
    run_worker(sqlite_database, settings())
    assert len(there.taken) == 2


def _send_again(database: Database, endpoint: Endpoint, *, at: Any = NOW) -> None:
    one = deliveries(database, endpoint)[0]
    database.run(
        lambda session: commands.send_again(work(session, SYSTEM, at), endpoint.id, one.id)
    )


def test_a_redirect_is_not_followed(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    with receiver() as elsewhere:
        there.status, there.headers = 307, {"Location": elsewhere.url}
        endpoint = tell(sqlite_database, there.url, Event.BOOKED)
        book(sqlite_database, clinic)
        run_worker(sqlite_database, settings())
        assert (len(there.taken), elsewhere.taken) == (1, [])
    (one,) = deliveries(sqlite_database, endpoint)
    assert (one.state, one.answer) == ("waiting", "307")


def test_sent_again_by_hand_it_has_its_id_and_no_second_chain_of_tries(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    endpoint = tell(sqlite_database, there.url, Event.BOOKED)
    book(sqlite_database, clinic)
    there.status = 500
    run_worker(sqlite_database, settings())
    for _ in range(3):
        _send_again(sqlite_database, endpoint)
    run_worker(sqlite_database, settings())
    assert len(there.taken) == 2
    run_worker(sqlite_database, settings(), at=NOW + WAITS[0])
    assert len(there.taken) == 3
    (one,) = deliveries(sqlite_database, endpoint)
    assert (one.attempts, one.next_at) == (3, NOW + WAITS[0] + WAITS[1])
    assert len({letter.id for letter in there.taken}) == 1


def test_a_delivery_that_was_taken_can_be_sent_again_too(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    endpoint = tell(sqlite_database, there.url, Event.BOOKED)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings())
    _send_again(sqlite_database, endpoint, at=NOW + timedelta(days=9))
    run_worker(sqlite_database, settings(), at=NOW + timedelta(days=9))
    assert [one.id for one in there.taken] == [there.taken[0].id] * 2
    assert deliveries(sqlite_database, endpoint)[0].state == DeliveryState.DONE


def test_an_endpoint_that_gives_no_answer_rests_and_keeps_nobody_waiting(
    sqlite_database: Database, clinic: Clinic, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[UUID] = []

    def silent(one: Parcel, *_networks: Any, **_more: Any) -> Answer:
        tries.append(one.delivery_id)
        return Answer(None, "The server did not answer in time.")

    endpoint = tell(sqlite_database, there.url)
    with monkeypatch.context() as dead:
        dead.setattr(sending, "send", silent)
        cancel(sqlite_database, book(sqlite_database, clinic))
        run_worker(sqlite_database, settings())
        assert len(tries) == 1
        found = again(sqlite_database, endpoint)
        assert (found.misses, found.rests_until) == (1, NOW + WAITS[0])
        run_worker(sqlite_database, settings(), at=NOW + WAITS[0])
        assert len(tries) == 2
        assert again(sqlite_database, endpoint).rests_until == NOW + WAITS[0] + WAITS[1]
    at = NOW + timedelta(hours=1)
    run_worker(sqlite_database, settings(), at=at)
    assert len(there.taken) == 3
    found = again(sqlite_database, endpoint)
    assert (found.misses, found.rests_until) == (0, None)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("600", 600),
        (format_datetime(NOW + timedelta(minutes=10), usegmt=True), 600),
        ((NOW + timedelta(minutes=10)).strftime("%a %b %d %H:%M:%S %Y"), 600),
        ("9" * 12, 3600),
        ("soon", 5),
        ("-600", 5),
    ],
)
def test_a_receiver_that_asks_for_a_pause_gets_nothing_before_it_ends(
    sqlite_database: Database, clinic: Clinic, there: Receiver, asked: str, seconds: int
) -> None:
    tell(sqlite_database, there.url, Event.BOOKED)
    there.status, there.headers = 429, {"Retry-After": asked}
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings())
    assert len(there.taken) == 1
    due = NOW + timedelta(seconds=seconds)
    run_worker(sqlite_database, settings(), at=due - MOMENT)
    assert len(there.taken) == 1
    run_worker(sqlite_database, settings(), at=due)
    assert len(there.taken) == 2


def test_what_waits_for_a_dead_endpoint_is_given_up_after_three_days(
    sqlite_database: Database, clinic: Clinic
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = tell(sqlite_database, f"http://127.0.0.1:{closed.getsockname()[1]}/")
        cancel(sqlite_database, book(sqlite_database, clinic))
        at = NOW
        while any(one.next_at for one in deliveries(sqlite_database, endpoint)) or at == NOW:
            run_worker(sqlite_database, settings(), at=at)
            at += timedelta(hours=1)
            assert at < NOW + GIVES_UP + timedelta(hours=2)
    found = deliveries(sqlite_database, endpoint)
    assert {(one.state, one.answer) for one in found} == {
        ("failed", "The host refused the connection.")
    }


def test_a_worker_killed_between_sending_and_marking_sends_again_with_the_same_id(
    tmp_path: Path, there: Receiver
) -> None:
    database = Database(Settings(_env_file=None, data_dir=tmp_path).url, DATA_KEYS)
    migrations.upgrade(database.engine)
    endpoint = tell(database, there.url, Event.BOOKED)
    book(database, open_clinic(database))
    worker = subprocess.Popen(
        [sys.executable, "-m", "openslot.entrypoints.cli.main", "worker", "--once"],
        env={
            **os.environ,
            "OPENSLOT_DATA_DIR": str(tmp_path),
            "OPENSLOT_WEBHOOK_NETWORKS": ",".join(LOOPBACK),
        },
        stderr=subprocess.DEVNULL,
    )
    there.before = worker.kill  # it has the message, and never hears that it was taken
    assert worker.wait(60) == -signal.SIGKILL
    there.before = lambda: None
    (one,) = deliveries(database, endpoint)
    assert (one.state, one.attempts) == ("waiting", 0)
    (leased,) = rows(database, f"{WEBHOOK}:{endpoint.id}")
    assert leased.state == State.WAITING
    assert leased.leased_until is not None
    run_worker(database, settings(), at=leased.leased_until - MOMENT)
    assert len(there.taken) == 1
    run_worker(database, settings(), at=leased.leased_until + LEASE)
    assert [letter.id for letter in there.taken] == [str(one.id)] * 2
    assert deliveries(database, endpoint)[0].state == DeliveryState.DONE
    database.close()


# Secrets


def test_while_secrets_change_both_sign_for_a_day(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    old = tell(sqlite_database, there.url, Event.BOOKED)
    new = sqlite_database.run(lambda session: commands.rotate(work(session, SYSTEM, NOW), old.id))
    assert old.secret != new.secret
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings(), at=NOW + timedelta(hours=23))
    at = NOW + timedelta(hours=23)
    assert there.taken[0].is_signed_with(old.secret, at=at)
    assert there.taken[0].is_signed_with(new.secret, at=at)
    at = NOW + timedelta(hours=24)
    _send_again(sqlite_database, old, at=at)
    run_worker(sqlite_database, settings(), at=at)
    assert not there.taken[1].is_signed_with(old.secret, at=at)
    assert there.taken[1].is_signed_with(new.secret, at=at)


# Where nothing may go


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://[fe80::1]/",
        "https://224.0.0.1/",
        "http://127.0.0.1/",
    ],
)
def test_inner_addresses_are_refused_however_they_are_written(url: str) -> None:
    with pytest.raises(PrivateAddress):
        find(url, ())


def test_an_address_is_checked_again_at_each_delivery(
    sqlite_database: Database, clinic: Clinic, there: Receiver
) -> None:
    endpoint = tell(sqlite_database, there.url, Event.BOOKED)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, Settings(_env_file=None))
    (one,) = deliveries(sqlite_database, endpoint)
    assert there.taken == []
    assert one.state == "waiting"
    assert one.answer == str(PrivateAddress())


def test_a_name_is_resolved_once_and_that_very_address_is_connected_to(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebinding.example":
            return real(host, port, *rest, **more)
        asked.append(host)  # a second question would get another answer
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://rebinding.example:{there.port}/"
    assert send(parcel(url), ["127.0.0.1/32"], now=NOW).is_good
    assert (len(asked), there.taken[0].headers["Host"]) == (1, f"rebinding.example:{there.port}")
    assert send(parcel(url), ["127.0.0.1/32"], now=NOW) == Answer(None, str(PrivateAddress()))


def test_a_name_that_leads_nowhere_is_taken_and_told_of_at_delivery() -> None:
    url = "https://nowhere.invalid/"
    assert find(url, ()).leads_to == ()
    assert send(parcel(url), (), now=NOW).words == "The host name was not found."


@pytest.mark.parametrize("slow", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_who_talks_too_slowly_is_cut_short(there: Receiver, slow: bytes) -> None:
    there.drips, there.answer = True, slow
    began = time.monotonic()
    answer = send(parcel(there.url), LOOPBACK, now=NOW, within=0.3)
    assert time.monotonic() - began < 3
    # Once there is a status that is the answer, whatever its body does.
    assert answer.status == (200 if slow else None)
    assert slow or answer.words == "The server did not answer in time."


def test_of_a_long_answer_only_the_beginning_is_read(there: Receiver) -> None:
    there.answer = b"x" * 50_000_000
    there.status = 400
    began = time.monotonic()
    assert send(parcel(there.url), LOOPBACK, now=NOW).words == ("400 " + "x" * 200)[:200]
    assert time.monotonic() - began < 3


def test_who_answers_must_prove_to_be_the_host_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def here(host: str, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host.endswith(".example") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    with receiver(certified(tmp_path, "hooks.example")) as there:
        url = f"https://hooks.example:{there.port}/"
        unknown = "The certificate is not valid for this host."
        assert send(parcel(url), LOOPBACK, now=NOW).words == unknown
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert send(parcel(url), LOOPBACK, now=NOW).is_good
        other = url.replace("hooks", "other")
        assert send(parcel(other), LOOPBACK, now=NOW) == Answer(None, unknown)
        assert len(there.taken) == 1


# Who may


ROLES = [None, *(role for role in Role if role is not Role.NETWORK_ADMIN)]


@pytest.mark.parametrize("role", ROLES)
def test_only_administrators_of_the_network_may_do_anything(
    sqlite_database: Database, clinic: Clinic, there: Receiver, role: Role | None
) -> None:
    endpoint = tell(sqlite_database, there.url, Event.BOOKED)
    book(sqlite_database, clinic)
    run_worker(sqlite_database, settings())
    (one,) = deliveries(sqlite_database, endpoint)
    actor, target = Actor(role=role), find(there.url, LOOPBACK)
    for act in (
        lambda session: commands.create(work(session, actor, NOW), target, [Event.BOOKED]),
        lambda session: commands.choose_events(work(session, actor, NOW), endpoint.id, ["x"]),
        lambda session: commands.rotate(work(session, actor, NOW), endpoint.id),
        lambda session: commands.set_active(work(session, actor, NOW), endpoint.id, active=False),
        lambda session: commands.delete(work(session, actor, NOW), endpoint.id),
        lambda session: commands.send_again(work(session, actor, NOW), endpoint.id, one.id),
    ):
        with pytest.raises(Forbidden):
            sqlite_database.run(act)
    assert vars(again(sqlite_database, endpoint))["active"] is True


def test_what_is_not_there_is_not_found(sqlite_database: Database, there: Receiver) -> None:
    endpoint, other = tell(sqlite_database, there.url), tell(sqlite_database, there.url)
    delivery = Delivery(
        endpoint_id=other.id, event="x", payload={}, state="done", attempts=1, created_at=NOW
    )
    sqlite_database.run(lambda session: session.add(delivery))
    for act in (
        lambda session: commands.rotate(work(session, SYSTEM, NOW), uuid4()),
        lambda session: commands.send_again(work(session, SYSTEM, NOW), endpoint.id, uuid4()),
        lambda session: commands.send_again(work(session, SYSTEM, NOW), endpoint.id, delivery.id),
    ):
        with pytest.raises(NotFound):
            sqlite_database.run(act)


def test_on_every_engine_a_deleted_endpoint_takes_its_deliveries_along(
    database: Database, there: Receiver
) -> None:
    endpoint = tell(database, there.url)
    book(database, open_clinic(database))
    handle_next(database, settings(), now=lambda: NOW)
    database.run(lambda session: commands.delete(work(session, SYSTEM, NOW), endpoint.id))
    run_worker(database, settings())
    assert there.taken == []
    assert {one.state for one in rows(database, f"{WEBHOOK}:{endpoint.id}")} == {State.DONE}


def test_on_every_engine_the_list_goes_on_where_it_stopped_and_old_rows_go(
    database: Database, there: Receiver
) -> None:
    endpoint = tell(database, there.url)
    clinic = open_clinic(database)
    for days in range(3):
        cancel(database, book(database, clinic, at=START + timedelta(days=days)))
    run_worker(database, settings())
    whole = [one.id for one in deliveries(database, endpoint)][::-1]
    assert len(whole) == 9
    read: list[UUID] = []
    key = None
    while True:
        with database.reading() as session:
            part = queries.deliveries(session, endpoint.id, after=key, limit=4)
        if not part:
            break
        read += [one.id for one in part]
        key = (part[-1].created_at, part[-1].id)
    assert read == whole
    change(database, Delivery, whole[0], state="waiting")
    purged = database.run(lambda session: queries.purge(session, before=NOW + MOMENT, limit=100))
    assert (purged, [one.id for one in deliveries(database, endpoint)]) == (8, [whole[0]])
