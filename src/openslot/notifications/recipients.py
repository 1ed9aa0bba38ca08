"""To whom mail goes: address, language and clock of everybody whom something concerns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core.config import Settings
from openslot.core.language import Language, language
from openslot.directory import queries as directory
from openslot.directory.models import Department, Patient, Practitioner, Service
from openslot.identity import queries as accounts
from openslot.identity.models import Account
from openslot.notifications import queries


class Side(StrEnum):
    """Who is told: the patient, who cares for them, or the practitioner or department that
    they come to."""

    PATIENT = "patient"
    CARER = "carer"
    PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom a mail goes, in which language, and the time zone of their clock if known.

    ``cares_for`` names the patient whom it is about where that is a dependent of theirs.
    """

    side: Side
    name: str
    email: str
    language: Language
    zone: str | None = None
    account_id: UUID | None = None
    cares_for: str | None = None

    @property
    def mark(self) -> str:
        """Tells this recipient from others of the same news, and stays the same."""
        return self.account_id.hex if self.account_id else self.side


def patient_side(session: Session, patient: Patient, settings: Settings) -> Recipient | None:
    """The patient; without an e-mail address, who cares for them; None where neither has one.

    The patient's own address counts before that of the account.
    """
    found = _person(session, Side.PATIENT, patient, patient.time_zone, settings)
    carer = None if found else directory.carer_of(session, patient.id)
    if carer is None:
        return found
    zone = patient.time_zone or carer.time_zone
    return _person(session, Side.CARER, carer, zone, settings, cares_for=patient.name)


def practitioner_side(
    session: Session, practitioner: Practitioner, settings: Settings
) -> Recipient | None:
    """The practitioner; None where there is no address."""
    return _person(session, Side.PRACTICE, practitioner, None, settings)


def practice_side(
    session: Session, appointment: Appointment, settings: Settings, *, by: UUID | None = None
) -> list[Recipient]:
    """The practitioner of an appointment, or for a service whom :func:`department_side` names.

    Of a department's staff whoever did it, ``by``, is left out: they know.
    """
    if appointment.practitioner:
        person = practitioner_side(session, appointment.practitioner, settings)
        return [person] if person else []
    if appointment.department is None:
        return []
    told = department_side(session, appointment.department, appointment.service, settings)
    return [one for one in told if by is None or one.account_id != by]


def appointment_sides(
    session: Session, appointment: Appointment, settings: Settings, *, by: UUID | None
) -> Iterator[Recipient]:
    """Everybody whom what ``by`` did to an appointment concerns, and who has an address."""
    patient = patient_side(session, appointment.patient, settings) if appointment.patient else None
    if patient:
        yield patient
    yield from practice_side(session, appointment, settings, by=by)


def department_side(
    session: Session, department: Department, service: Service | None, settings: Settings
) -> list[Recipient]:
    """The address of the service, else of the department, else those of its staff."""
    mailbox = _mailbox((service, department), settings)
    if mailbox:
        return [mailbox]
    staff = queries.staff_of(session, department.id)
    return [account_side(account, settings) for account in staff]


def department_of(session: Session, account_id: str | None) -> Department | None:
    """The department that whoever did something works for; None for those who work for none."""
    staff = directory.staff_member(session, UUID(account_id)) if account_id else None
    if staff is None or staff.department_id is None:
        return None
    return directory.department(session, staff.department_id, inactive=True)


def account_side(account: Account, settings: Settings) -> Recipient:
    """Somebody who works in the network."""
    return Recipient(
        Side.PRACTICE,
        account.name,
        account.email,
        language(account.locale, settings.locale),
        account.time_zone,
        account.id,
    )


def _mailbox(parts: Iterable[Service | Department | None], settings: Settings) -> Recipient | None:
    for part in parts:
        if part and part.email:
            tongue = language(settings.locale)
            return Recipient(Side.PRACTICE, part.name, part.email, tongue)
    return None


def _person(
    session: Session,
    side: Side,
    person: Patient | Practitioner,
    zone: str | None,
    settings: Settings,
    *,
    cares_for: str | None = None,
) -> Recipient | None:
    account = accounts.by_id(session, person.account_id) if person.account_id else None
    email = person.email or (account.email if account else None)
    if not email:
        return None
    return Recipient(
        side,
        person.name,
        email,
        language(account.locale if account else None, settings.locale),
        zone or (account.time_zone if account else None),
        account.id if account else None,
        cares_for,
    )
