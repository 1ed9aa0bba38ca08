"""GET /fhir/$bulk-publish: a manifest and files of free times, open to everybody and to copies
on the way (SMART Scheduling Links)."""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from openslot.core.errors import NotFound
from openslot.entrypoints.fhir import publishing
from openslot.entrypoints.fhir.answers import base
from openslot.entrypoints.fhir.elements import Json, Site, instant
from openslot.entrypoints.fhir.publishing import SLOT, Edition, File
from openslot.entrypoints.request import now, reader, services, settings
from openslot.entrypoints.rules import Rule, opened

MAX_AGE = 300
"""Seconds that copies may be kept; the guide's own example of how often to ask."""

NDJSON = "application/fhir+ndjson"

LINES_AT_ONCE = 100
"""Lines that are sent as one piece."""

pages = Blueprint("fhir_publish", __name__)


@pages.get("/fhir/$bulk-publish")
@opened(Rule.PUBLIC)
def manifest() -> ResponseReturnValue:
    """The files there are. No parameter is known: what is asked for besides changes nothing."""
    found = _edition().files(now(), settings().search_days)
    body = {
        # By the minute, as nobody is to ask more often; so the tag stays for that long.
        "transactionTime": instant(now().replace(second=0, microsecond=0)),
        "request": f"{base()}/$bulk-publish",
        "requiresAccessToken": False,
        "output": [_output(one) for one in found],
        "error": [],
    }
    text = _compact(body)
    answer = Response(text, content_type="application/json")
    return _kept(answer, hashlib.sha256(text.encode()).hexdigest()[:32])


@pages.get("/fhir/$bulk-publish/<name>")
@opened(Rule.PUBLIC)
def file(name: str) -> ResponseReturnValue:
    """One file, written while it is sent: the request and its transaction are over by then, and
    what is free on that day is all that was read."""
    published, site = _edition(), Site(base(), now())
    found = published.file(name, site.now, settings().search_days)
    if found is None:
        raise NotFound("There is no such file. /fhir/$bulk-publish names those there are.")
    board = published.free(reader(), found, site.now)
    links = _links(published) if found.kind == SLOT else {}
    lines = _written(published.lines(found, board, site, links))
    # Passed through, or werkzeug would gather all of it to count its bytes.
    answer = Response(lines, content_type=NDJSON, direct_passthrough=True)
    return _kept(answer, published.tag(found, board, site))


@pages.after_request
def let_browsers_read(response: Response) -> Response:
    """Scripts of any site may read what anybody may, and say which copy they have."""
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = "ETag"
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Headers"] = "If-None-Match"
        headers["Access-Control-Max-Age"] = str(MAX_AGE)
    return response


def _edition() -> Edition:
    return publishing.edition(reader(), services().offered)


def _output(found: File) -> Json:
    where = base().removesuffix("/fhir") + url_for("fhir_publish.file", name=found.name)
    states = {"extension": {"state": found.states}} if found.states else {}
    return {"type": found.kind, "url": where, **states}


def _links(published: Edition) -> dict[int, str]:
    """The booking page of each schedule, as others reach it."""
    root = base().removesuffix("/fhir")
    return {key: root + url_for("booking.week_page", schedule_id=key) for key in published.known}


def _written(lines: Iterator[Json]) -> Iterator[bytes]:
    """Lines of JSON, some at a time: a server sends each piece by itself."""
    while piece := list(islice(lines, LINES_AT_ONCE)):
        yield "".join(f"{_compact(one)}\n" for one in piece).encode()


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _kept(response: Response, tag: str) -> Response:
    """With how long it may be kept; 304 where the client has it already."""
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    response.set_etag(tag)
    # If-Match is for those who write.
    response.make_conditional({**request.environ, "HTTP_IF_MATCH": ""})
    return response
