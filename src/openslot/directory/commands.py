"""Commands that create and change entries of the directory."""

from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.changes import set_values
from openslot.core.folding import folded, is_text
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import contacts, queries
from openslot.directory.changes.queries import mark_changed
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PatientDetails,
    PractitionerDetails,
    ProfessionDetails,
    ServiceDetails,
    SignUp,
)
from openslot.directory.editing import (
    check_changes,
    editor_of_centre,
    editor_of_department,
    editor_of_patient,
    editor_of_practitioner,
    editor_of_service,
)
from openslot.directory.errors import (
    BusinessNumberTaken,
    NameTaken,
    ProfessionInactive,
    ReferralNamesPractitioner,
)
from openslot.directory.models import (
    BookableBy,
    Centre,
    Department,
    Patient,
    Practitioner,
    Profession,
    Service,
    StaffMember,
)
from openslot.directory.rules import (
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
from openslot.identity.models import Account

Listed = Centre | Department | Service | Profession | Practitioner
Entity = TypeVar("Entity", Centre, Department, Service, Profession, Practitioner)


def actor_of(session: Session, account: Account, address: str | None) -> Actor:
    """Return the actor for an account, with the patient, practitioner or staff that it is."""
    return Actor(
        role=Role(account.role),
        account_id=account.id,
        address=address,
        **queries.standing_of(session, account.id)._asdict(),
    )


def create_centre(work: Work, details: CentreDetails, *, external_id: str | None = None) -> Centre:
    """Create a centre; network administrators only."""
    may_run_network(work.actor)
    _check_centre(work.session, details, except_id=None)
    centre = Centre(
        diary_id=queries.new_diary(work.session, "centre"),
        external_id=external_id,
        active=True,
        **details.model_dump(),
    )
    return _add(work, centre)


def change_centre(work: Work, centre_id: int, details: CentreDetails) -> Centre:
    """Replace the details of a centre."""
    editor = editor_of_centre(work.actor, centre_id)
    centre = queries.centre(work.session, centre_id, inactive=True)
    check_changes(CentreDetails, editor, centre, details)
    _check_centre(work.session, details, except_id=centre_id)
    return _change(work, centre, details.model_dump())


def _check_centre(session: Session, details: CentreDetails, *, except_id: int | None) -> None:
    check_holiday_region(details.holiday_region)
    if queries.centre_by(session, Centre.name == details.name, Centre.id != except_id):
        raise NameTaken(field="name")
    number = details.business_number
    if number and queries.centre_by(
        session, is_text(Centre.business_number, number), Centre.id != except_id
    ):
        raise BusinessNumberTaken(field="business_number")


def create_department(
    work: Work, centre_id: int, details: DepartmentDetails, *, external_id: str | None = None
) -> Department:
    """Create a department of a centre; administrators of the centre only."""
    may_run_centre(work.actor, centre_id)
    queries.centre(work.session, centre_id, inactive=True)
    _check_department(work.session, centre_id, details.name, except_id=None)
    department = Department(
        centre_id=centre_id, external_id=external_id, active=True, **details.model_dump()
    )
    return _add(work, department)


def change_department(work: Work, department_id: int, details: DepartmentDetails) -> Department:
    """Replace the details of a department."""
    department = queries.department(work.session, department_id, inactive=True)
    editor = editor_of_department(work.actor, department.centre_id, department_id)
    check_changes(DepartmentDetails, editor, department, details)
    _check_department(work.session, department.centre_id, details.name, except_id=department_id)
    return _change(work, department, details.model_dump())


def _check_department(
    session: Session, centre_id: int, name: str, *, except_id: int | None
) -> None:
    for other in queries.departments(session, centre_id, inactive=True):
        if other.name.casefold() == name.casefold() and other.id != except_id:
            raise NameTaken(field="name")


def create_service(work: Work, department_id: int, details: ServiceDetails) -> Service:
    """Create a service that a department runs itself, with a diary of its own; its staff and
    administrators of the centre only."""
    department = queries.department(work.session, department_id, inactive=True)
    may_edit_department(work.actor, department.centre_id, department_id)
    service = Service(
        diary_id=queries.new_diary(work.session, "service"),
        department_id=department_id,
        active=True,
        **details.model_dump(),
    )
    _check_service(work.session, service, details)
    return _add(work, service)


def create_offered_service(work: Work, centre_id: int | None, details: ServiceDetails) -> Service:
    """Create a service that schedules of a centre, or of the whole network for None, can offer; its
    administrators only."""
    service = Service(centre_id=centre_id, active=True, **details.model_dump())
    editor_of_service(work.session, work.actor, service)
    if centre_id is not None:
        queries.centre(work.session, centre_id, inactive=True)
    lock(work.session, f"services of centre {centre_id or 'any'}")
    _check_service(work.session, service, details)
    return _add(work, service)


def change_service(work: Work, service_id: int, details: ServiceDetails) -> Service:
    """Replace the details of a service."""
    service = queries.service(work.session, service_id, inactive=True)
    editor = editor_of_service(work.session, work.actor, service)
    check_changes(ServiceDetails, editor, service, details)
    _check_service(work.session, service, details)
    return _change(work, service, details.model_dump())


def _check_service(session: Session, service: Service, details: ServiceDetails) -> None:
    if service.department_id is not None and details.bookable_by is BookableBy.REFERRAL:
        raise ReferralNamesPractitioner(field="bookable_by")
    for other in queries.services_beside(session, service):
        if other.name.casefold() == details.name.casefold():
            raise NameTaken(field="name")


def create_profession(work: Work, details: ProfessionDetails) -> Profession:
    """Create a profession, whose first name is its code for good; network administrators only."""
    may_run_network(work.actor)
    profession = Profession(code=details.name, active=True, **details.model_dump())
    _check_profession(work.session, profession, details)
    return _add(work, profession)


def change_profession(work: Work, profession_id: int, details: ProfessionDetails) -> Profession:
    """Replace the details of a profession; network administrators only. Its code stays, and so do
    appointments and referrals that there are."""
    may_run_network(work.actor)
    profession = queries.profession(work.session, profession_id, inactive=True)
    _check_profession(work.session, profession, details)
    queries.mark_practitioners(work, profession.code)
    return _change(work, profession, details.model_dump())


def _check_profession(session: Session, profession: Profession, details: ProfessionDetails) -> None:
    """Raise NameTaken if another profession has one of the names, so that files name only one."""
    lock(session, "professions")
    taken = {
        _joined(name)
        for other in queries.professions(session, inactive=True)
        if other is not profession
        for name in other.names
    }
    for field in ("name", "other_names"):
        for name in (getattr(details, field) or "").split(","):
            if _joined(name) in taken:
                raise NameTaken(f"Another profession is called {name.strip()}.", field=field)


def _joined(name: str) -> str:
    """Return a name without what files can write otherwise: case, spaces and hyphens."""
    return folded(name).replace(" ", "")


def usable_profession(session: Session, code: str) -> Profession:
    """Return a profession, which nobody deactivates until the end of the transaction. Raises
    ProfessionUnknown and ProfessionInactive."""
    lock_profession(session, code)
    profession = queries.profession_called(session, code)
    if not profession.active:
        raise ProfessionInactive(field="profession", profession=profession.name)
    return profession


def lock_profession(session: Session, code: str) -> None:
    """Take the lock under which a profession comes into use, or is deactivated."""
    lock(session, f"profession {code}")


def create_practitioner(
    work: Work, details: PractitionerDetails, *, account_id: UUID | None = None
) -> Practitioner:
    """Create a practitioner; administrators of the network or of a centre only."""
    if not work.actor.is_a(Role.CENTRE_ADMIN):
        may_run_network(work.actor)
    profession = usable_profession(work.session, details.profession)
    check_expertise(needs_referral=profession.needs_referral, expertise=details.expertise)
    practitioner = Practitioner(
        diary_id=queries.new_diary(work.session, "practitioner"),
        profession_row=profession,
        account_id=account_id,
        active=True,
        **_practitioner_values(details),
    )
    return _add(work, practitioner)


def change_practitioner(
    work: Work, practitioner_id: int, details: PractitionerDetails, *, centre_ids: frozenset[int]
) -> Practitioner:
    """Replace the details of a practitioner, who works at ``centre_ids``.

    The name of the practitioner's account changes too.
    """
    practitioner = queries.practitioner(work.session, practitioner_id, inactive=True)
    editor = editor_of_practitioner(work.actor, practitioner_id, centre_ids)
    check_changes(PractitionerDetails, editor, practitioner, details)
    profession = _profession_of(work.session, practitioner, details)
    if practitioner.account_id is not None and practitioner.name != details.name:
        identity.change_account(work, practitioner.account_id, name=details.name)
    _change(work, practitioner, _practitioner_values(details))
    practitioner.profession_row = profession
    return practitioner


def _profession_of(
    session: Session, practitioner: Practitioner, details: PractitionerDetails
) -> Profession:
    """Return the new or the present profession, after a check of the area of expertise if one of
    the two changes."""
    is_other = practitioner.profession != details.profession
    profession = (
        usable_profession(session, details.profession) if is_other else practitioner.profession_row
    )
    if is_other or practitioner.expertise != details.expertise:
        check_expertise(needs_referral=profession.needs_referral, expertise=details.expertise)
    return profession


def _practitioner_values(details: PractitionerDetails) -> dict[str, object]:
    return details.model_dump() | {"languages": details.languages or ""}


def sign_up(work: Work, new: SignUp, password_hash: str) -> Account:
    """Create the account and record of a patient. Raises EmailTaken.

    A patient whom staff registered with the same email stays a separate record: knowing an
    email address must not give access to that patient's appointments.
    """
    check_sign_up(work, new)
    account = identity.create_account(
        work,
        NewAccount(new.email, new.name, password_hash, Role.PATIENT),
    )
    details = PatientDetails(name=new.name, born=new.born, email=new.email, phone=new.phone)
    actor = Actor(role=Role.PATIENT, account_id=account.id, address=work.actor.address)
    add_patient(work.by(actor), details, account_id=account.id)
    return account


def check_sign_up(work: Work, new: SignUp) -> None:
    """Raise Invalid for details that no patient can have."""
    check_born(new.born, queries.today(work))


def add_patient(work: Work, details: PatientDetails, *, account_id: UUID | None = None) -> Patient:
    """Create a patient's record."""
    check_born(details.born, queries.today(work))
    patient = Patient(
        id=new_id(),
        diary_id=queries.new_diary(work.session, "patient"),
        account_id=account_id,
        active=True,
        created_at=work.now,
        **details.model_dump(),
    )
    work.session.add(patient)
    work.session.flush()
    audit.record(work, "patient.created", f"patient:{patient.id}")
    return patient


def change_patient(work: Work, patient_id: UUID, details: PatientDetails) -> Patient:
    """Replace the details of a patient; the patient, a carer and the care team only."""
    may_see_patient(work.actor, patient_id)
    patient = queries.patient(work.session, patient_id)
    check_changes(PatientDetails, editor_of_patient(work.actor, patient), patient, details)
    check_born(details.born, queries.today(work))
    old = contacts.contact_of(patient)
    changed = set_values(patient, details.model_dump())
    contacts.note_change(work, patient, old)
    if changed:
        audit.record(work, "patient.changed", f"patient:{patient_id}", fields=changed)
    return patient


def place_staff(
    work: Work, account_id: UUID, centre_id: int, department_id: int | None
) -> StaffMember:
    """Set the centre and department of a staff or centre administrator's account."""
    may_run_centre(work.actor, centre_id)
    member = queries.staff_member(work.session, account_id) or StaffMember(account_id=account_id)
    member.centre_id = centre_id
    member.department_id = department_id
    work.session.add(member)
    return member


def set_active(work: Work, thing: Listed, active: bool) -> None:
    """Activate or deactivate an entry of the directory; its past stays as it is.

    The caller has checked the actor's access, and that no upcoming appointment needs the entry.
    """
    thing.active = active
    _record(work, thing, "activated" if active else "deactivated")


def _add(work: Work, thing: Entity) -> Entity:
    work.session.add(thing)
    work.session.flush()
    _record(work, thing, "created")
    return thing


def _change(work: Work, thing: Entity, values: dict[str, object]) -> Entity:
    fields = set_values(thing, values)
    if fields:
        _record(work, thing, "changed", fields=fields)
    return thing


def _record(work: Work, thing: Listed, action: str, **details: object) -> None:
    kind = type(thing).__name__.lower()
    audit.record(work, f"{kind}.{action}", f"{kind}:{thing.id}", **details)
    mark_changed(work.session, kind, thing.id)
