"""A small health network for tests: two centres, a few practitioners, patients, a service."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from beginnings import once
from factories import MONDAY_9
from openslot.booking.commands import BookingRequest
from openslot.core.actor import Actor, Role
from openslot.core.db import Database


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
        reason: str | None = None,
        emergency: bool = False,
    ) -> BookingRequest:
        """An appointment with the GP at the hospital, unless told otherwise."""
        return BookingRequest(
            schedule_id=self.gp_at_hospital if schedule is None else schedule,
            start=start,
            minutes=minutes,
            patient_id=None if patient is None else self.patients[patient],
            second_appointment=second_appointment,
            reason=reason,
            emergency=emergency,
        )


def build_town(database: Database, *, patients: int = 3) -> Town:
    """Found the town in an empty database."""
    return once(
        database,
        ("town", patients),
        lambda: database.run(lambda session: _build(session, patients)),
    )


def _build(session: Session, patients: int) -> Town:
    hospital = factories.centre(session, "Prince of Wales Hospital").id
    clinic = factories.centre(session, "UNSW Health Service", suburb="Kensington").id
    gp = factories.practitioner(session, "Samuel Jackson", either_place=True).id
    physio = factories.practitioner(session, "Ian Baker", "Physiotherapist").id
    specialist = factories.practitioner(
        session, "Amy Winehouse", "Specialist", expertise="Dental"
    ).id
    department = factories.department(session, hospital, "Radiology").id
    scan = factories.service(session, department, "CT").id
    people = [factories.patient(session, f"Patient {number}") for number in range(patients)]
    return Town(
        hospital=hospital,
        clinic=clinic,
        gp=gp,
        gp_at_hospital=factories.schedule(session, hospital, practitioner_id=gp).id,
        gp_at_clinic=factories.schedule(session, clinic, practitioner_id=gp).id,
        physio=physio,
        physio_at_hospital=factories.schedule(session, hospital, practitioner_id=physio).id,
        specialist=specialist,
        specialist_at_hospital=factories.schedule(session, hospital, practitioner_id=specialist).id,
        department=department,
        scan=factories.schedule(session, hospital, service_id=scan).id,
        patients=tuple(person.id for person in people),
    )
