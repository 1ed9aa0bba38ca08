"""CodeSystem: the codes of this network, which follow from its directory."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.core.work import Work
from openslot.directory.models import CentreType, Practitioner, Service
from openslot.directory.queries import professions
from openslot.entrypoints.fhir.elements import Json, Site, resource
from openslot.entrypoints.fhir.queries import values_of
from openslot.entrypoints.fhir.resource import Asked, Computed, Parameter
from openslot.entrypoints.fhir.search import Found, Query, Resources
from openslot.entrypoints.rules import Rule


class Row(NamedTuple):
    """A code system with its codes and their displays; None if they are not listed."""

    name: str
    codes: Mapping[str, str] | None


def _themselves(codes: Iterable[str]) -> dict[str, str]:
    return {code: code for code in codes}


def _specialties(session: Session) -> dict[str, str]:
    known = {one.code: one.name for one in professions(session, inactive=True)}
    return known | _themselves(
        area for area in values_of(session, Practitioner.expertise) if area not in known
    )


_CODES: dict[str, Callable[[Session], Mapping[str, str]] | None] = {
    "audit-action": None,
    "centre-type": lambda _session: _themselves(CentreType),
    "service-category": lambda session: _themselves(values_of(session, Service.category)),
    "service-type": lambda session: _themselves(values_of(session, Service.name)),
    "specialty": _specialties,
}


def show(row: Row, site: Site) -> Json:
    """Return the code system as a FHIR resource."""
    return resource(
        "CodeSystem",
        row.name,
        None,
        url=site.system(row.name),
        name=row.name.title().replace("-", ""),
        status="active",
        caseSensitive=False,
        content="not-present" if row.codes is None else "complete",
        concept=[{"code": code, "display": name} for code, name in (row.codes or {}).items()],
    )


class Named(Parameter):
    """The id or the address; handled in :func:`find`."""


class Url(Named):
    """The address."""

    kind = "uri"


def find(work: Work, query: Query, _resources: Resources, asked: Asked) -> Found:
    """Return the matching code systems; there are few, so they are one page."""
    names = list(_CODES)
    for term in query.terms:
        names = [
            name for name in names if not {*asked.site.systems(name), name}.isdisjoint(term.values)
        ]
    rows = [_row(work, name) for name in names]
    return Found(rows[: query.count], len(rows))


def read(work: Work, text: str, _asked: Asked) -> Row | None:
    """Return the code system with this name."""
    return _row(work, text) if text in _CODES else None


def _row(work: Work, name: str) -> Row:
    codes = _CODES[name]
    return Row(name, None if codes is None else codes(work.session))


RESOURCE = Computed(
    name="CodeSystem",
    rule=Rule.PUBLIC,
    about="The codes of this network for specialties, services, centres and audit events.",
    show=show,
    find=find,
    read=read,
    parameters={"_id": Named("The name."), "url": Url("The address of the system.")},
)
