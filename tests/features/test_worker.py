"""The worker does what the outbox holds: at least once, once when all goes well, never lost."""

import json
import threading
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

import factories
from clinic import NOW, START, Clinic, book, cancel, move, open_clinic
from engines import DATA_KEYS
from openslot.booking import elsewhere
from openslot.booking.events import Together, Topic
from openslot.booking.models import Appointment, Status
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Unavailable
from openslot.core.outbox import ATTEMPTS, LEASE, OutboxMessage, State
from openslot.department_requests import events as requests
from openslot.directory import contacts
from openslot.entrypoints.worker import main as worker
from openslot.entrypoints.worker.main import (
    DAILY,
    HANDLERS,
    Job,
    expire_holds,
    handle_next,
    purge_outbox,
    run,
)
from openslot.identity import events as accounts
from openslot.notifications import delivery
from openslot.notifications import events as notifications
from openslot.notifications.dispatch import MAIL, SMS, queue_mail
from openslot.records import events as records
from openslot.referrals import events as referrals
from openslot.usecases import growing_up
from openslot.waiting_list import events as offers
from openslot.webhooks.events import WEBHOOK
from postoffice import (
    Mood,
    PostOffice,
    a_mail,
    calendar_of,
    queue,
    row,
    rows,
    run_worker,
    settings_for,
)
from racing import race
from working import work

MOMENT = timedelta(microseconds=1)
TOLD = (*Topic, MAIL)
"""All but reminders, which wait for their time."""


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


# What goes out


