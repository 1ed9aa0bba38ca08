"""Codes of other code systems for what this network calls by its own names."""

from collections.abc import Mapping

from openslot.directory.models import Profession
from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json

SERVICE_TYPE = f"{TERMINOLOGY}/service-type"
SNOMED = "http://snomed.info/sct"
APPOINTMENT_TYPE = f"{TERMINOLOGY}/v2-0276"
APPOINTMENT_TYPES = frozenset({"CHECKUP", "EMERGENCY", "FOLLOWUP", "ROUTINE", "WALKIN"})
"""Reasons for an appointment; every time can be booked for each of them."""

Codes = Mapping[str, tuple[str, str]]
"""Codes with their displays, by what this network calls them."""

SERVICE_TYPES: Codes = {
    Profession.GP: ("124", "General Practice"),
    Profession.PHYSIOTHERAPIST: ("65", "Physiotherapy"),
    Profession.PATHOLOGIST: ("159", "Pathology - General"),
    Profession.PHARMACIST: ("64", "Pharmacy"),
    Profession.RADIOGRAPHER: ("209", "Diag. Radiology /Xray /CT /Fluoroscopy"),
    Profession.NURSE: ("59", "Nursing"),
    Profession.DENTIST: ("88", "General Dental"),
    Profession.PSYCHOLOGIST: ("142", "Psychology"),
    Profession.DIETITIAN: ("53", "Dietetics"),
    Profession.AUDIOLOGIST: ("50", "Audiology"),
    Profession.CHIROPRACTOR: ("52", "Chiropractic"),
    Profession.COUNSELLOR: ("74", "Generalist Counselling"),
    Profession.DIABETES_EDUCATOR: ("488", "Diabetes Educator"),
    Profession.EXERCISE_PHYSIOLOGIST: ("491", "Exercise Physiology"),
    Profession.OCCUPATIONAL_THERAPIST: ("61", "Occupational Therapy"),
    Profession.OPTOMETRIST: ("62", "Optometry"),
    Profession.OSTEOPATH: ("63", "Osteopathy"),
    Profession.PODIATRIST: ("66", "Podiatry"),
    Profession.SOCIAL_WORKER: ("580", "Social Work"),
    Profession.SPEECH_PATHOLOGIST: ("68", "Speech Pathology/Therapy"),
}
"""HL7 service types by profession; it has none for midwives."""

SPECIALTIES: Codes = {
    Profession.GP: ("394814009", "General practice"),
    Profession.PHYSIOTHERAPIST: ("722138006", "Physiotherapy"),
    Profession.PATHOLOGIST: ("394915009", "General pathology"),
    Profession.RADIOGRAPHER: ("394914008", "Radiology"),
    Profession.DENTIST: ("408444009", "General dental practice"),
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
"""Clinical specialties of SNOMED CT by profession and area of expertise, as in HL7's practice
setting codes."""


def with_code(concept: Json | None, system: str, codes: Codes) -> Json | None:
    """Return a concept of this network, with the code of another system before its own."""
    by_name = {name.casefold(): value for name, value in codes.items()}
    known = by_name.get(concept["text"].casefold()) if concept else None
    if concept is None or known is None:
        return concept
    coding = {"system": system, "code": known[0], "display": known[1]}
    return concept | {"coding": [coding, *concept["coding"]]}


def names_of(code: str, codes: Codes) -> list[str]:
    """Return what this network calls a code of another system."""
    return [name for name, (known, _) in codes.items() if known == code]
