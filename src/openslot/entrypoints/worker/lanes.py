"""Threads for messages that wait for other servers, so that one that hangs delays no others."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from openslot.core import outbox
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage

Handle = Callable[[OutboxMessage], None]


class Lane:
    """Handles the messages of one kind in ``threads`` threads, and of one topic in at most
    ``each`` of them."""

    def __init__(self, kind: str, *, threads: int, each: int):
        self.kind = kind
        self.running: dict[Future[None], str] = {}
        self._threads, self._each = threads, each
        self._pool = ThreadPoolExecutor(threads, kind)

    def take_next(self, database: Database, handle: Handle, *, now: datetime) -> bool:
        """Lease a message for a free thread; return False if there is none of either.

        Raises what was raised by a thread that has ended since.
        """
        self._check_ended()
        if len(self.running) == self._threads:
            return False
        topics = Counter(self.running.values())
        full = [topic for topic, number in topics.items() if number >= self._each]
        message = database.run(
            lambda session: outbox.lease(session, now=now, only=self.kind, but=full)
        )
        if message is None:
            return False
        self.running[self._pool.submit(handle, message)] = message.topic
        return True

    def close(self) -> None:
        """Wait until all threads have finished what they do."""
        self._pool.shutdown()

    def _check_ended(self) -> None:
        for future in [future for future in self.running if future.done()]:
            del self.running[future]
            future.result()


def wait_for_one(lanes: Sequence[Lane], seconds: float) -> bool:
    """Wait until a thread has ended, for at most ``seconds``; return False if none was running."""
    running = [future for lane in lanes for future in lane.running]
    wait(running, seconds, FIRST_COMPLETED)
    return bool(running)
