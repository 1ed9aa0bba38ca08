"""Commands that create and change entries of the directory."""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.ids import new_id
from openslot.directory import queries
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ServiceDetails,
    SignUp,
)
from openslot.directory.editing import (
    check_changes,
    editor_of_centre,
    editor_of_department,
    editor_of_patient,
    editor_of_practitioner,
)
from openslot.directory.errors import BusinessNumberTaken, NameTaken
from openslot.directory.models import (
    Centre,
    Department,
    Patient,
    Practitioner,
    Service,
    StaffMember,
)
from openslot.directory.rules import (
    Actor,
    check_born,
    check_expertise,
    check_holiday_region,
    may_edit_department,
    may_run_centre,
    may_run_network,
    may_see_patient,
)
from openslot.identity import commands as identity
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account, Role

Listed = Centre | Department | Service | Practitioner
Entity = TypeVar("Entity", Centre, Department, Service, Practitioner)


def actor_of(session: Session, account: Account, address: str | None) -> Actor:
    """Return the actor for an account, with the patient, practitioner or staff that it is."""
    return Actor(
        role=Role(account.role),
        account_id=account.id,
        address=address,
        **queries.standing_of(session, account.id)._asdict(),
    )


def create_centre(
    session: Session,
    actor: Actor,
    details: CentreDetails,
    *,
    now: datetime,
    external_id: str | None = None,
) -> Centre:
    """Create a centre; network administrators only."""
    may_run_network(actor)
    _check_centre(session, details, except_id=None)
    centre = Centre(
        diary_id=queries.new_diary(session, "centre"),
        external_id=external_id,
        active=True,
        **details.model_dump(),
    )
    return _add(session, actor, centre, now=now)


def change_centre(
    session: Session, actor: Actor, centre_id: int, details: CentreDetails, *, now: datetime
) -> Centre:
    """Replace the details of a centre."""
    editor = editor_of_centre(actor, centre_id)
    centre = queries.centre(session, centre_id, inactive=True)
    check_changes(CentreDetails, editor, centre, details)
    _check_centre(session, details, except_id=centre_id)
    return _change(session, actor, centre, details.model_dump(), now=now)


def _check_centre(session: Session, details: CentreDetails, *, except_id: int | None) -> None:
    check_holiday_region(details.holiday_region)
    if queries.centre_by(session, Centre.name == details.name, Centre.id != except_id):
        raise NameTaken(field="name")
    number = details.business_number
    if number and queries.centre_by(
        session, Centre.business_number == number, Centre.id != except_id
    ):
        raise BusinessNumberTaken(field="business_number")


def create_department(
    session: Session,
    actor: Actor,
    centre_id: int,
    details: DepartmentDetails,
    *,
    now: datetime,
    external_id: str | None = None,
) -> Department:
    """Create a department of a centre; administrators of the centre only."""
    may_run_centre(actor, centre_id)
    queries.centre(session, centre_id, inactive=True)
    _check_department(session, centre_id, details.name, except_id=None)
    department = Department(
        centre_id=centre_id, external_id=external_id, active=True, **details.model_dump()
    )
    return _add(session, actor, department, now=now)


def change_department(
    session: Session, actor: Actor, department_id: int, details: DepartmentDetails, *, now: datetime
) -> Department:
    """Replace the details of a department."""
    department = queries.department(session, department_id, inactive=True)
    editor = editor_of_department(actor, department.centre_id, department_id)
    check_changes(DepartmentDetails, editor, department, details)
    _check_department(session, department.centre_id, details.name, except_id=department_id)
    return _change(session, actor, department, details.model_dump(), now=now)


def _check_department(
    session: Session, centre_id: int, name: str, *, except_id: int | None
) -> None:
    for other in queries.departments(session, centre_id, inactive=True):
        if other.name.casefold() == name.casefold() and other.id != except_id:
            raise NameTaken(field="name")


def create_service(
    session: Session, actor: Actor, department_id: int, details: ServiceDetails, *, now: datetime
) -> Service:
    """Create a service of a department; its staff and administrators of the centre only."""
    department = queries.department(session, department_id, inactive=True)
    may_edit_department(actor, department.centre_id, department_id)
    _check_service(session, department_id, details.name, except_id=None)
    service = Service(
        diary_id=queries.new_diary(session, "service"),
        department_id=department_id,
        active=True,
        **details.model_dump(),
    )
    return _add(session, actor, service, now=now)


def change_service(
    session: Session, actor: Actor, service_id: int, details: ServiceDetails, *, now: datetime
) -> Service:
    """Replace the details of a service."""
    service = queries.service(session, service_id, inactive=True)
    department = queries.department(session, service.department_id, inactive=True)
    editor = editor_of_department(actor, department.centre_id, department.id)
    check_changes(ServiceDetails, editor, service, details)
    _check_service(session, department.id, details.name, except_id=service_id)
    return _change(session, actor, service, details.model_dump(), now=now)


def _check_service(
    session: Session, department_id: int, name: str, *, except_id: int | None
) -> None:
    for other in queries.services(session, [department_id], inactive=True):
        if other.name.casefold() == name.casefold() and other.id != except_id:
            raise NameTaken(field="name")


