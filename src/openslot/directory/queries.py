"""Queries and row-level writes of the directory."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from openslot.core import keyset
from openslot.core.births import BirthDate
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.folding import has_words, is_text
from openslot.core.people import read_about
from openslot.core.tables import Base
from openslot.core.work import Work
from openslot.directory.errors import ProfessionUnknown
from openslot.directory.models import (
    Centre,
    Department,
    Dependent,
    Diary,
    FurtherDesk,
    Patient,
    Practitioner,
    Profession,
    Service,
    SmsNumber,
    StaffMember,
    StaffRequest,
)
from openslot.identity.models import Account

Entity = TypeVar("Entity", Centre, Department, Service, Profession, Practitioner, Patient)


def new_diary(session: Session, kind: str) -> int:
    """Create an empty diary and return its id."""
    diary = Diary(kind=kind)
    session.add(diary)
    session.flush()
    return diary.id


def today(work: Work) -> date:
    """Return the day at the actor's centre, or in the network's time zone."""
    own_centre = work.session.get(Centre, work.actor.centre_id) if work.actor.centre_id else None
    zone = own_centre.time_zone if own_centre else work.settings.time_zone
    return work.now.astimezone(ZoneInfo(zone)).date()


def centre(session: Session, centre_id: int, *, inactive: bool = False) -> Centre:
    """Return a centre. Raises NotFound if it is not active, unless ``inactive``."""
    return _present(session.get(Centre, centre_id), inactive)


def department(
    session: Session, department_id: int | None, *, inactive: bool = False
) -> Department:
    """Return a department. Raises NotFound if there is none, or it is not active, unless
    ``inactive``."""
    found = None if department_id is None else session.get(Department, department_id)
    return _present(found, inactive)


def service(session: Session, service_id: int, *, inactive: bool = False) -> Service:
    """Return a service. Raises NotFound if it is not active, unless ``inactive``."""
    return _present(session.get(Service, service_id), inactive)


def profession(session: Session, profession_id: int, *, inactive: bool = False) -> Profession:
    """Return a profession. Raises NotFound if it is not active, unless ``inactive``."""
    return _present(session.get(Profession, profession_id), inactive)


def profession_called(session: Session, code: str) -> Profession:
    """Return the profession with a code, also an inactive one. Raises ProfessionUnknown."""
    found = session.scalar(select(Profession).where(Profession.code == code))
    if found is None:
        raise ProfessionUnknown(field="profession", profession=code)
    return found


def professions(session: Session, *, inactive: bool = False) -> Sequence[Profession]:
    """Return the professions in the order of lists."""
    query = select(Profession).order_by(Profession.position, Profession.name, Profession.id)
    return session.scalars(query if inactive else query.where(Profession.active.is_(True))).all()


def count_practitioners(session: Session, profession: str) -> int:
    """Return how many active practitioners have a profession."""
    query = select(func.count()).select_from(Practitioner)
    of_profession = (Practitioner.profession == profession, Practitioner.active.is_(True))
    return session.scalar(query.where(*of_profession)) or 0


def mark_practitioners(work: Work, profession: str) -> None:
    """Set that the practitioners of a profession have changed now, since they show it."""
    of_profession = update(Practitioner).where(Practitioner.profession == profession)
    work.session.execute(of_profession.values(changed_at=work.now))


def practitioner(session: Session, practitioner_id: int, *, inactive: bool = False) -> Practitioner:
    """Return a practitioner. Raises NotFound if they are not active, unless ``inactive``."""
    return _present(session.get(Practitioner, practitioner_id), inactive)


def patient(session: Session, patient_id: UUID, *, inactive: bool = False) -> Patient:
    """Return a patient. Raises NotFound if they are not active, unless ``inactive``."""
    return _present(session.get(Patient, patient_id), inactive)


def _present(entity: Entity | None, inactive: bool) -> Entity:
    if entity is None or not (entity.active or inactive):
        raise NotFound
    return entity


def names(
    session: Session, kind: type[Entity], ids: Collection[int | UUID]
) -> dict[int | UUID, str]:
    """Return the names of entities by id, also of inactive ones, in one statement."""
    rows = session.execute(select(kind.id, kind.name).where(kind.id.in_(ids)))
    found: dict[int | UUID, str] = {row[0]: row[1] for row in rows}
    read_about(session, (one for one in found if isinstance(one, UUID)))  # those of patients
    return found


def centre_by(session: Session, *where: ColumnElement[bool]) -> Centre | None:
    """Return the first matching centre, or None."""
    return session.scalar(select(Centre).where(*where).limit(1))


def centres(session: Session, *, inactive: bool = False) -> Sequence[Centre]:
    """Return all centres in order of name."""
    query = select(Centre).order_by(Centre.name)
    return session.scalars(query if inactive else query.where(Centre.active.is_(True))).all()


def listed(
    session: Session,
    kind: type[Entity],
    *where: ColumnElement[bool],
    after: keyset.Key | None = None,
    limit: int,
) -> Sequence[Entity]:
    """Return active entities in order of name and id, after the name and id ``after``, in one
    statement."""
    query = select(kind).where(kind.active.is_(True), *where)
    return session.scalars(keyset.page(query, (kind.name, kind.id), after, limit)).all()


def in_suburb(suburb: str) -> ColumnElement[bool]:
    """Return the condition for departments of centres in a suburb."""
    return Department.centre_id.in_(select(Centre.id).where(is_text(Centre.suburb, suburb)))


def of_departments(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for services of the matching departments."""
    return Service.department_id.in_(select(Department.id).where(*where))


