"""What programs may be allowed to do: the scopes of keys and tokens."""

from collections.abc import Iterable

from openslot.core.errors import Forbidden, Invalid

EVERYTHING = "*"

SCOPES = {
    "directory:read": "Read centres, departments, services, practitioners, schedules, free times.",
    "directory:write": "Change centres, departments, services, practitioners and schedules.",
    "appointments:read": "Read visits.",
    "appointments:write": "Keep times; book, move, change and cancel visits.",
    "patients:read": "Read the details of patients, not their histories.",
    "patients:write": "Register patients and change their details.",
    "records:read": "Read histories, for people who may.",
    "records:write": "Add notes and medication to histories, for people who may.",
    "referrals:read": "Read referrals.",
    "referrals:write": "Write, send, revoke and answer referrals.",
    "requests:read": "Read what departments ask of each other.",
    "requests:write": "Ask other departments, and answer what they ask.",
    "care:write": "Rate, keep favourites, wait for earlier times, answer offers, enter absences.",
    "doctors": "Use the doctor-schedule service: doctors and their appointments.",
    "manage": "Make and end keys, and the addresses that are told of events.",
}
"""Each scope, and what it lets a program do. Those of FHIR are written as SMART does:
``system/Appointment.cruds``."""

FHIR_PREFIX = "system/"


class UnknownScope(Invalid):
    """A scope that nothing here asks for."""

    code = "unknown-scope"
    sentence = "There is no scope {scope}. Choose among: {known}."


class ScopeMissing(Forbidden):
    """The key or token is good, and was not given this scope."""

    code = "scope-missing"
    sentence = "This key or token lacks the scope {scope}."


def check_scopes(scopes: Iterable[str]) -> str:
    """The scopes as they are kept; UnknownScope for one that is none."""
    kept = sorted(set(scopes))
    for scope in kept:
        if scope not in (EVERYTHING, *SCOPES) and not scope.startswith(FHIR_PREFIX):
            raise UnknownScope(field="scopes", scope=scope, known=", ".join(SCOPES))
    if not kept:
        raise Invalid("Name at least one scope.", field="scopes")
    return " ".join(kept)


def check_scope(given: frozenset[str], wanted: str) -> None:
    """ScopeMissing unless ``wanted`` is among the scopes that were given."""
    if EVERYTHING not in given and wanted not in given:
        raise ScopeMissing(scope=wanted)
