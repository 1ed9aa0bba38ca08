"""A hospital with three departments that ask each other, and another one beside it."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking.models import Appointment, Priority
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.department_requests import commands
from openslot.department_requests.details import RequestDetails
from openslot.department_requests.models import ServiceRequest
from openslot.department_requests.queries import request as request_of
from working import found, work


@dataclass(frozen=True, slots=True)
class Wards:
    """Ids, and those who act: Surgery asks Radiology, the ward and the stranger look on."""

    hospital: int
    surgery: Actor
    radiology: Actor
    ward: Actor
    stranger: Actor
    scan: int
    scan_schedule: int
    foreign_service: int
    patient: UUID

    @property
    def admin(self) -> Actor:
        """Who runs the hospital."""
        return Actor(role=Role.CENTRE_ADMIN, centre_id=self.hospital)


def build_wards(database: Database) -> Wards:
    """Found both hospitals in an empty database; two departments have looked the patient up."""
    wards = database.run(_build)
    for actor in (wards.surgery, wards.radiology):
        found(database, actor, wards.patient, NOW)
    return wards


def _build(session: Session) -> Wards:
    hospital = factories.centre(session, "Banksia Hospital").id
    other = factories.centre(session, "Wattle Hospital").id
    surgery, _ = _department(session, hospital, "Surgery")
    radiology, scan = _department(session, hospital, "Radiology")
    ward, _ = _department(session, hospital, "Ward 3")
    pathology, foreign = _department(session, other, "Pathology")
    patient = factories.patient(session, "Ilse Brandt")
    return Wards(
        hospital=hospital,
        surgery=_staff(session, hospital, surgery, "surgery"),
        radiology=_staff(session, hospital, radiology, "radiology"),
        ward=_staff(session, hospital, ward, "ward"),
        stranger=_staff(session, other, pathology, "pathology"),
        scan=scan[0],
        scan_schedule=scan[1],
        foreign_service=foreign[0],
        patient=patient.id,
    )


def _department(session: Session, centre: int, name: str) -> tuple[int, tuple[int, int]]:
    """Create a department with one service and its schedule."""
    department = factories.department(session, centre, name)
    service = factories.service(session, department.id, f"{name} scan")
    schedule = factories.schedule(session, centre, service_id=service.id)
    return department.id, (service.id, schedule.id)


def _staff(session: Session, centre: int, department: int, name: str) -> Actor:
    account = factories.staff(
        session, centre, department, email=f"{name}@example.org", name=f"Sam {name.title()}"
    )
    return Actor(role=Role.STAFF, account_id=account.id, centre_id=centre, department_id=department)


def ask(
    database: Database,
    wards: Wards,
    *,
    start: datetime = MONDAY_9,
    now: datetime = NOW,
    priority: Priority = Priority.ROUTINE,
    patient: bool = False,
    by: Actor | None = None,
) -> ServiceRequest:
    """Surgery, unless told otherwise, asks Radiology for a scan."""
    details = RequestDetails(task="CT head", description="After a fall", priority=priority)
    return database.run(
        lambda session: commands.make(
            work(session, by or wards.surgery, now),
            wards.scan,
            details,
            start=start,
            minutes=30,
            patient_id=wards.patient if patient else None,
        )
    )


def book_scan(database: Database, wards: Wards, patient_id: UUID | None = None) -> Appointment:
    """Book Radiology's scan on Monday at nine."""
    return database.run(
        lambda session: factories.appointment(session, wards.scan_schedule, patient_id=patient_id)
    )


def look(database: Database, request: ServiceRequest) -> ServiceRequest:
    """The request as it stands now."""
    found = database.read(lambda session: request_of(session, request.id))
    assert found is not None
    return found


def somebody_else(actor: Actor) -> Actor:
    """A colleague in the same department, at another desk."""
    return replace(actor, address="10.0.0.2")
