"""Histories: whose rows a reader may see, under the rule of records/access.py, and the trace
that a reading leaves. Keys of programs read none."""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.core.errors import NotFound
from openslot.directory.rules import Actor
from openslot.entrypoints import bearer
from openslot.entrypoints.fhir import search
from openslot.entrypoints.fhir.elements import Json
from openslot.entrypoints.fhir.parameters import Code, Reference, split
from openslot.entrypoints.fhir.resource import Asked, Key, Kind, Parameter, Resource
from openslot.entrypoints.fhir.search import Query, Resources
from openslot.entrypoints.request import now, reader, settings, write
from openslot.records import access


def seen_by(patient: Any) -> Callable[[Actor, datetime], Condition]:
    """For a resource's ``seen``: who may read the history of the patient in the column."""

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
        """Every row for the code, in its system if one is said; none for another."""
        system, code = split(text)
        return self.holds if code == self.code and system in (None, self.system) else None


def note_search(
    resource: Kind, query: Query, bundle: Json, resources: Resources, asked: Asked
) -> None:
    """Write down, once for each patient, whose histories a search showed or was refused. A bare
    number of results tells of everybody whom it counts."""
    shown = [entry["resource"] for entry in bundle.get("entry", ())]
    told = told_of(shown, resources)
    if not isinstance(resource, Resource) or resource.whose is None:
        note(told)
        return
    if query.count == 0:
        told |= search.whose_fit(reader(), resource, query, resources, asked)
    note(told, _named(resource, query))
    note_missed(resource, _ids(resource, query) - {resource.read_id(one["id"]) for one in shown})


def told_of(shown: Iterable[Json], resources: Resources) -> set[UUID]:
    """The patients of whose histories the resources tell."""
    return {
        UUID(one["subject"]["reference"].rpartition("/")[2])
        for one in shown
        if getattr(resources.get(one["resourceType"]), "whose", None) is not None
    }


def note(told: set[UUID], named: Iterable[UUID] = ()) -> None:
    """Write down that histories were told of, and those that were asked for by name read or
    refused."""
    patients = sorted({*told, *named})
    if patients:
        write(lambda session: _open(session, bearer.actor(), patients, told))


def opened(session: Session, row: Any, asked: Asked) -> None:
    """For a resource's ``opened``: write down that a part of a patient's history is read."""
    _open(session, asked.actor, [row.patient.id], {row.patient.id})


def _open(
    session: Session, actor: Actor, patients: Collection[UUID], told: AbstractSet[UUID]
) -> None:
    """NotFound for what is told of a patient whose history may be read no longer."""
    opened = access.open_histories(session, actor, patients, now=now(), access_days=_days())
    if not told <= opened.keys():
        raise NotFound


def note_missed(resource: Resource, keys: Collection[Key]) -> None:
    """Write down a refusal for what is there, but not for this reader.

    An id that nothing bears is refused step by step as if it were that of a patient.
    """
    if resource.whose is None or not keys:
        return
    patients = search.whose(reader(), resource, resource.key.in_(keys)) or set(keys)

    def work(session: Session) -> None:
        opened = access.readable(session, bearer.actor(), patients, now=now(), access_days=_days())
        for one in sorted(patients - opened.keys()):
            access.note_refusal(session, bearer.actor(), one, now=now())

    write(work)


def _named(resource: Resource, query: Query) -> set[UUID]:
    """The patients for whose histories the search asks by their ids."""
    found = set()
    for term in query.terms:
        parameter = resource.parameters.get(term.name)
        if isinstance(parameter, Reference) and "Patient" in parameter.targets and not term.chained:
            _, read_key = parameter.targets["Patient"]
            found |= {read_key(value.rpartition("/")[2]) for value in term.values}
    return found - {None}


def _ids(resource: Resource, query: Query) -> set[Key]:
    terms = (term for term in query.terms if term.name == "_id")
    return {resource.read_id(value) for term in terms for value in term.values} - {None}


def _days() -> int:
    return settings().history_access_days
