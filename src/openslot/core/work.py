"""A unit of work: what every command and most queries need, as one argument."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from openslot.core.actor import Actor
from openslot.core.config import Settings


@dataclass(frozen=True, slots=True)
class Work:
    """One transaction, who acts in it, the instant at which it happens, and the settings.

    The entry points build it; commands and queries take it first. A function that needs only
    the transaction takes the session, and a pure rule takes values.
    """

    session: Session
    actor: Actor
    now: datetime
    settings: Settings

    def by(self, actor: Actor) -> "Work":
        """Return the same work, done by another actor."""
        return replace(self, actor=actor)
