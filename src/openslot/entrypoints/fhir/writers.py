"""The resources that programs make and change, and conditions of making them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import request
from sqlalchemy.orm import Session

from openslot.core.errors import Malformed, StaleVersion
from openslot.core.locks import lock
from openslot.entrypoints.fhir import access, asking, letters, received, search, writing
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Key, Resource
from openslot.entrypoints.fhir.search import Query
from openslot.entrypoints.fhir.writing import Context


class SeveralMatches(StaleVersion):
    """Several fit If-None-Exist. Ask for one that only one can fit.

    The condition of a conditional create fits more than one resource.
    """


@dataclass(frozen=True, slots=True)
class Writer:
    """How a resource is made and changed: ``read`` checks what came, the others do what it says
    and give the row as it is then. ``update`` gets the version that must still be the newest,
    None for any."""

    read: Callable[[Json], Any]
    create: Callable[[Session, Any, Context], Any]
    update: Callable[[Session, Key, Any, str | None, Context], Any]


WRITERS: Mapping[str, Writer] = {
    "Appointment": Writer(received.read, writing.create, writing.update),
    "ServiceRequest": Writer(letters.read, letters.create, letters.update),
}
"""By resource; the others are only read here."""


def condition(resource: Resource) -> Query | None:
    """The search of If-None-Exist; Malformed where it says nothing or something unknown."""
    text = request.headers.get("If-None-Exist")
    if text is None:
        return None
    access.demand(resource.name, "s")
    query = asking.read(resource, parse_qsl(text.lstrip("?")), RESOURCES, strict=True)
    if not query.terms:
        raise Malformed(
            "Give If-None-Exist as a search such as identifier=system|value.", field="If-None-Exist"
        )
    access.demand_chained(resource, query, RESOURCES)
    return Query(terms=query.terms, count=2)


def matching(session: Session, resource: Resource, wanted: Query, asked: Asked) -> Any:
    """The row that fits, if one does; SeveralMatches where it is not the only one.

    Who asks for the same at the same moment waits for what becomes of this.
    """
    lock(session, f"{resource.name} {wanted.terms}")
    rows = search.run(session, resource, wanted, RESOURCES, asked).rows
    if len(rows) > 1:
        raise SeveralMatches
    return rows[0] if rows else None
