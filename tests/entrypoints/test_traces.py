"""Traces: who sends them where, what they have in them, and above all what not."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from openslot.app import create_app
from openslot.core import tracing
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.webhooks.sending import post

PARENT_ID, PARENT_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{PARENT_ID}-{PARENT_SPAN}-01"
PLANTED = ("zwieback", "ann@example.org", "s3cret")


class Taker(ThreadingHTTPServer):
    """A server that takes traces, and any other post."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []
        self.headers: list[Any] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[Any]:
        return [
            span
            for body in self.bodies
            for group in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]


class Handler(BaseHTTPRequestHandler):
    server: Taker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.server.bodies.append(body)
        else:
            self.server.headers.append(self.headers)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def taker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Taker]:
    server = Taker()
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.address)
    yield server
    tracing.end()
    server.shutdown()
    server.server_close()


def facts(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_is_a_span_of_the_callers_trace_with_its_statements_and_no_word_of_people(
    taker: Taker, sqlite_database: Database
) -> None:
    settings = Settings(
        database_url=sqlite_database.engine.url.render_as_string(),
        secret_key="s" * 40,
        password_tokens=True,
    )
    tracing.begin()
    app = create_app(settings)
    client = app.test_client()
    client.get("/reset/s3cret-token", headers={"traceparent": PARENT, "tracestate": "a=zwieback"})
    client.get("/search?q=zwieback", headers={"traceparent": "nonsense"})
    client.post("/api/v1/tokens", json={"email": "ann@example.org", "password": "s3cret"})
    tracing.end()

    spans = {span.name: span for span in taker.spans()}
    link = next(span for name, span in spans.items() if name.startswith("GET /reset/<"))
    assert (link.trace_id.hex(), link.parent_span_id.hex()) == (PARENT_ID, PARENT_SPAN)
    assert "openslot.request_id" in facts(link)
    tokens = spans["POST /api/v1/tokens"]
    assert facts(tokens)["http.response.status_code"] == 401
    assert tokens.trace_id.hex() != PARENT_ID
    statements = [span for span in taker.spans() if span.parent_span_id == tokens.span_id]
    assert {facts(span)["db.system.name"] for span in statements} == {"sqlite"}
    assert "SELECT" in {span.name for span in statements}
    sent = b"".join(taker.bodies)
    assert [word for word in PLANTED if word.encode() in sent] == []


def test_receivers_go_on_from_a_span_and_the_log_names_it(
    taker: Taker, capsys: pytest.CaptureFixture[str]
) -> None:
    tracing.begin()
    with tracing.span("outbox webhook", tracing.Kind.CONSUMER):
        named = tracing.add_ids(None, "", {"event": "x"})
        post(f"{taker.address}/hooks/s3cret", b"{}", {}, ["127.0.0.0/8"])
    tracing.end()
    outbox, sent = sorted(taker.spans(), key=lambda span: len(span.parent_span_id))
    named_there = taker.headers[0]["traceparent"].split("-")
    assert named_there[1:3] == [outbox.trace_id.hex(), sent.span_id.hex()]
    assert sent.parent_span_id == outbox.span_id
    assert named["trace_id"] == outbox.trace_id.hex()
    assert b"s3cret" not in b"".join(taker.bodies)
    assert tracing.headers() == {}
    assert tracing.add_ids(None, "", {"event": "x"}) == {"event": "x"}


def test_what_fails_is_named_by_its_type_alone(taker: Taker) -> None:
    tracing.begin()
    kind = tracing.Kind.CONSUMER
    with pytest.raises(ValueError, match="ann@"), tracing.span("outbox mail", kind):
        raise ValueError("ann@example.org")
    tracing.end()
    (span,) = taker.spans()
    assert (facts(span)["error.type"], len(span.events)) == ("ValueError", 0)
    assert b"ann@" not in b"".join(taker.bodies)


FORKS = """
import os, sys, threading
from openslot.core import tracing
from openslot.core.db import make_engine
address = os.environ.pop(tracing.ADDRESSES[0])
tracing.begin()
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
os.environ[tracing.ADDRESSES[0]] = address
tracing.load()
engine = make_engine("sqlite://")
assert threading.active_count() == 1
child = os.fork()
if child == 0:
    tracing.begin()
    with tracing.span("in the child", tracing.Kind.SERVER), engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    tracing.end()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_process_that_was_forked_sends_its_own_and_where_nobody_listens_nothing_is_loaded(
    taker: Taker,
) -> None:
    subprocess.run([sys.executable, "-c", FORKS], check=True, timeout=60)
    assert {span.name for span in taker.spans()} == {"in the child", "SELECT"}
