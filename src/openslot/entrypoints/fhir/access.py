"""Checks of scopes in the form of SMART App Launch 2.

``system/Appointment.cruds`` has a character for create, read, update, delete and search; see
identity/scopes.py. Keys and clients have such scopes; a person's token has ``user/*.cruds`` and
acts as that person, or what the person lets a program do. One with ``patient/`` scopes acts as the
person too, limited to that patient (``Actor.about``). The rows that a caller may see are decided by
each resource's ``seen``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from openslot.entrypoints import bearer
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Kind
from openslot.entrypoints.fhir.search import Query, Resources, knows
from openslot.entrypoints.rules import View, declare
from openslot.identity.scopes import AS_PERSON, EVERYTHING, ScopeMissing, read_fhir


@dataclass(frozen=True, slots=True)
class Interaction:
    """The scope of a view, as a character of SMART scopes; the check of access rules reads it.

    Each resource has its own ``rule`` about whose rows are returned.
    """

    scope: str


def interaction(letter: str) -> Callable[[View], View]:
    """Mark a view with the character of the scope that it requires."""
    return declare(Interaction(letter))


def grants(scope: str, kind: str, letter: str) -> bool:
    """Return whether the scope allows the action ``letter`` on a kind of resource."""
    parsed = read_fhir(scope)
    return parsed is not None and parsed.covers(kind) and letter in parsed.letters


def allows(kind: str, letter: str) -> bool:
    """Return whether the caller may do the action ``letter`` on a kind of resource."""
    scopes = bearer.caller().scopes
    return bool({EVERYTHING, AS_PERSON} & scopes) or any(
        grants(scope, kind, letter) for scope in scopes
    )


def demand(kind: str, letter: str) -> None:
    """Raise Unauthenticated without a key or token, and ScopeMissing if it lacks the scope."""
    bearer.demand_token()
    if not allows(kind, letter):
        context = "system" if bearer.actor().account_id is None else "user"
        raise ScopeMissing(scope=f"{context}/{kind}.{letter}")


def demand_chained(kind: Kind, query: Query, resources: Resources) -> None:
    """Require the scope to search each resource that a chained parameter refers to."""
    for term in query.terms:
        parameter = kind.parameters.get(term.name)
        if term.chained and isinstance(parameter, Reference):
            for target in [term.modifier] if term.modifier else parameter.targets:
                if knows(resources.get(target), term.chained):
                    demand(target, "s")
