"""What is counted for Prometheus. docs/monitoring.md says what each is good for.

Several processes add up through files in a folder of memory, which ``openslot serve`` makes if
metrics are read (see ADR 48). No label has anything about people: routes are patterns, and topics
and codes are words of this program.
"""

import os
from collections.abc import Callable, Iterable
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from openslot.core import tenancy

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client knows the folder that processes share."""

TENANT = "tenant"
"""The label with the name of a network. It is empty, and so as good as not there, where there is
only one."""

_OURS = CollectorRegistry()
_EVENTS = "events"
_IS_LENT = "is_lent"

REQUESTS = Counter(
    "openslot_requests",
    "Requests that were answered.",
    ("route", "method", "status", TENANT),
    registry=_OURS,
)
REQUEST_SECONDS = Histogram(
    "openslot_request_seconds",
    "Seconds from the start of a request in its thread to the answer.",
    ("route", TENANT),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_OURS,
)
REFUSED = Counter(
    "openslot_requests_refused",
    "Requests for which there was no thread, or that arrived too slowly.",
    ("code",),
    registry=_OURS,
)
EVENTS = Counter(
    "openslot_events",
    "Events that were committed, such as bookings.",
    ("topic", TENANT),
    registry=_OURS,
)
CONFLICTS = Counter(
    "openslot_conflicts",
    "Transactions that were refused because others were faster, such as slot-taken.",
    ("code", TENANT),
    registry=_OURS,
)
RETRIES = Counter(
    "openslot_transaction_retries",
    "Transactions that were tried again.",
    (TENANT,),
    registry=_OURS,
)
LIMITS_ALONE = Counter(
    "openslot_limits_alone",
    "Counts of rate limits that the Redis did not take, so that processes do not share them.",
    registry=_OURS,
)
CONNECTIONS = Gauge(
    "openslot_database_connections",
    "Connections of the pools that are in use.",
    (TENANT,),
    registry=_OURS,
    multiprocess_mode="livesum",
)
PROCESSES = Gauge(
    "openslot_processes",
    "Processes that run, by what they do.",
    ("kind",),
    registry=_OURS,
    multiprocess_mode="livesum",
)


def note_event(session: Session, topic: str) -> None:
    """Count an event once the transaction of the session is committed."""
    session.info.setdefault(_EVENTS, []).append(topic)


def count_events(session: Session) -> None:
    """Count the events of a transaction that was committed."""
    for topic in session.info.pop(_EVENTS, ()):
        EVENTS.labels(topic, tenancy.current()).inc()


def watch_pool(engine: Engine) -> None:
    """Count the connections of an engine that are in use; call it after other listeners."""
    in_use = CONNECTIONS.labels(tenancy.current())

    def lend(_connection: Any, record: Any, _proxy: Any) -> None:
        record.info[_IS_LENT] = True
        in_use.inc()

    def take_back(_connection: Any, record: Any) -> None:
        if record.info.pop(_IS_LENT, False):
            in_use.dec()

    event.listen(engine, "checkout", lend)
    event.listen(engine, "checkin", take_back)


def share(*, is_read: bool) -> None:
    """Have the program that replaces this one and its processes add up, if metrics are read."""
    if is_read:
        os.environ[FOLDER] = mkdtemp(prefix="openslot-metrics-")


def forget_all() -> None:
    """Remove what processes have added up."""
    if FOLDER in os.environ:
        rmtree(os.environ[FOLDER], ignore_errors=True)


def forget_process(pid: int) -> None:
    """Leave out what a process that has ended was doing; what it has done stays counted."""
    if FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call] # it has no types


class _Asked(Collector):
    def __init__(self, ask: Callable[[], Iterable[Metric]]) -> None:
        self._ask = ask

    def collect(self) -> Iterable[Metric]:
        return self._ask()


def as_text(ask: Callable[[], Iterable[Metric]]) -> bytes:
    """Return all metrics of all processes, and those of ``ask``, in Prometheus' text format."""
    registry = CollectorRegistry()
    if FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # it has no types
    else:
        registry.register(_OURS)
    registry.register(_Asked(ask))
    return generate_latest(registry)
