"""The outbox: work outside the database, written in the transaction that requests it.

The worker leases a message, does the work and then marks it as done: at least once, never lost.
The message's id is the idempotency key for the receiver.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import takewhile
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import (
    ColumnElement,
    Index,
    Integer,
    Select,
    String,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, load_only, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from openslot.core import keyset
from openslot.core.data_keys import DoesNotOpen
from openslot.core.db import Database, changed, write_rows
from openslot.core.encryption import EncryptedJson, encrypted_for
from openslot.core.ids import new_id
from openslot.core.rows import add_row
from openslot.core.statements import Prepared
from openslot.core.tables import Base, Instant
from openslot.core.work import Work

LEASE = timedelta(minutes=2)
"""Time after which another worker can lease a message that is not finished."""

ATTEMPTS = 12
"""Number of attempts, over about a day, after which a message has failed."""


MAIL, SMS = "mail", "sms"
"""The topics of mails and text messages, which have names and texts in them."""
NOTHING = "nothing"
"""The topic of messages that only take the time of others."""

ONCE = UUID("0b5e6f1c-9a52-5c0e-8f0e-2f6a9d1f7c11")
"""Namespace (RFC 9562, 5.5) of the ids of messages that are sent only once."""


Left = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Returns what stays of a payload."""


class LeaseLost(Exception):
    """The lease has expired and another worker has the message, so this one must stop."""


class State(StrEnum):
    """State of a message. KEPT: stored here to be read, since there is no way to send it."""

    WAITING = "waiting"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"


class OutboxMessage(Base):
    """A piece of work for the worker; ``topic`` names its kind, and may say to whom it goes."""

    __tablename__ = "outbox_message"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "topic", "created_at"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    topic: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]] = mapped_column(EncryptedJson)
    state: Mapped[str] = mapped_column(String(10), default=State.WAITING)
    created_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    error: Mapped[str | None] = mapped_column(Text)


def send(
    work: Work,
    topic: str,
    payload: dict[str, Any],
    *,
    due: datetime | None = None,
    once: str | None = None,
) -> UUID:
    """Queue a message, to be handled once this transaction is committed or from ``due`` on.

    Of all messages of a topic with the same ``once``, only the first is stored. Returns the id.
    """
    message_id = uuid5(ONCE, f"{topic} {once}") if once else new_id()
    add_row(
        work.session,
        OutboxMessage,
        once=once is not None,
        id=message_id,
        topic=topic,
        payload=payload,
        state=State.WAITING,
        created_at=work.now,
        due_at=due or work.now,
        attempts=0,
    )
    return message_id


def kind_of(topic: str) -> str:
    """Return the part of a topic before the colon; behind it is to whom the message goes."""
    return topic.partition(":")[0]


def send_nothing(work: Work) -> UUID:
    """Store a message that is finished already: the work of :func:`send`, and nothing else."""
    message_id = new_id()
    add_row(
        work.session,
        OutboxMessage,
        id=message_id,
        topic=NOTHING,
        payload={},
        state=State.DONE,
        created_at=work.now,
        due_at=work.now,
        finished_at=work.now,
        attempts=0,
    )
    return message_id


def lease(
    session: Session,
    *,
    now: datetime,
    only: str | None = None,
    but: Sequence[str] = (),
    most: int = 1,
) -> list[OutboxMessage]:
    """Lease the oldest messages that are due to the caller, ``most`` of them at most.

    ``only`` names a kind of messages, and ``but`` kinds or topics that are left out. A message that
    was tried before is leased alone: if it ends its worker, it takes no other with it.
    """
    oldest = partial(_next, now=now, only=only, but=but)
    leased = [*session.scalars(oldest()).all()]
    # Where many were tried, to read and lock many for each takes longer than to send it.
    if most > 1 and leased and leased[0].attempts == 0:
        messages = session.scalars(oldest(most=most)).all()
        leased = list(takewhile(lambda message: message.attempts == 0, messages)) or leased
    _hold(session, leased, until=now + LEASE)
    return leased


def _hold(session: Session, messages: Sequence[OutboxMessage], *, until: datetime) -> None:
    """Count one more attempt of each of the messages, in one statement."""
    ids = [message.id for message in messages]
    if ids:
        again = {"attempts": OutboxMessage.attempts + 1, "leased_until": until}
        changed(session, update(OutboxMessage).where(OutboxMessage.id.in_(ids)).values(again))
    for message in messages:
        set_committed_value(message, "attempts", message.attempts + 1)
        set_committed_value(message, "leased_until", until)


