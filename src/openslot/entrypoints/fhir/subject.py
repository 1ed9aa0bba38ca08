"""What PractitionerRole, Schedule and Slot share: a schedule with whom or what it books."""

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
        "Profession, or a specialist's area of expertise.",
        Practitioner.profession,
        Practitioner.expertise,
        system="specialty",
    ),
}


def service_type(subject: Schedule, site: Site) -> list[Json | None]:
    """The service of a department."""
    return [site.concept("service-type", subject.service.name if subject.service else None)]


def service_category(subject: Schedule, site: Site) -> list[Json | None]:
    """Its category."""
    category = subject.service.category if subject.service else None
    return [site.concept("service-category", category)]


def specialty(subject: Schedule, site: Site) -> list[Json | None]:
    """Profession and area of expertise of a practitioner."""
    person = subject.practitioner
    words = (person.profession, person.expertise) if person else ()
    return [site.concept("specialty", word) for word in words]


def changed(subject: Schedule) -> datetime:
    """When anything that shows was changed last."""
    parts = (subject, subject.centre, subject.practitioner, subject.service)
    return max(part.changed_at for part in parts if part is not None)


def is_bookable(subject: Schedule) -> bool:
    """Whether the schedule and all that it belongs to is active."""
    parts = (
        subject,
        subject.centre,
        subject.practitioner,
        subject.service,
        subject.department,
    )
    return all(part.active for part in parts if part is not None)
