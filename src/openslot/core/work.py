"""A unit of work: what every command and most queries need, as one argument."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from openslot.core.actor import Actor
from openslot.core.config import Settings

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """One transaction, who acts in it, the instant at which it happens, and the settings.

    The entry points build it; commands and queries take it first. A function that needs only
    the transaction takes the session, and a pure rule takes values. With ``together``, several
    appointments change at once, and people are told of all of them and not of each.
    """

    session: Session
    actor: Actor
    now: datetime
    settings: Settings
    together: bool = False

    def by(self, actor: Actor) -> "Work":
        """Return the same work, done by another actor."""
        return replace(self, actor=actor)

    def all_together(self) -> "Work":
        """Return the same work, as part of a change of several appointments."""
        return replace(self, together=True)


def doing(
    actor: Actor,
    now: datetime,
    settings: Settings,
    command: Callable[Concatenate[Work, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Callable[[Session], T]:
    """Return the command as something that a database can run, for callers without a request."""
    return lambda session: command(Work(session, actor, now, settings), *args, **kwargs)
