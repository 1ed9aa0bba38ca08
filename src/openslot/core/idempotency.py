"""Stored answers to requests with an idempotency key, to be replayed.

The answer exists only once the work is committed, so it is stored in a transaction of its own.
The mark that the work is done is part of the work's transaction: if the server dies between the
two, the request stays done without an answer, and is never done again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Index, Integer, String, bindparam, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core import keyset
from openslot.core.data_keys import MOST_KEYS
from openslot.core.db import changed, write_later, write_rows
from openslot.core.encryption import EncryptedJson, EncryptedText, encrypted_for, keys_of
from openslot.core.rows import add_row
from openslot.core.statements import Prepared
from openslot.core.tables import Base, Instant

LASTS = timedelta(hours=24)
"""Time for which a key replays the same answer."""

UNANSWERED = 0
"""Status of a request that is done and whose answer is not stored yet."""


class KeptAnswer(Base):
    """A request with an idempotency key and its answer. ``key_hash`` is the SHA-256 of owner and
    key, ``digest`` a keyed hash of the request. ``status`` is None while the request runs, and
    UNANSWERED once it is done, until its answer is stored. ``started_at`` identifies the
    attempt."""

    __tablename__ = "kept_answer"
    __table_args__ = (Index(None, "started_at"),)

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJson)
    body: Mapped[str | None] = mapped_column(EncryptedText)


def find(session: Session, owner: str, key: str) -> KeptAnswer | None:
    """Return the request with this key, or None."""
    return session.get(KeptAnswer, _hash(owner, key))


def begin(session: Session, owner: str, key: str, digest: str, *, now: datetime) -> None:
    """Record that a request runs. Of two at once, the second is retried and then finds the row
    of the first."""
    kept_in, keyed = _hash(owner, key), next(_keyed(session, digest))
    add_row(session, KeptAnswer, proves=True, key_hash=kept_in, digest=keyed, started_at=now)
    session.flush()


def is_of(session: Session, answer: KeptAnswer, digest: str) -> bool:
    """Return whether an answer is to the request with this SHA-256."""
    return answer.digest in _keyed(session, digest)


def take_over(session: Session, owner: str, key: str, *, started: datetime, now: datetime) -> bool:
    """Resume the attempt that began at ``started`` and was interrupted. Returns False if another
    caller has resumed it already."""
    running = (*_is_attempt(owner, key, started), KeptAnswer.status.is_(None))
    return bool(changed(session, update(KeptAnswer).where(*running).values(started_at=now)))


class Resumed(Exception):
    """Another caller has resumed the request."""


def mark_done(session: Session, owner: str, key: str, *, started: datetime) -> None:
    """Mark the request as done, in the transaction of the work. Raises Resumed if another caller
    has resumed it meanwhile, so that this one must roll back."""
    write_later(session, _mark_all_done, {_hash(owner, key): started})


def _mark_all_done(session: Session, attempts: Mapping[str, datetime]) -> None:
    rows = [{"kept_in": key_hash, "started": attempts[key_hash]} for key_hash in sorted(attempts)]
    if write_rows(session, _DONE, *rows) != len(rows):
        raise Resumed


_DONE = Prepared(
    update(KeptAnswer)
    .where(
        KeptAnswer.key_hash == bindparam("kept_in"),
        KeptAnswer.started_at == bindparam("started"),
        or_(KeptAnswer.status.is_(None), KeptAnswer.status == UNANSWERED),
    )
    .values(status=UNANSWERED)
)


def all_answers(session: Session) -> Iterator[KeptAnswer]:
    """Yield every stored answer, a few at a time."""
    query = select(KeptAnswer).where(KeptAnswer.body.is_not(None))
    yield from keyset.every(session, query, KeptAnswer.key_hash)


def empty(answer: KeptAnswer) -> None:
    """Forget what was answered; the request still counts as done."""
    answer.status, answer.headers, answer.body = UNANSWERED, None, None


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
    """Store the answer of the attempt that began at ``started``, unless another resumed it."""
    kept_in = _hash(owner, key)
    answer = {
        "status": status,
        "headers": encrypted_for(session, KeptAnswer.headers, headers, kept_in),
        "body": encrypted_for(session, KeptAnswer.body, body, kept_in),
    }
    changed(session, update(KeptAnswer).where(*_is_attempt(owner, key, started)).values(**answer))


def forget(session: Session, owner: str, key: str, *, started: datetime) -> None:
    """Free the key for another request, unless the work is done."""
    running = (*_is_attempt(owner, key, started), KeptAnswer.status.is_(None))
    changed(session, delete(KeptAnswer).where(*running))


def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` requests that started before ``before``; return the number."""
    old = select(KeptAnswer.key_hash).where(KeptAnswer.started_at < before)
    key_hashes = session.scalars(old.limit(limit)).all()
    if key_hashes:
        changed(session, delete(KeptAnswer).where(KeptAnswer.key_hash.in_(key_hashes)))
    return len(key_hashes)


def _is_attempt(owner: str, key: str, started: datetime) -> tuple[ColumnElement[bool], ...]:
    return KeptAnswer.key_hash == _hash(owner, key), KeptAnswer.started_at == started


def _hash(owner: str, key: str) -> str:
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()


def _keyed(session: Session, digest: str) -> Iterator[str]:
    """Return a hash of what was sent by each data key, newest first. Without a key, a number that
    was sent with what is stored in clear could be found by trying."""
    keys = keys_of(session.get_bind().dialect)
    return (keys.hash_of(digest, "kept_answer.digest", age) for age in range(MOST_KEYS))
