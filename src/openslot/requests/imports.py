"""Requests that were agreed in another system and are imported."""

from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import audit
from openslot.core.ids import new_id
from openslot.directory.models import Service
from openslot.directory.rules import Actor, may_run_network
from openslot.requests import queries
from openslot.requests.commands import subject_of
from openslot.requests.models import Kept, ServiceRequest


def record_request(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    service: Service,
    department_id: int,
    *,
    now: datetime,
) -> ServiceRequest:
    """Store the request for an existing appointment, without any notification."""
    may_run_network(actor)
    request = ServiceRequest(
        id=new_id(),
        service_id=service.id,
        department_id=department_id,
        patient_id=appointment.patient_id,
        task=appointment.task or service.name,
        description=appointment.reason,
        priority=appointment.priority,
        starts_at=appointment.starts_at,
        minutes=appointment.minutes,
        status=Kept.ACCEPTED,
        appointment_id=appointment.id,
        version=1,
        created_at=appointment.created_at,
        created_by=appointment.created_by,
        changed_at=now,
    )
    session.flush()
    queries.add(session, request)
    audit.record(session, "request.imported", subject_of(request.id), by=actor.origin, now=now)
    return request
