"""A mail server or a receiver of webhooks that hangs delays nobody but those who wait for it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from socket import create_server

import pytest
import time_machine

from clinic import NOW, START, book, open_clinic
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import State
from openslot.entrypoints.worker import main as worker
from openslot.entrypoints.worker.lanes import Lane
from openslot.notifications.dispatch import MAIL
from openslot.webhooks.events import Event
from postoffice import Mood, PostOffice, a_mail, post_office, queue, rows, settings_for
from receiver import LOOPBACK, deliveries, receiver, tell
from working import work

HANGS = 10.0
"""Seconds after which the worker gives up a server that hangs."""

BOOKINGS = 12

SOON = 3 * HANGS
"""Seconds for what nothing holds up on a busy machine; one by one, it would be twice as long."""


@pytest.fixture
def post() -> Iterator[PostOffice]:
    """A mail server of this test's own."""
    with post_office() as serving:
        yield serving


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post, webhook_networks=LOOPBACK, smtp_timeout=HANGS)


@contextmanager
def working(database: Database, settings: Settings) -> Iterator[None]:
    """The worker's own loop, in the time of the clinic."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(database, settings), kwargs={"stop": stop})
    with time_machine.travel(NOW, tick=True):
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(3 * HANGS)
            assert not thread.is_alive()


@contextmanager
def hanging() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def seconds_until(holds: Callable[[], bool]) -> float:
    began = time.perf_counter()
    while not holds():
        assert time.perf_counter() - began < 60, "it never came true"
        time.sleep(0.02)
    return time.perf_counter() - began


def test_a_mail_server_that_hangs_delays_neither_events_nor_webhooks(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    clinic = open_clinic(sqlite_database)
    post.mood = Mood.SLOW
    for number in range(BOOKINGS):
        queue(sqlite_database, a_mail(key=f"key-{number}"))
    with receiver() as there, working(sqlite_database, settings):
        tell(sqlite_database, there.url, Event.BOOKED)
        seconds_until(lambda: post.tries > 0)
        for day in range(BOOKINGS):
            book(sqlite_database, clinic, at=START + timedelta(days=day))
        assert seconds_until(lambda: len(there.taken) == BOOKINGS) < SOON
        post.mood = Mood.ACCEPTING
        post.slow_down.set()
        seconds_until(lambda: len(post.taken) >= BOOKINGS)
    keys = [str(mail["Message-ID"]) for mail in post.taken]
    assert len(set(keys)) == len(keys)


def test_receivers_that_hang_delay_neither_mail_nor_other_receivers(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    clinic = open_clinic(sqlite_database)
    with ExitStack() as stack:
        hung = [
            tell(sqlite_database, stack.enter_context(hanging()), Event.BOOKED) for _ in range(6)
        ]
        there = stack.enter_context(receiver())
        good = tell(sqlite_database, there.url, Event.BOOKED)
        for day in range(BOOKINGS):
            book(sqlite_database, clinic, at=START + timedelta(days=day))
        stack.enter_context(working(sqlite_database, settings))
        assert seconds_until(lambda: len(there.taken) == BOOKINGS) < SOON
        assert seconds_until(lambda: len(post.taken) == 2 * BOOKINGS) < SOON
        for endpoint in hung:
            assert {one.state for one in deliveries(sqlite_database, endpoint)} == {"waiting"}
        seconds_until(lambda: {one.state for one in deliveries(sqlite_database, good)} == {"done"})
    assert len({letter.id for letter in there.taken}) == BOOKINGS
    assert {mail.state for mail in rows(sqlite_database, MAIL)} == {State.DONE}


def test_one_topic_takes_only_some_of_the_threads(sqlite_database: Database) -> None:
    """Before its messages have failed, nobody knows that its receiver hangs."""
    for topic in [*["webhook:hangs"] * 6, *["webhook:answers"] * 2]:
        sqlite_database.run(
            lambda session, topic=topic: outbox.send(work(session, now=NOW), topic, {})
        )
    answered = threading.Event()
    lane = Lane("webhook", threads=4, ahead=8, each=2)
    while lane.fill(sqlite_database, lambda _messages: bool(answered.wait(60)), now=NOW):
        pass
    leased = Counter(message.topic for (message,) in lane.running.values())
    answered.set()
    lane.close(sqlite_database)
    assert leased == {"webhook:hangs": 2, "webhook:answers": 2}
