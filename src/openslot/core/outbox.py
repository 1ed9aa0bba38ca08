"""What must happen outside, written in the transaction that wants it.

The worker leases a message, does the work, and marks it done afterwards: at least once,
never lost. The message's id is the idempotency key for whoever receives it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, Integer, String, Text, Uuid, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base, Instant
from openslot.core.ids import new_id

LEASE = timedelta(minutes=2)
"""How long a worker may be silent before another takes over its message."""

ATTEMPTS = 12
"""After so many failures, about a day, a message is put aside as failed."""


class State(StrEnum):
    """WAITING is to be done; KEPT is readable here because nothing can carry it away."""

    WAITING = "waiting"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"


class OutboxMessage(Base):
    """One thing to do, named by ``topic``."""

    __tablename__ = "outbox_message"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "topic", "created_at"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    topic: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(10), default=State.WAITING)
    created_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    error: Mapped[str | None] = mapped_column(Text)


def send(session: Session, topic: str, payload: dict[str, Any], *, now: datetime) -> UUID:
    """Ask for ``topic`` to be done once this transaction is committed."""
    message = OutboxMessage(
        id=new_id(),
        topic=topic,
        payload=payload,
        state=State.WAITING,
        created_at=now,
        due_at=now,
        attempts=0,
    )
    session.add(message)
    return message.id


def lease(session: Session, *, now: datetime) -> OutboxMessage | None:
    """The oldest message that is due, now leased to the caller; None when there is none.

    Two workers may see the same row; only one compare-and-set on the lease succeeds, and the
    other looks again.
    """
    free = or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now)
    due = (OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= now, free)
    for candidate in session.scalars(
        select(OutboxMessage).where(*due).order_by(OutboxMessage.due_at).limit(8)
    ).all():
        attempt = candidate.attempts + 1
        won = session.execute(
            update(OutboxMessage)
            .where(
                OutboxMessage.id == candidate.id,
                OutboxMessage.attempts == candidate.attempts,
                OutboxMessage.state == State.WAITING,
            )
            .values(attempts=attempt, leased_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        if won.rowcount == 1:  # type: ignore[attr-defined] # a cursor result, which has it
            session.refresh(candidate)
            return candidate
    return None


def finish(session: Session, message: OutboxMessage, state: State, *, now: datetime) -> None:
    """The work is done, or what can be done here is."""
    _mark(session, message, state=state, finished_at=now, error=None, leased_until=None)


def put_back(session: Session, message: OutboxMessage, error: str, *, now: datetime) -> None:
    """The work failed: try again later, ever more rarely, and at last give it up."""
    if message.attempts >= ATTEMPTS:
        _mark(session, message, state=State.FAILED, error=error, finished_at=now)
        return
    wait = timedelta(seconds=min(5 * 3 ** (message.attempts - 1), 6 * 3600))
    _mark(session, message, due_at=now + wait, error=error, leased_until=None)


def _mark(session: Session, message: OutboxMessage, **values: Any) -> None:
    """Write down how it went, unless another has taken the message over meanwhile."""
    session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == message.id, OutboxMessage.attempts == message.attempts)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def messages(session: Session, topic: str, *, limit: int, offset: int) -> Sequence[OutboxMessage]:
    """The newest messages of one topic, for an administrator to read."""
    query = select(OutboxMessage).where(OutboxMessage.topic == topic)
    newest = query.order_by(OutboxMessage.created_at.desc(), OutboxMessage.id.desc())
    return session.scalars(newest.limit(limit).offset(offset)).all()


def lag(session: Session, *, now: datetime) -> timedelta:
    """How long the oldest due message has been waiting."""
    oldest = session.scalar(
        select(func.min(OutboxMessage.due_at)).where(
            OutboxMessage.state == State.WAITING, OutboxMessage.due_at <= now
        )
    )
    return now - oldest if oldest else timedelta(0)


def counts(session: Session) -> dict[str, int]:
    """How many messages are in each state."""
    query = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    return {row[0]: row[1] for row in session.execute(query)}
