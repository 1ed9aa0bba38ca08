"""Answers that were given under an idempotency key, to be given again.

The answer is only known when the work is committed, so it is kept in a transaction of its own.
What says that the work was done is written in the transaction of the work: a server that dies
between the two leaves a request that is done and unanswered, and that nobody does again.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Index,
    Integer,
    String,
    Text,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base, Instant, changed

LASTS = timedelta(hours=24)
"""For so long a key gives the same answer."""

UNANSWERED = 0
"""In the place of a status: the work was done, and its answer is not kept yet."""


class KeptAnswer(Base):
    """A request by its owner's key, as a SHA-256, since no engine mixes up digests for their
    letters' case. ``digest`` is that of what was asked; ``status`` is None while it runs, and
    UNANSWERED from when it is done until its answer is kept. ``started_at`` tells one try from
    another that took the key over."""

    __tablename__ = "kept_answer"
    __table_args__ = (Index(None, "started_at"),)

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    body: Mapped[str | None] = mapped_column(Text)


def find(session: Session, owner: str, key: str) -> KeptAnswer | None:
    """What is known of the key."""
    return session.get(KeptAnswer, _hash(owner, key))


def begin(session: Session, owner: str, key: str, digest: str, *, now: datetime) -> None:
    """Note that a request runs; of two at once the second finds the first's row when its
    transaction is tried again."""
    session.add(KeptAnswer(key_hash=_hash(owner, key), digest=digest, started_at=now))
    session.flush()


def take_over(session: Session, owner: str, key: str, *, started: datetime, now: datetime) -> bool:
    """Try again what was broken off; whether it was this caller who took it over, of all who
    saw that it had ``started`` then."""
    ours = (*_try_of(owner, key, started), KeptAnswer.status.is_(None))
    return bool(changed(session, update(KeptAnswer).where(*ours).values(started_at=now)))


def mark_done(session: Session, owner: str, key: str, *, started: datetime) -> bool:
    """Note in the transaction of the work that it is done; False where another has taken the
    key over meanwhile, and this one must not do it too."""
    running = or_(KeptAnswer.status.is_(None), KeptAnswer.status == UNANSWERED)
    ours = (*_try_of(owner, key, started), running)
    return bool(changed(session, update(KeptAnswer).where(*ours).values(status=UNANSWERED)))


def finish(
    session: Session,
    owner: str,
    key: str,
    *,
    started: datetime,
    status: int,
    headers: dict[str, str],
    body: str,
) -> None:
    """Keep the answer of the try that ``started`` then; nothing where another took it over."""
    answer = {"status": status, "headers": headers, "body": body}
    changed(session, update(KeptAnswer).where(*_try_of(owner, key, started)).values(**answer))


def forget(session: Session, owner: str, key: str, *, started: datetime) -> None:
    """Let the key be used again, as if nothing had been asked, unless something was done."""
    ours = (*_try_of(owner, key, started), KeptAnswer.status.is_(None))
    changed(session, delete(KeptAnswer).where(*ours))


def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` answers to what was asked before, and say how many."""
    old = select(KeptAnswer.key_hash).where(KeptAnswer.started_at < before)
    found = session.scalars(old.limit(limit)).all()
    if found:
        changed(session, delete(KeptAnswer).where(KeptAnswer.key_hash.in_(found)))
    return len(found)


def _try_of(owner: str, key: str, started: datetime) -> tuple[ColumnElement[bool], ...]:
    return KeptAnswer.key_hash == _hash(owner, key), KeptAnswer.started_at == started


def _hash(owner: str, key: str) -> str:
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()
