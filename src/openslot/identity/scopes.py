"""What programs may be allowed to do: the scopes of keys and tokens.

Keys and registered clients act for the network and hold the scopes that they were given. A token
acts for a person, as far as that person may: it never holds what is for programs only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from openslot.core.errors import Forbidden, Invalid

EVERYTHING = "*"

SCOPES = {
    "account:read": "Read your account and its preferences.",
    "account:write": "Change or delete your account, its preferences and its calendar address.",
    "directory:read": "Read centres, departments, services, practitioners, schedules, free times.",
    "directory:write": "Change centres, departments, services, practitioners and schedules.",
    "appointments:read": "Read appointments.",
    "appointments:write": "Keep times; book, move, change and cancel appointments.",
    "patients:read": "Read the details of patients, not their histories.",
    "patients:write": "Register patients and change their details.",
    "records:read": "Read histories, for people who may.",
    "records:write": "Add notes and medication to histories, for people who may.",
    "referrals:read": "Read referrals.",
    "referrals:write": "Write, send, revoke and answer referrals.",
    "requests:read": "Read what departments ask of each other.",
    "requests:write": "Ask other departments, and answer what they ask.",
    "care:read": "Read favourites, waiting list entries, offers and absences.",
    "care:write": "Rate, keep favourites, wait for earlier times, answer offers, enter absences.",
    "doctors": "Use the doctor-schedule service: doctors and their appointments.",
    "manage": "Make and end keys, and the addresses that are told of events.",
}
"""Each scope, and what it lets a program do. Those of FHIR are written as SMART does:
``system/Appointment.cruds``."""

FOR_PROGRAMS = frozenset({"doctors", "manage"})
"""What no person's token ever holds, nor any scope of FHIR that begins ``system/``."""

AS_PERSON = "user/*.cruds"
"""What a person's token holds of FHIR, as SMART writes it: whatever that person may. No key is
given it."""

FOR_PEOPLE = frozenset(SCOPES) - FOR_PROGRAMS | {AS_PERSON}
"""All that a person's token can hold."""

FHIR_RESOURCES = (
    "Appointment",
    "AuditEvent",
    "DocumentReference",
    "Encounter",
    "HealthcareService",
    "Location",
    "MedicationRequest",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Schedule",
    "ServiceRequest",
    "Slot",
)
"""What scopes of FHIR are about. The resources themselves are declared by the entry point, which
a test holds against these names."""

_FHIR = re.compile(r"system/(\*|[A-Za-z]+)\.(read|write|\*|(?=.)c?r?u?d?s?)")
_WORDS = {"read": frozenset("rs"), "write": frozenset("cud"), "*": frozenset("cruds")}
"""The words of version 1, and the letters that they stand for."""

_ANY = "*"


@dataclass(frozen=True, slots=True)
class FhirScope:
    """A scope as SMART App Launch 2 writes it: a resource, or ``*`` for all, with letters for
    create, read, update, delete and search; or with a word of version 1."""

    resource: str
    letters: frozenset[str]
    is_worded: bool = False

    def __str__(self) -> str:
        known = (word for word, letters in _WORDS.items() if letters == self.letters)
        written = "".join(letter for letter in "cruds" if letter in self.letters)
        return f"system/{self.resource}.{next(known, written) if self.is_worded else written}"

    def covers(self, resource: str) -> bool:
        """Whether it is about the resource."""
        return self.resource in (_ANY, resource)


def read_fhir(scope: str) -> FhirScope | None:
    """The scope of FHIR that a text is; None for any other."""
    match = _FHIR.fullmatch(scope)
    if match is None or match[1] not in (_ANY, *FHIR_RESOURCES):
        return None
    return FhirScope(match[1], _WORDS.get(match[2], frozenset(match[2])), match[2] in _WORDS)


class UnknownScope(Invalid):
    """There is no scope {scope}. Choose among: {known}."""


class ScopeMissing(Forbidden):
    """This key or token lacks the scope {scope}."""


_CHOICE = (*SCOPES, *(f"system/{name}.cruds" for name in (_ANY, *FHIR_RESOURCES)))


def _is_known(scope: str) -> bool:
    return scope in (EVERYTHING, *SCOPES) or read_fhir(scope) is not None


def check_scopes(scopes: Iterable[str]) -> str:
    """The scopes as they are kept; UnknownScope for one that is none."""
    kept = sorted(set(scopes))
    for scope in kept:
        if not _is_known(scope):
            raise UnknownScope(field="scopes", scope=scope[:100], known=", ".join(_CHOICE))
    if not kept:
        raise Invalid("Name at least one scope.", field="scopes")
    return " ".join(kept)


def check_scope(given: frozenset[str], wanted: str) -> None:
    """ScopeMissing unless ``wanted`` is among the scopes that were given."""
    if EVERYTHING not in given and wanted not in given:
        raise ScopeMissing(scope=wanted)


def for_person(kept: Iterable[str]) -> frozenset[str]:
    """What a person's token holds: of the scopes that are kept with it those for people;
    EVERYTHING is all of these."""
    held = frozenset(kept)
    return FOR_PEOPLE if EVERYTHING in held else held & FOR_PEOPLE


def check_handed_on(held: frozenset[str], wanted: Iterable[str]) -> None:
    """ScopeMissing for a scope that one who holds ``held`` cannot give to another."""
    for scope in wanted:
        if narrowed([scope], held) != (scope,):
            raise ScopeMissing(scope=scope[:100])


def narrowed(asked: Iterable[str], registered: Iterable[str]) -> tuple[str, ...]:
    """Of the scopes that are asked for, what the registered ones hold; of FHIR's by resource and
    letter, in the form that was asked."""
    held = frozenset(registered)
    own = [one for one in map(read_fhir, held) if one is not None]
    given: set[str] = set()
    for scope in asked:
        wanted = read_fhir(scope)
        if scope in held or (EVERYTHING in held and _is_known(scope)):
            given.add(scope)
        elif wanted is not None:
            given.update(map(str, _shared(wanted, own)))
    return tuple(sorted(given))


def _shared(wanted: FhirScope, own: Iterable[FhirScope]) -> list[FhirScope]:
    """What is wanted and held: of all resources, those that are held by name come besides."""
    own = list(own)
    names = {one.resource for one in own} if wanted.resource == _ANY else set[str]()
    everywhere: frozenset[str] = frozenset()
    found = []
    for name in [wanted.resource, *sorted(names - {_ANY})]:
        letters = {letter for one in own if one.covers(name) for letter in one.letters}
        shared = wanted.letters & letters
        if shared - everywhere:
            found.append(FhirScope(name, shared, wanted.is_worded))
        if name == _ANY:
            everywhere = shared
    return found
