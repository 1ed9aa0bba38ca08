"""Resources that programs can write, and conditional creation."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import request
from sqlalchemy.orm import Session

from openslot.core.errors import Malformed, StaleVersion
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.entrypoints.fhir import (
    access,
    answer_writing,
    appointment_writing,
    asking,
    received,
    referral_writing,
    search,
)
from openslot.entrypoints.fhir.asking import Handling
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Key, Resource
from openslot.entrypoints.fhir.search import Query


class SeveralMatches(StaleVersion):
    """Several resources match If-None-Exist. Use a more specific search."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Functions that write a resource.

    ``read`` parses the body, ``create`` and ``update`` return the new row. ``update`` takes the
    version that must still be the newest, or None for any.
    """

    read: Callable[[Json], Any]
    create: Callable[[Work, Any, str], Any]
    update: Callable[[Work, Key, Any, str | None, str], Any]


WRITERS: Mapping[str, Writer] = {
    "Appointment": Writer(received.read, appointment_writing.create, appointment_writing.update),
    "QuestionnaireResponse": Writer(
        answer_writing.read, answer_writing.create, answer_writing.update
    ),
    "ServiceRequest": Writer(
        referral_writing.read, referral_writing.create, referral_writing.update
    ),
}
"""Writers by resource; the other resources are read-only."""


def condition(resource: Resource) -> Query | None:
    """Return the search in If-None-Exist, or raise Malformed if it is empty or unknown."""
    text = request.headers.get("If-None-Exist")
    if text is None:
        return None
    access.demand(resource.name, "s")
    with _blaming_header():
        sent = parse_qsl(_search_in(text.strip(), resource.name))
        query = asking.read(resource, sent, RESOURCES, Handling.STRICT)
    if not query.terms:
        raise Malformed(
            "Send If-None-Exist as a search, for example identifier=system|value.",
            field="If-None-Exist",
        )
    access.demand_chained(resource, query, RESOURCES)
    return Query(terms=query.terms, count=2)


@contextmanager
def _blaming_header() -> Iterator[None]:
    """Let the outcome of a bad search name the header, and not an element of the body."""
    try:
        yield
    except Malformed as error:
        error.field = "If-None-Exist"
        raise


def _search_in(text: str, kind: str) -> str:
    """Return the search in a header, which may be a whole address; raise Malformed for that of
    another resource."""
    address, mark, search_text = text.partition("?")
    if "=" in address:
        return text
    searched = address.rstrip("/").removesuffix("/_search").rpartition("/")[2]
    if searched not in ("", kind):
        raise Malformed(
            "If-None-Exist searches {other}. Search {kind}, which you create.",
            field="If-None-Exist",
            other=searched[:60],
            kind=kind,
        )
    return search_text if mark else ""


def matching(session: Session, resource: Resource, wanted: Query, asked: Asked) -> Any:
    """Return the matching row, or None; raise SeveralMatches if there are more.

    Takes a lock, so that concurrent requests with the same search wait for this one.
    """
    lock(session, f"{resource.name} {wanted.terms}")
    with _blaming_header():
        rows = search.run(session, resource, wanted, RESOURCES, asked).rows
    if len(rows) > 1:
        raise SeveralMatches
    return rows[0] if rows else None
