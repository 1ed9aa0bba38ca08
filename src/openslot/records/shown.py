"""What the audit says of pages and answers that show people to others than themselves.

One person alone is an event about that person, once an hour for each reader. Several are one event
for each reader, list and hour, and another one each time that twice as many were shown: a board
that is read anew every few seconds leaves one event an hour, and leafing through a register shows.
"""

import threading
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

SHOWN, LISTED = "patient.shown", "patient.listed"
"""Audit actions for showing one patient, and for a list of several."""

MOST_KEPT = 200_000
"""Largest number of people that a process keeps in memory; then it counts from the beginning."""

HOUR = 3600


@dataclass(slots=True)
class _People:
    """The people whom one list has shown to a reader, and how many the audit knows of."""

    seen: set[UUID] = field(default_factory=set)
    written: int = 0


class ShownPeople:
    """Whom a process has shown to whom in the current hour; safe for threads."""

    def __init__(self) -> None:
        """Start without anybody."""
        self._hour = self._kept = 0
        self._lists: dict[tuple[str, str], _People] = defaultdict(_People)
        self._lock = threading.Lock()

    def note(self, reader: str, name: str, people: Collection[UUID], *, now: datetime) -> int:
        """Add the ``people`` whom the list ``name`` shows a reader. Return the number of different
        people to write into the audit, or 0 if its last event of this hour is enough."""
        hour = int(now.timestamp()) // HOUR
        with self._lock:
            if hour != self._hour or self._kept > MOST_KEPT:
                self._hour, self._kept = hour, 0
                self._lists.clear()
            shown = self._lists[reader, name]
            before = len(shown.seen)
            shown.seen.update(people)
            number = len(shown.seen)
            self._kept += number - before
            if number < max(1, 2 * shown.written):
                return 0
            shown.written = number
            return number
