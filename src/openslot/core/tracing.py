"""Traces of OpenTelemetry, where its own variables say who takes them (docs/monitoring.md). Without
these nothing of it is loaded.

No span has anything about people: names are patterns of routes, kinds of messages and the first
words of statements. There are no addresses, texts, values, or messages of errors.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from typing import Any, Protocol

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext

ADDRESSES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Variables that say where traces are sent; one is enough."""

SDK = "openslot.core.otlp"
"""The module that needs the extra ``otel``."""

Fact = str | int

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Kind(StrEnum):
    """What a span is about; the names are OpenTelemetry's."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"


class Span(Protocol):
    """Something that takes time."""

    def set(self, **facts: Fact) -> None:
        """Note facts; two underscores stand for a dot."""

    def fail(self, kind: str) -> None:
        """Note that it failed, and the type of the error."""

    def end(self) -> None:
        """Note that it is over."""


class Tracer(Protocol):
    """What makes spans, and sends them."""

    def start(self, name: str, kind: Kind, facts: Mapping[str, Fact]) -> Span | None:
        """Return a new span within the present one; None without one that is recorded."""

    def entered(
        self, name: str, kind: Kind, facts: Mapping[str, Fact], came_with: str | None
    ) -> Any:
        """Return a context manager that makes a new span the present one; it goes on from a
        ``traceparent`` that came with a request."""

    def headers(self) -> dict[str, str]:
        """Return the headers by which another server goes on from the present span."""

    def ids(self) -> dict[str, str]:
        """Return the ids of the present trace and span, if there is one."""

    def close(self) -> None:
        """Send what is left."""


class _Nothing:
    """The span where nothing is traced."""

    def set(self, **facts: Fact) -> None:
        """Note nothing."""

    def fail(self, kind: str) -> None:
        """Note nothing."""

    def end(self) -> None:
        """Note nothing."""


_NOTHING = _Nothing()
_tracer: Tracer | None = None


def is_wanted() -> bool:
    """Return whether there is somebody who takes traces."""
    return any(map(os.environ.get, ADDRESSES))


def is_on() -> bool:
    """Return whether this process is traced."""
    return _tracer is not None


def load() -> None:
    """Load what is needed, without starting anything: before processes are forked that share it."""
    if is_wanted():
        try:
            import_module(SDK)
        except ImportError:
            log.warning("tracing.not-installed", extra="otel")


def begin() -> None:
    """Trace this process, if anybody takes traces. It starts a thread, so call it after a fork."""
    global _tracer
    load()
    if _tracer is None and is_wanted() and SDK in sys.modules:
        _tracer = sys.modules[SDK].make_tracer()


def end() -> None:
    """Send what is left, and trace no more."""
    global _tracer
    if _tracer is not None:
        _tracer.close()
    _tracer = None


@contextmanager
def span(name: str, kind: Kind, came_with: str | None = None, **facts: Fact) -> Iterator[Span]:
    """Note how long the block takes, and the type of the error that it raises."""
    if _tracer is None:
        yield _NOTHING
        return
    with _tracer.entered(name, kind, _dotted(facts), came_with) as entered:
        yield entered


def headers() -> dict[str, str]:
    """Return the headers by which another server goes on from here (W3C Trace Context)."""
    return _tracer.headers() if _tracer else {}


def add_ids(_logger: Any, _name: str, line: Any) -> Any:
    """Add the ids of trace and span to a line of the log."""
    return line | _tracer.ids() if _tracer else line


def watch(engine: Engine) -> None:
    """Note how long each statement takes, by its first word, where this process is traced."""
    if not is_wanted():
        return

    def begin_statement(connection: Connection, _cursor: Any, statement: str, *_given: Any) -> None:
        if _tracer is not None:
            word = statement.lstrip().partition(" ")[0].upper()[:20]
            facts = {"db.system.name": engine.dialect.name, "db.operation.name": word}
            connection.info["span"] = _tracer.start(word, Kind.CLIENT, facts)

    def end_statement(connection: Connection, *_given: Any) -> None:
        if started := connection.info.pop("span", None):
            started.end()

    def fail_statement(context: ExceptionContext) -> None:
        connection = context.connection
        if connection is None or connection.invalidated:
            return
        if started := connection.info.pop("span", None):
            started.fail(type(context.original_exception).__name__)
            started.end()

    event.listen(engine, "before_cursor_execute", begin_statement)
    event.listen(engine, "after_cursor_execute", end_statement)
    event.listen(engine, "handle_error", fail_statement)


def _dotted(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {name.replace("__", "."): value for name, value in facts.items()}