def departments(
    session: Session, centre_id: int, *, inactive: bool = False
) -> Sequence[Department]:
    """Return the departments of a centre in order of name."""
    query = select(Department).where(Department.centre_id == centre_id).order_by(Department.name)
    return session.scalars(query if inactive else query.where(Department.active.is_(True))).all()


def services(
    session: Session, department_ids: Sequence[int], *, inactive: bool = False
) -> Sequence[Service]:
    """Return the services of these departments in order of name."""
    query = select(Service).where(Service.department_id.in_(department_ids)).order_by(Service.name)
    return session.scalars(query if inactive else query.where(Service.active.is_(True))).all()


def services_where(session: Session, *where: ColumnElement[bool]) -> Sequence[Service]:
    """Return the matching services in order of name, also inactive ones."""
    return session.scalars(select(Service).where(*where).order_by(Service.name, Service.id)).all()


def services_beside(session: Session, service: Service) -> Sequence[Service]:
    """Return the other services of the same department, of the same centre, or of the network."""
    beside = [Service.department_id == service.department_id]
    if service.department_id is None:
        beside += [Service.centre_id == service.centre_id]
    if service.id is not None:
        beside += [Service.id != service.id]
    return services_where(session, *beside)


def services_for_practitioners(session: Session, centre_id: int) -> Sequence[Service]:
    """Return the services of a centre and of the network, also inactive ones, that no department
    runs, in order of name."""
    return services_where(session, offerable(centre_id), Service.department_id.is_(None))


def services_to_offer(session: Session, centre_ids: Collection[int]) -> Sequence[Service]:
    """Return the active services of the network and of these centres, that no department runs."""
    owned = or_(Service.centre_id.is_(None), Service.centre_id.in_(centre_ids))
    return services_where(session, owned, Service.department_id.is_(None), Service.active.is_(True))


def services_by_id(session: Session, ids: Collection[int]) -> dict[int, Service]:
    """Return these services by id; without a statement if there are none."""
    found = services_where(session, Service.id.in_(ids)) if ids else ()
    return {service.id: service for service in found}


def at_centre(centre_id: int) -> ColumnElement[bool]:
    """Return the condition for services of a centre and of its departments."""
    return or_(Service.centre_id == centre_id, of_departments(Department.centre_id == centre_id))


def offerable(centre_id: int) -> ColumnElement[bool]:
    """Return the condition for services that schedules of a centre can offer: its own and those of
    its departments and of the network."""
    of_network = and_(Service.centre_id.is_(None), Service.department_id.is_(None))
    return or_(at_centre(centre_id), of_network)


def practitioners(
    session: Session, *where: ColumnElement[bool], text: str = "", limit: int, offset: int
) -> tuple[Sequence[Practitioner], int]:
    """Return a page of the matching practitioners in order of name, also inactive ones, and the
    number of all."""
    query = select(Practitioner).where(*where)
    if text:
        query = query.where(has_words(text, Practitioner.name, Practitioner.email))
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Practitioner.name, Practitioner.id).limit(limit).offset(offset)
    return session.scalars(page).all(), count


def patients(
    session: Session,
    *where: ColumnElement[bool],
    text: str = "",
    born: BirthDate | None = None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Patient], int]:
    """Return a page of active patients in order of name who match :func:`patient_is`, and the
    number of all, in two statements."""
    query = select(Patient).where(Patient.active.is_(True), patient_is(text, born), *where)
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Patient.name, Patient.id).limit(limit).offset(offset)
    return session.scalars(page).all(), count