def test_a_booking_reaches_both_sides_once(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    assert run_worker(sqlite_database, settings) == 3
    assert sorted(post.recipients) == ["ann@example.org", "toby@example.org"]
    assert len({str(one["Message-ID"]) for one in post.taken}) == 2
    assert {one.state for one in rows(sqlite_database, *TOLD)} == {State.DONE}
    assert run_worker(sqlite_database, settings, at=NOW + timedelta(days=2)) == 0
    assert len(post.taken) == 2


def test_on_every_engine_an_appointment_is_told_from_booking_to_cancellation(
    database: Database, settings: Settings, post: PostOffice
) -> None:
    appointment = book(database, open_clinic(database, patient_name="Zoë 李小龍 👩🏽‍⚕️"))
    run_worker(database, settings)
    move(database, appointment, START + timedelta(days=7))
    run_worker(database, settings)
    cancel(database, appointment, why="Fährt weg 🚂")
    run_worker(database, settings)
    to_ann = [one for one in post.taken if one["X-Envelope-To"] == "ann@example.org"]
    assert [calendar_of(one)["method"] for one in to_ann] == ["REQUEST", "REQUEST", "CANCEL"]
    assert "Reason: Fährt weg 🚂" in _part(to_ann[-1], "plain")
    assert "Hello Zoë 李小龍 👩🏽‍⚕️," in _part(to_ann[0], "plain")
    assert {one.state for one in rows(database, *TOLD)} == {State.DONE}


def _part(message: Any, kind: str) -> str:
    content = message.get_body((kind,)).get_content()
    return str(content).replace("\r\n", "\n")


def test_mails_that_follow_each_other_take_one_connection(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    for number in range(5):
        queue(sqlite_database, a_mail(key=f"key-{number}"))
    run_worker(sqlite_database, settings)
    assert (len(post.taken), post.connections) == (5, 1)


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database, a_mail(key="first"))
    run_worker(sqlite_database, settings)
    post.close_connections()
    queue(sqlite_database, a_mail(key="second"))
    run_worker(sqlite_database, settings)
    assert (len(post.taken), post.connections) == (2, 2)


def test_a_server_that_takes_few_mails_over_a_connection_gets_others(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    post.most = 2
    for number in range(5):
        queue(sqlite_database, a_mail(key=f"key-{number}"))
    assert run_worker(sqlite_database, settings) == 5
    assert (len(post.taken), post.connections) == (5, 3)
    assert {one.attempts for one in rows(sqlite_database, MAIL)} == {1}


# Once, and at least once


def test_two_workers_do_not_send_twice(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    for number in range(12):
        queue(sqlite_database, a_mail(key=f"key-{number}"))
    race(2, lambda _number: run_worker(sqlite_database, settings))
    run_worker(sqlite_database, settings)  # in case both saw the same eight rows at last
    assert len(post.taken) == 12
    assert len({str(one["Message-ID"]) for one in post.taken}) == 12


def test_a_worker_that_dies_before_sending_leaves_the_mail_to_the_next(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database)
    sqlite_database.run(lambda session: outbox.lease(session, now=NOW))  # and dies
    assert run_worker(sqlite_database, settings, at=NOW + LEASE - MOMENT) == 0
    assert run_worker(sqlite_database, settings, at=NOW + LEASE) == 1
    assert len(post.taken) == 1


class Killed(BaseException):
    """Ends a worker at once, as a signal does: nothing catches it."""


def test_a_worker_killed_between_sending_and_marking_has_it_sent_again_recognisably(
    sqlite_database: Database, settings: Settings, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = queue(sqlite_database)

    def die(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "finish", die)
        with pytest.raises(Killed):
            run_worker(sqlite_database, settings)
    assert len(post.taken) == 1
    assert row(sqlite_database, queued).state == State.WAITING
    assert run_worker(sqlite_database, settings, at=NOW + LEASE) == 1
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
            run_worker(sqlite_database, settings)
    assert rows(sqlite_database, MAIL) == []
    run_worker(sqlite_database, settings, at=NOW + LEASE)
    assert sorted(post.recipients) == ["ann@example.org", "toby@example.org"]


def test_a_message_that_kills_each_worker_is_given_up(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queued = queue(sqlite_database)
    moment = NOW
    for _ in range(ATTEMPTS):
        assert sqlite_database.run(partial(outbox.lease, now=moment))
        moment += LEASE
    run_worker(sqlite_database, settings, at=moment)
    given_up = row(sqlite_database, queued)
    assert (given_up.state, post.tries) == (State.FAILED, 0)
    assert "too often" in str(given_up.error)


def test_a_message_that_no_key_opens_stops_no_other_and_can_be_removed(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    damaged = queue(sqlite_database, a_mail(to="lost@example.org"), at=NOW - timedelta(hours=1))
    queue(sqlite_database, a_mail(), at=NOW)
    with sqlite_database.engine.begin() as connection:
        broken = "UPDATE outbox_message SET payload = 'broken' WHERE id = ?"
        connection.exec_driver_sql(broken, (damaged.hex,))
    moment = NOW
    for attempt in range(ATTEMPTS):
        assert sqlite_database.read(outbox.given_up) == [], attempt
        run_worker(sqlite_database, settings, at=moment, most=50)
        assert post.recipients == ["ann@example.org"]
        moment += timedelta(hours=7)
    [lost] = sqlite_database.read(outbox.given_up)
    assert (lost.id, lost.attempts) == (damaged, ATTEMPTS)
    assert "is not encrypted" in (lost.error or "")
    assert sqlite_database.run(lambda session: outbox.try_again(session, damaged, now=moment))
    assert sqlite_database.read(outbox.given_up) == []
    assert not sqlite_database.run(lambda session: outbox.remove(session, damaged))


def test_nothing_is_sent_for_a_booking_that_was_rolled_back(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    def book_and_fail(session: Session) -> None:
        factories.appointment(session, clinic.schedule, START, clinic.patient, now=NOW)
        session.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        sqlite_database.run(book_and_fail)
    assert run_worker(sqlite_database, settings) == 0
    assert post.taken == []


def test_a_confirmation_is_not_sent_after_the_cancellation(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    appointment = book(sqlite_database, clinic)
    post.mood = Mood.LATER
    run_worker(sqlite_database, settings)  # both confirmations were refused for now
    assert post.tries == 2
    post.mood = Mood.ACCEPTING
    cancel(sqlite_database, appointment)
    run_worker(sqlite_database, settings, at=NOW + timedelta(hours=1))
    assert [calendar_of(one)["method"] for one in post.taken] == ["CANCEL", "CANCEL"]
    assert {one.state for one in rows(sqlite_database, *TOLD)} == {State.DONE}


def test_mails_are_looked_at_again_while_others_are_sent(
    sqlite_database: Database,
    clinic: Clinic,
    settings: Settings,
    post: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "MARKED_WITHIN", -1.0)
    first = queue(sqlite_database, at=NOW - timedelta(minutes=1))
    appointment = book(sqlite_database, clinic)
    handle_next(sqlite_database, settings, now=lambda: NOW, but=[MAIL])
    send = delivery.send

    def send_slowly(*args: Any) -> None:
        send(*args)
        cancel(sqlite_database, appointment)

    monkeypatch.setattr(delivery, "send", send_slowly)
    handle_next(sqlite_database, settings, now=lambda: NOW, most=9)
    assert post.recipients == ["ann@example.org"]
    assert row(sqlite_database, first).state == State.DONE


def test_without_a_mail_server_mails_are_kept_and_never_sent_later(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    run_worker(sqlite_database, Settings(_env_file=None))
    kept = rows(sqlite_database, MAIL)
    assert [one.state for one in kept] == [State.KEPT, State.KEPT]
    assert "Toby Turner" in json.dumps([one.payload["text"] for one in kept])
    assert run_worker(sqlite_database, settings, at=NOW + timedelta(days=1)) == 0
    assert post.taken == []


# Several together


def test_events_are_told_together_in_few_statements(
    sqlite_database: Database, clinic: Clinic, settings: Settings, statements: Any
) -> None:
    def tell(*weeks: int) -> int:
        for number in weeks:
            book(sqlite_database, clinic, at=START + timedelta(weeks=number))
        with statements(sqlite_database) as counted:
            assert handle_next(sqlite_database, settings, now=lambda: NOW, but=[MAIL], most=9)
        return counted.count

    assert tell(0) == tell(1, 2, 3, 4)
    assert len(rows(sqlite_database, MAIL)) == 10


def test_an_event_that_fails_does_not_hold_up_those_it_is_told_with(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    broken = sqlite_database.run(
        lambda session: outbox.send(
            work(session, now=NOW), Topic.BOOKED, {"appointment": "no id", "by": None}
        )
    )
    book(sqlite_database, clinic, at=START + timedelta(days=7))
    run_worker(sqlite_database, settings, most=9)
    assert sorted(post.recipients) == ["ann@example.org"] * 2 + ["toby@example.org"] * 2
    assert row(sqlite_database, broken).state == State.WAITING


def test_a_mail_that_fails_does_not_hold_up_those_it_is_sent_with(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    mails = [queue(sqlite_database, a_mail(to=to)) for to in ("ann@x.example", "?", "bo@x.example")]
    run_worker(sqlite_database, settings, most=9)
    assert post.recipients == ["ann@x.example", "bo@x.example"]
    states = [row(sqlite_database, one).state for one in mails]
    assert states == [State.DONE, State.FAILED, State.DONE]


def test_a_mail_about_what_cannot_be_read_does_not_hold_up_those_it_is_sent_with(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    about = {"topic": Topic.BOOKED, "appointment": "no id"}
    broken = sqlite_database.run(
        lambda session: queue_mail(work(session, now=NOW), a_mail(), about=about)
    )
    queue(sqlite_database, a_mail(to="bo@x.example"))
    run_worker(sqlite_database, settings, most=9)
    assert post.recipients == ["bo@x.example"]
    assert row(sqlite_database, broken).state == State.WAITING


def test_a_mail_that_another_worker_took_meanwhile_leaves_the_marks_of_the_others(
    sqlite_database: Database, settings: Settings, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [queue(sqlite_database, a_mail(key=f"key-{number}")) for number in range(3)]
    send = delivery.send

    def send_slowly(*args: Any) -> None:
        send(*args)
        if len(post.taken) == 3:  # the lease of one has run out
            sqlite_database.run(
                lambda session: session.execute(
                    update(OutboxMessage).where(OutboxMessage.id == mails[1]).values(attempts=2)
                )
            )

    monkeypatch.setattr(delivery, "send", send_slowly)
    handle_next(sqlite_database, settings, now=lambda: NOW, most=9)
    states = [row(sqlite_database, one).state for one in mails]
    assert states == [State.DONE, State.WAITING, State.DONE]


# Handlers and the loop


def test_every_topic_has_a_handler() -> None:
    topics = (
        Topic,
        Together,
        notifications.Topic,
        referrals.Topic,
        requests.Topic,
        records.Topic,
        offers.Topic,
        growing_up.Topic,
        contacts.Topic,
        accounts.Topic,
    )
    own = {MAIL, SMS, WEBHOOK, DAILY, elsewhere.TOPIC}
    assert set(HANDLERS) == own | {topic for known in topics for topic in known}


@pytest.mark.parametrize("topic", [Topic.FULFILLED, Topic.NO_SHOW])
def test_some_events_are_no_news(
    sqlite_database: Database, settings: Settings, topic: Topic
) -> None:
    sqlite_database.run(lambda session: outbox.send(work(session, now=NOW), topic, {}))
    assert run_worker(sqlite_database, settings) == 1
    assert [one.state for one in rows(sqlite_database)] == [State.DONE]


def test_an_unknown_topic_waits_for_a_version_that_knows_it(
    sqlite_database: Database, settings: Settings
) -> None:
    queued = sqlite_database.run(
        lambda session: outbox.send(work(session, now=NOW), "appointment.dreamt", {})
    )
    assert run_worker(sqlite_database, settings) == 1
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
    away = Database("postgresql+psycopg://nobody@/nowhere?host=/nonexistent", DATA_KEYS)
    back = sqlite_database.run
    waits = Waits(stop_after=8)

    def come_back_after_three(act: Any) -> Any:
        return (away.run if len(waits.seconds) < 3 else back)(act)

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
    away = Database("postgresql+psycopg://nobody@/nowhere?host=/nonexistent", DATA_KEYS)
    with pytest.raises(Unavailable):
        run(away, settings, once=True, stop=threading.Event())
    away.close()


def test_holds_that_ran_out_are_put_away(sqlite_database: Database, clinic: Clinic) -> None:
    held = sqlite_database.run(
        lambda session: factories.hold(session, clinic.schedule, START, clinic.patient, now=NOW)
    )

    def status_after(minutes: int) -> str:
        at = NOW + timedelta(minutes=minutes)
        expire_holds(sqlite_database, Settings(_env_file=None), lambda: at)
        return sqlite_database.read(lambda session: session.get_one(Appointment, held.id).status)

    assert status_after(9) == Status.HELD
    assert status_after(10) == Status.EXPIRED


def test_the_loop_sweeps_each_minute(
    sqlite_database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[float] = []
    waits = Waits(stop_after=150)
    seconds = SimpleNamespace(monotonic=lambda: float(len(waits.seconds)))
    monkeypatch.setattr(worker, "time", seconds)
    monkeypatch.setattr(worker, "DUTIES", (lambda *_: swept.append(seconds.monotonic()),))
    run(sqlite_database, settings, stop=waits)
    assert swept == [0.0, 60.0, 120.0]


def test_a_duty_that_fails_holds_up_neither_the_others_nor_the_mail(
    sqlite_database: Database, settings: Settings, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def fail(*_args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(worker, "DUTIES", (fail, lambda *_args: done.append("seal")))
    queue(sqlite_database)
    with structlog.testing.capture_logs() as lines:
        run(sqlite_database, settings, once=True, stop=threading.Event())
    assert (done, post.recipients) == (["seal"], ["ann@example.org"])
    assert [line["duty"] for line in lines if line["event"] == "worker.duty-failed"] == ["fail"]


def test_what_was_finished_long_ago_is_deleted_and_nothing_else(
    database: Database, settings: Settings
) -> None:
    def finish(state: State, days: int, *, due: int = 0) -> UUID:
        at = NOW - timedelta(days=days)
        queued = queue(database, a_mail(), at=NOW - timedelta(days=due or days))

        def act(session: Session) -> None:
            [message] = outbox.lease(session, now=at)
            outbox.finish(session, [message], state, now=at)

        database.run(act)
        return queued

    ended = [State.DONE, State.KEPT, State.FAILED]
    for state in ended:
        finish(state, 31)
    young = {finish(state, 29) for state in ended}
    young.add(finish(State.DONE, 29, due=300))
    waiting = queue(database, at=NOW - timedelta(days=300))
    purge_outbox(database, settings, lambda: NOW)
    assert {one.id for one in rows(database, MAIL)} == {*young, waiting}


def test_an_event_whose_lease_ran_out_is_told_once_by_the_successor(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    [slow] = sqlite_database.run(lambda session: outbox.lease(session, now=NOW))
    run_worker(sqlite_database, settings, at=NOW + LEASE)
    assert len(post.taken) == 2
    # It wakes up, and does what it had begun.
    HANDLERS[slow.topic]([Job(sqlite_database, settings, slow, lambda: NOW)])
    run_worker(sqlite_database, settings, at=NOW + 2 * LEASE)
    assert len(post.taken) == 2
    assert len(rows(sqlite_database, MAIL)) == 2
