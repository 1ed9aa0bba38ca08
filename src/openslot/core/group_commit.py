"""Group commit: what threads are ready to write at one moment is written in one transaction.

Each has decided by what it read outside of any transaction. It leaves what is to be written, and
what must still be so by then. All of a group is written or nothing. Then each part is written by
itself, and what cannot be is done again in a transaction of its own, which finds out why. So a
group saves work for the database, and decides nothing.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy.orm import Session

from openslot.core.errors import Unavailable
from openslot.core.rows import NewRow, RowsBeside

WAITS = 1.0
"""Seconds that a thread waits for its turn, and in which a group tries its parts one by one: after
that something is in the way of one, and the others need not wait for it."""

MOST = 32
"""Parts of one group."""

Act = Callable[[Session, Mapping[Any, Any]], None]
"""Writes or checks all of the values, by their keys. It raises if it cannot, or one is not so."""

Values = dict[Act, dict[Any, Any]]


class Alone(Exception):
    """This needs a transaction of its own."""


@dataclass(eq=False)
class Part:
    """What one thread leaves: the values of each act that writes, and of each that checks what must
    be so afterwards, with rows that are added at the end. Its thread ``waits`` until it is called
    to write a group, or to hear what became of the part."""

    writes: Values = field(default_factory=lambda: defaultdict(dict))
    checks: Values = field(default_factory=lambda: defaultdict(dict))
    new: list[NewRow] = field(default_factory=list)
    beside: Mapping[type[Any], RowsBeside] = field(default_factory=dict)
    error: Exception | None = None
    is_done: bool = False
    waits: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.waits.acquire()

    def end(self, error: Exception | None) -> None:
        """Tell its thread what became of it, unless it was told already."""
        if not self.is_done:
            self.error, self.is_done = error, True
            self.waits.release()


class GroupCommit:
    """Groups of parts, one after the other; ``write`` writes a group in one transaction.

    A thread that finds nobody writing writes the first group. It then calls the one that has waited
    longest to write the next, with all that are ready by then.
    """

    def __init__(self, write: Callable[[Sequence[Part]], None]):
        self._write_all = write
        self._lock = Lock()
        self._is_writing = False
        self._ready: deque[Part] = deque()

    def write(self, part: Part) -> None:
        """Have a part written together with all that are ready when its turn comes.

        Raises Alone if it was not written, and Unavailable if the connection broke, after which it
        is not known whether it was.
        """
        if self._is_queued(part):
            self._wait(part)
        if not part.is_done:
            self._write_next(part)
        if part.error is not None:
            raise part.error

    def _is_queued(self, part: Part) -> bool:
        """Return whether somebody is writing, and the part is ready for the next group."""
        with self._lock:
            is_queued, self._is_writing = self._is_writing, True
            if is_queued:
                self._ready.append(part)
            return is_queued

    def _wait(self, part: Part) -> None:
        if part.waits.acquire(timeout=WAITS):
            return
        with self._lock:
            if part in self._ready:
                self._ready.remove(part)
                part.end(Alone())
        part.waits.acquire()  # it may be in a group by now, which has limits of its own

    def _write_next(self, part: Part) -> None:
        """Write a part with those that are ready, and call the next."""
        with self._lock:
            others = min(len(self._ready), MOST - 1)
            parts = [part, *(self._ready.popleft() for _ in range(others))]
        try:
            self._write(_agreeing(parts))
        finally:
            for one in parts:
                one.end(Alone())
            self._call_next()

    def _call_next(self) -> None:
        with self._lock:
            self._is_writing = bool(self._ready)
            if self._ready:
                self._ready.popleft().waits.release()

    def _write(self, parts: Sequence[Part]) -> None:
        """Write parts together or, if they do not go through at once, one by one."""
        began = time.monotonic()
        error: Exception | None = Alone()
        try:
            self._write_all(parts)
            error = None
        except Unavailable as unavailable:
            error = unavailable
        except Alone:
            pass  # what all of them rest on is no longer so
        except Exception:
            for part in parts if len(parts) > 1 else ():
                if time.monotonic() - began < WAITS:
                    self._write([part])
        finally:
            for part in parts:
                part.end(copy(error))


def _agreeing(parts: Sequence[Part]) -> list[Part]:
    """Return the parts without those that disagree with an earlier one, which have lost: what they
    were decided by is about to change."""
    agreeing: list[Part] = []
    agreed: dict[tuple[Act, Any], Any] = {}
    for part in parts:
        values = {
            (act, key): value
            for acts in (part.writes, part.checks)
            for act, by_key in acts.items()
            for key, value in by_key.items()
        }
        if any(agreed.get(key, value) != value for key, value in values.items()):
            part.end(Alone())
        else:
            agreed |= values
            agreeing.append(part)
    return agreeing


def merged(parts: Sequence[Part]) -> Iterator[tuple[Act, Mapping[Any, Any]]]:
    """Yield each act with its values of all the parts: first those that write, then those that
    check."""
    for several in ([part.writes for part in parts], [part.checks for part in parts]):
        found: Values = defaultdict(dict)
        for values in several:
            for act, by_key in values.items():
                found[act].update(by_key)
        yield from found.items()