def create_practitioner(
    session: Session,
    actor: Actor,
    details: PractitionerDetails,
    *,
    now: datetime,
    account_id: UUID | None = None,
) -> Practitioner:
    """Create a practitioner; administrators of the network or of a centre only."""
    if not actor.is_a(Role.CENTRE_ADMIN):
        may_run_network(actor)
    check_expertise(details.profession, details.expertise)
    practitioner = Practitioner(
        diary_id=queries.new_diary(session, "practitioner"),
        account_id=account_id,
        active=True,
        **_practitioner_values(details),
    )
    return _add(session, actor, practitioner, now=now)


def change_practitioner(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    details: PractitionerDetails,
    *,
    centre_ids: frozenset[int],
    now: datetime,
) -> Practitioner:
    """Replace the details of a practitioner, who works at ``centre_ids``.

    The name of the practitioner's account changes too.
    """
    practitioner = queries.practitioner(session, practitioner_id, inactive=True)
    editor = editor_of_practitioner(actor, practitioner_id, centre_ids)
    check_changes(PractitionerDetails, editor, practitioner, details)
    check_expertise(details.profession, details.expertise)
    if practitioner.account_id is not None and practitioner.name != details.name:
        identity.change_account(
            session, practitioner.account_id, by=actor.origin, now=now, name=details.name
        )
    return _change(session, actor, practitioner, _practitioner_values(details), now=now)


def _practitioner_values(details: PractitionerDetails) -> dict[str, object]:
    return details.model_dump() | {"languages": details.languages or ""}


def sign_up(
    session: Session, new: SignUp, password_hash: str, *, address: str | None, now: datetime
) -> Account:
    """Create the account and record of a patient. Raises EmailTaken.

    A patient whom staff registered with the same e-mail stays a separate record: knowing an
    e-mail address must not give access to that patient's appointments.
    """
    check_born(new.born, now.date())
    origin = audit.Origin(None, address)
    account = identity.create_account(
        session, NewAccount(new.email, new.name, password_hash, Role.PATIENT), by=origin, now=now
    )
    details = PatientDetails(name=new.name, born=new.born, email=new.email, phone=new.phone)
    actor = Actor(role=Role.PATIENT, account_id=account.id, address=address)
    add_patient(session, actor, details, account_id=account.id, now=now)
    return account


def add_patient(
    session: Session,
    actor: Actor,
    details: PatientDetails,
    *,
    now: datetime,
    account_id: UUID | None = None,
) -> Patient:
    """Create a patient's record."""
    check_born(details.born, now.date())
    patient = Patient(
        id=new_id(),
        diary_id=queries.new_diary(session, "patient"),
        account_id=account_id,
        active=True,
        created_at=now,
        **details.model_dump(),
    )
    session.add(patient)
    session.flush()
    audit.record(session, "patient.created", f"patient:{patient.id}", by=actor.origin, now=now)
    return patient


def change_patient(
    session: Session, actor: Actor, patient_id: UUID, details: PatientDetails, *, now: datetime
) -> Patient:
    """Replace the details of a patient; the patient, a carer and the care team only."""
    may_see_patient(actor, patient_id)
    patient = queries.patient(session, patient_id)
    check_changes(PatientDetails, editor_of_patient(actor, patient), patient, details)
    check_born(details.born, now.date())
    changed = _set(patient, details.model_dump())
    audit.record(
        session,
        "patient.changed",
        f"patient:{patient_id}",
        by=actor.origin,
        now=now,
        fields=changed,
    )
    return patient


def place_staff(
    session: Session, actor: Actor, account_id: UUID, centre_id: int, department_id: int | None
) -> StaffMember:
    """Set the centre and department of a staff or centre administrator's account."""
    may_run_centre(actor, centre_id)
    member = queries.staff_member(session, account_id) or StaffMember(account_id=account_id)
    member.centre_id = centre_id
    member.department_id = department_id
    session.add(member)
    return member


def set_active(
    session: Session,
    actor: Actor,
    thing: Listed,
    active: bool,
    *,
    now: datetime,
) -> None:
    """Activate or deactivate an entry of the directory; its past stays as it is.

    The caller has checked the actor's access, and that no upcoming appointment needs the entry.
    """
    thing.active = active
    _record(session, actor, thing, "activated" if active else "deactivated", now=now)


def _add(session: Session, actor: Actor, thing: Entity, *, now: datetime) -> Entity:
    session.add(thing)
    session.flush()
    _record(session, actor, thing, "created", now=now)
    return thing


def _change(
    session: Session, actor: Actor, thing: Entity, values: dict[str, object], *, now: datetime
) -> Entity:
    fields = _set(thing, values)
    _record(session, actor, thing, "changed", now=now, fields=fields)
    return thing


def _set(thing: object, values: dict[str, object]) -> list[str]:
    """Set the values that differ and return their names."""
    changed = [name for name, value in values.items() if getattr(thing, name) != value]
    for name in changed:
        setattr(thing, name, values[name])
    return changed


def _record(
    session: Session, actor: Actor, thing: Listed, action: str, *, now: datetime, **details: object
) -> None:
    kind = type(thing).__name__.lower()
    audit.record(
        session, f"{kind}.{action}", f"{kind}:{thing.id}", by=actor.origin, now=now, **details
    )
    queries.mark_changed(session)
