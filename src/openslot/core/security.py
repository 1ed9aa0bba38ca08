"""The security stream: which audit events are also written to the log, without personal data.

What a stranger can cause without end is counted: of one source and minute, the first, tenth,
hundredth … event is written, each with its number. So a flood leaves a few rows, not one each.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session

STREAM = (
    "access.",
    "account.",
    "audit.read",
    "client.",
    "consent.",
    "data.",
    "emergency.",
    "export.",
    "import.",
    "key.",
    "limit.",
    "mail.read",
    "sign-in.",
    "staff.",
    "token.",
    "webhook.",
)
"""Prefixes of the actions that belong to the stream; docs/audit.md lists them."""

MOST_PER_MINUTE = 200
"""Sources that a process tells apart in one minute; all further ones count as one."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("openslot.security")


def is_security(action: str) -> bool:
    """Return whether an action belongs to the security stream."""
    return action.startswith(STREAM)


def log_when_committed(session: Session, event_id: UUID, action: str, account: UUID | None) -> None:
    """Write a line about an audit event once its transaction is committed; the addresses and names
    are in the audit only."""

    if not structlog.is_configured():
        return  # a command that somebody typed, which has no log

    def write(_session: Session) -> None:
        log.info(action, audit_event=str(event_id), account=str(account) if account else None)

    event.listen(session, "after_commit", write, once=True)


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that is counted: its action, where it came from, whom it concerns."""

    action: str
    source: str
    subject: str

    def everywhere(self) -> "Seen":
        """Return what stands for all sources together."""
        return Seen(self.action, "many", "network")


class Counter:
    """The events of a process in the current minute; safe for threads."""

    def __init__(self, write: Callable[[Seen, Mapping[str, Any]], None]):
        """Start without counts; ``write`` adds an audit event in its own transaction."""
        self._write = write
        self._minute = 0
        self._counts: dict[Seen, int] = {}
        self._lock = threading.Lock()

    def note(self, seen: Seen, *, now: datetime, **details: Any) -> None:
        """Count an event, and write it if its number in this minute is a power of ten."""
        minute = int(now.timestamp()) // 60
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, {}
            if seen not in self._counts and len(self._counts) >= MOST_PER_MINUTE:
                seen = seen.everywhere()
            number = self._counts[seen] = self._counts.get(seen, 0) + 1
        if str(number).strip("0") == "1":
            self._write(seen, {**details, "count": number})
