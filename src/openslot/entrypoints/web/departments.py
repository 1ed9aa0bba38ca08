"""Departments that accept requests, and the search among them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from openslot.directory import queries as directory
from openslot.directory.models import Department, Service
from openslot.directory.rules import Actor
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


def choices_for(session: Session, actor: Actor, text: str) -> Found:
    """Return departments with all words of ``text`` in their name, description or services,
    favourites first.

    The text is read as in the search for care.
    """
    there = {one.id: one for one in directory.departments(session, actor.centre_id or 0)}
    offered: dict[int, list[Service]] = {key: [] for key in there}
    for service in directory.services(session, list(offered)):
        offered[service.department_id].append(service)
    liked = favourites(session, actor.account_id)
    found = _matching(text, there, offered)
    choices = [
        Choice(there[key], offered[key], ("department", key) in liked)
        for key in found
        if key != actor.department_id
    ]
    return Found(
        sorted(choices, key=lambda one: not one.is_favourite), actor.department_id in found
    )


def _matching(
    text: str, there: Mapping[int, Department], offered: Mapping[int, list[Service]]
) -> list[int]:
    """Return the ids of matching departments, best first; all of them without a text."""
    if not text:
        return list(there)
    index: Index[int] = Index()
    for key, one in there.items():
        names = (one.name, one.description or "", *(service.name for service in offered[key]))
        index.add(key, [Text("", name) for name in names])
    matches = index.search({"": text})
    return [] if matches.wider else [match.key for match in matches.found]
