"""Health checks for operators."""

import structlog
from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from openslot.core import outbox
from openslot.core.actor import Role
from openslot.core.db import Database
from openslot.core.errors import Busy, Unavailable
from openslot.core.locks import lock
from openslot.entrypoints import bearer
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
        writable = current and _can_write(database)
    except Exception as error:  # whatever the driver says, the answer is the same
        log.warning("not ready", kind=type(error).__name__)
        return jsonify(status="not ready"), 503
    answer: dict[str, object] = {"status": "ready" if writable else "not ready"}
    if _may_know_more():
        answer |= {
            "database": "reachable" if writable or not current else "not writable",
            "migrations": "current" if current else "behind",
            "outbox_lag_seconds": int(lag.total_seconds()),
        }
    return jsonify(answer), 200 if writable else 503


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
