"""How visits are shown to programs."""

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

    self: Annotated[str, Field(description="This visit, for programs.")]
    page: Annotated[str, Field(description="For people.")]
    calendar: Annotated[str, Field(description="The visit for calendar programs.")]


class Appointment(Shown):
    """A visit."""

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


def appointment_shown(visit: models.Appointment) -> Appointment:
    """A visit with its addresses."""
    row = visit
    return Appointment(
        id=row.id,
        schedule=row.schedule_id,
        patient=patient_ref(visit.patient),
        practitioner=practitioner_ref(visit.practitioner),
        centre=centre_ref(visit.centre),
        service=service_ref(visit.service, visit.department),
        start=row.starts_at.astimezone(visit.zone),
        end=row.ends_at.astimezone(visit.zone),
        status=visit.status,
        status_reason=row.status_reason,
        reason=row.reason,
        priority=Priority(row.priority),
        referral=row.referral_id,
        version=row.version,
        created=row.created_at,
        links=_links(row.id),
    )


def _links(visit_id: UUID) -> Links:
    def address(view: str) -> str:
        return root() + url_for(view, appointment_id=visit_id)

    return Links(
        self=address("api_appointments.get_appointment"),
        page=address("visits.show"),
        calendar=address("api_appointments.get_calendar"),
    )
