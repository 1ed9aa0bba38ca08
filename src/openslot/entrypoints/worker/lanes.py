"""Threads for messages that wait for other servers, so that one that hangs delays no others."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from openslot.core import outbox, tenancy
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage

Handle = Callable[[Sequence[OutboxMessage]], None]


class Lane:
    """Handles the messages of one kind in ``threads`` threads; at most ``ahead`` are leased, and
    ``each`` of one topic."""

    def __init__(self, kind: str, *, threads: int, ahead: int, each: int):
        self.kind = kind
        self.running: dict[Future[None], Sequence[OutboxMessage]] = {}
        self._threads, self._ahead, self._each = threads, ahead, each
        self._pool = ThreadPoolExecutor(
            threads, kind, initializer=tenancy.stay_with, initargs=(tenancy.current(),)
        )

    def fill(self, database: Database, handle: Handle, *, now: datetime) -> bool:
        """Lease messages for the threads; return False if there is none, or no room.

        Raises what was raised by a thread that has ended since.
        """
        self._check_ended()
        leased = [message for messages in self.running.values() for message in messages]
        room = self._ahead - len(leased)
        is_alike = self._each == self._ahead
        if room == 0 or (is_alike and room < self._ahead // 2):  # few at a time cost as much
            return False
        # Where a topic has a limit of its own, the next one depends on which is full by then.
        most = room if is_alike else 1
        topics = Counter(message.topic for message in leased)
        full = [topic for topic, number in topics.items() if number >= self._each]
        more = outbox.lease_next(database, now=now, only=self.kind, but=full, most=most)
        for part in range(min(self._threads, len(more))):
            messages = more[part :: self._threads]
            self.running[self._pool.submit(handle, messages)] = messages
        return bool(more)

    def close(self, database: Database) -> None:
        """Wait until the threads have finished what they do, and give back what they have not
        begun."""
        self._pool.shutdown(cancel_futures=True)
        waiting = [
            message
            for future, messages in self.running.items()
            if future.cancelled()
            for message in messages
        ]
        if waiting:
            database.run(lambda session: outbox.give_back(session, waiting))

    def _check_ended(self) -> None:
        for future in [future for future in self.running if future.done()]:
            del self.running[future]
            future.result()


def wait_for_one(lanes: Sequence[Lane], seconds: float) -> bool:
    """Wait until a thread has ended, for at most ``seconds``; return False if none was running."""
    running = [future for lane in lanes for future in lane.running]
    wait(running, seconds, FIRST_COMPLETED)
    return bool(running)
