"""Patient: people who receive care."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition, patients_seen_by
from openslot.core.actor import Actor
from openslot.core.work import Work
from openslot.directory.merges import queries as merges
from openslot.directory.models import Patient
from openslot.entrypoints.fhir import histories, numbers
from openslot.entrypoints.fhir.elements import (
    URN,
    Json,
    Site,
    contacts,
    identifier,
    language,
    meta,
    own_identifier,
    person_name,
    resource,
)
from openslot.entrypoints.fhir.parameters import (
    BirthDay,
    Contact,
    Email,
    Identified,
    PartOfName,
    Phone,
    Text,
    flag,
)
from openslot.entrypoints.fhir.queries import merged_into
from openslot.entrypoints.fhir.resource import Asked, Resource
from openslot.entrypoints.rules import Rule
from openslot.records import finding

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class WithDuplicates:
    """A patient, and the duplicates that were merged into them."""

    patient: Patient
    duplicates: Sequence[UUID]


def read_uuid(text: str) -> UUID | None:
    """Parse a UUID; return None if the text is not one in its usual form."""
    return UUID(text) if _UUID.fullmatch(text) else None


def show(found: WithDuplicates, _site: Site) -> Json:
    """Return the patient, without the health record."""
    row = found.patient
    number = row.medicare_number
    return resource(
        "Patient",
        row.id,
        meta(row.changed_at),
        identifier=[
            own_identifier(row.id),
            identifier(
                number,
                system=numbers.system_of(numbers.MEDICARE, number),
                kind="MC",
                text="Medicare number",
            ),
        ],
        active=row.active,
        link=_links(row, found.duplicates),
        name=person_name(row.name),
        telecom=contacts(row.phone, row.email),
        birthDate=row.born,
        communication=[{"language": language(row.language), "preferred": True}]
        if row.language
        else None,
    )


def _complete(session: Session, rows: Sequence[Patient]) -> list[WithDuplicates]:
    merged = merges.merged_into(session, [row.id for row in rows])
    return [WithDuplicates(row, merged.get(row.id, ())) for row in rows]


def _links(row: Patient, duplicates: Sequence[UUID]) -> list[Json]:
    """Return the patient who replaces a merged duplicate, or the duplicates that one replaces."""
    replaced_by = [(row.merged_into, "replaced-by")] if row.merged_into else []
    pairs = [*replaced_by, *((duplicate, "replaces") for duplicate in duplicates)]
    return [{"other": {"reference": f"Patient/{other}"}, "type": kind} for other, kind in pairs]


def _identified(system: str | None, number: str) -> Condition | None:
    if system == URN and not number:
        return Patient.id.is_not(None)
    if system == URN or number.startswith("urn:uuid:"):
        key = read_uuid(number.removeprefix("urn:uuid:"))
        return None if key is None or system not in (None, URN) else Patient.id == key
    return numbers.fits(Patient.medicare_number, numbers.MEDICARE, system, number)


def _seen(actor: Actor, now: datetime) -> Condition:
    """Match patients that the actor may see, and duplicates that were merged into one of them."""
    seen = patients_seen_by(actor, now) | histories.seen_by(Patient.id)(actor, now)
    either: Condition = seen | merged_into(Patient.merged_into, seen)
    return either


def _opened(work: Work, row: WithDuplicates, _asked: Asked) -> None:
    finding.note_details_read(work, row.patient.id)


RESOURCE = Resource(
    name="Patient",
    rule=Rule.RELATED,
    about="Patients to whose appointments you have a relation, or whose health record you may "
    "read.",
    rows=Patient,
    entities=(Patient,),
    key=Patient.id,
    read_id=read_uuid,
    changed=Patient.changed_at,
    complete=_complete,
    show=show,
    opened=_opened,
    seen=_seen,
    parameters={
        "identifier": Identified("The Medicare number, or the id as urn:uuid:….", _identified),
        "name": Text("Part of the name, from the start of a word.", Patient.name),
        "family": PartOfName("The last word of the name.", Patient.name, family=True),
        "given": PartOfName("Another word of the name.", Patient.name, family=False),
        "telecom": Contact(
            "The email address or telephone number.", email=Patient.email, phone=Patient.phone
        ),
        "birthdate": BirthDay("The date of birth.", Patient.born),
        "email": Email("The email address.", Patient.email),
        "phone": Phone("The telephone number.", Patient.phone),
        "active": flag("True if the record is in use.", Patient.active),
    },
)
