"""What a proof lets its bearer do here: scopes as SMART App Launch 2 writes them.

``system/Appointment.cruds`` has a letter for create, read, update, delete, search; see
identity/scopes.py. Those are for keys and clients; a person's token has ``user/*.cruds`` and acts
as that person.
Which rows somebody sees is another matter: see each resource's ``seen``.
"""

from openslot.core.errors import Unauthenticated
from openslot.entrypoints import bearer
from openslot.entrypoints.fhir.parameters import Reference
from openslot.entrypoints.fhir.resource import Kind
from openslot.entrypoints.fhir.search import Query, Resources, knows
from openslot.identity.scopes import AS_PERSON, EVERYTHING, ScopeMissing, read_fhir


def grants(scope: str, kind: str, letter: str) -> bool:
    """Whether one scope is enough to do ``letter`` with a kind of resource."""
    found = read_fhir(scope)
    return found is not None and found.covers(kind) and letter in found.letters


def allows(kind: str, letter: str) -> bool:
    """Whether the bearer may do ``letter`` with a kind of resource."""
    scopes = bearer.caller().scopes
    return bool({EVERYTHING, AS_PERSON} & scopes) or any(
        grants(scope, kind, letter) for scope in scopes
    )


def demand(kind: str, letter: str) -> None:
    """Unauthenticated without a proof, ScopeMissing where it is not enough."""
    if bearer.actor().role is None:
        raise Unauthenticated("Send a key or a token: Authorization: Bearer …")
    if not allows(kind, letter):
        raise ScopeMissing(scope=f"system/{kind}.{letter}")


def demand_chained(kind: Kind, query: Query, resources: Resources) -> None:
    """Who asks about another resource must be allowed to search that."""
    for term in query.terms:
        parameter = kind.parameters.get(term.name)
        if term.chained and isinstance(parameter, Reference):
            for target in [term.modifier] if term.modifier else parameter.targets:
                if knows(resources.get(target), term.chained):
                    demand(target, "s")
