"""How appointments are shown to programs."""

from typing import Annotated
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field

from openslot.booking import models
from openslot.booking.models import Priority, Status
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
from openslot.entrypoints.request import root


class Links(Shown):
    """Where more is."""

    self: Annotated[str, Field(description="This appointment, for programs.")]
    page: Annotated[str, Field(description="For people.")]
    calendar: Annotated[str, Field(description="The appointment for calendar programs.")]


class Appointment(Shown):
    """An appointment."""

    id: UUID
    schedule: int
    patient: PatientRef | None
    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None
    start: AwareDatetime
    end: AwareDatetime
    status: Status
    status_reason: str | None
    reason: str | None
    priority: Priority
    referral: UUID | None
    version: int
    created: AwareDatetime
    links: Links


def appointment_shown(appointment: models.Appointment) -> Appointment:
    """An appointment with its addresses."""
    row = appointment
    return Appointment(
        id=row.id,
        schedule=row.schedule_id,
        patient=patient_ref(appointment.patient),
        practitioner=practitioner_ref(appointment.practitioner),
        centre=centre_ref(appointment.centre),
        service=service_ref(appointment.service, appointment.department),
        start=row.starts_at.astimezone(appointment.zone),
        end=row.ends_at.astimezone(appointment.zone),
        status=appointment.status,
        status_reason=row.status_reason,
        reason=row.reason,
        priority=Priority(row.priority),
        referral=row.referral_id,
        version=row.version,
        created=row.created_at,
        links=_links(row.id),
    )


def _links(appointment_id: UUID) -> Links:
    def address(view: str) -> str:
        return root() + url_for(view, appointment_id=appointment_id)

    return Links(
        self=address("api_appointments.get_appointment"),
        page=address("appointments.show"),
        calendar=address("api_appointments.get_calendar"),
    )
