"""Counts of the rate limits in a Redis, which several web machines share, instead of the database.

While it does not answer, each process counts for itself: nobody is kept out for that, and nobody
gets more than the limit from each process.
"""

import hmac
import threading
import time

import structlog

from openslot.core import metrics
from openslot.core.errors import Failure
from openslot.core.limits import NotCounted

try:
    from redis import Redis, RedisError
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    IS_INSTALLED = True
except ImportError:  # an optional extra
    IS_INSTALLED = False

ANSWERS_WITHIN = 0.25
"""Seconds that a request waits for the Redis."""

ASKS_AGAIN_AFTER = 5.0
"""Seconds for which a Redis that did not answer is not asked."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class NoRedisClient(Failure):
    """OPENSLOT_REDIS_URL needs the package redis, which is not installed. Install
    requirements-redis.txt, or empty the setting.
    """


class BadRedisUrl(Failure):
    """OPENSLOT_REDIS_URL is no address like redis://:password@10.0.0.7:6379/0."""


class RedisCounts:
    """The counts of all processes that have the same ``key``; safe for threads."""

    def __init__(self, url: str, key: str):
        """Connect at first use. Raises NoRedisClient or BadRedisUrl."""
        if not IS_INSTALLED:
            raise NoRedisClient
        self._key = key.encode()
        self._away_until = 0.0
        self._lock = threading.Lock()
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=ANSWERS_WITHIN,
                socket_connect_timeout=ANSWERS_WITHIN,
                retry=Retry(NoBackoff(), 1),  # the first connection may have ended meanwhile
            )
        except ValueError as error:
            raise BadRedisUrl from error

    def add(self, name: str, hits: int, ends: int) -> int:
        """Add to the count of this name, which ends then, and return the total. Raises NotCounted
        while the Redis is away."""
        if time.monotonic() < self._away_until:
            metrics.LIMITS_ALONE.inc()
            raise NotCounted
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
            raise NotCounted from error
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
