"""A hospital with three departments that ask each other, and another one beside it.

Everybody is made through the features' own commands; NOW and the days are those of town.py.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Priority
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.department_requests import commands
from openslot.department_requests.details import RequestDetails
from openslot.department_requests.models import ServiceRequest
from openslot.department_requests.queries import request as request_of
from openslot.directory import commands as directory
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    ServiceDetails,
)
from openslot.directory.models import CentreType
from openslot.identity.commands import NewAccount, create_account
from openslot.schedules.commands import ScheduleDetails, open_schedule
from town import MONDAY_9, NOW, WEEKDAYS
from working import work


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
    """Found both hospitals in an empty database."""
    return database.run(_found)


def _found(session: Session) -> Wards:
    hospital, other = _centre(session, "Banksia Hospital"), _centre(session, "Wattle Hospital")
    surgery, _ = _department(session, hospital, "Surgery")
    radiology, scan = _department(session, hospital, "Radiology")
    ward, _ = _department(session, hospital, "Ward 3")
    pathology, foreign = _department(session, other, "Pathology")
    person = directory.add_patient(work(session, SYSTEM, NOW), PatientDetails(name="Ilse Brandt"))
    return Wards(
        hospital=hospital,
        surgery=_staff(session, hospital, surgery, "surgery"),
        radiology=_staff(session, hospital, radiology, "radiology"),
        ward=_staff(session, hospital, ward, "ward"),
        stranger=_staff(session, other, pathology, "pathology"),
        scan=scan[0],
        scan_schedule=scan[1],
        foreign_service=foreign[0],
        patient=person.id,
    )


def _centre(session: Session, name: str) -> int:
    details = CentreDetails(
        name=name, type=CentreType.HOSPITAL, suburb="Randwick", time_zone="Australia/Sydney"
    )
    return directory.create_centre(work(session, SYSTEM, NOW), details).id


def _department(session: Session, centre: int, name: str) -> tuple[int, tuple[int, int]]:
    """A department with one service and its schedule."""
    made = directory.create_department(
        work(session, SYSTEM, NOW), centre, DepartmentDetails(name=name)
    )
    service = directory.create_service(
        work(session, SYSTEM, NOW), made.id, ServiceDetails(name=f"{name} scan")
    )
    schedule = open_schedule(
        work(session, SYSTEM, NOW),
        centre_id=centre,
        service_id=service.id,
        details=ScheduleDetails(),
        hours=WEEKDAYS,
    )
    return made.id, (service.id, schedule.id)


def _staff(session: Session, centre: int, department: int, name: str) -> Actor:
    account = create_account(
        work(session, Actor(), NOW),
        NewAccount(f"{name}@example.org", f"Sam {name.title()}", "-", Role.STAFF),
    )
    directory.place_staff(work(session, SYSTEM), account.id, centre, department)
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


def look(database: Database, request: ServiceRequest) -> ServiceRequest:
    """The request as it stands now."""
    found = database.read(lambda session: request_of(session, request.id))
    assert found is not None
    return found


def somebody_else(actor: Actor) -> Actor:
    """A colleague in the same department, at another desk."""
    return replace(actor, address="10.0.0.2")
