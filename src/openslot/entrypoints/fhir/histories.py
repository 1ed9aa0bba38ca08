"""Access to health records by the rule of records/access.py, and its audit.

API keys cannot read health records.
"""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from uuid import UUID

from openslot.booking.queries import Condition
from openslot.core.actor import Actor
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.fhir import search
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.fhir.parameters import Code, Reference, split
from openslot.entrypoints.fhir.resource import Asked, Key, Kind, Parameter, Resource
from openslot.entrypoints.fhir.search import Query, Resources
from openslot.entrypoints.request import reader, settings
from openslot.records import access, finding


def seen_by(patient: Any) -> Callable[[Actor, datetime], Condition]:
    """Return a ``seen`` of a resource, for actors who may read the column's patient's record."""

    def seen(actor: Actor, at: datetime) -> Condition:
        return access.open_to(actor, patient, now=at, access_days=_days())

    return seen


class Always(Parameter):
    """A code that every row of a resource has."""

    modifiers = Code.modifiers

    def __init__(self, about: str, holds: Condition, *, system: str, code: str):
        super().__init__(about)
        self.holds, self.system, self.code = holds, system, code

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """Match all rows for the code, with or without its system, and none for other codes."""
        system, code = split(text)
        return self.holds if code == self.code and system in (None, self.system) else None


def note_search(
    resource: Kind, query: Query, bundle: Json, resources: Resources, asked: Asked
) -> None:
    """Audit, once per patient, the health records that a search showed or refused, and that it
    found patients.

    A search for the number of results only counts as a read of all matching records.
    """
    shown = [
        entry["resource"]
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] != "outcome"
    ]
    others = sum(_is_another(entry) for entry in shown)
    if others:
        bearer.write(finding.note_search, others)
    patients = told_of(shown, resources)
    if not isinstance(resource, Resource) or resource.whose is None:
        note(patients)
        return
    if query.count == 0:
        patients |= search.whose_fit(reader(), resource, query, resources, asked)
    note(patients, _requested_patients(resource, query))
    shown_keys = {resource.read_id(entry["id"]) for entry in shown}
    note_missed(resource, _ids(resource, query) - shown_keys)


def _is_another(shown: Json) -> bool:
    """Return whether a resource is a patient for whom the caller does not act."""
    return shown["resourceType"] == "Patient" and not bearer.actor().acts_for(UUID(shown["id"]))


def told_of(shown: Iterable[Json], resources: Resources) -> set[UUID]:
    """Return the patients whose health records the shown resources belong to."""
    return {
        UUID((entry.get("subject") or entry["patient"])["reference"].rpartition("/")[2])
        for entry in shown
        if getattr(resources.get(entry["resourceType"]), "whose", None) is not None
    }


def note(told: set[UUID], named: Iterable[UUID] = ()) -> None:
    """Audit the records that were shown (``told``), and the reads or refusals of ``named`` ones."""
    patients = sorted({*told, *named})
    if patients:
        bearer.write(_open, patients, told)


def opened(work: Work, row: Any, _asked: Asked) -> None:
    """Audit that a row of a health record is read; an ``opened`` of a resource."""
    _open(work, [row.patient.id], {row.patient.id})


def _open(work: Work, patients: Collection[UUID], told: AbstractSet[UUID]) -> None:
    """Audit the reads, and raise NotFound if a shown record may no longer be read."""
    opened = access.open_histories(work, patients)
    if not told <= opened.keys():
        raise NotFound


def note_missed(resource: Resource, keys: Collection[Key]) -> None:
    """Audit a refusal for rows that exist, but that this caller may not read.

    An unknown id takes the same steps, as if it were that of a patient.
    """
    if resource.whose is None or not keys:
        return
    patients = search.whose(reader(), resource, resource.key.in_(keys)) or set(keys)

    def save(work: Work) -> None:
        opened = access.readable(work, patients)
        for patient_id in sorted(patients - opened.keys()):
            access.note_refusal(work, patient_id)

    bearer.write(save)


def _requested_patients(resource: Resource, query: Query) -> set[UUID]:
    """Return the patients whose ids are in the search."""
    patients = set()
    for term in query.terms:
        parameter = resource.parameters.get(term.name)
        if isinstance(parameter, Reference) and "Patient" in parameter.targets and not term.chained:
            _, read_key = parameter.targets["Patient"]
            patients |= {read_key(value.rpartition("/")[2]) for value in term.values}
    return patients - {None}


def _ids(resource: Resource, query: Query) -> set[Key]:
    terms = (term for term in query.terms if term.name == "_id")
    return {resource.read_id(value) for term in terms for value in term.values} - {None}


def _days() -> int:
    return settings().history_access_days
