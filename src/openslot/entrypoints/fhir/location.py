"""Location: centres."""

from openslot.booking.queries import Condition
from openslot.directory.models import Centre, CentreType
from openslot.entrypoints.fhir import numbers, organization
from openslot.entrypoints.fhir.elements import (
    Json,
    Site,
    contacts,
    identifier,
    meta,
    reference,
    resource,
)
from openslot.entrypoints.fhir.parameters import (
    Choice,
    Code,
    Identified,
    Reference,
    Text,
    read_number,
)
from openslot.entrypoints.fhir.queries import centre_key
from openslot.entrypoints.fhir.resource import Resource, by_anybody
from openslot.entrypoints.rules import Rule

TIME_ZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
"""FHIR extension for the IANA time zone of a location."""


def show(row: Centre, site: Site) -> Json:
    """Return the centre as a Location."""
    number = row.business_number
    return resource(
        "Location",
        row.id,
        meta(row.changed_at),
        extension=[{"url": TIME_ZONE, "valueCode": row.time_zone}],
        identifier=[
            identifier(
                number, system=numbers.system_of(numbers.BUSINESS, number), text="Business number"
            )
        ],
        status="active" if row.active else "inactive",
        name=row.name,
        description=row.description,
        mode="instance",
        type=[site.concept("centre-type", row.type)],
        telecom=contacts(row.phone, row.email, "work"),
        address={"text": row.address, "line": [row.address], "city": row.suburb},
        position={"longitude": row.longitude, "latitude": row.latitude}
        if row.longitude is not None and row.latitude is not None
        else None,
        managingOrganization=reference("Organization", organization.centre_id(row.id), row.name),
    )


def _numbered(system: str | None, number: str) -> Condition | None:
    return numbers.fits(Centre.business_number, numbers.BUSINESS, system, number)


STATUS = "http://hl7.org/fhir/location-status"

RESOURCE = Resource(
    name="Location",
    rule=Rule.PUBLIC,
    seen=by_anybody,
    about="Centres: hospitals, medical centres, pharmacies and laboratories.",
    rows=Centre,
    entities=(Centre,),
    key=Centre.id,
    read_id=read_number,
    changed=Centre.changed_at,
    show=show,
    parameters={
        "name": Text("Part of the name, from the start of a word.", Centre.name),
        "address": Text("Part of the address.", Centre.address, Centre.suburb),
        "address-city": Text("The suburb.", Centre.suburb),
        "identifier": Identified("The business number.", _numbered),
        "type": Code(
            f"The kind of centre: {', '.join(CentreType)}.", Centre.type, system="centre-type"
        ),
        "status": Choice(
            "active if it can be booked, otherwise inactive.",
            Centre.active,
            STATUS,
            {"active": (True,), "inactive": (False,), "suspended": ()},
        ),
        "organization": Reference(
            "The centre as an organisation.",
            {"Organization": (centre_key(Centre.id), organization.read_id)},
            path=("managingOrganization",),
        ),
    },
)
