"""The scopes of keys and tokens, which limit what a program can do.

Keys and registered clients act for the network, with the scopes that they were given. A person's
token acts with the rights of that person, and never has a scope that is for programs only. One that
a person gave to a program has the scopes that they agreed to.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from openslot.core.errors import Forbidden, Invalid

EVERYTHING = "*"

SCOPES = {
    "account:read": "Read your account and its preferences.",
    "account:write": "Change or delete your account, its preferences and its calendar address.",
    "directory:read": "Read centres, departments, services, practitioners, schedules and slots.",
    "directory:write": "Change centres, departments, services, practitioners and schedules.",
    "appointments:read": "Read appointments.",
    "appointments:write": "Hold slots; book, move, change and cancel appointments.",
    "patients:read": "Read the details of patients, not their health records.",
    "patients:write": "Register patients and change their details.",
    "records:read": "Read health records that the person has access to.",
    "records:write": "Add to health records that the person has access to.",
    "referrals:read": "Read referrals.",
    "referrals:write": "Write, send, revoke and answer referrals.",
    "requests:read": "Read department requests.",
    "requests:write": "Send department requests and answer them.",
    "care:read": "Read favourites, waiting list entries, offers and absences.",
    "care:write": "Rate, keep favourites, join the waiting list, answer offers, enter absences.",
    "doctors": "Use the doctor-schedule service: doctors and their appointments.",
    "manage": "Create and revoke API keys, and manage webhooks.",
}
"""Each scope with its description. FHIR scopes have the form of SMART:
``system/Appointment.cruds``."""

FOR_PROGRAMS = frozenset({"doctors", "manage"})
"""Scopes that a person's token never has; nor does it have FHIR scopes with ``system/``."""

AS_PERSON = "user/*.cruds"
"""FHIR scope of a person's token, in SMART's form: all rights of that person. Keys never have
it."""

FOR_PEOPLE = frozenset(SCOPES) - FOR_PROGRAMS | {AS_PERSON}
"""All scopes that a person's token can have."""

LAUNCHES = {
    "openid": "Know who you are.",
    "fhirUser": "Know who you are here: a patient or a practitioner.",
    "launch": "Start from the page of a patient.",
    "launch/patient": "Ask you which patient it is for.",
    "offline_access": "Stay connected when you are away, until you end it.",
    "online_access": "Stay connected while you are signed in here.",
}
"""Scopes of programs that act for people (SMART App Launch 2), with their descriptions."""

PATIENT = "patient/"
"""Beginning of FHIR scopes for one patient; a token with one is for that patient alone."""

FHIR_RESOURCES = (
    "AllergyIntolerance",
    "Appointment",
    "AuditEvent",
    "CodeSystem",
    "DocumentReference",
    "Encounter",
    "HealthcareService",
    "Location",
    "MedicationRequest",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "QuestionnaireResponse",
    "Schedule",
    "ServiceRequest",
    "Slot",
)
"""Resources that FHIR scopes can name. The entry point declares the resources, and a test
compares them with these names."""

_FHIR = re.compile(r"(system|user|patient)/(\*|[A-Za-z]+)\.(read|write|\*|(?=.)c?r?u?d?s?)")
_WORDS = {"read": frozenset("rs"), "write": frozenset("cud"), "*": frozenset("cruds")}
"""The words of SMART version 1 with their letters in version 2."""

_ANY, _SYSTEM = "*", "system"


@dataclass(frozen=True, slots=True)
class FhirScope:
    """A FHIR scope in the form of SMART App Launch 2: a resource, or ``*`` for all, with letters
    for create, read, update, delete and search, or with a word of version 1. Its ``context`` is
    the whole system, what a user may do, or that for one patient."""

    resource: str
    letters: frozenset[str]
    is_worded: bool = False
    context: str = _SYSTEM

    def __str__(self) -> str:
        words = (word for word, letters in _WORDS.items() if letters == self.letters)
        letters = "".join(letter for letter in "cruds" if letter in self.letters)
        named = next(words, letters) if self.is_worded else letters
        return f"{self.context}/{self.resource}.{named}"

    def covers(self, resource: str) -> bool:
        """Return whether the scope includes the resource."""
        return self.resource in (_ANY, resource)


def read_fhir(scope: str) -> FhirScope | None:
    """Parse a FHIR scope. Returns None for any other text."""
    match = _FHIR.fullmatch(scope)
    if match is None or match[2] not in (_ANY, *FHIR_RESOURCES):
        return None
    context, resource, rights = match.groups()
    is_worded = rights in _WORDS and context == _SYSTEM
    return FhirScope(resource, _WORDS.get(rights, frozenset(rights)), is_worded, context)