def _next(
    *, now: datetime, only: str | None = None, but: Sequence[str] = (), most: int = 1
) -> Select[OutboxMessage]:
    """Return the select of the oldest messages that are due."""
    is_free = or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now)
    due = [OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= now, is_free]
    due += [_is_of(only)] if only else []
    due += [not_(_is_of(name)) for name in but]
    oldest = select(OutboxMessage).where(*due).order_by(OutboxMessage.due_at).limit(most)
    # Other workers pass over what is locked, and find it leased afterwards.
    return oldest.with_for_update(skip_locked=True)


def lease_next(database: Database, **which: Any) -> list[OutboxMessage]:
    """Lease messages as :func:`lease` does, in a transaction of its own. Those that no data key
    opens are put back, and given up after ATTEMPTS, so that the others go on."""
    while True:
        try:
            return database.run(lambda session: lease(session, **which))
        except DoesNotOpen:
            if not database.run(lambda session: _put_damaged_back(session, **which)):
                raise


def _put_damaged_back(session: Session, *, now: datetime, **which: Any) -> int:
    """Put back those of the next messages that cannot be opened; return their number."""
    without_payload = _next(now=now, **which).options(load_only(OutboxMessage.attempts))
    count = 0
    for message in session.scalars(without_payload).all():
        try:
            session.scalar(select(OutboxMessage.payload).where(OutboxMessage.id == message.id))
        except DoesNotOpen as fault:
            message.attempts += 1
            session.flush()
            put_back(session, message, str(fault), now=now)
            count += 1
    return count


def give_back(session: Session, messages: Sequence[OutboxMessage]) -> None:
    """End leases of messages that were not begun."""
    for message in messages:
        _mark(session, message, attempts=message.attempts - 1, leased_until=None)


def _is_of(name: str) -> ColumnElement[bool]:
    """Return whether a message is of a kind, or of a topic."""
    topic = OutboxMessage.topic
    return or_(topic == name, topic.startswith(f"{name}:", autoescape=True))


def finish(
    session: Session,
    messages: Sequence[OutboxMessage],
    state: State,
    *,
    now: datetime,
    left: Left | None = None,
) -> None:
    """Mark messages as finished, in the transaction of the work, those together that are alike.
    ``left`` returns what stays of a payload that is no longer needed whole.

    Raises LeaseLost if a lease expired and another worker took the message. That rolls back the
    work, so that it is not done twice.
    """
    whole, shortened = defaultdict[int, list[UUID]](list), list[dict[str, Any]]()
    for message in messages:
        rest = message.payload if left is None else left(message.payload)
        if rest == message.payload:
            whole[message.attempts].append(message.id)
        else:
            stored = encrypted_for(session, OutboxMessage.payload, rest, message.id)
            shortened.append({"message": message.id, "attempt": message.attempts, "rest": stored})
    values = {"state": state, "finished_at": now, "error": None, "leased_until": None}
    count = 0
    for attempts, ids in whole.items():
        these = (OutboxMessage.id.in_(ids), OutboxMessage.attempts == attempts)
        count += changed(session, update(OutboxMessage).where(*these).values(values))
    if shortened:
        session.flush()
        rows = [row | {"state": state, "at": now} for row in shortened]
        count += write_rows(session, _SHORTEN, *rows)
    if count != len(messages):
        raise LeaseLost


_SHORTEN = Prepared(
    update(OutboxMessage)
    .where(OutboxMessage.id == bindparam("message"), OutboxMessage.attempts == bindparam("attempt"))
    .values(
        payload=bindparam("rest"),
        state=bindparam("state"),
        finished_at=bindparam("at"),
        error=None,
        leased_until=None,
    )
)
"""Finishes a message of which less stays."""


def put_aside(session: Session, message: OutboxMessage, error: str, *, now: datetime) -> None:
    """Mark a message as failed; it is not retried."""
    _mark(session, message, state=State.FAILED, error=error, finished_at=now, leased_until=None)


