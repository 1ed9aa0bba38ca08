"""Limits that hold for all processes of a deployment together: so many in a window of time.

A process counts in memory and adds what it has counted to the database now and then: after each
fiftieth of what is allowed. So a limit of less than a hundred is exact, any other is passed by
a fiftieth for each process at most, and most requests cost no statement.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import NamedTuple

from sqlalchemy import Index, Integer, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.db import Base, Instant, changed
from openslot.core.errors import Busy, RateLimited

MOST_KEPT = 20_000
"""Counts that a process keeps in memory, at most."""


class Limit(NamedTuple):
    """How many there may be in each window of so many seconds."""

    amount: int
    seconds: int

    @property
    def step(self) -> int:
        """How many a process counts before it tells the others."""
        return max(1, self.amount // 50)


class LimitCount(Base):
    """How many there were in one window, by the SHA-256 of what is limited and the window."""

    __tablename__ = "limit_count"
    __table_args__ = (Index(None, "ends_at"),)

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    hits: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime] = mapped_column(Instant)


@dataclass(slots=True)
class _Known:
    """What a process knows of a window: what the database had, and what it did not tell yet."""

    ends: int
    total: int = 0
    untold: int = 0


class Counts:
    """The counts of one process; safe for threads."""

    def __init__(self, write: Callable[[Callable[[Session], int]], int]):
        """``write`` does work in a transaction of its own, as Database.run does."""
        self._write = write
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def take(self, key: str, limit: Limit, *, now: datetime) -> None:
        """Count one more of ``key``, in no transaction of the caller's. Raises RateLimited, with
        the seconds until the window ends, once there are as many as ``limit`` allows."""
        begins = int(now.timestamp()) // limit.seconds * limit.seconds
        name = f"{key} {limit.amount}/{limit.seconds} {begins}"
        ends = begins + limit.seconds
        untold = self._count(name, limit, ends, now)
        if untold and self._tell(name, untold, ends) > limit.amount:
            raise _limited(ends, now)

    def _count(self, name: str, limit: Limit, ends: int, now: datetime) -> int:
        """Count in memory; how many are to be told now."""
        with self._lock:
            if len(self._known) >= MOST_KEPT:
                self._forget(now)
            known = self._known.setdefault(name, _Known(ends))
            if known.total + known.untold >= limit.amount:
                raise _limited(ends, now)
            known.untold += 1
            if known.untold < limit.step:
                return 0
            untold, known.untold = known.untold, 0
            known.total += untold
            return untold

    def _tell(self, name: str, untold: int, ends: int) -> int:
        """Add to what all have counted; how many that makes."""
        try:
            total = self._write(partial(_add, name=name, untold=untold, ends=ends))
        except Busy:  # then it is not the counting that should stop anybody
            return 0
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                known.total = max(known.total, total)
        return total

    def _forget(self, now: datetime) -> None:
        at = now.timestamp()
        self._known = {name: one for name, one in self._known.items() if one.ends > at}
        if len(self._known) >= MOST_KEPT:
            self._known.clear()  # the database still knows all but the last few of each


def _add(session: Session, *, name: str, untold: int, ends: int) -> int:
    key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    more = update(LimitCount).where(LimitCount.key_hash == key)
    if not changed(session, more.values(hits=LimitCount.hits + untold)):
        session.add(
            LimitCount(key_hash=key, hits=untold, ends_at=datetime.fromtimestamp(ends, UTC))
        )
        session.flush()
    return session.scalars(select(LimitCount.hits).where(LimitCount.key_hash == key)).one()


def _limited(ends: int, now: datetime) -> RateLimited:
    return RateLimited(retry_after=max(1, ceil(ends - now.timestamp())))


def purge(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` counts of windows that had ended before; return how many."""
    over = select(LimitCount.key_hash).where(LimitCount.ends_at <= before).limit(limit)
    found = session.scalars(over).all()
    if not found:
        return 0
    return changed(session, delete(LimitCount).where(LimitCount.key_hash.in_(found)))


def network_of(address: str | None) -> str:
    """Return what stands for whoever has the address: of IPv6 the /64, in which one computer may
    take any address."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((int(known) >> 64 << 64, 64)))
