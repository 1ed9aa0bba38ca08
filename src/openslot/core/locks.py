"""Named locks, for rules that no unique column can keep.

Two transactions that look at once both find nothing, or both find nine of ten, and each adds a
row. One that takes a lock first waits for the other, and then sees what it wrote.
"""

import hashlib

from sqlalchemy import String, delete, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base


class Lock(Base):
    """Rows that no other transaction ever sees: each is deleted by the one that wrote it."""

    __tablename__ = "named_lock"

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


def lock(session: Session, name: str) -> None:
    """Take a lock by name until the end of this transaction.

    Call it before reading the rows that the rule depends on. The key is what others wait at, and
    where engines do not wait, as nodes of a cluster, the later of two is tried again.
    """
    name_hash = hashlib.sha256(name.encode()).hexdigest()
    session.execute(insert(Lock).values(name_hash=name_hash))
    session.execute(delete(Lock).where(Lock.name_hash == name_hash))
