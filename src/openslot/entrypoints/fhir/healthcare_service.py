"""HealthcareService: the services of departments, centres and the network."""

from datetime import datetime
from typing import NamedTuple

from openslot.directory.models import Centre, Department, Service
from openslot.entrypoints.fhir import organization
from openslot.entrypoints.fhir.elements import Json, Site, contacts, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Code, Reference, Text, flag, read_number
from openslot.entrypoints.fhir.queries import SERVICE_CHANGED, SERVICES, department_key
from openslot.entrypoints.fhir.resource import Resource, by_anybody
from openslot.entrypoints.rules import Rule


class Row(NamedTuple):
    """A service with its department and centre; one of the network has neither."""

    service: Service
    department: Department | None
    centre: Centre | None


def show(row: Row, site: Site) -> Json:
    """Return the service as a FHIR resource."""
    service, department, centre = row
    return resource(
        "HealthcareService",
        service.id,
        meta(changed(row)),
        active=is_active(row),
        providedBy=_owner(department, centre),
        category=[site.concept("service-category", service.category)],
        type=[site.concept("service-type", service.name)],
        location=[reference("Location", centre.id, centre.name)] if centre else None,
        name=service.name,
        comment=service.description,
        extraDetails=service.instructions,
        telecom=contacts(service.phone, service.email, "work"),
        appointmentRequired=True,
    )


def changed(row: Row) -> datetime:
    """Return when the service, or something that owns it, last changed."""
    return max(part.changed_at for part in row if part)


def is_active(row: Row) -> bool:
    """Return whether the service and everything that it belongs to are active."""
    return all(part.active for part in row if part)


def _owner(department: Department | None, centre: Centre | None) -> Json | None:
    if department is not None:
        return reference("Organization", organization.department_id(department.id), department.name)
    if centre is not None:
        return reference("Organization", organization.centre_id(centre.id), centre.name)
    return None


RESOURCE = Resource(
    name="HealthcareService",
    rule=Rule.PUBLIC,
    seen=by_anybody,
    about="Services of departments, of centres and of the network.",
    rows=SERVICES,
    entities=(Service, Department, Centre),
    make=Row,
    key=Service.id,
    read_id=read_number,
    changed=SERVICE_CHANGED,
    show=show,
    parameters={
        "name": Text("Part of the name, from the start of a word.", Service.name),
        "active": flag("True if the service itself is active.", Service.active),
        "service-category": Code("The category.", Service.category, system="service-category"),
        "service-type": Code("The name, as a code.", Service.name, system="service-type"),
        "organization": Reference(
            "The department.",
            {"Organization": (department_key(Department.id), organization.read_id)},
            path=("providedBy",),
        ),
        "location": Reference(
            "The centre.", {"Location": (Centre.id, read_number)}, path=("location",)
        ),
    },
)
