"""Departments that accept requests, and the search among them."""

from collections.abc import Mapping
from dataclasses import dataclass

from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Department, Service
from openslot.directory.search import Index, Text
from openslot.feedback.queries import favourites


@dataclass(frozen=True, slots=True)
class Choice:
    """Department with its services."""

    department: Department
    services: list[Service]
    is_favourite: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Search result: other departments, and whether the reader's own matches too."""

    choices: list[Choice]
    is_own: bool


def choices_for(work: Work, text: str) -> Found:
    """Return departments with all words of ``text`` in their name, description or services,
    favourites first.

    The text is read as in the search for care.
    """
    departments = {
        one.id: one for one in directory.departments(work.session, work.actor.centre_id or 0)
    }
    services = directory.services(work.session, list(departments))
    services_of = {
        key: [service for service in services if service.department_id == key]
        for key in departments
    }
    favourite_keys = favourites(work.session, work.actor.account_id)
    matching_ids = _matching(text, departments, services_of)
    choices = [
        Choice(departments[key], services_of[key], ("department", key) in favourite_keys)
        for key in matching_ids
        if key != work.actor.department_id
    ]
    return Found(
        sorted(choices, key=lambda one: not one.is_favourite),
        work.actor.department_id in matching_ids,
    )


def _matching(
    text: str, departments: Mapping[int, Department], services_of: Mapping[int, list[Service]]
) -> list[int]:
    """Return the ids of matching departments, best first; all of them without a text."""
    if not text:
        return list(departments)
    index: Index[int] = Index()
    for key, department in departments.items():
        names = (
            department.name,
            department.description or "",
            *(service.name for service in services_of[key]),
        )
        index.add(key, [Text("", name) for name in names])
    matches = index.search({"": text})
    return [] if matches.wider else [match.key for match in matches.found]
