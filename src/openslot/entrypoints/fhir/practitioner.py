"""Practitioner: people who give care."""

from openslot.booking.queries import Condition
from openslot.directory.models import Practitioner
from openslot.entrypoints.fhir import numbers
from openslot.entrypoints.fhir.elements import (
    Json,
    Site,
    contacts,
    identifier,
    language,
    meta,
    person_name,
    resource,
)
from openslot.entrypoints.fhir.parameters import (
    Contact,
    Email,
    Identified,
    PartOfName,
    Phone,
    Text,
    flag,
    read_number,
)
from openslot.entrypoints.fhir.resource import Resource, by_anybody
from openslot.entrypoints.rules import Rule


def show(row: Practitioner, _site: Site) -> Json:
    """Return the practitioner; profession and centres are in PractitionerRole."""
    languages = [name.strip() for name in row.languages.split(",")]
    return resource(
        "Practitioner",
        row.id,
        meta(row.changed_at),
        identifier=[
            identifier(
                row.provider_number,
                system=numbers.system_of(numbers.PROVIDER, row.provider_number),
                kind="PRN",
                text="Provider number",
            )
        ],
        active=row.active,
        name=person_name(row.name),
        telecom=contacts(row.phone, row.email, "work"),
        gender=row.gender,
        communication=[language(name) for name in languages if name],
    )


def _numbered(system: str | None, number: str) -> Condition | None:
    return numbers.fits(Practitioner.provider_number, numbers.PROVIDER, system, number)


RESOURCE = Resource(
    name="Practitioner",
    rule=Rule.PUBLIC,
    seen=by_anybody,
    about="People who give care.",
    rows=Practitioner,
    entities=(Practitioner,),
    key=Practitioner.id,
    read_id=read_number,
    changed=Practitioner.changed_at,
    show=show,
    parameters={
        "name": Text("Part of the name, from the start of a word.", Practitioner.name),
        "family": PartOfName("The last word of the name.", Practitioner.name, family=True),
        "given": PartOfName("Another word of the name.", Practitioner.name, family=False),
        "telecom": Contact(
            "The email address or telephone number.",
            email=Practitioner.email,
            phone=Practitioner.phone,
        ),
        "active": flag("True if they can be booked.", Practitioner.active),
        "identifier": Identified("The provider number.", _numbered),
        "email": Email("The email address.", Practitioner.email),
        "phone": Phone("The telephone number.", Practitioner.phone),
    },
)