def put_back(session: Session, message: OutboxMessage, error: str, *, now: datetime) -> None:
    """Retry a message later, after ever longer waits; it fails after ATTEMPTS attempts."""
    if message.attempts >= ATTEMPTS:
        put_aside(session, message, error, now=now)
        return
    wait = timedelta(seconds=min(5 * 3 ** (message.attempts - 1), 6 * 3600))
    _mark(session, message, due_at=now + wait, error=error, leased_until=None)


def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` messages that were finished before ``before``; return the number."""
    finished = (State.DONE, State.KEPT, State.FAILED)
    # No message is finished before it is due, and the index has due_at.
    old = select(OutboxMessage.id).where(
        OutboxMessage.state.in_(finished),
        OutboxMessage.due_at < before,
        OutboxMessage.finished_at < before,
    )
    ids = session.scalars(old.limit(limit)).all()
    if ids:
        session.execute(
            delete(OutboxMessage)
            .where(OutboxMessage.id.in_(ids))
            .execution_options(synchronize_session=False)
        )
    return len(ids)


def _mark(session: Session, message: OutboxMessage, **values: Any) -> bool:
    """Update a leased message. Returns False if another worker has leased it since."""
    is_leased = (OutboxMessage.id == message.id, OutboxMessage.attempts == message.attempts)
    return bool(changed(session, update(OutboxMessage).where(*is_leased).values(**values)))


def messages(session: Session, topic: str, *, limit: int, offset: int) -> Sequence[OutboxMessage]:
    """Return a page of the messages of one topic, newest first."""
    query = select(OutboxMessage).where(OutboxMessage.topic == topic)
    newest = query.order_by(OutboxMessage.created_at.desc(), OutboxMessage.id.desc())
    return session.scalars(newest.limit(limit).offset(offset)).all()


def all_messages(session: Session, topic: str) -> Iterator[OutboxMessage]:
    """Yield every message of a topic, a few at a time."""
    query = select(OutboxMessage).where(OutboxMessage.topic == topic)
    yield from keyset.every(session, query, OutboxMessage.id)


def drop(session: Session, message: OutboxMessage) -> None:
    """Delete a message, sent or not."""
    session.execute(delete(OutboxMessage).where(OutboxMessage.id == message.id))


def lag(session: Session, *, now: datetime) -> timedelta:
    """Return how long the oldest due message has been waiting."""
    oldest = session.scalar(
        select(func.min(OutboxMessage.due_at)).where(
            OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= now
        )
    )
    return now - oldest if oldest else timedelta(0)


def due(session: Session, *, now: datetime) -> dict[str, int]:
    """Return the number of messages that are due by their kinds."""
    query = (
        select(OutboxMessage.topic, func.count())
        .where(OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= now)
        .group_by(OutboxMessage.topic)
    )
    found = Counter[str]()
    for topic, count in session.execute(query):
        found[kind_of(topic)] += count
    return found


def given_up(session: Session) -> Sequence[OutboxMessage]:
    """Return the messages that were given up, without their payloads, oldest first."""
    query = select(OutboxMessage).where(OutboxMessage.state == State.FAILED)
    shown = load_only(
        OutboxMessage.topic, OutboxMessage.created_at, OutboxMessage.attempts, OutboxMessage.error
    )
    return session.scalars(query.options(shown).order_by(OutboxMessage.created_at)).all()


def try_again(session: Session, message_id: UUID, *, now: datetime) -> bool:
    """Have a message that was given up tried again; return False if there is no such."""
    anew = {"state": State.WAITING, "attempts": 0, "due_at": now, "finished_at": None}
    return bool(changed(session, update(OutboxMessage).where(*_given_up(message_id)).values(anew)))


def remove(session: Session, message_id: UUID) -> bool:
    """Delete a message that was given up; return False if there is no such."""
    return bool(changed(session, delete(OutboxMessage).where(*_given_up(message_id))))


def _given_up(message_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return OutboxMessage.id == message_id, OutboxMessage.state == State.FAILED


def failed(session: Session) -> int:
    """Return the number of messages that were given up."""
    query = select(func.count()).where(OutboxMessage.state == State.FAILED)
    return session.scalar(query) or 0


def counts(session: Session) -> dict[str, int]:
    """Return the number of messages in each state."""
    query = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    return {row[0]: row[1] for row in session.execute(query)}
