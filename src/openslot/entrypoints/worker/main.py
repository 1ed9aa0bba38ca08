"""The worker: does what the outbox holds, one message after another, and sweeps in between.

At least once, never lost: a message is leased, done, and only then marked. A handler of an
event writes mails and marks the event done in one transaction, which is undone should another
worker have taken the message over. A mail is handed over and then marked; a worker that dies
between the two has it sent again, with the same Message-ID.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from openslot.booking.commands import expire_due
from openslot.booking.events import Topic
from openslot.core import clock, idempotency, limits, outbox
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Unavailable
from openslot.core.logging import place_of
from openslot.core.outbox import ATTEMPTS, LeaseLost, OutboxMessage, State
from openslot.core.sealing import seal_next
from openslot.entrypoints.worker import webhooks
from openslot.identity import queries as identities
from openslot.identity.commands import FAILURES_COUNT, unused_since
from openslot.notifications import delivery, dispatch
from openslot.notifications.delivery import MailMessage, Refused, Unreachable
from openslot.notifications.dispatch import MAIL
from openslot.notifications.mails import MAILS
from openslot.offers import events as offers
from openslot.offers import rebooking, waiting
from openslot.webhooks import queries as webhook_rows
from openslot.webhooks.events import WEBHOOK

IDLE = 1.0
"""Seconds between two looks into an empty outbox."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries while the database does not answer, at most."""

SWEEP_EVERY = 60.0
"""Seconds between two sweeps."""

AT_ONCE = 100
"""Rows that one transaction of a sweep changes at most."""

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

    def put_back(self, reason: str) -> None:
        """Have it tried again later."""
        self.database.run(
            lambda session: outbox.put_back(session, self.message, reason, now=self.now())
        )

    def put_aside(self, reason: str) -> None:
        """Fail it for good, at whatever attempt."""
        self.database.run(
            lambda session: outbox.put_aside(session, self.message, reason, now=self.now())
        )


Handler = Callable[[Job], None]
Duty = Callable[[Database, Settings, Callable[[], datetime]], None]
"""What is done each SWEEP_EVERY, besides messages."""


def notify(job: Job) -> None:
    """Queue the mails about an event and mark it as done: all or nothing."""

    def work(session: Session) -> None:
        topic, payload = job.message.topic, job.message.payload
        dispatch.notify(session, topic, payload, now=job.now(), settings=job.settings)
        webhooks.tell_programs(session, job)
        job.mark(session, State.DONE)

    job.database.run(work)


def notify_and_offer(job: Job) -> None:
    """Notify of an appointment whose time has become free, and offer it at once to the waiting
    list."""
    notify(job)
    _do(offer_free_times, job.database, job.settings, job.now)


def decided(job: Job) -> None:
    """Do what was decided about an appointment inside an absence; repeated, nothing happens."""
    decision_id = UUID(job.message.payload["decision"])
    rebooking.work_off(job.database, job.settings, decision_id, now=job.now())
    job.finish(State.DONE)


def tell_programs(job: Job) -> None:
    """For events that no mail is sent about; other programs may have asked for them."""

    def work(session: Session) -> None:
        webhooks.tell_programs(session, job)
        job.mark(session, State.DONE)

    job.database.run(work)


def programs_told_and_offered(job: Job) -> None:
    """Offer a time that came free though nobody expected the appointment any more."""
    tell_programs(job)
    _do(offer_free_times, job.database, job.settings, job.now)


def deliver(job: Job) -> None:
    """Hand a mail to the mail server; keep it for an administrator where there is none.

    A mail about an event that has become stale is not sent: a newer one says what is true now.
    """
    if not job.settings.smtp_host:
        job.finish(State.KEPT)
        return
    packed = job.message.payload
    if job.database.read(lambda session: dispatch.is_outdated(session, packed, now=job.now())):
        log.info("mail.outdated", message=str(job.message.id))
    else:
        mail = MailMessage.unpack(packed)
        delivery.send(delivery.to_message(mail, job.settings, now=job.now()), job.settings)
    job.finish(State.DONE)


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(MAILS, notify),
    Topic.MOVED: notify_and_offer,
    Topic.CANCELLED: notify_and_offer,
    Topic.FULFILLED: tell_programs,
    Topic.NO_SHOW: tell_programs,
    Topic.FREED: programs_told_and_offered,
    offers.Topic.DECIDED: decided,
    MAIL: deliver,
    WEBHOOK: webhooks.deliver,
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
                swept_at = time.monotonic()
                do_duties(database, settings)
            if handle_next(database, settings):
                pause = IDLE
                continue
        except Exception as error:
            if once:
                raise
            pause = min(pause * 2, LONGEST_PAUSE)
            reason = error.reason if isinstance(error, Unavailable) else place_of(error)
            log.error("worker.waits", error=reason, seconds=pause)
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


