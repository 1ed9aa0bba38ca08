"""Turns of the threads that wait for a server elsewhere while they answer somebody.

One that hangs would take them all otherwise, and nobody could book.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Semaphore

from openslot.core.errors import Busy

WAITS = 1.0
"""Longest time in seconds until a turn."""


class Turns:
    """Lets ``at_once`` threads of this process wait for each server."""

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._free: dict[str, Semaphore] = {}

    @contextmanager
    def at(self, server: str) -> Iterator[None]:
        """Take a turn for the block. Raises Busy if others wait for the server all the time."""
        free = self._free.setdefault(server, Semaphore(self._at_once))
        if not free.acquire(timeout=WAITS):
            raise Busy
        try:
            yield
        finally:
            free.release()
