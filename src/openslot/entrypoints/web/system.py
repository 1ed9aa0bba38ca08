"""Health checks and metrics for operators."""

import structlog
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from openslot.core import facts, outbox
from openslot.core.actor import Role
from openslot.core.db import Database
from openslot.core.errors import Busy, Forbidden, NotFound, Unavailable
from openslot.core.facts import DataKeyMissing
from openslot.core.locks import lock
from openslot.entrypoints import bearer, measuring
from openslot.entrypoints.web import access, context
from openslot.migrations import revisions

pages = Blueprint("system", __name__)

log = structlog.get_logger(__name__)


@pages.get("/healthz")
@access.allow(access.ANYONE)
def alive() -> ResponseReturnValue:
    """Answer that the process runs; checks nothing else, lest a slow database cause restarts."""
    return jsonify(status="alive")


@pages.get("/readyz")
@access.allow(access.ANYONE)
def ready() -> ResponseReturnValue:
    """Answer 200 if the database can be read and written and its schema is current, else 503.

    Programs with a key for ``manage``, and network administrators, also learn why, and the outbox
    lag, which is not decisive: pages work while mail is late.
    """
    database = context.services().database
    try:
        current = revisions.is_current(database.engine)
        lag = database.read(lambda session: outbox.lag(session, now=context.now()))
        readable = current and _has_data_keys(database)
        writable = readable and _can_write(database)
    except Exception as error:  # whatever the driver says, the answer is the same
        log.warning("not ready", kind=type(error).__name__)
        return jsonify(status="not ready"), 503
    answer: dict[str, object] = {"status": "ready" if writable else "not ready"}
    if _may_know_more():
        answer |= {
            "database": "reachable" if writable or not readable else "not writable",
            "data_keys": "complete" if readable or not current else "missing",
            "migrations": "current" if current else "behind",
            "outbox_lag_seconds": int(lag.total_seconds()),
        }
    return jsonify(answer), 200 if writable else 503


@pages.get("/metrics")
@access.allow(access.ANYONE)
def metrics() -> ResponseReturnValue:
    """Return all metrics to those who may read them."""
    settings = context.settings()
    if not settings.measures:
        raise NotFound
    if not measuring.may_read(settings, request):
        raise Forbidden
    return Response(measuring.text({"": context.database()}), content_type=CONTENT_TYPE_LATEST)


def _has_data_keys(database: Database) -> bool:
    """Return whether everything that is encrypted can be read."""
    keys = context.settings().encryption_keys
    try:
        database.read(lambda session: facts.knows_keys(session, keys))
    except DataKeyMissing as error:
        log.warning("not readable", error=str(error))
        return False
    return True


def _can_write(database: Database) -> bool:
    """Return whether a row can be written; it is deleted again at once."""
    try:
        database.run(lambda session: lock(session, "readyz"))
    except Busy:
        return True  # others do write
    except Unavailable as error:
        log.warning("not writable", error=error.reason)
        return False
    return True


def _may_know_more() -> bool:
    if request.headers.get("Authorization"):
        return bearer.holds("manage")
    return context.actor().is_a(Role.NETWORK_ADMIN)
