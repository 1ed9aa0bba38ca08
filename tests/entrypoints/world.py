"""A small network for the tests of entry points: two centres, and people of every role.

Of each role that has objects of its own there are an ``owner``, a ``teammate`` at the same
centre and a ``stranger`` at the other one.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment
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
from openslot.directory.models import Centre, CentreType, Department, Practitioner, Profession
from openslot.identity.commands import NewAccount, create_account
from openslot.identity.models import Account
from openslot.identity.passwords import hash_password
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, open_schedule
from openslot.usecases.booking import book
from working import work

PASSWORD = "correct horse battery staple"
SYDNEY = ZoneInfo("Australia/Sydney")
ALL_DAY = tuple(Weekly(weekday, 0, 1440) for weekday in range(7))


@cache
def password_hash() -> str:
    """The hash of PASSWORD, made once and as cheaply as it goes."""
    return hash_password(PASSWORD, time_cost=1)


@dataclass
class World:
    """The ids that tests name, by what they are."""

    emails: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, UUID] = field(default_factory=dict)
    patients: dict[str, UUID] = field(default_factory=dict)
    practitioners: dict[str, int] = field(default_factory=dict)
    centres: dict[str, int] = field(default_factory=dict)
    departments: dict[str, int] = field(default_factory=dict)
    services: dict[str, int] = field(default_factory=dict)
    schedules: dict[str, int] = field(default_factory=dict)
    appointments: dict[str, UUID] = field(default_factory=dict)


def build(database: Database, now: datetime | None = None) -> World:
    """Fill an empty database with the network."""
    moment = now or datetime.now(UTC)
    return database.run(lambda session: _build(session, moment))


def _build(session: Session, now: datetime) -> World:
    world = World()
    for which, name, zone in (
        ("own", "Banksia General Hospital", "Australia/Sydney"),
        ("other", "Wattle Clinic", "Australia/Adelaide"),
    ):
        _centre(session, world, which, name, zone, now)
    _people(session, world, now)
    _appointments(session, world, now)
    return world


def _centre(
    session: Session, world: World, which: str, name: str, zone: str, now: datetime
) -> None:
    centre = directory.create_centre(
        work(session, SYSTEM, now),
        CentreDetails(
            name=name,
            type=CentreType.HOSPITAL,
            suburb="Randwick",
            time_zone=zone,
            address="1 High Street",
            phone="02 9382 1111",
            email="desk@example.org",
        ),
    )
    world.centres[which] = centre.id
    names = {
        "own": (("owner", "Radiology"), ("teammate", "Surgery")),
        "other": (("stranger", "Pathology"),),
    }[which]
    for who, title in names:
        _department(session, world, centre, who, title, now)


def _department(
    session: Session, world: World, centre: Centre, who: str, title: str, now: datetime
) -> None:
    department: Department = directory.create_department(
        work(session, SYSTEM, now), centre.id, DepartmentDetails(name=title)
    )
    service = directory.create_service(
        work(session, SYSTEM, now), department.id, ServiceDetails(name=f"{title} appointment")
    )
    schedule = open_schedule(
        work(session, SYSTEM, now),
        centre_id=centre.id,
        service_id=service.id,
        details=ScheduleDetails(),
        hours=ALL_DAY,
    )
    world.departments[who] = department.id
    world.services[who] = service.id
    world.schedules[f"{who}-service"] = schedule.id


def _people(session: Session, world: World, now: datetime) -> None:
    _account(session, world, "network-admin", "Nadia Ferris", Role.NETWORK_ADMIN, now)
    for who, centre in (("owner", "own"), ("teammate", "own"), ("stranger", "other")):
        centre_id = world.centres[centre]
        admin = _account(
            session, world, f"centre-admin-{who}", f"Ciara {who.title()}", Role.CENTRE_ADMIN, now
        )
        directory.place_staff(work(session, SYSTEM), admin.id, centre_id, None)
        staff = _account(session, world, f"staff-{who}", f"Sami {who.title()}", Role.STAFF, now)
        directory.place_staff(work(session, SYSTEM), staff.id, centre_id, world.departments[who])
        _practitioner(session, world, who, centre_id, now)
        _patient(session, world, who, now)


def _account(
    session: Session, world: World, key: str, name: str, role: Role, now: datetime
) -> Account:
    email = f"{key}@example.com"
    new = NewAccount(email, name, password_hash(), role, confirmed_at=now)
    account = create_account(work(session, Actor(), now), new)
    world.emails[key] = email
    world.accounts[key] = account.id
    return account


def _practitioner(session: Session, world: World, who: str, centre_id: int, now: datetime) -> None:
    key = f"practitioner-{who}"
    account = _account(session, world, key, f"Priya {who.title()}", Role.PRACTITIONER, now)
    person: Practitioner = directory.create_practitioner(
        work(session, SYSTEM, now),
        PractitionerDetails(
            name=account.name,
            profession=Profession.PHYSIOTHERAPIST,
            languages="English, Hindi",
            email=f"{key}@example.org",
            phone="02 9382 2222",
            about="Sports injuries.",
        ),
        account_id=account.id,
    )
    schedule = open_schedule(
        work(session, SYSTEM, now),
        centre_id=centre_id,
        practitioner_id=person.id,
        details=ScheduleDetails(),
        hours=ALL_DAY,
    )
    world.practitioners[who] = person.id
    world.schedules[who] = schedule.id


def _patient(session: Session, world: World, who: str, now: datetime) -> None:
    account = _account(session, world, f"patient-{who}", f"Aroha {who.title()}", Role.PATIENT, now)
    patient = directory.add_patient(
        work(session, SYSTEM, now),
        PatientDetails(
            name=account.name, born=date(1980, 3, 31), email=account.email, phone="0400 123 456"
        ),
        account_id=account.id,
    )
    world.patients[who] = patient.id


def _appointments(session: Session, world: World, now: datetime) -> None:
    """Each patient has an appointment in three days, with the practitioner of the same name."""
    for who in ("owner", "teammate", "stranger"):
        appointment = book_for(session, world, who, now=now, days=3)
        world.appointments[who] = appointment.id


def book_for(session: Session, world: World, who: str, *, now: datetime, days: int) -> Appointment:
    """An appointment of the patient ``who`` with the practitioner ``who``, at ten in Sydney."""
    day = (now + timedelta(days=days)).astimezone(SYDNEY).date()
    booking_request = BookingRequest(
        schedule_id=world.schedules[who],
        start=datetime.combine(day, time(10), SYDNEY),
        minutes=30,
        patient_id=world.patients[who],
        reason="Sore knee",
    )
    return book(work(session, SYSTEM, now), booking_request)
