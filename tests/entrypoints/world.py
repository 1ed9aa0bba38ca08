"""A small network for the tests of entry points: two centres, and people of every role.

Of each role that has objects of its own there are an ``owner``, a ``teammate`` at the same
centre and a ``stranger`` at the other one.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from beginnings import half_hour, once
from factories import ALL_DAY, SYDNEY
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM, Role
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import Practitioner
from openslot.identity.models import Account
from openslot.identity.passwords import hash_password
from working import work

PASSWORD = "correct horse battery staple"


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
    return once(
        database,
        ("world", now or half_hour(moment)),
        lambda: database.run(lambda session: _build(session, moment)),
    )


def _build(session: Session, now: datetime) -> World:
    world = World()
    _centre(session, world, "own", "Banksia General Hospital", "Australia/Sydney", now)
    _department(session, world, "own", "owner", "Radiology", now)
    _department(session, world, "own", "teammate", "Surgery", now)
    _centre(session, world, "other", "Wattle Clinic", "Australia/Adelaide", now)
    _department(session, world, "other", "stranger", "Pathology", now)
    _people(session, world, now)
    for who in ("owner", "teammate", "stranger"):
        world.appointments[who] = book_for(session, world, who, now=now, days=3).id
    return world


def _centre(
    session: Session, world: World, which: str, name: str, zone: str, now: datetime
) -> None:
    world.centres[which] = factories.centre(
        session,
        name,
        time_zone=zone,
        address="1 High Street",
        phone="02 9382 1111",
        email="desk@example.org",
        now=now,
    ).id


def _department(
    session: Session, world: World, which: str, who: str, name: str, now: datetime
) -> None:
    centre_id = world.centres[which]
    department = factories.department(session, centre_id, name, now=now)
    service = factories.service(session, department.id, f"{name} appointment", now=now)
    schedule = factories.schedule(session, centre_id, service_id=service.id, hours=ALL_DAY, now=now)
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
    account = factories.account(
        session,
        f"{key}@example.com",
        role,
        name=name,
        password_hash=password_hash(),
        confirmed_at=now,
        now=now,
    )
    world.emails[key] = account.email
    world.accounts[key] = account.id
    return account


def _practitioner(session: Session, world: World, who: str, centre_id: int, now: datetime) -> None:
    key = f"practitioner-{who}"
    account = _account(session, world, key, f"Priya {who.title()}", Role.PRACTITIONER, now)
    person = factories.practitioner(
        session,
        account.name,
        "Physiotherapist",
        account_id=account.id,
        languages="English, Hindi",
        email=f"{key}@example.org",
        phone="02 9382 2222",
        about="Sports injuries.",
        now=now,
    )
    schedule = factories.schedule(
        session, centre_id, practitioner_id=person.id, hours=ALL_DAY, now=now
    )
    world.practitioners[who] = person.id
    world.schedules[who] = schedule.id


def _patient(session: Session, world: World, who: str, now: datetime) -> None:
    account = _account(session, world, f"patient-{who}", f"Aroha {who.title()}", Role.PATIENT, now)
    world.patients[who] = factories.patient(
        session,
        account.name,
        account_id=account.id,
        born=date(1980, 3, 31),
        email=account.email,
        phone="0400 123 456",
        now=now,
    ).id


def book_for(session: Session, world: World, who: str, *, now: datetime, days: int) -> Appointment:
    """Book the patient ``who`` with the practitioner ``who``, at ten in Sydney."""
    day = (now + timedelta(days=days)).astimezone(SYDNEY).date()
    start = datetime.combine(day, time(10), SYDNEY)
    return factories.appointment(
        session, world.schedules[who], start, world.patients[who], reason="Sore knee", now=now
    )


def give_professions(
    session: Session,
    world: World,
    *,
    specialists: tuple[str, ...] = ("stranger",),
    expertise: str = "Dental",
) -> None:
    """Make the practitioner ``owner`` a GP, and others specialists."""
    session.get_one(Practitioner, world.practitioners["owner"]).profession = "GP"
    for who in specialists:
        specialist = session.get_one(Practitioner, world.practitioners[who])
        specialist.profession, specialist.expertise = "Specialist", expertise
    for who in ("owner", *specialists):
        mark_changed(session, "practitioner", world.practitioners[who])
