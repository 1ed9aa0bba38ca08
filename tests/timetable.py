"""The network of entrypoints/world.py with more in it: a GP at two centres, a specialist, two
services of one department, a child whom a patient cares for, and appointments that make people
busy."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking.models import Appointment
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.directory import dependents
from openslot.directory.details import DependentDetails
from openslot.schedules.availability import Weekly
from working import work

OFFICE = tuple(Weekly(weekday, 540, 1020) for weekday in range(7))
EVENINGS = tuple(Weekly(weekday, 1080, 1260) for weekday in range(7))


@dataclass(frozen=True)
class Timetable:
    """The ids of what is added."""

    gp: int
    gp_here: int
    gp_there: int
    specialist: int
    scan: int
    bloods: int
    child: UUID


def fill(database: Database, world: World) -> Timetable:
    """Add them all."""
    return database.run(lambda session: _fill(session, world))


def _fill(session: Session, world: World) -> Timetable:
    now, own, other = datetime.now(UTC), world.centres["own"], world.centres["other"]

    def opened(centre: int, hours: tuple[Weekly, ...] = OFFICE, **whom: int) -> int:
        return factories.schedule(session, centre, hours=hours, now=now, **whom).id

    def service(name: str) -> int:
        radiology = world.departments["owner"]
        return opened(own, service_id=factories.service(session, radiology, name, now=now).id)

    gp = factories.practitioner(session, "Noor Aziz", now=now).id
    dental = factories.practitioner(
        session, "Amy Winehouse", "Specialist", expertise="Dental", now=now
    ).id
    carer = Actor(role=Role.PATIENT, patient_id=world.patients["owner"])
    details = DependentDetails(name="Tama Owner", born=date(2015, 4, 2))
    child = dependents.add(work(session, carer, now), details)
    return Timetable(
        gp=gp,
        gp_here=opened(own, practitioner_id=gp),
        gp_there=opened(other, EVENINGS, practitioner_id=gp),
        specialist=opened(own, practitioner_id=dental),
        scan=service("MRI"),
        bloods=service("Ultrasound"),
        child=child.id,
    )


def occupy(
    database: Database, schedule: int, patient: UUID, *, days: int, hour: int, minutes: int = 30
) -> Appointment:
    """Book somebody a time at an hour of Sydney's clock."""
    now = datetime.now(UTC)
    day = (now + timedelta(days=days)).astimezone(SYDNEY).date()
    start = datetime.combine(day, time(hour), SYDNEY)
    return database.run(
        lambda session: factories.appointment(
            session, schedule, start, patient, minutes=minutes, now=now
        )
    )
