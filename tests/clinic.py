"""A small network for tests of mail: one centre, a practitioner, a department, a patient."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import icalendar
from sqlalchemy.orm import Session

import factories
from beginnings import once
from factories import ALL_DAY
from openslot.booking import commands as booking
from openslot.booking.models import Appointment, Status
from openslot.core import outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.entrypoints.worker.main import handle_next
from openslot.identity.models import Account
from working import work

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
"""Monday 2 November 2026, noon in Sydney."""

START = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
"""Monday 23 November 2026, 10:30 am in Sydney."""

REASON = "Rash that itches"
"""Why the patient comes; must stand in no mail."""


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
    return once(
        database,
        ("clinic", patient_name),
        lambda: database.run(lambda session: _open(session, patient_name)),
    )


def _open(session: Session, patient_name: str) -> Clinic:
    centre_id = factories.centre(
        session, "Royal Randwick Hospital", address="Barker St", phone="0293822222", now=NOW
    ).id
    patient, practitioner, staff = (
        factories.account(
            session,
            f"{role}@accounts.example",
            role,
            name=f"{role} account",
            confirmed_at=NOW,
            now=NOW,
        ).id
        for role in (Role.PATIENT, Role.PRACTITIONER, Role.CENTRE_ADMIN)
    )
    directory.place_staff(work(session, SYSTEM), staff, centre_id, None)
    return Clinic(
        schedule=_practitioner(session, centre_id, practitioner),
        service_schedule=_service(session, centre_id),
        patient=factories.patient(
            session,
            patient_name,
            account_id=patient,
            born=date(1980, 3, 31),
            email="ann@example.org",
            now=NOW,
        ).id,
        patient_account=patient,
        practitioner_account=practitioner,
        staff_account=staff,
    )


def _practitioner(session: Session, centre_id: int, account_id: UUID) -> int:
    toby = factories.practitioner(
        session,
        "Toby Turner",
        "Physiotherapist",
        email="toby@example.org",
        account_id=account_id,
        now=NOW,
    )
    return factories.schedule(
        session, centre_id, practitioner_id=toby.id, hours=ALL_DAY, now=NOW
    ).id


def _service(session: Session, centre_id: int) -> int:
    radiology = factories.department(
        session, centre_id, email="radiology@example.org", phone="0293823333", now=NOW
    )
    service = factories.service(session, radiology.id, "Chest X-ray", now=NOW)
    return factories.schedule(session, centre_id, service_id=service.id, hours=ALL_DAY, now=NOW).id


def book(
    database: Database, clinic: Clinic, *, at: datetime = START, schedule: int | None = None
) -> Appointment:
    """Book Ann an appointment, by default with Toby."""
    return database.run(
        lambda session: factories.appointment(
            session, schedule or clinic.schedule, at, clinic.patient, reason=REASON, now=NOW
        )
    )


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

    def __init__(self, database: Database, settings: Settings, *, now: datetime = NOW):
        self.database, self.settings, self.now = database, settings, now
        self.seen: set[UUID] = set()

    def new(self) -> dict[str, dict[str, Any]]:
        """Do all that is due, and read what was kept."""
        return {mail["to"]: mail for mail in self.fresh()}

    def fresh(self) -> list[dict[str, Any]]:
        """Do the same, however many mails go to one address."""
        while handle_next(self.database, self.settings, now=lambda: self.now):
            pass
        with self.database.reading() as session:
            made = outbox.messages(session, "mail", limit=100, offset=0)
        fresh = [one for one in made if one.id not in self.seen]
        self.seen.update(one.id for one in fresh)
        return [one.payload for one in fresh]


def words(mail: dict[str, Any]) -> str:
    """What a reader of the HTML part sees."""
    together = re.sub(r"</?bdi>", "", mail["html"])
    visible = re.sub(r"<style>.*?</style>|<[^>]+>", " ", together, flags=re.S)
    return " ".join(html.unescape(visible).replace("\u00a0", " ").split())


def both(mail: dict[str, Any]) -> Iterator[str]:
    """The words of both parts."""
    yield mail["text"]
    yield words(mail)


def parts_of(message: EmailMessage) -> Iterator[str]:
    """The words of both parts of a mail that was sent."""
    text, shown = (message.get_body([kind]) for kind in ("plain", "html"))
    assert text
    assert shown
    return both({"text": text.get_content(), "html": shown.get_content()})


def event_of(mail: dict[str, Any]) -> Any:
    """The appointment in the calendar of a mail."""
    return icalendar.Calendar.from_ical(mail["calendar"]).walk("VEVENT")[0]