class UnknownScope(Invalid):
    """There is no such scope."""

    code = "unknown-scope"
    sentence = "There is no scope {scope}. Choose from: {known}."


class ScopeMissing(Forbidden):
    """The key or token is valid but does not have this scope."""

    code = "scope-missing"
    sentence = "This key or token lacks the scope {scope}."


_ALL_FHIR = (_ANY, *FHIR_RESOURCES)
_CHOICE = (*SCOPES, *(f"system/{name}.cruds" for name in _ALL_FHIR))
_CHOICE_OF_PEOPLE = (
    *LAUNCHES,
    *(scope for scope in SCOPES if scope not in FOR_PROGRAMS),
    *(f"{context}/{name}.cruds" for context in ("patient", "user") for name in _ALL_FHIR),
)


def _is_known(scope: str) -> bool:
    fhir = read_fhir(scope)
    return scope in (EVERYTHING, *SCOPES) or (fhir is not None and fhir.context == _SYSTEM)


def _is_of_people(scope: str) -> bool:
    fhir = read_fhir(scope)
    return scope in _CHOICE_OF_PEOPLE or (fhir is not None and fhir.context != _SYSTEM)


def _in_letters(scope: str) -> str:
    """Return a FHIR scope of people in the form of SMART's version 2, and any other as it is."""
    fhir = read_fhir(scope)
    return scope if fhir is None or fhir.context == _SYSTEM else str(fhir)


def check_scopes(scopes: Iterable[str], *, of_people: bool = False) -> str:
    """Return the scopes of a key or a client as they are stored, or those ``of_people`` that they
    give to a program. Raises UnknownScope, and Invalid for none."""
    is_known, choice = (_is_of_people, _CHOICE_OF_PEOPLE) if of_people else (_is_known, _CHOICE)
    in_order = sorted(set(map(_in_letters, scopes)))
    for scope in in_order:
        if not is_known(scope):
            raise UnknownScope(field="scopes", scope=scope[:100], known=", ".join(choice))
    if not in_order:
        raise Invalid("Choose at least one scope.", field="scopes")
    return " ".join(in_order)


def check_scope(given: frozenset[str], wanted: str) -> None:
    """Raise ScopeMissing unless ``wanted`` is one of the given scopes."""
    if EVERYTHING not in given and wanted not in given:
        raise ScopeMissing(scope=wanted)


def for_person(kept: Iterable[str]) -> frozenset[str]:
    """Return the scopes of a person's token: the stored ones that are for people. EVERYTHING
    means all that the person may do."""
    held = frozenset(kept)
    return FOR_PEOPLE if EVERYTHING in held else frozenset(filter(_is_of_people, held))


def is_for_one(scopes: Iterable[str]) -> bool:
    """Return whether a token with these scopes is for one patient alone."""
    return any(scope.startswith(PATIENT) for scope in scopes)


def check_handed_on(held: frozenset[str], wanted: Iterable[str]) -> None:
    """Raise ScopeMissing for a scope that a holder of ``held`` cannot grant."""
    for scope in wanted:
        if narrowed([scope], held) != (scope,):
            raise ScopeMissing(scope=scope[:100])


def narrowed(asked: Iterable[str], registered: Iterable[str]) -> tuple[str, ...]:
    """Return the part of the requested scopes that the registered ones include. FHIR scopes are
    compared by resource and letter, and returned in the requested form."""
    held = frozenset(registered)
    held_fhir = [scope for scope in map(read_fhir, held) if scope is not None]
    granted: set[str] = set()
    for scope in map(_in_letters, asked):
        requested = read_fhir(scope)
        if scope in held or (EVERYTHING in held and _is_known(scope)):
            granted.add(scope)
        elif requested is not None:
            granted.update(map(str, _intersection(requested, held_fhir)))
    return tuple(sorted(granted))


def _intersection(requested: FhirScope, held: Sequence[FhirScope]) -> list[FhirScope]:
    """Return the requested rights that are held. A request for all resources also yields the
    resources that are held by name with more letters."""
    held = [scope for scope in held if scope.context == requested.context]
    names = {scope.resource for scope in held} if requested.resource == _ANY else set[str]()
    on_all: frozenset[str] = frozenset()
    granted = []
    for name in [requested.resource, *sorted(names - {_ANY})]:
        held_letters = {letter for scope in held if scope.covers(name) for letter in scope.letters}
        letters = requested.letters & held_letters
        if letters - on_all:
            granted.append(replace(requested, resource=name, letters=letters))
        if name == _ANY:
            on_all = letters
    return granted
