"""Schedule owners, as PractitionerRole, Schedule and Slot show them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from openslot.directory.models import Practitioner, Service
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.fhir.parameters import Code
from openslot.schedules.models import Schedule

CODES: Mapping[str, Any] = {
    "service-type": Code(
        "The name of a department's service.", Service.name, system="service-type"
    ),
    "service-category": Code(
        "The category of a department's service.", Service.category, system="service-category"
    ),
    "specialty": Code(
        "The profession, or the area of expertise of a specialist.",
        Practitioner.profession,
        Practitioner.expertise,
        system="specialty",
    ),
}


def service_type(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the service of the schedule."""
    return [site.concept("service-type", subject.service.name if subject.service else None)]


def service_category(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the category of the schedule's service."""
    category = subject.service.category if subject.service else None
    return [site.concept("service-category", category)]


def specialty(subject: Schedule, site: Site) -> list[Json | None]:
    """Return the profession and area of expertise of the schedule's practitioner."""
    practitioner = subject.practitioner
    words = (practitioner.profession, practitioner.expertise) if practitioner else ()
    return [site.concept("specialty", word) for word in words]


def changed(subject: Schedule) -> datetime:
    """Return when the schedule, or something shown with it, last changed."""
    parts = (subject, subject.centre, subject.practitioner, subject.service)
    return max(part.changed_at for part in parts if part is not None)


def is_bookable(subject: Schedule) -> bool:
    """Return whether the schedule and everything that it belongs to are active."""
    parts = (subject, subject.centre, subject.practitioner, subject.service, subject.department)
    return all(part.active for part in parts if part is not None)
