"""The network of entrypoints/world.py with more in it: a GP at two centres, a specialist, two
services of one department, a child whom a patient cares for, and appointments that make people
busy."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from entrypoints.world import World
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory import dependents
from openslot.directory.details import DependentDetails, PractitionerDetails, ServiceDetails
from openslot.directory.models import Profession
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, open_schedule
from openslot.usecases.booking import book
from working import work

SYDNEY = ZoneInfo("Australia/Sydney")
OFFICE = tuple(Weekly(weekday, 540, 1020) for weekday in range(7))


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
    gp = _person(session, "Noor Aziz", Profession.GP)
    dental = _person(session, "Amy Winehouse", Profession.SPECIALIST, expertise="Dental")
    radiology = world.departments["owner"]
    child = _child(session, world)
    return Timetable(
        gp=gp,
        gp_here=_opened(session, world.centres["own"], practitioner_id=gp),
        gp_there=_opened(session, world.centres["other"], practitioner_id=gp, later=True),
        specialist=_opened(session, world.centres["own"], practitioner_id=dental),
        scan=_service(session, world, radiology, "MRI"),
        bloods=_service(session, world, radiology, "Ultrasound"),
        child=child,
    )


def _person(session: Session, name: str, profession: Profession, **more: str) -> int:
    details = PractitionerDetails.model_validate({"name": name, "profession": profession, **more})
    return directory.create_practitioner(work(session, SYSTEM, datetime.now(UTC)), details).id


def _opened(session: Session, centre: int, *, later: bool = False, **whom: int) -> int:
    hours = tuple(Weekly(day, 1080, 1260) for day in range(7)) if later else OFFICE
    return open_schedule(
        work(session, SYSTEM, datetime.now(UTC)),
        centre_id=centre,
        details=ScheduleDetails(),
        hours=hours,
        **whom,
    ).id


def _service(session: Session, world: World, department: int, name: str) -> int:
    now = datetime.now(UTC)
    made = directory.create_service(
        work(session, SYSTEM, now), department, ServiceDetails(name=name)
    )
    return _opened(session, world.centres["own"], service_id=made.id)


def _child(session: Session, world: World) -> UUID:
    carer = Actor(role=Role.PATIENT, patient_id=world.patients["owner"])
    details = DependentDetails(name="Tama Owner", born=date(2015, 4, 2))
    return dependents.add(work(session, carer, datetime.now(UTC)), details).id


def occupy(
    database: Database, schedule: int, patient: UUID, *, days: int, hour: int, minutes: int = 30
) -> Appointment:
    """Book somebody a time at an hour of Sydney's clock."""
    day = (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date()
    booking_request = BookingRequest(
        schedule, datetime.combine(day, time(hour), SYDNEY), minutes, patient
    )
    return database.run(
        lambda session: book(work(session, SYSTEM, datetime.now(UTC)), booking_request)
    )
