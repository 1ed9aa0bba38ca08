"""Counts of the rate limits in a Redis, which several web machines share, instead of the database.

While it does not answer, each process counts for itself: nobody is kept out for that, and nobody
gets more than the limit from each process.
"""

import hmac
import threading
import time
from contextlib import suppress

import structlog

from openslot.core import metrics

with suppress(ImportError):  # an optional extra
    from redis import Redis, RedisError
    from redis.backoff import NoBackoff
    from redis.retry import Retry

ANSWERS_WITHIN = 0.25
"""Seconds that a request waits for the Redis."""

ASKS_AGAIN_AFTER = 5.0
"""Seconds for which a Redis that did not answer is not asked."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class RedisCounts:
    """The counts of all processes that have the same ``key``; safe for threads."""

    def __init__(self, url: str, key: str):
        """Connect at first use to the ``url``, which the settings have checked."""
        self._key = key.encode()
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._redis = Redis.from_url(
            url,
            socket_timeout=ANSWERS_WITHIN,
            socket_connect_timeout=ANSWERS_WITHIN,
            retry=Retry(NoBackoff(), 1),  # the first connection may have ended meanwhile
        )

    def add(self, name: str, hits: int, ends: int) -> int:
        """Add to the count of this name, which ends then, and return the total; 0 while the Redis
        is away."""
        if time.monotonic() < self._away_until:
            metrics.LIMITS_ALONE.inc()
            return 0
        # Names have addresses in them, which others who use the Redis need not learn.
        digest = hmac.new(self._key, name.encode("utf-8", "surrogatepass"), "sha256")
        where = f"openslot:{digest.hexdigest()}"
        try:
            both = self._redis.pipeline()
            both.incrby(where, hits)
            both.expireat(where, ends)
            total, _ = both.execute()
        except RedisError as error:
            self._note_away(error)
            return 0
        self._note_back()
        return int(total)

    def _note_away(self, error: Exception) -> None:
        metrics.LIMITS_ALONE.inc()
        with self._lock:
            is_news, self._away_until = not self._away_until, time.monotonic() + ASKS_AGAIN_AFTER
        if is_news:
            log.warning("limits.not-shared", error=type(error).__name__)

    def _note_back(self) -> None:
        if self._away_until:
            with self._lock:
                is_news, self._away_until = bool(self._away_until), 0.0
            if is_news:
                log.warning("limits.shared-again")