def do_duties(
    database: Database, settings: Settings, *, now: Callable[[], datetime] = clock.now
) -> None:
    """Sweep once. A duty that fails holds up neither the others nor the mail."""
    for duty in DUTIES:
        _do(duty, database, settings, now)


def _do(duty: Duty, database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    try:
        duty(database, settings, now)
    except Unavailable:
        raise  # the next would only wait for the database, too
    except Exception as error:
        log.error("worker.duty-failed", duty=duty.__name__, error=place_of(error))


def expire_holds(database: Database, _settings: Settings, now: Callable[[], datetime]) -> None:
    """Sweep all holds that ran out, in transactions of at most AT_ONCE."""
    while database.run(lambda session: expire_due(session, now=now(), limit=AT_ONCE)) == AT_ONCE:
        pass


def offer_free_times(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """End offers that ran out, and offer what is free to who waits for it."""
    offered = waiting.expire_due(database, settings, now)
    if offered:
        log.info("offers.made", count=offered)


def seal_audit(database: Database, _settings: Settings, now: Callable[[], datetime]) -> None:
    """Seal all that has settled; each digest into the log, which is kept somewhere else."""
    while seal := database.run(lambda session: seal_next(session, now=now())):
        log.info("audit.sealed", seal=seal.number, events=seal.events, digest=seal.digest)


def purge_outbox(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Delete messages that were finished long ago, with what they say of people."""
    before = now() - timedelta(days=settings.keep_messages_days)
    for purge in (outbox.purge, webhook_rows.purge):
        _purge(database, partial(purge, before=before))


def purge_run_out(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Delete what has run out and can never matter again: answers kept for retries, sessions,
    tokens, ids of assertions, and what no longer counts against anybody."""
    at = now()
    unused = unused_since(settings, at)
    _purge(database, partial(idempotency.purge, before=at - idempotency.LASTS))
    _purge(database, partial(identities.purge_sessions, before=at, unused_since=unused))
    _purge(database, partial(identities.purge_tokens, before=at))
    _purge(database, partial(identities.purge_assertions, before=at))
    _purge(database, partial(identities.purge_failures, before=at - FAILURES_COUNT))
    _purge(database, partial(limits.purge, before=at))


def _purge(database: Database, purge: Callable[..., int]) -> None:
    while database.run(partial(purge, limit=AT_ONCE)) == AT_ONCE:
        pass


DUTIES: tuple[Duty, ...] = (
    expire_holds,
    offer_free_times,
    seal_audit,
    purge_outbox,
    purge_run_out,
)


def _handle(job: Job) -> None:
    message = job.message
    words = {"topic": message.topic, "message": str(message.id), "attempt": message.attempts}
    try:
        _handler_of(message)(job)
    except LeaseLost:
        log.warning("outbox.overtaken", **words)
    except Refused as error:
        log.warning("outbox.put-aside", error=str(error), **words)
        job.put_aside(str(error))
    except Exception as error:
        # Words of our own only: those of drivers and mail servers quote what people entered.
        reason = str(error) if isinstance(error, Unreachable | Undone) else place_of(error)
        job.put_back(reason)
        log.warning("outbox.put-back", error=reason, **words)
    else:
        log.info("outbox.done", **words)


def _handler_of(message: OutboxMessage) -> Handler:
    if message.attempts > ATTEMPTS:
        raise Undone("the worker died over this message again and again")
    if message.topic not in HANDLERS:
        raise Undone("this version has no handler for the topic")
    return HANDLERS[message.topic]
