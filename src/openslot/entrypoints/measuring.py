"""Measures requests for Prometheus, and says what only the database knows."""

import hmac
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog
from flask import Flask, g, request
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.orm import Session
from werkzeug.wrappers import Request, Response

from openslot.core import clock, facts, metrics, outbox, tenancy
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity.keys import is_inside

MOST_AT_ONCE = 8
"""Databases that are asked at a time."""

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
    tenant = tenancy.current()
    metrics.REQUESTS.labels(route, method, response.status_code, tenant).inc()
    metrics.REQUEST_SECONDS.labels(route, tenant).observe(time.perf_counter() - g.began)
    return response


def may_read(settings: Settings, request: Request) -> bool:
    """Return whether the program has the token and is in a network, as far as these are set."""
    token, networks = settings.metrics_token.get_secret_value(), settings.metrics_networks
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    has_token = not token or hmac.compare_digest(sent.encode(), token.encode())
    return has_token and (not networks or is_inside(request.remote_addr, networks))


def text(databases: Mapping[str, Database]) -> bytes:
    """Return all metrics, with those of the databases, by the names of their networks, that
    answer."""
    return metrics.as_text(lambda: asked(databases))


def asked(databases: Mapping[str, Database]) -> Iterable[Metric]:
    """Return what the databases know. They are asked at once, so that those that are away do not
    add up."""
    together = dict[str, Metric]()
    with ThreadPoolExecutor(max(1, min(MOST_AT_ONCE, len(databases)))) as threads:
        for found in threads.map(_asked, databases.items()):
            for metric in found:
                known = together.setdefault(metric.name, metric)
                if known is not metric:
                    known.samples += metric.samples
    return together.values()


def _asked(named: tuple[str, Database]) -> list[Metric]:
    name, database = named
    with tenancy.working_for(name):
        try:
            found = database.read(_of_database)
        except Exception as error:  # whatever the driver says, there is no answer
            log.warning("metrics.no-database", kind=type(error).__name__)
            found = []
        up = _gauge("openslot_database_up", "Whether the database answers.", bool(found))
        return [up, *found]


def _of_database(session: Session) -> list[Metric]:
    now = clock.now()
    waiting = GaugeMetricFamily(
        "openslot_outbox_waiting",
        "Messages that are due and not sent.",
        labels=["kind", metrics.TENANT],
    )
    for kind, count in outbox.due(session, now=now).items():
        waiting.add_metric([kind, tenancy.current()], count)
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
    gauge = GaugeMetricFamily(name, about, labels=[metrics.TENANT])
    gauge.add_metric([tenancy.current()], value)
    return gauge
