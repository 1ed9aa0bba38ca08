"""Bundle: a page of a search with its links, and what was to come along with it."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from openslot.entrypoints.fhir import access, search
from openslot.entrypoints.fhir.elements import Json, references
from openslot.entrypoints.fhir.outcome import issue, outcome
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Asked, Kind, Resource
from openslot.entrypoints.fhir.search import MOST_INCLUDED, Found, Include, Query, Resources

ROUNDS = 3
"""How often ``_include:iterate`` looks at what it has just brought along."""


def searchset(
    session: Session, resource: Kind, query: Query, found: Found, resources: Resources, asked: Asked
) -> Json:
    """The page as a Bundle. Links are absolute and can be followed by GET, also after POST."""
    matches = [resource.show(row, asked.site) for row in found.rows]
    along = _Along(session, resources, asked)
    if matches:
        along.bring(resource, matches, query.includes)
    applied = [*query.applied, *found.applied]
    links = links_of(f"{asked.site.base}/{resource.name}", applied, found.after)
    entries = [_entry(one, "match", asked) for one in matches]
    entries += [_entry(one, "include", asked) for one in along.found.values()]
    entries += [{"resource": one, "search": {"mode": "outcome"}} for one in along.notes]
    bundle: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": found.total,
        "link": links,
    }
    return bundle | ({"entry": entries} if entries else {})


def links_of(address: str, applied: Sequence[tuple[str, str]], after: str | None) -> list[Json]:
    """The links to this page, and to the next where there is one."""
    pages = {"self": applied} | ({"next": [*applied, ("_after", after)]} if after else {})
    return [
        {"relation": relation, "url": f"{address}?{urlencode(sent)}" if sent else address}
        for relation, sent in pages.items()
    ]


def _entry(shown: Json, mode: str, asked: Asked) -> Json:
    address = f"{asked.site.base}/{_name(shown)}"
    return {"fullUrl": address, "resource": shown, "search": {"mode": mode}}


def _name(shown: Json) -> str:
    return f"{shown['resourceType']}/{shown['id']}"


class _Along:
    """What _include and _revinclude add: in a number of statements that depends on what was
    asked for, not on how much there is. What the bearer may not read is left out."""

    def __init__(self, session: Session, resources: Resources, asked: Asked):
        self.session, self.resources, self.asked = session, resources, asked
        self.found: dict[str, Json] = {}
        self.notes: list[Json] = []

    def bring(self, resource: Kind, matches: Sequence[Json], includes: Sequence[Include]) -> None:
        """Everything that the includes ask for."""
        known = {_name(one) for one in matches}
        forward = [one for one in includes if not one.reverse]
        fresh = [*matches, *self._referring(resource, matches, includes, known)]
        for _ in range(ROUNDS if any(one.iterate for one in forward) else 1):
            fresh = self._referred(fresh, forward, known)
            if not fresh:
                break
            forward = [one for one in forward if one.iterate]

    def _referring(
        self, resource: Kind, matches: Sequence[Json], includes: Sequence[Include], known: set[str]
    ) -> list[Json]:
        if not isinstance(resource, Resource):
            return []
        keys = [resource.read_id(one["id"]) for one in matches]
        added: list[Json] = []
        for one in includes:
            source = self.resources[one.source]
            if not one.reverse or not isinstance(source, Resource):
                continue
            parameter = source.parameters[one.parameter]
            if isinstance(parameter, Reference) and access.allows(one.source, "r"):
                rows = search.referring(
                    self.session, source, parameter, resource.name, keys, asked=self.asked
                )
                added += self._add(source, rows[:MOST_INCLUDED], known)
                if len(rows) > MOST_INCLUDED:
                    self.notes.append(_too_many(one))
        return added

    def _referred(
        self, shown: Sequence[Json], includes: Sequence[Include], known: set[str]
    ) -> list[Json]:
        """What ``shown`` refers to, one statement or two for each kind."""
        names = {name for one in includes for name in self._names(one, shown)} - known
        added: list[Json] = []
        for kind in sorted({name.partition("/")[0] for name in names}):
            target = self.resources.get(kind)
            if isinstance(target, Resource) and access.allows(kind, "r"):
                ids = (name.partition("/")[2] for name in names if name.startswith(f"{kind}/"))
                keys = [key for key in map(target.read_id, sorted(ids)) if key is not None]
                rows = search.by_keys(self.session, target, keys, asked=self.asked)
                added += self._add(target, rows, known)
        return added

    def _names(self, include: Include, shown: Sequence[Json]) -> Iterable[str]:
        parameter = self.resources[include.source].parameters[include.parameter]
        if not isinstance(parameter, Reference):
            return
        wanted = {include.target} if include.target else set(parameter.targets)
        for one in shown:
            if one["resourceType"] == include.source:
                names = references(one, parameter.path)
                yield from (name for name in names if name.partition("/")[0] in wanted)

    def _add(self, resource: Resource, rows: Sequence[Any], known: set[str]) -> list[Json]:
        shown = [resource.show(row, self.asked.site) for row in rows]
        added = [one for one in shown if _name(one) not in known]
        for one in added:
            self.found[_name(one)] = one
            known.add(_name(one))
        return added


def _too_many(include: Include) -> Json:
    sentence = (
        f"More than {MOST_INCLUDED} of {include.source} belong to this page; the others are left "
        "out. Ask for fewer with _count, or search for them."
    )
    return outcome(issue("incomplete", sentence, severity="warning"))
