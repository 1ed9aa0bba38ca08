"""The worker: handles the messages of the outbox, and does regular duties in between.

Mails, text messages, webhooks and calendars have threads of their own, since they wait for other
servers. All else is done one by one in the main thread.

Every message is handled at least once: it is leased, handled, and only then marked as done. An
event handler queues mails and marks the event in one transaction, which is rolled back if another
worker has taken over the lease. A mail is sent first and marked afterwards; if the worker dies in
between, it is sent again with the same Message-ID.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from openslot.booking import elsewhere
from openslot.booking.commands import expire_due
from openslot.booking.events import Topic
from openslot.core import clock, facts, idempotency, limits, outbox, tracing
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Unavailable
from openslot.core.logging import place_of
from openslot.core.outbox import ATTEMPTS, LEASE, LeaseLost, Left, OutboxMessage, State
from openslot.core.sealing import seal_next
from openslot.core.tracing import Kind
from openslot.core.work import Work, doing
from openslot.entrypoints.worker import calendars, sms, webhooks
from openslot.entrypoints.worker.lanes import Lane, wait_for_one
from openslot.identity import queries as identities
from openslot.identity.authorization import CODE_KNOWN
from openslot.identity.commands import FAILURES_COUNT
from openslot.notifications import alarms, delivery, dispatch
from openslot.notifications.delivery import MailMessage, Refused, Unreachable
from openslot.notifications.dispatch import MAIL, SMS
from openslot.notifications.events import without_words
from openslot.notifications.mails import MAILS
from openslot.usecases import growing_up, merging, rebooking, retention
from openslot.waiting_list import events as offers
from openslot.waiting_list import waiting
from openslot.webhooks import deliveries
from openslot.webhooks import queries as webhook_rows
from openslot.webhooks.events import TOPICS, WEBHOOK

IDLE = 1.0
"""Seconds between two checks of an empty outbox."""

LONGEST_PAUSE = 30.0
"""Maximum seconds between two tries while the database does not answer."""

SWEEP_EVERY = 60.0
"""Seconds between two runs of the duties."""

AT_ONCE = 100
"""Maximum number of rows that one transaction of a duty changes."""

EVENTS_LEASED = 100
MAILS_AT_ONCE, MAILS_LEASED = 4, 200
MARKED_WITHIN = 1.0
"""Seconds after which mails that were sent are marked, and those to be sent looked at again; if the
worker dies before, what was sent is sent again."""

SMS_AT_ONCE = 4
WEBHOOKS_AT_ONCE = 16
WEBHOOKS_TO_ONE_AT_ONCE = 2
"""Of the webhooks under way, those to one receiver: another one that hangs leaves threads free."""
CALENDARS_AT_ONCE = 4
OF_A_DAY = ("record_years", "audit_years", "carer_told_age", "carer_ends_age")
"""Settings that give the worker something to do each day."""

DAILY = "daily"
"""The outbox topic of the work of a day."""

FEW = 10
"""Maximum number of health records that one transaction removes."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Undone(Exception):
    """A message that could not be handled; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased message, and what is needed to handle it."""

    database: Database
    settings: Settings
    message: OutboxMessage
    now: Callable[[], datetime]

    def work(self, session: Session) -> Work:
        """Return the work of handling the message."""
        return Work(session, SYSTEM, self.now(), self.settings)

    @property
    def named(self) -> dict[str, object]:
        """Return what the log says of the message."""
        message = self.message
        return {"topic": message.topic, "message": str(message.id), "attempt": message.attempts}

    def may_begin(self) -> bool:
        """Return whether the lease lasts long enough. If the message waited for too long behind
        others, give it back: another worker may take it soon."""
        until = self.message.leased_until
        if until is not None and until - self.now() >= LEASE / 2:
            return True
        self.database.run(lambda session: outbox.give_back(session, [self.message]))
        return False

    def finish(self, state: State, *, left: Left | None = None) -> None:
        """Mark the message in its own transaction; ``left`` is what stays of its payload."""
        self.database.run(lambda session: self.mark(session, state, left=left))

    def mark(self, session: Session, state: State, *, left: Left | None = None) -> None:
        """Mark the message in the transaction that did its work."""
        outbox.finish(session, [self.message], state, now=self.now(), left=left)

    def put_back(self, reason: str) -> None:
        """Have the message tried again later."""
        self.database.run(
            lambda session: outbox.put_back(session, self.message, reason, now=self.now())
        )

    def put_aside(self, reason: str) -> None:
        """Fail the message for good, without further attempts."""
        self.database.run(
            lambda session: outbox.put_aside(session, self.message, reason, now=self.now())
        )


