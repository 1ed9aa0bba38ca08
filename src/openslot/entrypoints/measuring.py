"""Measures requests for Prometheus, and says what only the database knows."""

import time
from collections.abc import Iterable

import structlog
from flask import Flask, g, request
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from openslot.core import clock, facts, metrics, outbox
from openslot.core.db import Database

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Measure every request, before and after all else."""
    app.before_request(_begin)
    app.after_request(_count)


def _begin() -> None:
    g.began = time.perf_counter()


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"
    metrics.REQUESTS.labels(route, method, response.status_code).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(time.perf_counter() - g.began)
    return response


def text(database: Database) -> bytes:
    """Return all metrics; without those of the database if it does not answer."""
    return metrics.as_text(lambda: asked(database))


def asked(database: Database) -> Iterable[Metric]:
    """Yield what the database knows."""
    try:
        found = database.read(_of_database)
    except Exception as error:  # whatever the driver says, there is no answer
        log.warning("metrics.no-database", kind=type(error).__name__)
        found = []
    yield _gauge("openslot_database_up", "Whether the database answers.", bool(found))
    yield from found


def _of_database(session: Session) -> list[Metric]:
    now = clock.now()
    waiting = GaugeMetricFamily(
        "openslot_outbox_waiting", "Messages that are due and not sent.", labels=["kind"]
    )
    for kind, count in outbox.due(session, now=now).items():
        waiting.add_metric([kind], count)
    seen, backup = facts.worker_seen(session), facts.last_backup(session)
    return [
        waiting,
        _gauge("openslot_outbox_failed", "Messages that were given up.", outbox.failed(session)),
        _gauge(
            "openslot_outbox_lag_seconds",
            "Seconds that the oldest due message has waited.",
            outbox.lag(session, now=now).total_seconds(),
        ),
        _gauge(
            "openslot_worker_seen_timestamp_seconds",
            "When a worker last said that it runs; 0 if never.",
            seen.timestamp() if seen else 0,
        ),
        _gauge(
            "openslot_backup_timestamp_seconds",
            "When the last backup was made by `openslot backup`; 0 if never.",
            backup.timestamp() if backup else 0,
        ),
    ]


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)
