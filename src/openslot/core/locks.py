"""Named locks, for rules that a unique column cannot enforce.

Two transactions that read at once both find nothing, or both find nine of ten, and each adds a
row. A transaction that takes a lock first waits for the other and then sees its row.
"""

import hashlib

from sqlalchemy import String, delete, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.tables import Base

LONG_WORK = "long work"
"""Lock of transactions that take more than a minute after the instant by which their changes are
known; also of who wants to know of everything that changed until now."""


class Lock(Base):
    """A lock. The transaction that inserts the row also deletes it, so others never see it."""

    __tablename__ = "named_lock"

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


def lock(session: Session, name: str) -> None:
    """Take a lock by name until the end of this transaction.

    Call it before reading the rows that the rule depends on. Others wait at the primary key;
    where an engine does not wait, between the nodes of a cluster, the later of two is retried.
    """
    name_hash = hashlib.sha256(name.encode()).hexdigest()
    session.execute(insert(Lock).values(name_hash=name_hash))
    session.execute(delete(Lock).where(Lock.name_hash == name_hash))
