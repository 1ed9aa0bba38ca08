"""A small health network for tests: two centres, a few practitioners, patients, a service.

Everybody is made through the features' own commands. Times are fixed: NOW is a Sunday evening
in Sydney, so that the whole week lies ahead.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.commands import BookingRequest
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ServiceDetails,
)
from openslot.directory.models import CentreType, Profession
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, open_schedule
from openslot.schedules.models import Schedule
from working import work

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
"""Sunday 22 November 2026, 7 pm in Sydney."""

MONDAY_9 = datetime(2026, 11, 23, 9, 0, tzinfo=SYDNEY)
WEEKDAYS = tuple(Weekly(day, 9 * 60, 17 * 60) for day in range(5))
HALF_HOUR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Town:
    """Ids of what stands in the town."""

    hospital: int
    clinic: int
    gp: int
    gp_at_hospital: int
    gp_at_clinic: int
    physio: int
    physio_at_hospital: int
    specialist: int
    specialist_at_hospital: int
    department: int
    scan: int
    patients: tuple[UUID, ...]

    def patient(self, number: int = 0) -> Actor:
        """One of the patients, as one who acts."""
        return Actor(role=Role.PATIENT, patient_id=self.patients[number])

    @property
    def doctor(self) -> Actor:
        """The GP, as one who acts."""
        return Actor(role=Role.PRACTITIONER, practitioner_id=self.gp)

    @property
    def clerk(self) -> Actor:
        """Staff of the hospital."""
        return Actor(role=Role.STAFF, centre_id=self.hospital, department_id=self.department)

    def booking_request(
        self,
        start: datetime = MONDAY_9,
        *,
        schedule: int | None = None,
        patient: int | None = 0,
        minutes: int = 30,
        second_appointment: bool = False,
    ) -> BookingRequest:
        """An appointment with the GP at the hospital, unless told otherwise."""
        return BookingRequest(
            schedule_id=self.gp_at_hospital if schedule is None else schedule,
            start=start,
            minutes=minutes,
            patient_id=None if patient is None else self.patients[patient],
            second_appointment=second_appointment,
        )


def build_town(database: Database, *, patients: int = 3) -> Town:
    """Found the town in an empty database."""
    return database.run(lambda session: _found(session, patients))


def _found(session: Session, patients: int) -> Town:
    hospital = _centre(session, "Prince of Wales Hospital", "Randwick")
    clinic = _centre(session, "UNSW Health Service", "Kensington")
    gp = _practitioner(session, "Samuel Jackson", Profession.GP, either_place=True)
    physio = _practitioner(session, "Ian Baker", Profession.PHYSIOTHERAPIST)
    specialist = _practitioner(session, "Amy Winehouse", Profession.SPECIALIST, expertise="Dental")
    department = directory.create_department(
        work(session, SYSTEM, NOW), hospital, DepartmentDetails(name="Radiology")
    )
    scan = directory.create_service(
        work(session, SYSTEM, NOW), department.id, ServiceDetails(name="CT")
    )
    people = [
        directory.add_patient(work(session, SYSTEM, NOW), PatientDetails(name=f"Patient {number}"))
        for number in range(patients)
    ]
    return Town(
        hospital=hospital,
        clinic=clinic,
        gp=gp,
        gp_at_hospital=_opened(session, hospital, practitioner=gp),
        gp_at_clinic=_opened(session, clinic, practitioner=gp),
        physio=physio,
        physio_at_hospital=_opened(session, hospital, practitioner=physio),
        specialist=specialist,
        specialist_at_hospital=_opened(session, hospital, practitioner=specialist),
        department=department.id,
        scan=_opened(session, hospital, service=scan.id),
        patients=tuple(person.id for person in people),
    )


def _centre(session: Session, name: str, suburb: str) -> int:
    details = CentreDetails(
        name=name, type=CentreType.HOSPITAL, suburb=suburb, time_zone="Australia/Sydney"
    )
    return directory.create_centre(work(session, SYSTEM, NOW), details).id


def _practitioner(session: Session, name: str, profession: Profession, **more: object) -> int:
    details = PractitionerDetails.model_validate({"name": name, "profession": profession, **more})
    return directory.create_practitioner(work(session, SYSTEM, NOW), details).id


def _opened(
    session: Session, centre: int, *, practitioner: int | None = None, service: int | None = None
) -> int:
    schedule: Schedule = open_schedule(
        work(session, SYSTEM, NOW),
        centre_id=centre,
        practitioner_id=practitioner,
        service_id=service,
        details=ScheduleDetails(),
        hours=WEEKDAYS,
    )
    return schedule.id
