"""Group commit: what threads are ready to write at one moment is written in one transaction.

Each has decided by what it read outside of any transaction. It leaves what is to be written, and
what must still be so by then. All of a group is written or nothing. Then each part is written by
itself, and what cannot be is done again in a transaction of its own, which finds out why. So a
group saves work for the database, and decides nothing.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy.orm import Session

from openslot.core.errors import Busy, Unavailable
from openslot.core.rows import NewRow, RowsBeside

WAITS = 8.0
"""Seconds that a thread waits for the group before its own."""

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
    be so afterwards, with ``rows`` that are added at the end."""

    writes: Values = field(default_factory=lambda: defaultdict(dict))
    checks: Values = field(default_factory=lambda: defaultdict(dict))
    new: list[NewRow] = field(default_factory=list)
    beside: Mapping[type[Any], RowsBeside] = field(default_factory=dict)
    error: Exception | None = None
    is_done: bool = False


class GroupCommit:
    """Groups of parts, one after the other; ``write`` writes a group in one transaction."""

    def __init__(self, write: Callable[[Sequence[Part]], None]):
        self._write_all = write
        self._turn = Lock()
        self._ready: deque[Part] = deque()

    def write(self, part: Part) -> None:
        """Have a part written together with all that are ready when its turn comes.

        Raises Alone if it was not written, Busy if its turn does not come, and Unavailable if the
        connection broke, after which it is not known whether it was.
        """
        self._ready.append(part)
        self._wait_for_turn(part)
        try:
            if not part.is_done:
                self._write(self._next())
        finally:
            self._turn.release()
        if part.error is not None:
            raise part.error

    def _wait_for_turn(self, part: Part) -> None:
        if self._turn.acquire(timeout=WAITS):
            return
        try:
            self._ready.remove(part)
        except ValueError:
            self._turn.acquire()  # it is being written, which has limits of its own
        else:
            raise Busy

    def _write(self, parts: Sequence[Part]) -> None:
        """Write parts together or, if they do not go through, one by one as long as the database
        answers."""
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
                self._write([part])
                if isinstance(part.error, Unavailable):
                    break
        finally:
            for part in parts:
                if not part.is_done:
                    part.error, part.is_done = copy(error), True

    def _next(self) -> list[Part]:
        """Take the parts that are ready. Of two that disagree the later one is lost: what it was
        decided by is about to change."""
        parts: list[Part] = []
        agreed: dict[tuple[Act, Any], Any] = {}
        while self._ready and len(parts) < MOST:
            part = self._ready.popleft()
            values = {
                (act, key): value
                for acts in (part.writes, part.checks)
                for act, by_key in acts.items()
                for key, value in by_key.items()
            }
            if any(agreed.get(key, value) != value for key, value in values.items()):
                part.error, part.is_done = Alone(), True
            else:
                agreed |= values
                parts.append(part)
        return parts


def merged(parts: Sequence[Part]) -> Iterator[tuple[Act, Mapping[Any, Any]]]:
    """Yield each act with its values of all the parts: first those that write, then those that
    check."""
    for several in ([part.writes for part in parts], [part.checks for part in parts]):
        found: Values = defaultdict(dict)
        for values in several:
            for act, by_key in values.items():
                found[act].update(by_key)
        yield from found.items()
