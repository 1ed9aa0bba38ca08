"""Compressed responses for clients that accept them."""

from flask import Flask, Response, request
from flask_compress import Compress
from werkzeug.datastructures import Headers

from openslot.entrypoints.rules import STATIC

COMPRESSED = (
    "text/html",
    "text/css",
    "text/javascript",
    "text/calendar",
    "text/csv",
    "text/plain",
    "image/svg+xml",
    "application/json",
    "application/problem+json",
    "application/fhir+json",
    "application/fhir+ndjson",
)

ENCODINGS = ("br", "gzip")

SMALLEST = 800
"""Bytes; a shorter response fits into one packet anyway."""


def install(app: Flask) -> None:
    """Compress what the application answers."""
    app.config.update(
        COMPRESS_REGISTER=False,
        COMPRESS_MIMETYPES=list(COMPRESSED),
        COMPRESS_MIN_SIZE=SMALLEST,
        COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,  # views do that themselves
        COMPRESS_ALGORITHM=list(ENCODINGS),
        COMPRESS_ALGORITHM_STREAMING=list(ENCODINGS),
    )
    compress = Compress(app)

    @app.after_request
    def shorten(response: Response) -> Response:
        is_static = request.endpoint in STATIC
        tag, is_weak = response.get_etag()
        if tag and not is_weak and not is_static:
            # Programs send it back as If-Match, so it stands for the object, however it was sent.
            return response
        if not (accepted := request.accept_encodings) or accepted.best_match(ENCODINGS) is None:
            # Flask-Compress takes what a client refuses with q=0.
            vary(response.headers, "Accept-Encoding")
            return response
        if hasattr(response.response, "close"):
            response.call_on_close(response.response.close)  # Flask-Compress puts another there
        response = compress.after_request(response)
        if is_static:  # what is compressed has an ETag of its own
            response.make_conditional(request)
        return response


def vary(headers: Headers, name: str) -> None:
    """Say that an answer depends on a header of its request, after what is said already: a quarter
    of the work of ``response.vary``."""
    said = headers.get("Vary", "")
    if name not in said:
        headers["Vary"] = f"{said}, {name}" if said else name
