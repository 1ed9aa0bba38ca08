"""Requests that were agreed in another system and are imported."""

from openslot.booking.models import Appointment
from openslot.core import audit
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.department_requests import queries
from openslot.department_requests.commands import subject_of
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.directory.models import Service
from openslot.directory.rules import may_run_network


def record_request(
    work: Work, appointment: Appointment, service: Service, department_id: int
) -> ServiceRequest:
    """Store the request for an existing appointment, without any notification."""
    may_run_network(work.actor)
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
        changed_at=work.now,
    )
    work.session.flush()
    queries.add(work.session, request)
    audit.record(work, "request.imported", subject_of(request.id))
    return request
