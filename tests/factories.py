"""Factories of what tests put into a database: places, people, schedules and appointments.

All is made through the features' own commands, by the system, at ``now``; the row made is
returned. Further keywords are fields of the details, as in a form.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking import commands as booking
from openslot.booking.claims import Claimed, claimed
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.directory import commands as directory
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ServiceDetails,
)
from openslot.directory.models import (
    Centre,
    CentreType,
    Department,
    Patient,
    Practitioner,
    Service,
)
from openslot.identity.commands import NewAccount, create_account
from openslot.identity.models import Account
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import (
    Offering,
    ScheduleDetails,
    offer_services,
    open_schedule,
)
from openslot.schedules.models import Schedule
from openslot.usecases import booking as usecases
from working import work

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
"""Sunday 22 November 2026, 7 pm in Sydney, so that the whole week lies ahead."""

MONDAY_9 = datetime(2026, 11, 23, 9, 0, tzinfo=SYDNEY)
HALF_HOUR = timedelta(minutes=30)
WEEKDAYS = tuple(Weekly(day, 9 * 60, 17 * 60) for day in range(5))
ALL_DAY = tuple(Weekly(day, 0, 24 * 60) for day in range(7))


# Places


def centre(
    session: Session, name: str = "Prince of Wales Hospital", *, now: datetime = NOW, **details: Any
) -> Centre:
    """Create a hospital in Randwick."""
    usual = {"type": CentreType.HOSPITAL, "suburb": "Randwick", "time_zone": SYDNEY.key}
    values = CentreDetails.model_validate({**usual, "name": name, **details})
    return directory.create_centre(work(session, SYSTEM, now), values)


def department(
    session: Session,
    centre_id: int,
    name: str = "Radiology",
    *,
    now: datetime = NOW,
    **details: Any,
) -> Department:
    """Create a department."""
    values = DepartmentDetails(name=name, **details)
    return directory.create_department(work(session, SYSTEM, now), centre_id, values)


def service(
    session: Session, department_id: int, name: str = "CT", *, now: datetime = NOW, **details: Any
) -> Service:
    """Create a service of a department."""
    values = ServiceDetails(name=name, **details)
    return directory.create_service(work(session, SYSTEM, now), department_id, values)


def offered_service(
    session: Session,
    centre_id: int | None,
    name: str = "Follow-up",
    *,
    now: datetime = NOW,
    **details: Any,
) -> Service:
    """Create a service of a centre, or of the network, that schedules can offer."""
    values = ServiceDetails(name=name, **details)
    return directory.create_offered_service(work(session, SYSTEM, now), centre_id, values)


def offer(
    session: Session, schedule_id: int, *services: Service, now: datetime = NOW, **minutes: int
) -> None:
    """Have a schedule offer services, each perhaps with ``minutes`` of its own by name."""
    offerings = [
        Offering(service_id=one.id, minutes=minutes.get(one.name.lower())) for one in services
    ]
    offer_services(work(session, SYSTEM, now), schedule_id, offerings)


def schedule(
    session: Session,
    centre_id: int,
    *,
    practitioner_id: int | None = None,
    service_id: int | None = None,
    hours: Iterable[Weekly] = WEEKDAYS,
    by: Actor = SYSTEM,
    now: datetime = NOW,
    **details: Any,
) -> Schedule:
    """Open the schedule of a practitioner or a service."""
    return open_schedule(
        work(session, by, now),
        centre_id=centre_id,
        practitioner_id=practitioner_id,
        service_id=service_id,
        details=ScheduleDetails(**details),
        hours=hours,
    )


# People


def account(
    session: Session,
    email: str,
    role: Role = Role.PATIENT,
    *,
    name: str = "Sam Example",
    password_hash: str = "-",
    now: datetime = NOW,
    **more: Any,
) -> Account:
    """Create an account; it takes no password unless a hash is given."""
    new = NewAccount(email, name, password_hash, role, **more)
    return create_account(work(session, Actor(), now), new)


def staff(
    session: Session,
    centre_id: int,
    department_id: int | None = None,
    *,
    email: str = "sam@example.org",
    role: Role = Role.STAFF,
    now: datetime = NOW,
    **more: Any,
) -> Account:
    """Create a confirmed account that works at a centre; ``more`` is as for :func:`account`."""
    member = account(session, email, role, now=now, **{"confirmed_at": now, **more})
    directory.place_staff(work(session, SYSTEM, now), member.id, centre_id, department_id)
    return member


def practitioner(
    session: Session,
    name: str = "Samuel Jackson",
    profession: str = "GP",
    *,
    account_id: UUID | None = None,
    now: datetime = NOW,
    **details: Any,
) -> Practitioner:
    """Create a practitioner who works nowhere yet."""
    values = PractitionerDetails.model_validate({"name": name, "profession": profession, **details})
    return directory.create_practitioner(work(session, SYSTEM, now), values, account_id=account_id)


def patient(
    session: Session,
    name: str = "Ann Example",
    *,
    account_id: UUID | None = None,
    now: datetime = NOW,
    **details: Any,
) -> Patient:
    """Add a patient's record."""
    values = PatientDetails(name=name, **details)
    return directory.add_patient(work(session, SYSTEM, now), values, account_id=account_id)


