"""Bundle: a page of search results with links and included resources."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from openslot.entrypoints.fhir import access, search
from openslot.entrypoints.fhir.elements import SUBSETTED, Json, references
from openslot.entrypoints.fhir.outcome import issue, outcome
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Asked, Kind, Resource
from openslot.entrypoints.fhir.search import MOST_INCLUDED, Found, Include, Query, Resources

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("patient",),
    "Appointment": ("status", "participant"),
    "AuditEvent": ("type", "recorded", "agent", "source"),
    "DocumentReference": ("status", "content"),
    "Encounter": ("status", "class"),
    "MedicationRequest": ("status", "intent", "medicationCodeableConcept", "subject"),
    "Schedule": ("actor",),
    "ServiceRequest": ("status", "intent", "subject"),
    "Slot": ("schedule", "status", "start", "end"),
}
"""Elements that each resource must have (FHIR R4)."""

ROUNDS = 3
"""Maximum number of steps that ``_include:iterate`` follows."""


def searchset(
    session: Session, resource: Kind, query: Query, found: Found, resources: Resources, asked: Asked
) -> Json:
    """Return the page as a Bundle; its links are absolute, and for GET even after a POST."""
    matches = [resource.show(row, asked.site) for row in found.rows]
    included = _Included(session, resources, asked)
    if matches:
        included.add(resource, matches, query.includes)
    applied = [*query.applied, *found.applied]
    links = links_of(f"{asked.site.base}/{resource.name}", applied, found.after)
    entries = [_entry(match, "match", asked) for match in matches]
    entries += [
        _entry(resource_shown, "include", asked) for resource_shown in included.found.values()
    ]
    notes = [*included.notes, *([ignored(query.ignored)] if query.ignored else [])]
    entries += [{"resource": note, "search": {"mode": "outcome"}} for note in notes]
    bundle: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": None if query.without_total else found.total,
        "link": links,
        "entry": entries,
    }
    return {name: value for name, value in bundle.items() if value is not None and value != []}


def ignored(names: Sequence[str]) -> Json:
    """Return an outcome that names what was sent and changed nothing."""
    return outcome(*(left_aside(name) for name in names[:20]))


def left_aside(name: str) -> Json:
    """Return the warning that a parameter was ignored."""
    sentence = f"The parameter {name[:60]} is unknown and was ignored."
    return issue("not-supported", sentence, severity="warning")


def trim(bundle: Json, elements: frozenset[str]) -> Json:
    """Return the bundle with only these elements of each match, and those that FHIR requires."""
    if not elements:
        return bundle
    entries = [
        entry | {"resource": _subset(entry["resource"], elements)}
        if entry["search"]["mode"] == "match"
        else entry
        for entry in bundle.get("entry", ())
    ]
    return bundle | ({"entry": entries} if entries else {})


def _subset(shown: Json, elements: frozenset[str]) -> Json:
    kept = {*elements, *_REQUIRED.get(shown["resourceType"], ()), "resourceType", "id", "active"}
    tags = shown.get("meta", {}).get("tag", [SUBSETTED])
    part = {name: value for name, value in shown.items() if name in kept}
    return part | {"meta": shown.get("meta", {}) | {"tag": tags}}


def links_of(address: str, applied: Sequence[tuple[str, str]], after: str | None) -> list[Json]:
    """Return links to this page and, if there is one, to the next page."""
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


class _Included:
    """The resources that _include and _revinclude add, except those that the caller may not read.

    The number of statements depends on the parameters, not on the number of rows.
    """

    def __init__(self, session: Session, resources: Resources, asked: Asked):
        self.session, self.resources, self.asked = session, resources, asked
        self.found: dict[str, Json] = {}
        self.notes: list[Json] = []

    def add(self, resource: Kind, matches: Sequence[Json], includes: Sequence[Include]) -> None:
        """Add all resources for the includes."""
        seen = {_name(match) for match in matches}
        forward = [include for include in includes if not include.reverse]
        new = [*matches, *self._referring(resource, matches, includes, seen)]
        for _ in range(ROUNDS if any(include.iterate for include in forward) else 1):
            new = self._referred(new, forward, seen)
            if not new:
                break
            forward = [include for include in forward if include.iterate]

    def _referring(
        self, resource: Kind, matches: Sequence[Json], includes: Sequence[Include], seen: set[str]
    ) -> list[Json]:
        if not isinstance(resource, Resource):
            return []
        keys = [resource.read_id(match["id"]) for match in matches]
        added: list[Json] = []
        for include in includes:
            source = self.resources[include.source]
            if not include.reverse or not isinstance(source, Resource):
                continue
            parameter = source.parameters[include.parameter]
            if isinstance(parameter, Reference) and access.allows(include.source, "r"):
                rows = search.referring(
                    self.session, source, parameter, resource.name, keys, asked=self.asked
                )
                added += self._add(source, rows[:MOST_INCLUDED], seen)
                if len(rows) > MOST_INCLUDED:
                    self.notes.append(_too_many(include))
        return added

    def _referred(
        self, shown: Sequence[Json], includes: Sequence[Include], seen: set[str]
    ) -> list[Json]:
        """Add the resources that ``shown`` refer to, with one or two statements per kind."""
        names = {name for include in includes for name in self._names(include, shown)} - seen
        added: list[Json] = []
        for kind in sorted({name.partition("/")[0] for name in names}):
            target = self.resources.get(kind)
            if isinstance(target, Resource) and access.allows(kind, "r"):
                ids = (name.partition("/")[2] for name in names if name.startswith(f"{kind}/"))
                keys = [key for key in map(target.read_id, sorted(ids)) if key is not None]
                rows = search.by_keys(self.session, target, keys, asked=self.asked)
                added += self._add(target, rows, seen)
        return added

    def _names(self, include: Include, shown: Sequence[Json]) -> Iterable[str]:
        parameter = self.resources[include.source].parameters[include.parameter]
        if not isinstance(parameter, Reference):
            return
        kinds = {include.target} if include.target else set(parameter.targets)
        for shown_resource in shown:
            if shown_resource["resourceType"] == include.source:
                names = references(shown_resource, parameter.path)
                yield from (name for name in names if name.partition("/")[0] in kinds)

    def _add(self, resource: Resource, rows: Sequence[Any], seen: set[str]) -> list[Json]:
        shown = [resource.show(row, self.asked.site) for row in rows]
        new = [included for included in shown if _name(included) not in seen]
        for included in new:
            self.found[_name(included)] = included
            seen.add(_name(included))
        return new


def _too_many(include: Include) -> Json:
    sentence = (
        f"Only the first {MOST_INCLUDED} {include.source} resources are included. Use a smaller "
        "_count, or search for them."
    )
    return outcome(issue("incomplete", sentence, severity="warning"))
