"""Selects of existing data for the import, and the writing of many rows at once."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core.actor import Role
from openslot.core.audit import AuditEvent
from openslot.core.ids import new_id
from openslot.core.outbox import OutboxMessage, State
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import (
    Centre,
    Department,
    Diary,
    Patient,
    Practitioner,
    Profession,
    Room,
    Service,
    StaffMember,
)
from openslot.identity.commands import subject_of
from openslot.identity.models import Account
from openslot.importers.columns import squeezed
from openslot.resources.models import ResourceGroup
from openslot.schedules.models import OfferedService, Schedule

AT_ONCE = 1000
"""Rows read or written by one statement; engines limit its parameters."""


@dataclass(frozen=True, slots=True)
class NewPatient:
    """A checked patient with an account."""

    email: str
    name: str
    phone: str | None
    medicare_number: str | None
    password_hash: str


def roles(session: Session, emails: Iterable[str]) -> dict[str, str]:
    """Return the roles of existing accounts by email address."""
    roles_by_email: dict[str, str] = {}
    for batch in _batches(sorted(set(emails))):
        rows = session.execute(select(Account.email, Account.role).where(Account.email.in_(batch)))
        roles_by_email.update((email, role) for email, role in rows)
    return roles_by_email


def centres(session: Session) -> Sequence[Centre]:
    """Return all centres, inactive ones included."""
    return session.scalars(select(Centre).order_by(Centre.id)).all()


def professions(session: Session) -> dict[str, Profession]:
    """Return the professions that somebody can have by all their names, squeezed."""
    return {
        squeezed(name): profession
        for profession in directory.professions(session)
        for name in profession.names
    }


def departments(session: Session) -> Sequence[tuple[Department, Centre]]:
    """Return all departments with their centres."""
    rows = session.execute(
        select(Department, Centre).join(Centre, Centre.id == Department.centre_id)
    )
    return [(department, centre) for department, centre in rows]


def services(session: Session) -> Sequence[tuple[Service, Department, Centre]]:
    """Return all services with their departments and centres."""
    rows = session.execute(
        select(Service, Department, Centre)
        .join(Department, Department.id == Service.department_id)
        .join(Centre, Centre.id == Department.centre_id)
    )
    return [(service, department, centre) for service, department, centre in rows]


def offered_services(session: Session) -> Sequence[tuple[Service, Centre | None]]:
    """Return the services of centres and of the network, with their centres."""
    rows = session.execute(
        select(Service, Centre)
        .outerjoin(Centre, Centre.id == Service.centre_id)
        .where(Service.department_id.is_(None))
        .order_by(Service.id)
    )
    return [(service, centre) for service, centre in rows]


def offers(session: Session) -> Sequence[tuple[str, str, str, int | None]]:
    """Return the services that practitioners with an account offer, in the order of each schedule:
    email address, names of service and centre, and the length there if it is another."""
    rows = session.execute(
        select(Account.email, Service.name, Centre.name, OfferedService.minutes)
        .join(Practitioner, Practitioner.account_id == Account.id)
        .join(Schedule, Schedule.practitioner_id == Practitioner.id)
        .join(Centre, Centre.id == Schedule.centre_id)
        .join(OfferedService, OfferedService.schedule_id == Schedule.id)
        .join(Service, Service.id == OfferedService.service_id)
        .where(Schedule.active.is_(True), Service.active.is_(True))
        .order_by(Account.email, Centre.name, OfferedService.position, Service.id)
    )
    return [(email, service, centre, minutes) for email, service, centre, minutes in rows]


def rooms(session: Session) -> Sequence[tuple[Room, Centre]]:
    """Return all rooms and machines with their centres."""
    rows = session.execute(
        select(Room, Centre).join(Centre, Centre.id == Room.centre_id).order_by(Room.id)
    )
    return [(room, centre) for room, centre in rows]


def groups(session: Session) -> Sequence[tuple[ResourceGroup, Centre]]:
    """Return all groups of rooms and machines with their centres."""
    query = select(ResourceGroup, Centre).join(Centre, Centre.id == ResourceGroup.centre_id)
    return [(group, centre) for group, centre in session.execute(query)]


def practitioners(
    session: Session, emails: Iterable[str]
) -> dict[str, tuple[Account, Practitioner | None]]:
    """Return accounts with their practitioners, by email address."""
    return _people(session, emails, Practitioner)


def patients(session: Session, emails: Iterable[str]) -> dict[str, tuple[Account, Patient | None]]:
    """Return accounts with their patients, by email address."""
    return _people(session, emails, Patient)


def staff(session: Session, emails: Iterable[str]) -> dict[str, tuple[Account, StaffMember | None]]:
    """Return accounts with their places of work, by email address."""
    return _people(session, emails, StaffMember)


def _people(session: Session, emails: Iterable[str], kind: Any) -> dict[str, tuple[Account, Any]]:
    people_by_email: dict[str, tuple[Account, Any]] = {}
    for batch in _batches(sorted(set(emails))):
        rows = session.execute(
            select(Account, kind)
            .outerjoin(kind, kind.account_id == Account.id)
            .where(Account.email.in_(batch))
        )
        people_by_email |= {account.email: (account, person) for account, person in rows}
    return people_by_email


def accounts_by_external_id(session: Session, ids: Iterable[str]) -> dict[str, Account]:
    """Return accounts imported from documents, by the id of the document."""
    accounts: dict[str, Account] = {}
    for batch in _batches(sorted(set(ids))):
        for account in session.scalars(select(Account).where(Account.external_id.in_(batch))):
            accounts[account.external_id or ""] = account
    return accounts


def imported_appointments(session: Session, ids: Iterable[str]) -> set[str]:
    """Return the ids of documents whose appointments were imported before."""
    imported_ids: set[str] = set()
    for batch in _batches(sorted(set(ids))):
        query = select(Appointment.external_id).where(Appointment.external_id.in_(batch))
        imported_ids |= {external_id for external_id in session.scalars(query) if external_id}
    return imported_ids


def add_patients(work: Work, new: Sequence[NewPatient]) -> list[UUID]:
    """Add new patients with accounts and diaries; return the ids of the patients."""
    diaries = [Diary(kind="patient") for _ in new]
    work.session.add_all(diaries)
    work.session.flush()
    accounts = [_account(person, work.now) for person in new]
    patients = [
        _patient(person, account["id"], diary.id, work.now)
        for person, account, diary in zip(new, accounts, diaries, strict=True)
    ]
    if new:
        work.session.execute(insert(Account), accounts)
        work.session.execute(insert(Patient), patients)
        work.session.execute(insert(AuditEvent), list(_events(accounts, patients, work.now)))
    return [patient["id"] for patient in patients]


def _account(person: NewPatient, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "email": person.email,
        "name": person.name,
        "password": person.password_hash,
        "role": Role.PATIENT,
        "active": True,
        "fs_uniquifier": secrets.token_hex(16),
        "confirmed_at": now,
        "must_change_password": True,  # nosec B105 - no password
        "theme": "auto",
        "created_at": now,
    }


def _patient(person: NewPatient, account_id: UUID, diary_id: int, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "diary_id": diary_id,
        "account_id": account_id,
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "medicare_number": person.medicare_number,
        "active": True,
        "created_at": now,
    }


def _events(
    accounts: Iterable[dict[str, Any]], patients: Iterable[dict[str, Any]], now: datetime
) -> Iterable[dict[str, Any]]:
    for account, patient in zip(accounts, patients, strict=True):
        yield _event("account.created", subject_of(account["id"]), now, role=Role.PATIENT)
        yield _event("patient.created", f"patient:{patient['id']}", now)


def _event(action: str, subject: str, now: datetime, **details: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "at": now,
        "action": action,
        "subject": subject,
        "details": {"source": "import", **details},
    }


def is_unused(session: Session) -> bool:
    """Return True if there is no account, centre or practitioner."""
    return not any(
        session.scalar(select(func.count()).select_from(table))
        for table in (Account, Centre, Practitioner)
    )


def has_account(session: Session, email: str) -> bool:
    """Return True if there is an account with this email address."""
    return session.scalar(select(Account.id).where(Account.email == email)) is not None


def settle_outbox(work: Work) -> None:
    """Mark everything in the outbox as done, so that no notifications are sent."""
    work.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.state == State.WAITING)
        .values(state=State.DONE, finished_at=work.now)
        .execution_options(synchronize_session=False)
    )


def _batches(values: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