# Appointments


def appointment(
    session: Session,
    schedule_id: int,
    start: datetime = MONDAY_9,
    patient_id: UUID | None = None,
    *,
    minutes: int = 30,
    now: datetime = NOW,
    **more: Any,
) -> Appointment:
    """Book an appointment; ``more`` are fields of the booking request."""
    booking_request = BookingRequest(schedule_id, start, minutes, patient_id, **more)
    return usecases.book(work(session, SYSTEM, now), booking_request)


def hold(
    session: Session,
    schedule_id: int,
    start: datetime = MONDAY_9,
    patient_id: UUID | None = None,
    *,
    minutes: int = 30,
    length: timedelta | None = None,
    now: datetime = NOW,
) -> Appointment:
    """Hold a time, for the usual length unless another is given."""
    booking_request = BookingRequest(schedule_id, start, minutes, patient_id)
    return usecases.hold(work(session, SYSTEM, now, keep=length), booking_request)


def change_status(
    session: Session,
    appointment_id: UUID,
    *statuses: Status,
    by: Actor = SYSTEM,
    now: datetime = NOW,
    why: str | None = None,
) -> None:
    """Take an appointment through statuses, however late it is to cancel."""
    for status in statuses:
        unit = work(session, by, now, cutoff=timedelta(0))
        booking.change_status(unit, appointment_id, status, why=why)


def appointment_row(
    session: Session,
    schedule_id: int,
    patient_id: UUID,
    status: Status,
    start: datetime = MONDAY_9,
    *,
    now: datetime = NOW,
    **more: Any,
) -> Appointment:
    """Write half an hour's appointment by hand, in any status and at any time."""
    row = Appointment(
        id=new_id(),
        schedule_id=schedule_id,
        patient_id=patient_id,
        starts_at=start,
        ends_at=start + HALF_HOUR,
        status=status,
        version=1,
        created_at=now,
        changed_at=now,
        **claimed_by(session, schedule_id, patient_id),
        **more,
    )
    session.add(row)
    return row


def claimed_by(session: Session, schedule_id: int, patient_id: UUID | None = None) -> Claimed:
    """Return the diaries that an appointment of the schedule claims its time in.

    For rows that a test writes by hand.
    """
    places = schedules.places(session, Schedule.id == schedule_id, inactive=True)
    row = session.get(Patient, patient_id) if patient_id else None
    return claimed(places[schedule_id], row)


# Rows of any kind


def change(database: Database, kind: type, key: Any, **values: Any) -> None:
    """Set columns of one row, by its key."""

    def act(session: Session) -> None:
        row: Any = session.get_one(kind, key)
        for name, value in values.items():
            setattr(row, name, value)

    database.run(act)
