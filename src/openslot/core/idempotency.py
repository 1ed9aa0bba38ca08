"""Answers that were given under an idempotency key, to be given again."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base, Instant


class KeptAnswer(Base):
    """A request by its owner's key, as a SHA-256, since no engine mixes up digests for their
    letters' case. ``digest`` is that of what was asked; ``status`` is None while it runs."""

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


def finish(
    session: Session, owner: str, key: str, *, status: int, headers: dict[str, str], body: str
) -> None:
    """Keep the answer."""
    row = session.get_one(KeptAnswer, _hash(owner, key))
    row.status, row.headers, row.body = status, headers, body


def forget(session: Session, owner: str, key: str) -> None:
    """Let the key be used again, as if nothing had been asked."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.key_hash == _hash(owner, key)))


def forget_before(session: Session, before: datetime) -> None:
    """Put away what nobody asks for again."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.started_at < before))


def _hash(owner: str, key: str) -> str:
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()
