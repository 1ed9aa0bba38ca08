"""Schedule owners, as PractitionerRole, Schedule and Slot show them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openslot.directory.models import Practitioner, Service
from openslot.entrypoints.fhir.codes import (
    SERVICE_TYPE,
    SERVICE_TYPES,
    SNOMED,
    SPECIALTIES,
    with_code,
)
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.fhir.parameters import Code
from openslot.entrypoints.fhir.queries import OFFERED_CATEGORY, OFFERED_NAME
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Offered

SPECIALTY = Code(
    "The profession, or the area of expertise of a specialist; also SNOMED CT's code.",
    Practitioner.profession,
    Practitioner.expertise,
    system="specialty",
    others={SNOMED: (SPECIALTIES, (Practitioner.profession, Practitioner.expertise))},
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
            others={SERVICE_TYPE: (SERVICE_TYPES, (Practitioner.profession,))},
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
    practitioner = subject.practitioner
    words = (practitioner.profession, practitioner.expertise) if practitioner else ()
    return [site.concept("specialty", word) for word in words]


def profession(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the profession as a service type, by HL7's code, if there is one, and by our own."""
    word = subject.practitioner.profession if subject.practitioner else None
    return [with_code(site.concept("specialty", word), SERVICE_TYPE, SERVICE_TYPES)]


def coded_specialty(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the same as :func:`specialty`, with SNOMED CT's codes."""
    return [with_code(concept, SNOMED, SPECIALTIES) for concept in specialty(subject, site)]


def changed(subject: Schedule) -> datetime:
    """Return when the schedule, or something shown with it, last changed."""
    parts = (subject, subject.centre, subject.practitioner, subject.service)
    return max(part.changed_at for part in parts if part is not None)


def is_bookable(subject: Schedule) -> bool:
    """Return whether the schedule and everything that it belongs to are active."""
    parts = (subject, subject.centre, subject.practitioner, subject.service, subject.department)
    return all(part.active for part in parts if part is not None)
