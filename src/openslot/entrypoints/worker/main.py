"""The worker: does what the outbox holds, one message after another, and puts lapsed holds away.

At least once, never lost: a message is leased, done, and only then marked. A handler of an
event writes mails and marks the event done in one transaction. A mail is handed over and then
marked; a worker that dies between the two has it sent again, with the same Message-ID.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from openslot.booking.commands import sweep
from openslot.booking.events import Topic
from openslot.core import clock, outbox
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.logging import place_of
from openslot.core.outbox import ATTEMPTS, OutboxMessage, State
from openslot.notifications import mail
from openslot.notifications.commands import MAIL, is_outdated, queue_news, unpacked
from openslot.notifications.mail import Refused, Unreachable

IDLE = 1.0
"""Seconds between two looks into an empty outbox."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries while the database does not answer, at most."""

SWEEP_EVERY = 60.0
"""Seconds between two sweeps of lapsed holds."""

SWEPT_AT_ONCE = 100

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Undone(Exception):
    """Why a message was not even begun."""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased message, and what is needed to do it."""

    database: Database
    settings: Settings
    message: OutboxMessage
    now: Callable[[], datetime]

    def finish(self, state: State) -> None:
        """Mark the message in a transaction of its own."""
        self.database.run(lambda session: self.mark(session, state))

    def mark(self, session: Session, state: State) -> None:
        """Mark the message in the transaction of what was done for it."""
        outbox.finish(session, self.message, state, now=self.now())


def tell(job: Job) -> None:
    """Write the mails about a visit and mark the event done, all or nothing."""

    def work(session: Session) -> None:
        topic = Topic(job.message.topic)
        queue_news(session, topic, job.message.payload, now=job.now(), settings=job.settings)
        job.mark(session, State.DONE)

    job.database.run(work)


def tell_nobody(job: Job) -> None:
    """For events that no mail is sent about."""
    job.finish(State.DONE)


def deliver(job: Job) -> None:
    """Hand a mail to the mail server; keep it for an administrator where there is none.

    A mail about a visit that has changed meanwhile is not sent: a newer one tells what holds.
    """
    if not job.settings.smtp_host:
        job.finish(State.KEPT)
        return
    packed = job.message.payload
    if job.database.read(lambda session: is_outdated(session, packed, now=job.now())):
        log.info("mail.outdated", message=str(job.message.id))
    else:
        message = mail.to_message(unpacked(packed), job.settings, now=job.now())
        mail.send(message, job.settings)
    job.finish(State.DONE)


Handler = Callable[[Job], None]

HANDLERS: Mapping[str, Handler] = {
    Topic.BOOKED: tell,
    Topic.MOVED: tell,
    Topic.CANCELLED: tell,
    Topic.FULFILLED: tell_nobody,
    Topic.NO_SHOW: tell_nobody,
    MAIL: deliver,
}
"""What is done for each topic of the outbox."""


def run(
    database: Database, settings: Settings, *, once: bool = False, stop: threading.Event
) -> None:
    """Work until ``stop`` is set; with ``once``, until nothing is due.

    Survives everything, a database that is away included: it waits, ever longer up to
    LONGEST_PAUSE, and goes on. With ``once`` that error is raised instead.
    """
    pause, swept_at = IDLE, float("-inf")
    while not stop.is_set():
        try:
            if time.monotonic() - swept_at >= SWEEP_EVERY:
                put_lapsed_away(database)
                swept_at = time.monotonic()
            if handle_next(database, settings):
                pause = IDLE
                continue
        except Exception as error:
            if once:
                raise
            pause = min(pause * 2, LONGEST_PAUSE)
            log.error("worker.waits", error=place_of(error), seconds=pause)
        else:
            if once:
                return
            pause = IDLE
        stop.wait(pause)


def handle_next(
    database: Database, settings: Settings, *, now: Callable[[], datetime] = clock.now
) -> bool:
    """Do one message that is due, or put it back with the reason; False where none is due."""
    message = database.run(lambda session: outbox.lease(session, now=now()))
    if message is None:
        return False
    _handle(Job(database, settings, message, now))
    return True


def put_lapsed_away(database: Database, *, now: Callable[[], datetime] = clock.now) -> None:
    """Sweep all holds that ran out, in transactions of at most SWEPT_AT_ONCE."""
    while True:
        swept = database.run(lambda session: sweep(session, now=now(), limit=SWEPT_AT_ONCE))
        if swept < SWEPT_AT_ONCE:
            return


def _handle(job: Job) -> None:
    message = job.message
    words = {"topic": message.topic, "message": str(message.id), "attempt": message.attempts}
    try:
        _handler_of(message)(job)
    except Refused as error:
        log.warning("outbox.put-aside", error=str(error), **words)
        _put_aside(job, str(error))
    except Exception as error:
        # Words of our own only: those of drivers and mail servers quote what people entered.
        own = isinstance(error, Unreachable | Undone)
        _put_back(job, str(error) if own else place_of(error))
        log.warning("outbox.put-back", error=str(error) if own else place_of(error), **words)
    else:
        log.info("outbox.done", **words)


def _handler_of(message: OutboxMessage) -> Handler:
    if message.attempts > ATTEMPTS:
        raise Undone("the worker died over this message again and again")
    if message.topic not in HANDLERS:
        raise Undone("this version has no handler for the topic")
    return HANDLERS[message.topic]


def _put_back(job: Job, reason: str) -> None:
    job.database.run(lambda session: outbox.put_back(session, job.message, reason, now=job.now()))


def _put_aside(job: Job, reason: str) -> None:
    """Fail the message for good, at its first attempt."""

    def work(session: Session) -> None:
        job.mark(session, State.FAILED)
        session.get_one(OutboxMessage, job.message.id).error = reason

    job.database.run(work)
