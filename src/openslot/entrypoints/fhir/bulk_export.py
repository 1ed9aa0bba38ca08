"""$export: all that a program may read, in files with a resource a line (FHIR Bulk Data Access 2).

Files are made when they are read, a page at a time, each page in a transaction of its own, so that
nothing about people is stored and nobody waits. A process makes one page at a time. What is changed
meanwhile may be in a file already, and is in the next export, ``_since`` the ``transactionTime`` of
this one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from openslot.core.db import Database
from openslot.core.errors import Forbidden, Malformed, NotFound
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.fhir import access, asking, dates, search
from openslot.entrypoints.fhir.answers import answer, base, handling, preferences, zone
from openslot.entrypoints.fhir.asking import Handling
from openslot.entrypoints.fhir.bulk_publish import NDJSON, compact
from openslot.entrypoints.fhir.elements import Site, instant
from openslot.entrypoints.fhir.outcome import issue, outcome
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Resource
from openslot.entrypoints.fhir.search import Query
from openslot.entrypoints.request import database, reader, root
from openslot.entrypoints.rules import Rule, Scoped, declare
from openslot.exports import bulk
from openslot.exports.models import BulkExport

EXPORTED: Mapping[str, Resource] = {
    name: kind
    for name, kind in RESOURCES.items()
    if isinstance(kind, Resource) and kind.rule is not Rule.CONFIDENTIAL
}
"""What programs can export: all that is stored, but for health records, which they cannot read."""

OF_PATIENTS: Mapping[str, Resource] = {
    name: kind
    for name, kind in EXPORTED.items()
    if name == "Patient" or "patient" in kind.parameters
}
"""The part of it that is about patients."""

FORMATS = frozenset({NDJSON, "application/ndjson", "ndjson"})
TAKEN = frozenset({"_type", "_since", "_outputFormat"})

LINES_AT_ONCE = 200

SETTLED = timedelta(minutes=1)
"""Age of changes that are certain to be committed: what was begun later is for the next export."""

pages = Blueprint("fhir_export", __name__)


def is_read(environ: Mapping[str, Any]) -> bool:
    """Return whether a request reads an export, which is long, so that all others have the
    processor."""
    return str(environ["PATH_INFO"]).startswith("/fhir/$export/")


@pages.get("/fhir/$export")
@declare(Scoped(Rule.PROGRAMS))
def export() -> ResponseReturnValue:
    """Ask for everything."""
    return _begun(EXPORTED)


@pages.get("/fhir/Patient/$export")
@declare(Scoped(Rule.PROGRAMS))
def export_patients() -> ResponseReturnValue:
    """Ask for all that is about patients."""
    return _begun(OF_PATIENTS)


@pages.get("/fhir/$export/<uuid:export_id>")
@declare(Scoped(Rule.PROGRAMS))
def status(export_id: UUID) -> ResponseReturnValue:
    """Return the manifest: the files that are not empty."""
    found = bulk.asked_by(bearer.work(), _program_id(), export_id)
    output = [
        {
            "type": name,
            "url": root() + url_for(".file", export_id=export_id, name=name),
            "count": lines,
        }
        for name in found.kinds.split(",")
        if (lines := search.count(reader(), *_searched(name, found)))
    ]
    manifest = {
        "transactionTime": instant(found.asked_at - SETTLED),
        "request": found.address,
        "requiresAccessToken": True,
        "output": output,
        "deleted": [],
        "error": [],
    }
    response = jsonify(manifest)
    response.expires = found.asked_at + bulk.LASTS
    return response


@pages.delete("/fhir/$export/<uuid:export_id>")
@declare(Scoped(Rule.PROGRAMS))
def end(export_id: UUID) -> ResponseReturnValue:
    """Forget an export."""
    bearer.write(bulk.end, _program_id(), export_id)
    return answer(outcome(issue("informational", "Done.", severity="information")), 202)


@pages.get("/fhir/$export/<uuid:export_id>/<name>.ndjson")
@declare(Scoped(Rule.PROGRAMS))
def file(export_id: UUID, name: str) -> ResponseReturnValue:
    """Return a file, streamed."""
    found = bulk.asked_by(bearer.work(), _program_id(), export_id)
    if name not in found.kinds.split(","):
        raise NotFound
    access.demand(name, "s")
    bearer.write(bulk.note_read, found, name)
    kind, query, _, asked = _searched(name, found)
    lines = stream_with_context(_lines(database(), kind, query, asked))
    return Response(lines, content_type=NDJSON, direct_passthrough=True)


def _begun(offered: Mapping[str, Resource]) -> Response:
    """Keep what is asked for, and say where its state is found."""
    program_id = _program_id()
    limits.search(bearer.actor())
    if "respond-async" not in preferences():
        raise Malformed("Send Prefer: respond-async. The answer says where to ask for the files.")
    _check_names()
    if request.args.get("_outputFormat", NDJSON).replace(" ", "+") not in FORMATS:
        raise Malformed(f"Files are {NDJSON}.", field="_outputFormat")
    kinds, since = _kinds(offered), request.args.get("_since")
    begun = bearer.write(
        bulk.begin,
        program_id,
        f"{base()}{request.full_path.removeprefix('/fhir').rstrip('?')}"[:2000],
        kinds,
        dates.read("_since", since, zone()).low if since else None,
    )
    told = outcome(issue("informational", "Asked for.", severity="information"))
    return answer(told, 202, {"Content-Location": root() + url_for(".status", export_id=begun.id)})


def _check_names() -> None:
    """Raise Malformed for a parameter that would ask for less, unless the program is lenient."""
    unknown = sorted(set(request.args) - TAKEN)
    if unknown and handling() is not Handling.LENIENT:
        raise Malformed(
            "{name} is not supported. Send {known}, or Prefer: handling=lenient.",
            field=unknown[0][:60],
            name=unknown[0][:60],
            known=", ".join(sorted(TAKEN)),
        )


def _kinds(offered: Mapping[str, Resource]) -> list[str]:
    """Return the kinds that are named, or all that the program may read."""
    named = [name for text in request.args.getlist("_type") for name in text.split(",") if name]
    for name in named:
        if name not in offered:
            raise Malformed(
                "{name} cannot be exported here. Choose from: {known}.",
                field="_type",
                name=name[:60],
                known=", ".join(offered),
            )
        access.demand(name, "s")
    kinds = list(dict.fromkeys(named)) or [name for name in offered if access.allows(name, "s")]
    if not kinds:
        access.demand(next(iter(offered)), "s")
    return kinds


def _program_id() -> UUID:
    """Return the id of the key or client. Raises Forbidden for the token of a person."""
    bearer.demand_token()
    program_id = bearer.caller().program_id
    if program_id is None:
        raise Forbidden("Only programs with a key or client of their own can export.")
    return program_id


def _searched(name: str, found: BulkExport) -> tuple[Resource, Query, search.Resources, Asked]:
    """Return the search for a file's resources."""
    kind = EXPORTED[name]
    pairs = [("_count", str(LINES_AT_ONCE))]
    if found.since:
        pairs.append(("_lastUpdated", f"ge{instant(found.since)}"))
    query = asking.read(kind, pairs, RESOURCES, Handling.STRICT)
    asked = Asked(Site(base(), found.asked_at), zone(), bearer.actor())
    return kind, query, RESOURCES, asked


def _lines(source: Database, kind: Resource, query: Query, asked: Asked) -> Iterator[bytes]:
    """Yield the resources, a page at a time."""
    more: Query | None = query
    while more:
        with source.reading() as session:
            rows, after = search.page(session, kind, more, RESOURCES, asked)
            shown = [kind.show(row, asked.site) for row in rows]
        yield "".join(f"{compact(one)}\n" for one in shown).encode()
        more = replace(more, after=after) if after else None