Handler = Callable[[Sequence[Job]], None]
"""Handles messages of one kind, and settles each: done, to be tried again, or given up."""

Duty = Callable[[Database, Settings, Callable[[], datetime]], None]
"""Work that is done every SWEEP_EVERY seconds."""


def each(handle: Callable[[Job], None]) -> Handler:
    """Return a handler that handles one message after the other."""

    def handle_each(jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.may_begin() and _try(job, handle):
                log.info("outbox.done", **job.named)

    return handle_each


def tell(jobs: Sequence[Job]) -> None:
    """Queue the mails and webhook deliveries about events and mark these as done: all or nothing.
    Then offer time that has become free to the waiting list."""
    begun = [job for job in jobs if job.may_begin()]
    if begun:
        _together(begun, _queue_news)
    for job in begun:
        if job.message.topic in FREEING:
            _do(offer_free_times, job.database, job.settings, job.now)
            break


def _queue_news(jobs: Sequence[Job]) -> None:
    messages = [job.message for job in jobs]

    def queue(session: Session) -> None:
        work = jobs[0].work(session)
        dispatch.notify(work, [(message.topic, message.payload) for message in messages])
        deliveries.queue(work, messages)
        outbox.finish(session, messages, State.DONE, now=work.now, left=without_words)

    jobs[0].database.run(queue)


def decided(job: Job) -> None:
    """Carry out a decision about an appointment during an absence; idempotent."""
    decision_id = UUID(job.message.payload["decision"])
    rebooking.work_off(job.database, job.settings, decision_id, now=job.now())
    job.finish(State.DONE)


def deliver(jobs: Sequence[Job]) -> None:
    """Send mails, or keep them for an administrator if no mail server is configured.

    A mail about an appointment that has changed since is not sent: a newer mail replaces it. They
    are looked at together, and those that were sent marked together, every MARKED_WITHIN seconds.
    """
    if not jobs[0].settings.smtp_host:
        _KEEP(jobs)
        return
    waiting = deque(jobs)
    while waiting:
        _deliver_some(waiting)


def _deliver_some(waiting: deque[Job]) -> None:
    """Send some of the mails that wait, for MARKED_WITHIN seconds, and mark them."""
    outdated: Mapping[UUID, bool] = {}
    if len(waiting) > 1:
        with suppress(Exception):  # then each is asked about on its own
            outdated = _outdated(waiting)

    def send(job: Job) -> None:
        if (outdated or _outdated([job]))[job.message.id]:
            log.info("mail.outdated", message=str(job.message.id))
            return
        mail = MailMessage.unpack(job.message.payload)
        delivery.send(delivery.to_letter(mail, job.settings, now=job.now()), job.settings)

    sent, began = list[Job](), time.monotonic()
    while waiting:
        job = waiting.popleft()
        if job.may_begin() and _try(job, send):
            sent.append(job)
        if time.monotonic() - began > MARKED_WITHIN:
            break
    _together(sent, _mark_sent)


_KEEP = each(lambda job: job.finish(State.KEPT))


def _outdated(jobs: Sequence[Job]) -> Mapping[UUID, bool]:
    """Return by the ids of mails whether what they are about has become stale."""
    packed = [job.message.payload for job in jobs]
    found = jobs[0].database.read(lambda session: dispatch.outdated(jobs[0].work(session), packed))
    return {job.message.id: is_stale for job, is_stale in zip(jobs, found, strict=True)}


def _mark_sent(jobs: Sequence[Job]) -> None:
    def mark(session: Session) -> None:
        messages, now = [job.message for job in jobs], jobs[0].now()
        outbox.finish(session, messages, State.DONE, now=now, left=_address)

    jobs[0].database.run(mark)


def _address(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays of a mail: its text may have a link to an account, and its end is no reason
    to keep what it says."""
    return {name: payload.get(name) for name in ("to", "subject")}


FREEING = frozenset({Topic.MOVED, Topic.CANCELLED, Topic.FREED})
"""Events by which time becomes free."""

HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys([*MAILS, *TOPICS], tell),
    offers.Topic.DECIDED: each(decided),
    MAIL: deliver,
    SMS: each(sms.deliver),
    WEBHOOK: each(webhooks.deliver),
    elsewhere.TOPIC: each(calendars.read_calendar),
    DAILY: each(lambda job: do_daily(job)),
}
"""Handlers by kind of message: the part of its topic before a colon."""


def run(
    database: Database, settings: Settings, *, once: bool = False, stop: threading.Event
) -> None:
    """Work until ``stop`` is set; with ``once``, until nothing is due. Then finish what is under
    way.

    After any error, also if the database is away, waits for a growing pause of at most
    LONGEST_PAUSE seconds and goes on. With ``once``, the error is raised instead.
    """
    lanes = (
        Lane(MAIL, threads=MAILS_AT_ONCE, ahead=MAILS_LEASED, each=MAILS_LEASED),
        Lane(
            WEBHOOK,
            threads=WEBHOOKS_AT_ONCE,
            ahead=WEBHOOKS_AT_ONCE,
            each=WEBHOOKS_TO_ONE_AT_ONCE,
        ),
        Lane(SMS, threads=SMS_AT_ONCE, ahead=SMS_AT_ONCE, each=SMS_AT_ONCE),
        Lane(elsewhere.TOPIC, threads=CALENDARS_AT_ONCE, ahead=CALENDARS_AT_ONCE, each=1),
    )
    try:
        _work(database, settings, lanes, once=once, stop=stop)
    finally:
        for lane in lanes:
            lane.close(database)
        delivery.hang_up(settings)


def _work(
    database: Database,
    settings: Settings,
    lanes: Sequence[Lane],
    *,
    once: bool,
    stop: threading.Event,
) -> None:
    pause, duties_done_at = IDLE, float("-inf")
    while not stop.is_set():
        try:
            if time.monotonic() - duties_done_at >= SWEEP_EVERY:
                duties_done_at = time.monotonic()
                do_duties(database, settings)
            if _take_some(database, settings, lanes) or wait_for_one(lanes, IDLE):
                pause = IDLE
                continue
            delivery.hang_up(settings)
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


def _take_some(database: Database, settings: Settings, lanes: Sequence[Lane]) -> bool:
    """Handle messages that need no other server, and give the lanes theirs; return False if there
    were none."""

    def handle_some(messages: Sequence[OutboxMessage]) -> None:
        handle(Job(database, settings, message, clock.now) for message in messages)

    given = [lane.fill(database, handle_some, now=clock.now()) for lane in lanes]
    others = [lane.kind for lane in lanes]
    return handle_next(database, settings, but=others, most=EVENTS_LEASED) or any(given)


def handle_next(
    database: Database,
    settings: Settings,
    *,
    now: Callable[[], datetime] = clock.now,
    but: Sequence[str] = (),
    most: int = 1,
) -> bool:
    """Handle up to ``most`` messages that are due, of none of the kinds in ``but``, or put them
    back; return False if none is due."""
    leased = outbox.lease_next(database, now=now(), but=but, most=most)
    handle(Job(database, settings, message, now) for message in leased)
    return bool(leased)


def do_duties(
    database: Database, settings: Settings, *, now: Callable[[], datetime] = clock.now
) -> None:
    """Do all duties once. A duty that fails does not stop the others or the messages."""
    for duty in DUTIES:
        _do(duty, database, settings, now)


def _do(duty: Duty, database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    try:
        duty(database, settings, now)
    except Unavailable:
        raise  # the next duty would wait for the database too
    except Exception as error:
        log.error("worker.duty-failed", duty=duty.__name__, error=place_of(error))


def say_we_run(database: Database, _settings: Settings, now: Callable[[], datetime]) -> None:
    """Note that a worker runs."""
    database.run(lambda session: facts.note_worker(session, now()))


def expire_holds(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """End all expired holds, in transactions of at most AT_ONCE."""
    while database.run(doing(SYSTEM, now(), settings, expire_due, limit=AT_ONCE)) == AT_ONCE:
        pass


def offer_free_times(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """End expired offers, and offer free times to the waiting list."""
    count = waiting.expire_due(database, settings, now)
    if count:
        log.info("offers.made", count=count)


def read_calendars(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Have the calendars read that practitioners keep elsewhere, each every few minutes."""
    while database.run(doing(SYSTEM, now(), settings, elsewhere.queue_due, limit=AT_ONCE)):
        pass


def follow_merges(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Move what was written for merged duplicates at the moment of the merge."""
    count = database.run(doing(SYSTEM, now(), settings, merging.follow))
    if count:
        log.info("merges.followed", count=count)


def seal_audit(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Seal settled audit events, and log each digest: the log is stored outside the database."""
    keys = settings.seal_keys()
    while seal := database.run(lambda session: seal_next(session, now=now(), keys=keys)):
        log.info("audit.sealed", seal=seal.number, events=seal.events, digest=seal.digest)


def purge_outbox(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Delete old finished messages, which contain personal data."""
    before = now() - timedelta(days=settings.keep_messages_days)
    for purge in (outbox.purge, webhook_rows.purge):
        _purge(database, partial(purge, before=before))


def purge_run_out(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Delete expired rows that have no further use.

    These are answers for retries, sessions, tokens, codes, ids of assertions, and counted failures.
    """
    at = now()
    unused = at - max(
        timedelta(hours=settings.session_hours), timedelta(minutes=settings.staff_session_minutes)
    )
    _purge(database, partial(idempotency.purge, before=at - idempotency.LASTS))
    _purge(database, partial(identities.purge_sessions, before=at, unused_since=unused))
    _purge(database, partial(identities.purge_tokens, before=at))
    _purge(database, partial(identities.purge_codes, before=at - CODE_KNOWN))
    _purge(database, partial(identities.purge_assertions, before=at))
    _purge(database, partial(identities.purge_pending, before=at))
    _purge(database, partial(identities.purge_failures, before=at - FAILURES_COUNT))
    _purge(database, partial(limits.purge, before=at))


def _purge(database: Database, purge: Callable[..., int]) -> None:
    while database.run(partial(purge, limit=AT_ONCE)) == AT_ONCE:
        pass


def plan_day(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Queue the work of the day, once for all workers."""
    day = now().date().isoformat()
    if any(getattr(settings, name) for name in OF_A_DAY):
        database.run(
            lambda session: outbox.send(
                Work(session, SYSTEM, now(), settings), DAILY, {"day": day}, once=day
            )
        )


def do_daily(job: Job) -> None:
    """Do the work of the day: carers whose access ends, and what is no longer kept."""
    look_after_ages(job.database, job.settings, job.now)
    remove_due(job.database, job.settings, job.now)
    job.finish(State.DONE)


def look_after_ages(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Tell carers of children who grow up, and end their access."""
    look = growing_up.look_after_ages
    while database.run(doing(SYSTEM, now(), settings, look, limit=AT_ONCE)):
        pass


def remove_due(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Remove health records and audit events that are no longer kept, a few at a time."""
    removed = 0
    while count := database.run(
        doing(SYSTEM, now(), settings, retention.remove_due_records, limit=FEW)
    ):
        removed += count
    if removed:
        log.info("records.removed", patients=removed)
        database.scrub()
    while events := database.run(doing(SYSTEM, now(), settings, retention.remove_due_events)):
        log.info("audit.removed", events=events)


def watch_security(database: Database, settings: Settings, now: Callable[[], datetime]) -> None:
    """Tell the network's administrators of what looks like an attack."""
    for action in database.run(doing(SYSTEM, now(), settings, alarms.raise_alarms)):
        log.warning("security.alarm", action=action)


DUTIES: tuple[Duty, ...] = (
    say_we_run,
    expire_holds,
    offer_free_times,
    read_calendars,
    follow_merges,
    seal_audit,
    watch_security,
    purge_outbox,
    purge_run_out,
    plan_day,
)


def handle(jobs: Iterable[Job]) -> None:
    """Handle messages in their order, those together that follow each other and have one
    handler."""
    for handler, some in groupby(jobs, lambda job: _handler_of(job.message)):
        together = list(some)
        kind = outbox.kind_of(together[0].message.topic)
        with tracing.span(f"outbox {kind}", Kind.CONSUMER, messages=len(together)):
            handler(together)


def _handler_of(message: OutboxMessage) -> Handler:
    if message.attempts > ATTEMPTS:
        return _DEADLY
    return HANDLERS.get(outbox.kind_of(message.topic), _UNKNOWN)


def _undone(reason: str) -> Handler:
    def refuse(_job: Job) -> None:
        raise Undone(reason)

    return each(refuse)


_DEADLY = _undone("the worker died while handling this message, too often")
_UNKNOWN = _undone("this version has no handler for the topic")


def _together(jobs: Sequence[Job], settle: Callable[[Sequence[Job]], None]) -> None:
    """Settle messages in one transaction; if that fails, each on its own, which shows whose fault
    it is."""
    is_done = False
    if len(jobs) > 1:
        with suppress(Exception):
            settle(jobs)
            is_done = True
    for job in jobs:
        if is_done or _try(job, lambda one: settle([one])):
            log.info("outbox.done", **job.named)


def _try(job: Job, handle: Callable[[Job], None]) -> bool:
    """Handle a message, or put it back or aside with the reason; return whether it was handled."""
    try:
        handle(job)
    except LeaseLost:
        log.warning("outbox.overtaken", **job.named)
    except Refused as error:
        log.warning("outbox.put-aside", error=str(error), **job.named)
        job.put_aside(str(error))
    except Exception as error:
        # Only our own sentences: those of drivers and mail servers may quote personal data.
        reason = str(error) if isinstance(error, Unreachable | Undone) else place_of(error)
        job.put_back(reason)
        log.warning("outbox.put-back", error=reason, **job.named)
    else:
        return True
    return False
