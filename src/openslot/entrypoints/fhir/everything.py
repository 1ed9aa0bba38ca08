"""All resources of a network, for an export of everything by whoever runs the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, g
from sqlalchemy.orm import Session

from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import database_of
from openslot.entrypoints.bearer import Caller
from openslot.entrypoints.fhir import asking, search
from openslot.entrypoints.fhir.asking import Handling
from openslot.entrypoints.fhir.bulk_publish import compact
from openslot.entrypoints.fhir.elements import Site
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Resource
from openslot.entrypoints.fhir.search import Query
from openslot.entrypoints.loaded import keep_what_is_loaded
from openslot.entrypoints.request import EXTENSION, Services
from openslot.search.results import Directory
from openslot.transfers.commands import Further

OPERATOR = replace(SYSTEM, program="openslot export", reads_all=True)
"""Whoever runs the server has the database and its keys, so nothing is held back."""

LINES_AT_ONCE = "200"


@contextmanager
def files(session: Session, settings: Settings, now: datetime) -> Iterator[Iterator[Further]]:
    """Yield a file for each kind of resource that is stored, health records and letters too."""
    app = Flask(__name__)
    app.extensions[EXTENSION] = Services(settings, database_of(session), Directory())
    with app.app_context():
        g.caller = Caller(OPERATOR, frozenset())
        site = Site(f"{(settings.public_url or 'http://localhost').rstrip('/')}/fhir", now)
        asked = Asked(site, ZoneInfo(settings.time_zone), OPERATOR)
        keep_what_is_loaded()
        yield (
            _file(session, kind, asked) for kind in RESOURCES.values() if isinstance(kind, Resource)
        )


def _file(session: Session, kind: Resource, asked: Asked) -> Further:
    query = asking.read(kind, [("_count", LINES_AT_ONCE)], RESOURCES, Handling.STRICT)
    total = search.count(session, kind, query, RESOURCES, asked)
    return Further(f"fhir/{kind.name}.ndjson", total, _lines(session, kind, query, asked))


def _lines(session: Session, kind: Resource, query: Query, asked: Asked) -> Iterator[str]:
    more: Query | None = query
    show = kind.whole or kind.show
    while more:
        rows, after = search.page(session, kind, more, RESOURCES, asked)
        for row in rows:
            yield compact(show(row, asked.site))
        session.expunge_all()
        more = replace(more, after=after) if after else None
