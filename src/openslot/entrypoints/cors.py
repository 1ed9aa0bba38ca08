"""Lets scripts of other sites use the API, FHIR and the token endpoints (Fetch, CORS protocol).

Only sites in ``OPENSLOT_CORS_ORIGINS`` and those of registered programs that act for people, and
without cookies: these addresses read a bearer key or token only. What the server says of itself is
for all sites (SMART App Launch 2.2, Considerations for CORS).
"""

import re

from flask import Flask, Response, request

from openslot.core.errors import Unavailable
from openslot.entrypoints.compression import vary
from openslot.entrypoints.request import does_without_database, reader, settings
from openslot.identity import queries
from openslot.identity.programs import has_origin

_OPEN = re.compile(r"/(api/v1|fhir|oauth|\.well-known)(/.*)?", re.DOTALL)
_PUBLISHED = re.compile(r"/fhir/metadata|(/fhir)?/\.well-known/[^/]+")
_SENT = (
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Exist, If-None-Match, "
    "Prefer"
)
_SHOWN = "Content-Location, ETag, Last-Modified, Location, Retry-After, WWW-Authenticate"
_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_SECONDS = "600"


def install(app: Flask) -> None:
    """Add the headers to every response, also to refusals. A preflight goes well even where nothing
    is, and for methods that are not allowed: a script would see no answer otherwise."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    headers, path = response.headers, request.path
    if not _OPEN.fullmatch(path) or "Access-Control-Allow-Origin" in headers:
        return response
    if _PUBLISHED.fullmatch(path):
        origin = "*"
    else:
        vary(headers, "Origin")
        origin = request.headers.get("Origin", "")
        if not origin or not (origin in settings().cors_origins or _is_of_program(origin)):
            return response
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = _SHOWN
    if request.method == "OPTIONS":
        if response.status_code == 404:
            response.status_code = 200
        headers["Access-Control-Allow-Methods"] = _METHODS
        headers["Access-Control-Allow-Headers"] = _SENT
        headers["Access-Control-Max-Age"] = _SECONDS
    return response


def _is_of_program(origin: str) -> bool:
    """Return whether a registered program comes from there; one statement."""
    if does_without_database():
        return False
    try:
        return has_origin(queries.programs(reader()), origin)
    except Unavailable:
        return False
