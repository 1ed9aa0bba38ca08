"""Codes of other code systems for what this network calls by its own names."""

from collections.abc import Mapping

from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json

SERVICE_TYPE = f"{TERMINOLOGY}/service-type"
SNOMED = "http://snomed.info/sct"
APPOINTMENT_TYPE = f"{TERMINOLOGY}/v2-0276"
APPOINTMENT_TYPES = frozenset({"CHECKUP", "EMERGENCY", "FOLLOWUP", "ROUTINE", "WALKIN"})
"""Reasons for an appointment; every time can be booked for each of them."""

EMERGENCY, WALK_IN = "EMERGENCY", "WALKIN"
"""The reasons that change how it is booked."""

Codes = Mapping[str, tuple[str, str]]
"""Codes with their displays, by what this network calls them."""

SPECIALTIES: Codes = {
    "Cardiology": ("394579002", "Cardiology"),
    "Dermatology": ("394582007", "Dermatology"),
    "Endocrinology": ("394583002", "Endocrinology"),
    "Gastroenterology": ("394584008", "Gastroenterology"),
    "Geriatric medicine": ("394811001", "Geriatric medicine"),
    "Gynaecology": ("394586005", "Gynecology"),
    "Haematology": ("394803006", "Clinical hematology"),
    "Infectious diseases": ("394807007", "Infectious diseases"),
    "Nephrology": ("394589003", "Nephrology"),
    "Neurology": ("394591006", "Neurology"),
    "Neurosurgery": ("394610002", "Neurosurgery"),
    "Oncology": ("394593009", "Medical oncology"),
    "Ophthalmology": ("394594003", "Ophthalmology"),
    "Orthopaedics": ("394801008", "Trauma & orthopedics"),
    "Paediatrics": ("394537008", "Pediatric specialty"),
    "Plastic surgery": ("394611003", "Plastic surgery"),
    "Psychiatry": ("394587001", "Psychiatry"),
    "Respiratory medicine": ("418112009", "Pulmonary medicine"),
    "Rheumatology": ("394810000", "Rheumatology"),
    "General surgery": ("394609007", "General surgery"),
    "Urology": ("394612005", "Urology"),
}
"""Clinical specialties of SNOMED CT by area of expertise, as in HL7's practice setting codes; those
of professions are in their rows."""


def with_code(concept: Json | None, system: str, code: str | None, display: str | None) -> Json:
    """Return a concept of this network, with a code of another system before its own, if there is
    one."""
    if concept is None or code is None:
        return concept or {}
    coding = {"system": system, "code": code, "display": display}
    return concept | {"coding": [coding, *concept["coding"]]}


def code_of(name: str | None, codes: Codes) -> tuple[str | None, str | None]:
    """Return code and display of what this network calls by a name, whatever its case."""
    by_name = {known.casefold(): value for known, value in codes.items()}
    return by_name.get((name or "").casefold(), (None, None))


def names_of(code: str, codes: Codes) -> list[str]:
    """Return what this network calls a code of another system."""
    return [name for name, (known, _) in codes.items() if known == code]
