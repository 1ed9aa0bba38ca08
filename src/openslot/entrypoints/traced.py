"""A span for each request, named by the pattern of its route."""

import structlog
from flask import Flask, g, request
from werkzeug.wrappers import Response

from openslot.core import tracing
from openslot.core.tracing import Kind
from openslot.entrypoints.measuring import METHODS


def install(app: Flask) -> None:
    """Trace every request, before and after all else."""
    app.before_request(_begin)
    app.after_request(_note)
    app.teardown_request(_end)


def _begin() -> None:
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"
    g.traced = tracing.span(
        f"{method} {route}",
        Kind.SERVER,
        request.headers.get("traceparent"),
        http__request__method=method,
        http__route=route,
    )
    g.span = g.traced.__enter__()


def _note(response: Response) -> Response:
    g.span.set(http__response__status_code=response.status_code)
    if named := structlog.contextvars.get_contextvars().get("request_id"):
        g.span.set(openslot__request_id=named)
    if response.status_code >= 500:
        g.span.fail(str(response.status_code))
    return response


def _end(_error: BaseException | None) -> None:
    if (traced := g.pop("traced", None)) is not None:
        traced.__exit__(None, None, None)
