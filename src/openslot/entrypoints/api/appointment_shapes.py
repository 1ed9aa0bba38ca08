"""The JSON shape of an appointment."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field

from openslot.booking import models
from openslot.booking.diaries import load_others
from openslot.booking.models import Priority, Status
from openslot.booking.moves import may_see_reason
from openslot.directory.models import Practitioner, Room
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Shown
from openslot.entrypoints.api.shapes import (
    CentreRef,
    PatientRef,
    PractitionerRef,
    ServiceRef,
    centre_ref,
    patient_ref,
    practitioner_ref,
    service_ref,
)
from openslot.entrypoints.request import now, reader, root
from openslot.referrals.rules import may_follow


class ResourceKind(StrEnum):
    """What takes part in an appointment."""

    ROOM = "room"
    DEVICE = "device"
    PRACTITIONER = "practitioner"


class Links(Shown):
    """Addresses of an appointment."""

    self: Annotated[str, Field(description="The appointment in this API.")]
    page: Annotated[str, Field(description="Its web page.")]
    calendar: Annotated[str, Field(description="Its calendar file (.ics).")]


class ResourceRef(Shown):
    """A room or device, or a further practitioner, whom the service needs."""

    kind: Annotated[ResourceKind, Field(description="A device is a machine or other thing.")]
    id: int
    name: str


class Appointment(Shown):
    """An appointment."""

    id: UUID
    schedule: int
    patient: PatientRef | None
    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None
    resources: Annotated[
        list[ResourceRef], Field(description="Who and what takes part besides the schedule.")
    ]
    session: Annotated[
        UUID | None, Field(description="The session that it has a place in, if there is one.")
    ]
    squeezed_in: Annotated[bool, Field(description="Whether it was added over taken time.")]
    start: AwareDatetime
    end: AwareDatetime
    status: Status
    status_reason: str | None
    reason: str | None
    priority: Priority
    came: Annotated[AwareDatetime | None, Field(description="When the patient arrived.")]
    called: Annotated[AwareDatetime | None, Field(description="When the patient went in.")]
    late: Annotated[int | None, Field(description="Minutes that the patient will be late.")]
    confirmed: Annotated[
        AwareDatetime | None, Field(description="When the patient confirmed that they will come.")
    ]
    number: Annotated[
        int | None, Field(description="The patient's number in the waiting room that day.")
    ]
    referral: UUID | None
    series: Annotated[UUID | None, Field(description="The series that it is part of.")]
    itinerary: Annotated[UUID | None, Field(description="The itinerary that it is a step of.")]
    version: int
    created: AwareDatetime
    links: Links


def resource_refs(others: Sequence[Room | Practitioner]) -> list[ResourceRef]:
    """Return who and what takes part in the API's shape."""
    return [ResourceRef(kind=_kind_of(one), id=one.id, name=one.name) for one in others]


def appointment_shown(appointment: models.Appointment) -> Appointment:
    """Return the appointment in the API's shape; times are in the zone of its centre."""
    load_others(reader, [appointment])
    return Appointment(
        id=appointment.id,
        schedule=appointment.schedule_id,
        patient=patient_ref(appointment.patient),
        practitioner=practitioner_ref(appointment.practitioner),
        centre=centre_ref(appointment.centre),
        service=service_ref(appointment.booked_service, appointment.department),
        resources=resource_refs(appointment.others),
        session=appointment.session_id,
        squeezed_in=appointment.squeezed_in,
        start=appointment.starts_at.astimezone(appointment.zone),
        end=appointment.ends_at.astimezone(appointment.zone),
        status=appointment.status,
        status_reason=appointment.status_reason,
        reason=appointment.reason if may_see_reason(bearer.actor(), appointment) else None,
        priority=appointment.priority,
        came=_local(appointment, appointment.came_at),
        called=_local(appointment, appointment.called_at),
        late=appointment.late_minutes,
        confirmed=_local(appointment, appointment.confirmed_at),
        number=appointment.day_number,
        referral=appointment.referral_id
        if may_follow(bearer.actor(), appointment, now())
        else None,
        series=appointment.series_id,
        itinerary=appointment.itinerary_id,
        version=appointment.version,
        created=appointment.created_at,
        links=_links(appointment.id),
    )


def _kind_of(row: Room | Practitioner) -> ResourceKind:
    return ResourceKind(row.kind) if isinstance(row, Room) else ResourceKind.PRACTITIONER


def _local(appointment: models.Appointment, instant: datetime | None) -> datetime | None:
    return instant.astimezone(appointment.zone) if instant else None


def _links(appointment_id: UUID) -> Links:
    server = root()

    def address(view: str) -> str:
        return server + url_for(view, appointment_id=appointment_id)

    return Links(
        self=address("api_appointments.get_appointment"),
        page=address("appointments.show"),
        calendar=address("api_appointments.get_calendar"),
    )
