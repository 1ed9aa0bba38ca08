"""Spans of OpenTelemetry, sent by OTLP over HTTP. Only tracing.py loads this: it needs an extra."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from openslot.core.tracing import Fact, Kind
from openslot.core.version import version

_W3C = TraceContextTextMapPropagator()
_PARENT = "traceparent"


class OtelSpan:
    """A span of OpenTelemetry, without what it would note by itself, such as texts of errors."""

    def __init__(self, span: trace.Span):
        self._span = span

    def set(self, **facts: Fact) -> None:
        """Note facts; two underscores stand for a dot."""
        for name, value in facts.items():
            self._span.set_attribute(name.replace("__", "."), value)

    def fail(self, kind: str) -> None:
        """Note that it failed, and the type of the error."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """Note that it is over."""
        self._span.end()


class OtelTracer:
    """Makes spans, and sends them from a thread of its own."""

    def __init__(self, provider: TracerProvider):
        self._provider, self._tracer = provider, provider.get_tracer("openslot", version())

    def start(self, name: str, kind: Kind, facts: Mapping[str, Fact]) -> OtelSpan | None:
        """Return a new span within the present one; None without one that is recorded."""
        if not trace.get_current_span().is_recording():
            return None
        return OtelSpan(self._tracer.start_span(name, kind=SpanKind[kind], attributes=dict(facts)))

    @contextmanager
    def entered(
        self, name: str, kind: Kind, facts: Mapping[str, Fact], came_with: str | None
    ) -> Iterator[OtelSpan]:
        """Make a new span the present one; it goes on from a ``traceparent`` that came with a
        request. What else came is left: whoever sent it is a stranger."""
        context = _W3C.extract({_PARENT: came_with}) if came_with else None
        with self._tracer.start_as_current_span(
            name,
            context,
            kind=SpanKind[kind],
            attributes=dict(facts),
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            found = OtelSpan(made)
            try:
                yield found
            except BaseException as error:
                found.fail(type(error).__name__)
                raise

    def headers(self) -> dict[str, str]:
        """Return the headers by which another server goes on from the present span."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return {name: value for name, value in carrier.items() if name == _PARENT}

    def ids(self) -> dict[str, str]:
        """Return the ids of the present trace and span, if there is one."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def make_tracer() -> OtelTracer:
    """Return a tracer as OpenTelemetry's variables describe it, and start its thread."""
    named = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "openslot")}
    resource = Resource.create({**named, SERVICE_VERSION: version()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracer(provider)
