"""Reading the directory, and the row-level writes that its commands share."""

from collections.abc import Sequence
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.orm import Session

from openslot.core.errors import NotFound
from openslot.directory.models import (
    Centre,
    Department,
    Diary,
    DirectoryVersion,
    Patient,
    Practitioner,
    Service,
    StaffMember,
)
from openslot.identity.models import Account, Role

Entity = TypeVar("Entity", Centre, Department, Service, Practitioner, Patient)


def new_diary(session: Session, kind: str) -> int:
    """The id of an empty diary for a new actor."""
    diary = Diary(kind=kind)
    session.add(diary)
    session.flush()
    return diary.id


def mark_changed(session: Session) -> None:
    """Raise the directory's version in this transaction, so that copies are read anew."""
    changed = session.execute(
        update(DirectoryVersion)
        .where(DirectoryVersion.id == 1)
        .values(number=DirectoryVersion.number + 1)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount == 0:  # type: ignore[attr-defined] # a cursor result, which has it
        session.execute(insert(DirectoryVersion).values(id=1, number=1))


def version(session: Session) -> int:
    """The directory's version; 0 before the first change."""
    return session.scalar(select(DirectoryVersion.number)) or 0


def centre(session: Session, centre_id: int, *, inactive: bool = False) -> Centre:
    """A centre; NotFound unless it is active or ``inactive`` ones are wanted too."""
    return _present(session.get(Centre, centre_id), inactive)


def department(session: Session, department_id: int, *, inactive: bool = False) -> Department:
    """A department; NotFound unless it is active or ``inactive`` ones are wanted too."""
    return _present(session.get(Department, department_id), inactive)


def service(session: Session, service_id: int, *, inactive: bool = False) -> Service:
    """A service; NotFound unless it is active or ``inactive`` ones are wanted too."""
    return _present(session.get(Service, service_id), inactive)


def practitioner(session: Session, practitioner_id: int, *, inactive: bool = False) -> Practitioner:
    """A practitioner; NotFound unless active or ``inactive`` ones are wanted too."""
    return _present(session.get(Practitioner, practitioner_id), inactive)


def patient(session: Session, patient_id: UUID, *, inactive: bool = False) -> Patient:
    """A patient; NotFound unless active or ``inactive`` ones are wanted too."""
    return _present(session.get(Patient, patient_id), inactive)


def _present(found: Entity | None, inactive: bool) -> Entity:
    if found is None or not (found.active or inactive):
        raise NotFound
    return found


def centre_by(session: Session, *where: ColumnElement[bool]) -> Centre | None:
    """The first centre that fits."""
    return session.scalar(select(Centre).where(*where).limit(1))


def centres(session: Session, *, inactive: bool = False) -> Sequence[Centre]:
    """All centres by name."""
    query = select(Centre).order_by(Centre.name)
    return session.scalars(query if inactive else query.where(Centre.active.is_(True))).all()


def departments(
    session: Session, centre_id: int, *, inactive: bool = False
) -> Sequence[Department]:
    """The departments of a centre by name."""
    query = select(Department).where(Department.centre_id == centre_id).order_by(Department.name)
    return session.scalars(query if inactive else query.where(Department.active.is_(True))).all()


def services(
    session: Session, department_ids: Sequence[int], *, inactive: bool = False
) -> Sequence[Service]:
    """The services of some departments by name."""
    query = select(Service).where(Service.department_id.in_(department_ids)).order_by(Service.name)
    return session.scalars(query if inactive else query.where(Service.active.is_(True))).all()


def practitioners(
    session: Session, *, text: str = "", limit: int, offset: int
) -> tuple[Sequence[Practitioner], int]:
    """A page of practitioners by name, also inactive ones, and how many there are."""
    query = select(Practitioner)
    if text:
        query = query.where(
            or_(Practitioner.name.icontains(text, autoescape=True),
                Practitioner.email.icontains(text, autoescape=True))
        )  # fmt: skip
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Practitioner.name, Practitioner.id).limit(limit).offset(offset)
    return session.scalars(page).all(), count


def patients(
    session: Session, *, text: str = "", born: date | None = None, limit: int, offset: int
) -> tuple[Sequence[Patient], int]:
    """A page of patients by name whose name, e-mail, phone or number holds ``text``."""
    query = select(Patient).where(Patient.active.is_(True))
    for word in text.split():
        columns = (Patient.name, Patient.email, Patient.phone, Patient.medicare_number)
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    if born:
        query = query.where(Patient.born == born)
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Patient.name, Patient.id).limit(limit).offset(offset)
    return session.scalars(page).all(), count


def patient_of(session: Session, account_id: UUID) -> Patient | None:
    """The patient that an account stands for."""
    return session.scalar(select(Patient).where(Patient.account_id == account_id))


def practitioner_of(session: Session, account_id: UUID) -> Practitioner | None:
    """The practitioner that an account stands for."""
    return session.scalar(select(Practitioner).where(Practitioner.account_id == account_id))


def staff_member(session: Session, account_id: UUID) -> StaffMember | None:
    """Where an account of staff works."""
    return session.get(StaffMember, account_id)


def actor_ids(
    session: Session, account_id: UUID
) -> tuple[UUID | None, int | None, int | None, int | None]:
    """Patient, practitioner, centre and department of an account; one statement."""
    row = session.execute(
        select(Patient.id, Practitioner.id, StaffMember.centre_id, StaffMember.department_id)
        .select_from(Account)
        .outerjoin(Patient, Patient.account_id == Account.id)
        .outerjoin(Practitioner, Practitioner.account_id == Account.id)
        .outerjoin(StaffMember, StaffMember.account_id == Account.id)
        .where(Account.id == account_id)
    ).first()
    return (row[0], row[1], row[2], row[3]) if row else (None, None, None, None)


def figures(session: Session) -> dict[str, int]:
    """How many active centres, departments, practitioners and patients there are."""
    counted = (Centre, Department, Practitioner, Patient)
    row = session.execute(
        select(
            *(
                select(func.count()).where(kind.active.is_(True)).scalar_subquery()
                for kind in counted
            )
        )
    ).one()
    return {kind.__tablename__: count for kind, count in zip(counted, row, strict=True)}


def staff_accounts(
    session: Session, centre_id: int, *, text: str = "", limit: int, offset: int
) -> tuple[Sequence[Account], int]:
    """A page of the accounts of a centre's staff by name, and how many there are in all."""
    query = (
        select(Account)
        .join(StaffMember, StaffMember.account_id == Account.id)
        .where(StaffMember.centre_id == centre_id, Account.role == Role.STAFF)
    )
    if text:
        query = query.where(
            or_(Account.name.icontains(text, autoescape=True),
                Account.email.icontains(text, autoescape=True))
        )  # fmt: skip
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(Account.name, Account.email).limit(limit).offset(offset)
    return session.scalars(page).all(), count


def without_account(session: Session) -> Sequence[Practitioner]:
    """The active practitioners who cannot sign in, by name."""
    query = select(Practitioner).where(
        Practitioner.account_id.is_(None), Practitioner.active.is_(True)
    )
    return session.scalars(query.order_by(Practitioner.name)).all()
