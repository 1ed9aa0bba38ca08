"""Rate limits that all processes of a deployment share: so many requests per window of time.

A process counts in memory and adds its count to the database, or a Redis, after each fiftieth of
the limit. So a limit below one hundred is exact, each process can exceed any other by at most a
fiftieth, and most requests cost no statement.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from heapq import nlargest
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import NamedTuple, Protocol

from sqlalchemy import Index, Integer, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import changed
from openslot.core.errors import Busy, RateLimited, Uncertain
from openslot.core.tables import Base, Instant

MOST_KEPT = 20_000
"""Largest number of counts that a process keeps in memory."""


class Limit(NamedTuple):
    """The number of requests allowed in each window of ``seconds``."""

    amount: int
    seconds: int

    @property
    def step(self) -> int:
        """Return how many requests a process counts before it writes to the database."""
        return max(1, self.amount // 50)


class LimitCount(Base):
    """The number of requests in one window. ``key_hash`` is the SHA-256 of key and window."""

    __tablename__ = "limit_count"
    __table_args__ = (Index(None, "ends_at"),)

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime] = mapped_column(Instant)


@dataclass(slots=True)
class _WindowCount:
    """A process's count of one window: the database's total, and its own requests not yet
    written."""

    ends: int
    total: int = 0
    unwritten: int = 0

    @property
    def hits(self) -> int:
        """Return how many are known to this process."""
        return self.total + self.unwritten


class Shared(Protocol):
    """A place for counts outside of the database."""

    def add(self, name: str, hits: int, ends: int) -> int:
        """Add to a count, which ends then, and return the total; 0 if it is not known."""


class Counts:
    """The counts of one process; safe for threads."""

    def __init__(
        self, write: Callable[[Callable[[Session], int]], int], shared: Shared | None = None
    ):
        """Start without counts; ``write`` does work in its own transaction, as Database.run. They
        are added up in the database, or in ``shared`` if it is given."""
        self._write = write
        self._shared = shared
        self._windows: dict[str, _WindowCount] = {}
        self._lock = threading.Lock()

    def take(self, key: str, limit: Limit, *, now: datetime) -> None:
        """Count one request of ``key``, outside the caller's transaction. Raises RateLimited,
        with the seconds until the window ends, once ``limit`` is reached."""
        begins = int(now.timestamp()) // limit.seconds * limit.seconds
        name = f"{key} {limit.amount}/{limit.seconds} {begins}"
        ends = begins + limit.seconds
        hits = self._count(name, limit, ends, now)
        if hits and self._write_hits(name, hits, ends) > limit.amount:
            raise _limited(ends, now)

    def _count(self, name: str, limit: Limit, ends: int, now: datetime) -> int:
        """Count in memory, and return the number of hits to write to the database now."""
        with self._lock:
            if len(self._windows) >= MOST_KEPT:
                self._drop_ended(now)
            window = self._windows.setdefault(name, _WindowCount(ends))
            if window.hits >= limit.amount:
                raise _limited(ends, now)
            window.unwritten += 1
            if window.unwritten < limit.step:
                return 0
            hits, window.unwritten = window.unwritten, 0
            window.total += hits
            return hits

    def _write_hits(self, name: str, hits: int, ends: int) -> int:
        """Add ``hits`` to the count of all processes and return the total."""
        try:
            if self._shared is not None:
                total = self._shared.add(name, hits, ends)
            else:
                total = self._write(partial(_add, name=name, hits=hits, ends=ends))
        except (Busy, Uncertain):  # counting must not stop a request
            return 0
        with self._lock:
            window = self._windows.get(name)
            if window is not None:
                window.total = max(window.total, total)
        return total

    def _drop_ended(self, now: datetime) -> None:
        at = now.timestamp()
        self._windows = {name: window for name, window in self._windows.items() if window.ends > at}
        if len(self._windows) >= MOST_KEPT:
            # The others have all but a few hits of each elsewhere, unless that is away.
            most = nlargest(MOST_KEPT // 2, self._windows.items(), key=lambda one: one[1].hits)
            self._windows = dict(most)


def _add(session: Session, *, name: str, hits: int, ends: int) -> int:
    key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    counter = update(LimitCount).where(LimitCount.key_hash == key)
    if not changed(session, counter.values(hits=LimitCount.hits + hits)):
        session.add(LimitCount(key_hash=key, hits=hits, ends_at=datetime.fromtimestamp(ends, UTC)))
        session.flush()
    return session.scalars(select(LimitCount.hits).where(LimitCount.key_hash == key)).one()


def _limited(ends: int, now: datetime) -> RateLimited:
    return RateLimited(retry_after=max(1, ceil(ends - now.timestamp())))


def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` counts of windows that ended by ``before``; return the number."""
    ended = select(LimitCount.key_hash).where(LimitCount.ends_at <= before).limit(limit)
    key_hashes = session.scalars(ended).all()
    if not key_hashes:
        return 0
    return changed(session, delete(LimitCount).where(LimitCount.key_hash.in_(key_hashes)))


@lru_cache(maxsize=4096)
def network_of(address: str | None) -> str:
    """Return the address or network to count for a client: for IPv6 the /64, in which one
    computer can use any address."""
    try:
        client = ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if not isinstance(client, IPv6Address):
        return str(client)
    if client.ipv4_mapped is not None:
        return str(client.ipv4_mapped)
    return str(ip_network((int(client) >> 64 << 64, 64)))
