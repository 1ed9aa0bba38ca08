"""Shapes that several operations show."""

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from openslot.booking.slots import Slot as FreeSlot
from openslot.booking.whom import Booker
from openslot.directory import queries
from openslot.directory.models import Centre, Department, Patient, Practitioner, Profession, Service
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Shown
from openslot.entrypoints.free_for import booker_for
from openslot.schedules.models import Schedule

Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The id of something in the directory."""

Suburb = Annotated[
    str | None, Field(max_length=100, description="Where the centre is, in any case of letters.")
]


ForPatient = Annotated[
    UUID | None,
    Field(
        description="For whom the times are to be free, such as can be booked for them; needs "
        "the scope appointments:read. By default the patient whose token it is, if it has that "
        "scope, else nobody: then they are those of the schedules.",
    ),
]


class PractitionerRef(Shown):
    """A practitioner in few words."""

    id: int
    name: str
    profession: Profession


class CentreRef(Shown):
    """A centre in few words."""

    id: int
    name: str
    suburb: str
    time_zone: Annotated[str, Field(description="IANA name, such as Australia/Sydney.")]


class ServiceRef(Shown):
    """A service in few words."""

    id: int
    name: str
    department: str


class PatientRef(Shown):
    """A patient in few words."""

    id: UUID
    name: str


class Slot(Shown):
    """A start that can be booked now; instants are in the centre's zone."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime
    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None


class Alternative(Shown):
    """A free time near one that is taken: where to book it, and when."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime


def booker(patient: UUID | None) -> Booker | None:
    """Return who looks for times and for whom; ScopeMissing and NotFound as :data:`ForPatient`
    says."""
    if patient is not None:
        bearer.demand("appointments:read")
    reads = bearer.holds("appointments:read")
    return booker_for(bearer.actor(), patient, reads_appointments=reads)


def practitioner_ref(row: Practitioner | None) -> PractitionerRef | None:
    """In few words, if there is one."""
    if row is None:
        return None
    return PractitionerRef(id=row.id, name=row.name, profession=Profession(row.profession))


def centre_ref(row: Centre) -> CentreRef:
    """In few words."""
    return CentreRef(id=row.id, name=row.name, suburb=row.suburb, time_zone=row.time_zone)


def service_ref(row: Service | None, department: Department | None) -> ServiceRef | None:
    """In few words, if there is one."""
    if row is None or department is None:
        return None
    return ServiceRef(id=row.id, name=row.name, department=department.name)


def patient_ref(row: Patient | None) -> PatientRef | None:
    """In few words, if there is one."""
    return PatientRef(id=row.id, name=row.name) if row else None


def slot(free: FreeSlot, subject: Schedule) -> Slot:
    """A free start with whom and where it is."""
    zone = ZoneInfo(subject.centre.time_zone)
    return Slot(
        schedule=free.schedule_id,
        start=free.start.astimezone(zone),
        end=free.end.astimezone(zone),
        practitioner=practitioner_ref(subject.practitioner),
        centre=centre_ref(subject.centre),
        service=service_ref(subject.service, subject.department),
    )


def text_of(text: str | None, name: str | None, *columns: Any) -> list[Any]:
    """The conditions of the parameters ``q``, part of any column, and ``name``, all of the
    first."""
    wanted = [queries.holds(text or "", *columns)]
    if name:
        wanted.append(queries.is_text(columns[0], name))
    return wanted
