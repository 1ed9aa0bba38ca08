"""The JSON shape of an appointment."""

from typing import Annotated
from uuid import UUID

from flask import url_for
from pydantic import AwareDatetime, Field

from openslot.booking import models
from openslot.booking.models import Priority, Status
from openslot.booking.rules import may_see_reason
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
from openslot.entrypoints.request import now, root
from openslot.referrals.rules import may_follow


class Links(Shown):
    """Addresses of an appointment."""

    self: Annotated[str, Field(description="The appointment in this API.")]
    page: Annotated[str, Field(description="Its web page.")]
    calendar: Annotated[str, Field(description="Its calendar file (.ics).")]


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
    """Return the appointment in the API's shape; times are in the zone of its centre."""
    return Appointment(
        id=appointment.id,
        schedule=appointment.schedule_id,
        patient=patient_ref(appointment.patient),
        practitioner=practitioner_ref(appointment.practitioner),
        centre=centre_ref(appointment.centre),
        service=service_ref(appointment.booked_service, appointment.department),
        start=appointment.starts_at.astimezone(appointment.zone),
        end=appointment.ends_at.astimezone(appointment.zone),
        status=appointment.status,
        status_reason=appointment.status_reason,
        reason=appointment.reason if may_see_reason(bearer.actor(), appointment) else None,
        priority=appointment.priority,
        referral=appointment.referral_id
        if may_follow(bearer.actor(), appointment, now())
        else None,
        version=appointment.version,
        created=appointment.created_at,
        links=_links(appointment.id),
    )


def _links(appointment_id: UUID) -> Links:
    def address(view: str) -> str:
        return root() + url_for(view, appointment_id=appointment_id)

    return Links(
        self=address("api_appointments.get_appointment"),
        page=address("appointments.show"),
        calendar=address("api_appointments.get_calendar"),
    )
