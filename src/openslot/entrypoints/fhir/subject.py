"""Schedule owners, as PractitionerRole, Schedule and Slot show them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openslot.directory.models import Practitioner, Service
from openslot.entrypoints.fhir.codes import SERVICE_TYPE, SNOMED, SPECIALTIES, code_of, with_code
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.fhir.parameters import Code
from openslot.entrypoints.fhir.queries import (
    HL7_CODE,
    OFFERED_CATEGORY,
    OFFERED_NAME,
    SNOMED_CODE,
)
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Offered

SPECIALTY = Code(
    "The profession, or the area of expertise of a specialist; also SNOMED CT's code.",
    Practitioner.profession,
    Practitioner.expertise,
    system="specialty",
    others={SNOMED: ((SNOMED_CODE, None), (Practitioner.expertise, SPECIALTIES))},
)


def codes(name: Any, category: Any) -> Mapping[str, Any]:
    """Return the parameters of codes, with the columns of the service that a practitioner offers;
    those of departments are searched too."""
    return {
        "service-type": Code(
            "The name of a service, or a practitioner's profession; also HL7's code.",
            Service.name,
            name,
            system="service-type",
            also={"specialty": (Practitioner.profession,)},
            others={SERVICE_TYPE: ((HL7_CODE, None),)},
        ),
        "service-category": Code(
            "The category of a service.", Service.category, category, system="service-category"
        ),
        "specialty": SPECIALTY,
    }


CODES = codes(OFFERED_NAME, OFFERED_CATEGORY)
"""Parameters of schedules and of what they offer."""


def service_type(service: Service | Offered | None, site: Site) -> Json | None:
    """Return the name of a service."""
    return site.concept("service-type", service.name if service else None)


def service_category(service: Service | Offered | None, site: Site) -> Json | None:
    """Return the category of a service."""
    return site.concept("service-category", service.category if service else None)


def specialty(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the profession and area of expertise of the schedule's practitioner."""
    person = subject.practitioner
    return [profession(person, site), _expertise(person, site)] if person else []


def profession(person: Practitioner | None, site: Site) -> Json | None:
    """Return the profession of a practitioner."""
    if person is None:
        return None
    return site.concept("specialty", person.profession, person.profession_name)


def _expertise(person: Practitioner, site: Site) -> Json | None:
    return site.concept("specialty", person.expertise)


def profession_as_service(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the profession as a service type, by HL7's code, if there is one, and by our own."""
    person = subject.practitioner
    if person is None:
        return []
    row = person.profession_row
    return [with_code(profession(person, site), SERVICE_TYPE, row.hl7_code, row.hl7_display)]


def coded_specialty(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the same as :func:`specialty`, with SNOMED CT's codes."""
    person = subject.practitioner
    if person is None:
        return []
    row, of_area = person.profession_row, code_of(person.expertise, SPECIALTIES)
    return [
        with_code(profession(person, site), SNOMED, row.snomed_code, row.snomed_display),
        with_code(_expertise(person, site), SNOMED, *of_area),
    ]


def changed(subject: Schedule) -> datetime:
    """Return when the schedule, or something shown with it, last changed."""
    parts = (subject, subject.centre, subject.practitioner, subject.service)
    return max(part.changed_at for part in parts if part is not None)


def is_bookable(subject: Schedule) -> bool:
    """Return whether the schedule and everything that it belongs to are active."""
    parts = (subject, subject.centre, subject.practitioner, subject.service, subject.department)
    return all(part.active for part in parts if part is not None)
