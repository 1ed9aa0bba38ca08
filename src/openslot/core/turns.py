"""One after another, where no unique column can keep a rule.

Two who look at once both find nothing, or both find nine of ten, and each adds a row. Who takes
a turn first waits for whoever has the turn of that name, and then sees what they wrote.
"""

import hashlib

from sqlalchemy import String, delete, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base


class Turn(Base):
    """Rows that no other transaction ever sees: each is deleted by the one that wrote it."""

    __tablename__ = "turn"

    name_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


def take_turn(session: Session, name: str) -> None:
    """Wait until no other transaction has the turn of this name; it lasts as long as ours.

    To be called before the look that the rule rests on. The key is what others wait at, and
    where engines do not wait, as nodes of a cluster, the later of two is tried again.
    """
    name_hash = hashlib.sha256(name.encode()).hexdigest()
    session.execute(insert(Turn).values(name_hash=name_hash))
    session.execute(delete(Turn).where(Turn.name_hash == name_hash))