def patient_is(text: str, born: BirthDate | None) -> ColumnElement[bool]:
    """Return the condition that a patient's name, email, phone or Medicare number contains the
    words of ``text``, and that they were born on ``born``, if given."""
    columns = (Patient.name, Patient.email, Patient.phone, Patient.medicare_number)
    has_text = has_words(text, *columns)
    return and_(has_text, Patient.born == born) if born else has_text


def patient_of(session: Session, account_id: UUID) -> Patient | None:
    """Return the patient who owns an account, or None."""
    return session.scalar(select(Patient).where(Patient.account_id == account_id))


def practitioner_of(session: Session, account_id: UUID) -> Practitioner | None:
    """Return the practitioner who owns an account, or None."""
    return session.scalar(select(Practitioner).where(Practitioner.account_id == account_id))


def staff_member(session: Session, account_id: UUID) -> StaffMember | None:
    """Return the centre and department of a staff account, or None."""
    return session.get(StaffMember, account_id)


class Standing(NamedTuple):
    """The patient, practitioner or staff member who owns an account, with their dependents."""

    patient_id: UUID | None
    practitioner_id: int | None
    centre_id: int | None
    department_id: int | None
    dependents: frozenset[UUID]
    further_centres: frozenset[int] = frozenset()


def standing_of(session: Session, account_id: UUID) -> Standing:
    """Return the owner of an account, their dependents and the further centres of their desk, in
    one statement."""
    rows = session.execute(
        select(
            Patient.id,
            Practitioner.id,
            StaffMember.centre_id,
            StaffMember.department_id,
            Dependent.patient_id,
            FurtherDesk.centre_id,
        )
        .select_from(Account)
        .outerjoin(Patient, Patient.account_id == Account.id)
        .outerjoin(Dependent, Dependent.carer_id == Patient.id)
        .outerjoin(Practitioner, Practitioner.account_id == Account.id)
        .outerjoin(StaffMember, StaffMember.account_id == Account.id)
        .outerjoin(
            FurtherDesk,
            and_(FurtherDesk.account_id == Account.id, StaffMember.department_id.is_(None)),
        )
        .where(Account.id == account_id)
    ).all()
    if not rows:
        return Standing(None, None, None, None, frozenset())
    cared_for = frozenset(row[4] for row in rows if row[4] is not None)
    further = frozenset(row[5] for row in rows if row[5] is not None)
    return Standing(*rows[0][:4], cared_for, further)


def further_desks(session: Session, account_id: UUID) -> frozenset[int]:
    """Return the ids of the further centres whose desk an account is at."""
    query = select(FurtherDesk.centre_id).where(FurtherDesk.account_id == account_id)
    return frozenset(session.scalars(query))


def set_further_desks(session: Session, account_id: UUID, centre_ids: Collection[int]) -> None:
    """Replace the further centres whose desk an account is at."""
    session.execute(delete(FurtherDesk).where(FurtherDesk.account_id == account_id))
    session.add_all(FurtherDesk(account_id=account_id, centre_id=one) for one in sorted(centre_ids))


def dependents_of(session: Session, carer_id: UUID) -> list[tuple[Patient, Dependent]]:
    """Return the dependents of a patient in the order in which they were added."""
    query = (
        select(Patient, Dependent)
        .join(Dependent, Dependent.patient_id == Patient.id)
        .where(Dependent.carer_id == carer_id, Patient.active.is_(True))
        .order_by(Dependent.since, Patient.name)
    )
    return [(patient, link) for patient, link in session.execute(query)]


def dependents_born_until(session: Session, year: str) -> list[tuple[Patient, Dependent]]:
    """Return the dependents who were born in a year before ``year``, with their links."""
    query = (
        select(Patient, Dependent)
        .join(Dependent, Dependent.patient_id == Patient.id)
        .where(Patient.active.is_(True), func.substr(Patient.born, 1, 4) < year)
        .order_by(Patient.id)
    )
    return [(patient, link) for patient, link in session.execute(query)]


def carer_of(session: Session, patient_id: UUID) -> Patient | None:
    """Return the carer of a patient, or None."""
    query = select(Patient).join(Dependent, Dependent.carer_id == Patient.id)
    return session.scalar(query.where(Dependent.patient_id == patient_id))


def dependent(session: Session, patient_id: UUID) -> Dependent | None:
    """Return the link between a patient and their carer, or None."""
    return session.get(Dependent, patient_id)


def add_dependent(session: Session, link: Dependent) -> None:
    """Add the link between a patient and their carer."""
    session.add(link)
    session.flush()


def remove_dependent(session: Session, link: Dependent) -> None:
    """Delete the link between a patient and their carer; the record stays."""
    remove(session, link)


