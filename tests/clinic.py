"""A small network for tests of mail: one centre, a practitioner, a department, a patient."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import icalendar
from sqlalchemy.orm import Session

from openslot.booking import commands as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core import outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
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
from openslot.entrypoints.worker.main import handle_next
from openslot.identity.commands import NewAccount, create_account
from openslot.identity.models import Account
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails, open_schedule
from openslot.usecases import booking as usecases
from working import work

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
"""Monday 2 November 2026, noon in Sydney."""

START = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
"""Monday 23 November 2026, 10:30 am in Sydney."""

REASON = "Rash that itches"
"""Why the patient comes; must stand in no mail."""

ALL_DAY = tuple(Weekly(weekday, 0, 1440) for weekday in range(7))


@dataclass(frozen=True)
class Clinic:
    """The ids that tests name."""

    schedule: int
    service_schedule: int
    patient: UUID
    patient_account: UUID
    practitioner_account: UUID
    staff_account: UUID


def open_clinic(database: Database, *, patient_name: str = "Ann Example") -> Clinic:
    """Fill an empty database."""
    return database.run(lambda session: _open(session, patient_name))


def _open(session: Session, patient_name: str) -> Clinic:
    centre = directory.create_centre(
        work(session, SYSTEM, NOW),
        CentreDetails(
            name="Royal Randwick Hospital",
            type=CentreType.HOSPITAL,
            suburb="Randwick",
            address="Barker St",
            phone="0293822222",
            time_zone="Australia/Sydney",
        ),
    )
    accounts = {
        role: _account(session, role)
        for role in (Role.PATIENT, Role.PRACTITIONER, Role.CENTRE_ADMIN)
    }
    directory.place_staff(work(session, SYSTEM), accounts[Role.CENTRE_ADMIN].id, centre.id, None)
    return Clinic(
        schedule=_practitioner(session, centre.id, accounts[Role.PRACTITIONER].id),
        service_schedule=_service(session, centre.id),
        patient=_patient(session, patient_name, accounts[Role.PATIENT].id),
        patient_account=accounts[Role.PATIENT].id,
        practitioner_account=accounts[Role.PRACTITIONER].id,
        staff_account=accounts[Role.CENTRE_ADMIN].id,
    )


def _account(session: Session, role: Role) -> Account:
    new = NewAccount(f"{role}@accounts.example", f"{role} account", "-", role, confirmed_at=NOW)
    return create_account(work(session, Actor(), NOW), new)


def _practitioner(session: Session, centre_id: int, account_id: UUID) -> int:
    details = PractitionerDetails(
        name="Toby Turner", profession=Profession.PHYSIOTHERAPIST, email="toby@example.org"
    )
    toby = directory.create_practitioner(work(session, SYSTEM, NOW), details, account_id=account_id)
    return _schedule(session, centre_id, practitioner_id=toby.id)


def _service(session: Session, centre_id: int) -> int:
    department = directory.create_department(
        work(session, SYSTEM, NOW),
        centre_id,
        DepartmentDetails(name="Radiology", email="radiology@example.org", phone="0293823333"),
    )
    service = directory.create_service(
        work(session, SYSTEM, NOW), department.id, ServiceDetails(name="Chest X-ray")
    )
    return _schedule(session, centre_id, service_id=service.id)


def _schedule(session: Session, centre_id: int, **subject: int) -> int:
    schedule = open_schedule(
        work(session, SYSTEM, NOW),
        centre_id=centre_id,
        details=ScheduleDetails(),
        hours=ALL_DAY,
        **subject,
    )
    return schedule.id


def _patient(session: Session, name: str, account_id: UUID) -> UUID:
    details = PatientDetails(name=name, born=date(1980, 3, 31), email="ann@example.org")
    return directory.add_patient(work(session, SYSTEM, NOW), details, account_id=account_id).id


def book(
    database: Database, clinic: Clinic, *, at: datetime = START, schedule: int | None = None
) -> Appointment:
    """Book Ann an appointment, by default with Toby."""
    booking_request = BookingRequest(
        schedule or clinic.schedule, at, 30, clinic.patient, reason=REASON
    )
    return database.run(lambda session: usecases.book(work(session, SYSTEM, NOW), booking_request))


def move(database: Database, appointment: Appointment, to: datetime) -> None:
    """Move an appointment."""
    database.run(
        lambda session: booking.move(
            work(session, SYSTEM, NOW, cutoff=timedelta(hours=2)), appointment.id, to
        )
    )


def cancel(
    database: Database, appointment: Appointment, *, by: UUID | None = None, why: str | None = None
) -> None:
    """Cancel an appointment; ``by`` names the account that does it."""

    def act(session: Session) -> None:
        account = session.get(Account, by) if by else None
        actor: Actor = directory.actor_of(session, account, None) if account else SYSTEM
        booking.change_status(
            work(session, actor, NOW, cutoff=timedelta(hours=2)),
            appointment.id,
            Status.CANCELLED,
            why=why,
        )

    database.run(act)


# What the mails say


class Mails:
    """The mails that the worker made of what happened since the last look, by address."""

    def __init__(self, database: Database, settings: Settings):
        self.database, self.settings = database, settings
        self.seen: set[UUID] = set()

    def new(self) -> dict[str, dict[str, Any]]:
        """Do all that is due, and read what was kept."""
        while handle_next(self.database, self.settings, now=lambda: NOW):
            pass
        with self.database.reading() as session:
            made = outbox.messages(session, "mail", limit=100, offset=0)
        fresh = [one for one in made if one.id not in self.seen]
        self.seen.update(one.id for one in fresh)
        return {one.payload["to"]: one.payload for one in fresh}


def words(mail: dict[str, Any]) -> str:
    """What a reader of the HTML part sees."""
    together = re.sub(r"</?bdi>", "", mail["html"])
    visible = re.sub(r"<style>.*?</style>|<[^>]+>", " ", together, flags=re.S)
    return " ".join(html.unescape(visible).replace("\u00a0", " ").split())


def both(mail: dict[str, Any]) -> Iterator[str]:
    """The words of both parts."""
    yield mail["text"]
    yield words(mail)


def event_of(mail: dict[str, Any]) -> Any:
    """The appointment in the calendar of a mail."""
    return icalendar.Calendar.from_ical(mail["calendar"]).walk("VEVENT")[0]


def change(database: Database, kind: type, key: Any, **values: Any) -> None:
    """Set columns of one row."""

    def act(session: Any) -> None:
        row = session.get(kind, key)
        for name, value in values.items():
            setattr(row, name, value)

    database.run(act)
