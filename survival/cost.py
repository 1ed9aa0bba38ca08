"""What each arrangement of servers costs: bookings a second, measured as the benchmarks do."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench import servers
from bench.over_http import Bench, Size, booking_on, new_database

import clusters
import engines
from engines import DATA_KEYS
from openslot.core.db import Database
from openslot.core.limits import Counts, Limit
from openslot.core.redis_counts import RedisCounts
from survival.postgresql import Cluster

SIZE = Size(practitioners=300, centres=30, patients=3_000, appointments=(1000, 1000), seconds=2)
HEAD = (
    "| Database | Bookings a second, 8 clients | Rounds | Median (ms) | p99 (ms) |"
    "\n| --- | --- | --- | --- | --- |"
)
COUNTED = 300
EXACT = Limit(99, 3600)
"""A limit of which each request is added to the shared count."""


def lines() -> Iterator[str]:
    """Yield a row for each arrangement, and what a counted request costs."""
    yield HEAD
    for name, arrangement in ARRANGEMENTS.items():
        with servers.folder() as folder, arrangement(folder) as url:
            with Bench.on(url, folder, SIZE) as bench:
                figure = booking_on(bench, name)
            yield (
                f"| {name} | {figure.rate:,.0f} | {min(figure.rates):,.0f} to "
                f"{max(figure.rates):,.0f} | {figure.p50:,.1f} | {figure.p99:,.1f} |"
            )
            if name in COUNTS_IN:
                COUNTS_IN[name] = _counted_in_database(url)
    with servers.folder() as folder:
        folder.chmod(0o700)
        redis = engines.start_redis(folder, *engines.free_ports(1))
        try:
            COUNTS_IN["Redis"] = _seconds(Counts(_nowhere, RedisCounts(redis.url, "key")))
        finally:
            redis.stop()
    yield ""
    yield "A request that is added to a shared count, in ms: " + ", ".join(
        f"{name} {seconds * 1000:.2f}" for name, seconds in COUNTS_IN.items()
    )


COUNTS_IN = dict.fromkeys(("PostgreSQL", "Galera, three nodes"), 0.0)


def _counted_in_database(url: str) -> float:
    with closing(Database(url, DATA_KEYS)) as database:
        return _seconds(Counts(database.run))


def _seconds(counts: Counts) -> float:
    began, now = time.perf_counter(), datetime.now(UTC)
    for number in range(COUNTED):
        counts.take(f"key {number % 10}", EXACT, now=now)
    return (time.perf_counter() - began) / COUNTED


def _nowhere(_add: object) -> int:
    raise AssertionError("the database does not count")


@contextmanager
def _alone(start: str, existing: str, folder: Path) -> Iterator[str]:
    with getattr(servers, start)(folder) as url, new_database(url, existing) as address:
        yield address


@contextmanager
def _followed(folder: Path, *, is_pooled: bool) -> Iterator[str]:
    cluster = Cluster.start(folder)
    try:
        yield cluster.url if is_pooled else cluster.direct_url
    finally:
        cluster.stop()


@contextmanager
def _galera(folder: Path) -> Iterator[str]:
    with ExitStack() as stack:
        nodes = clusters.start_galera(folder, (1, 1, 1))
        for node in nodes:
            stack.callback(node.kill)
        nodes[0].ask("CREATE DATABASE openslot")
        yield clusters.url_of(nodes, "openslot")


ARRANGEMENTS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "PostgreSQL": partial(_alone, "postgresql", "postgres"),
    "PostgreSQL and a synchronous standby": partial(_followed, is_pooled=False),
    "the same behind PgBouncer": partial(_followed, is_pooled=True),
    "MariaDB": partial(_alone, "mariadb", "mysql"),
    "Galera, three nodes": _galera,
}
