"""Engines: how the databases of each kind are connected to, and what their errors mean."""

import sqlite3

from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import URL, ExceptionContext

from openslot.core import metrics, tracing
from openslot.core.data_keys import DataKeys
from openslot.core.encryption import use_keys
from openslot.core.errors import Busy, TookTooLong, Unavailable
from openslot.core.refusals import Refusal, is_cut_off, is_read_only, refusal_of
from openslot.core.servers import MOST_KEPT, make_server_engine
from openslot.core.sqlite import make_sqlite_engine


def make_engine(
    url: str | URL, keys: DataKeys | None = None, *, hurried: bool = True, kept: int = MOST_KEPT
) -> Engine:
    """Return an engine set up for its kind; docs/adr/ gives the reason for each setting. An
    engine that is not ``hurried`` sets no limit to the time of a statement. Of the connections to a
    server that are no longer used, ``kept`` stay open."""
    parsed = make_url(url)
    make = make_sqlite_engine if parsed.get_backend_name() == "sqlite" else make_server_engine
    engine = make(parsed, hurried=hurried, kept=kept)
    event.listen(engine, "handle_error", _explain)
    if keys is not None:
        use_keys(engine, keys)
    metrics.watch_pool(engine)
    tracing.watch(engine)
    return engine


def _explain(context: ExceptionContext) -> Exception | None:
    """Return the domain error for a driver's error, or None to let ``run`` decide on a retry."""
    if context.is_pre_ping:
        return None  # the pool opens a new connection by itself
    original = context.original_exception
    refusal = refusal_of(original)
    if context.connection is None or context.is_disconnect or refusal is Refusal.AWAY:
        reason = f"{type(original).__name__}: {str(original).partition(chr(10))[0]}"
        is_broken = context.is_disconnect or _is_io_error(original) or is_cut_off(original)
        # Drop the connection even if it is intact: it may lead to a server that was demoted, or
        # stay read-only. The next work gets a new one.
        context.is_disconnect = True
        return Unavailable(reason=reason, is_broken=is_broken, is_read_only=is_read_only(original))
    reads = context.connection.get_execution_options().get("openslot_reads", False)
    if refusal is Refusal.SLOW:
        return TookTooLong()
    return Busy() if reads and refusal is Refusal.CONTENDED else None


def _is_io_error(error: BaseException) -> bool:
    """Return whether SQLite failed to read or write its file and must open it again."""
    return (
        isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
    )
