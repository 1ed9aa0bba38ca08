"""A time limit for what waits for another server, however slowly that answers."""

import heapq
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import NamedTuple


@contextmanager
def ends_within(seconds: float, break_off: Callable[[], None]) -> Iterator[None]:
    """Call ``break_off``, which must not wait, in another thread if the block is not left within
    ``seconds``.

    Time limits of sockets are for each part that arrives, and a server can send a letter at a time.
    """
    limit = _Limit(time.monotonic() + max(seconds, 0), next(_numbers), [break_off])
    _watch.add(limit)
    try:
        yield
    finally:
        limit.left.clear()


class _Limit(NamedTuple):
    at: float
    number: int
    left: list[Callable[[], None]]
    """What is left to do then."""


_numbers = count()


class _Watch:
    """One thread for all limits: to start one for each mail takes as long as to send it, if others
    are at work."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin without limits and without a thread."""
        self._limits: list[_Limit] = []
        self._changed = threading.Condition()
        self._is_running = False

    def add(self, limit: _Limit) -> None:
        with self._changed:
            heapq.heappush(self._limits, limit)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
            elif self._limits[0] is limit:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            for break_off in self._next().left:
                with suppress(Exception):  # the others have theirs
                    break_off()

    def _next(self) -> _Limit:
        """Wait for the next limit whose block was not left by then."""
        with self._changed:
            while not self._limits or self._limits[0].at > time.monotonic():
                self._changed.wait(self._seconds())
                while self._limits and not self._limits[0].left:
                    heapq.heappop(self._limits)  # not one by one, each at its time
            return heapq.heappop(self._limits)

    def _seconds(self) -> float | None:
        return max(self._limits[0].at - time.monotonic(), 0) if self._limits else None


_watch = _Watch()
# A child has none of its parent's threads.
os.register_at_fork(after_in_child=_watch.begin)