def has_records(session: Session, patient_id: UUID) -> bool:
    """Return whether any row of any table refers to the patient, except the link to their carer.
    Takes one statement per table."""
    references = (
        key.parent
        for table in Base.metadata.sorted_tables
        if table is not Dependent.__table__
        for key in table.foreign_keys
        if key.column.table is Patient.__table__
    )
    return any(
        session.scalar(select(1).where(column == patient_id).limit(1)) is not None
        for column in references
    )


def remove_patient(session: Session, patient: Patient) -> None:
    """Delete a patient without records; the empty diary stays."""
    remove(session, patient)


def figures(session: Session) -> dict[str, int]:
    """Return the numbers of active centres, departments, practitioners and patients."""
    kinds = (Centre, Department, Practitioner, Patient)
    row = session.execute(
        select(
            *(select(func.count()).where(kind.active.is_(True)).scalar_subquery() for kind in kinds)
        )
    ).one()
    return {kind.__tablename__: count for kind, count in zip(kinds, row, strict=True)}


def is_placed_at(centre_id: int) -> ColumnElement[bool]:
    """Return the condition for accounts of staff and administrators of a centre."""
    placed = select(StaffMember.account_id).where(StaffMember.centre_id == centre_id)
    return Account.id.in_(placed)


def is_at(centre_id: int, works_there: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for accounts of a centre: those that are placed there, and of
    practitioners of whom ``works_there`` is true."""
    practitioners = select(Practitioner.account_id).where(works_there)
    return is_placed_at(centre_id) | Account.id.in_(practitioners)


def without_account(session: Session) -> Sequence[Practitioner]:
    """Return the active practitioners without an account, in order of name."""
    query = select(Practitioner).where(
        Practitioner.account_id.is_(None), Practitioner.active.is_(True)
    )
    return session.scalars(query.order_by(Practitioner.name)).all()


def add_member(session: Session, member: StaffMember) -> None:
    """Add the centre and department of a staff account."""
    session.add(member)
    session.flush()


def waiting_staff(
    session: Session, centre_id: int | None
) -> list[tuple[Account, Centre, Department | None]]:
    """Return the accounts that wait for approval, at one centre or at all, longest waiting
    first, in one statement."""
    query = (
        select(Account, Centre, Department)
        .join(StaffMember, StaffMember.account_id == Account.id)
        .join(Centre, Centre.id == StaffMember.centre_id)
        .outerjoin(Department, Department.id == StaffMember.department_id)
        .where(StaffMember.waits.is_(True))
        .order_by(Account.created_at, Account.email)
    )
    if centre_id is not None:
        query = query.where(StaffMember.centre_id == centre_id)
    return [(account, centre, department) for account, centre, department in session.execute(query)]


def staff_request(session: Session, account_id: UUID) -> StaffRequest | None:
    """Return where a staff account asks to work, or None."""
    return session.get(StaffRequest, account_id)


def add_request(session: Session, request: StaffRequest) -> None:
    """Add where a staff account asks to work."""
    session.add(request)
    session.flush()


def staff_requests(
    session: Session,
) -> list[tuple[Account, StaffRequest, Centre | None, Department | None]]:
    """Return where staff ask to work, longest waiting first, in one statement."""
    query = (
        select(Account, StaffRequest, Centre, Department)
        .join(StaffRequest, StaffRequest.account_id == Account.id)
        .outerjoin(Centre, Centre.id == StaffRequest.centre_id)
        .outerjoin(Department, Department.id == StaffRequest.department_id)
        .order_by(StaffRequest.asked_at, Account.email)
    )
    return [
        (account, request, centre, department)
        for account, request, centre, department in session.execute(query)
    ]


def departments_of_all(session: Session) -> list[tuple[Centre, Department | None]]:
    """Return every active centre with each of its active departments, in order of name, in one
    statement."""
    query = (
        select(Centre, Department)
        .outerjoin(Department, and_(Department.centre_id == Centre.id, Department.active.is_(True)))
        .where(Centre.active.is_(True))
        .order_by(Centre.name, Department.name)
    )
    return [(centre, department) for centre, department in session.execute(query)]


def is_of_another(session: Session, phone: str, patient_id: UUID) -> bool:
    """Return whether an active patient other than this one has a telephone number."""
    others = select(Patient.id).where(Patient.active.is_(True), Patient.id != patient_id)
    return session.scalar(others.where(is_text(Patient.phone, phone)).limit(1)) is not None


def remove_number(session: Session, number: str) -> None:
    """Delete a number that text messages went to, with its replies, unless it wants no more."""
    session.execute(
        delete(SmsNumber).where(SmsNumber.number == number, SmsNumber.stopped_at.is_(None))
    )
