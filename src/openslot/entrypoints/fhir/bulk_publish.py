"""GET /fhir/$bulk-publish: public files of free slots, with a manifest (SMART Scheduling Links)."""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from openslot.core.errors import NotFound
from openslot.entrypoints import bearer
from openslot.entrypoints.fhir import publishing
from openslot.entrypoints.fhir.answers import base
from openslot.entrypoints.fhir.elements import Json, Site, instant
from openslot.entrypoints.fhir.publishing import SLOT, Edition, File
from openslot.entrypoints.published import revalidated
from openslot.entrypoints.request import now, reader, root, settings
from openslot.entrypoints.rules import Rule, opened

MAX_AGE = 300
"""Seconds that caches may keep a copy; the guide's example of a polling interval."""

NDJSON = "application/fhir+ndjson"

LINES_AT_ONCE = 100
"""Number of lines that are sent at a time."""

pages = Blueprint("fhir_publish", __name__)


@pages.get("/fhir/$bulk-publish")
@opened(Rule.PUBLIC)
def manifest() -> ResponseReturnValue:
    """Return the manifest of all files; parameters are ignored."""
    files = _edition().files(now(), settings().search_days)
    body = {
        # Rounded to a minute, so that the ETag stays the same for that long.
        "transactionTime": instant(now().replace(second=0, microsecond=0)),
        "request": f"{base()}/$bulk-publish",
        "requiresAccessToken": False,
        "output": [_output(file) for file in files],
        "error": [],
    }
    text = compact(body)
    answer = Response(text, content_type="application/json")
    return _cacheable(answer, hashlib.sha256(text.encode()).hexdigest()[:32])


@pages.get("/fhir/$bulk-publish/<name>")
@opened(Rule.PUBLIC)
def file(name: str) -> ResponseReturnValue:
    """Return one file, streamed: its lines are made after the request and its transaction end."""
    published, site = _edition(), Site(base(), now())
    chosen = published.file(name, site.now, settings().search_days)
    if chosen is None:
        raise NotFound("File not found. /fhir/$bulk-publish lists all files.")
    board = published.free(bearer.work(), chosen)
    links = _links(published) if chosen.kind == SLOT else {}
    lines = _written(published.lines(chosen, board, site, links))
    # Otherwise werkzeug would read all lines to count the bytes.
    answer = Response(lines, content_type=NDJSON, direct_passthrough=True)
    return _cacheable(answer, published.tag(chosen, board, site))


@pages.after_request
def let_browsers_read(response: Response) -> Response:
    """Allow scripts of any site to read these public files and their ETags."""
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = "ETag"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Headers"] = "If-None-Match"
        headers["Access-Control-Max-Age"] = str(MAX_AGE)
    return response


def _edition() -> Edition:
    return publishing.edition(reader())


def _output(found: File) -> Json:
    where = root() + url_for("fhir_publish.file", name=found.name)
    states = {"extension": {"state": found.states}} if found.states else {}
    return {"type": found.kind, "url": where, **states}


def _links(published: Edition) -> dict[int, str]:
    """Return the public address of each schedule's booking page."""
    ids = {one.place.schedule_id for one in published.known}
    return {key: root() + url_for("booking.week_page", schedule_id=key) for key in ids}


def _written(lines: Iterator[Json]) -> Iterator[bytes]:
    """Yield lines of JSON, LINES_AT_ONCE at a time."""
    while piece := list(islice(lines, LINES_AT_ONCE)):
        yield "".join(f"{compact(line)}\n" for line in piece).encode()


def compact(value: Json) -> str:
    """Return a resource in one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cacheable(response: Response, tag: str) -> Response:
    """Add caching headers, and return 304 if the client has this version."""
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return revalidated(response, tag)
