"""Joined tables from which resources are read."""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_ as either
from typing import Any, NamedTuple

from sqlalchemy import (
    Integer,
    String,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, join, outerjoin
from sqlalchemy.sql.operators import ColumnOperators, OperatorType

from openslot.booking.models import Appointment, Status
from openslot.core.tables import alias_of
from openslot.directory.models import Centre, Department, Patient, Practitioner, Profession, Service
from openslot.questions.models import AppointmentAnswer, ServiceQuestion
from openslot.records.models import AllergyState, Entry, EntryKind
from openslot.referrals.models import Referral
from openslot.schedules.models import OfferedService, Schedule
from openslot.schedules.queries import Chosen


def latest(first: Any, *others: Any) -> Any:
    """Return the latest of some instants; all but the first may be null."""
    newest = first
    for other in others:
        newest = case((other > newest, other), else_=newest)
    return newest


def never() -> Any:
    """Match no row."""
    return false()


def any_of(conditions: Sequence[Any]) -> Any:
    """Match rows that fulfil one of the conditions; None for no condition."""
    return or_(*conditions) if conditions else None


class AnyOf(ColumnOperators):
    """Columns that are compared as one: a comparison holds if it does for one of them."""

    def __init__(self, *columns: Any):
        self.columns = columns

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> Any:
        """Return the condition that the comparison holds for one of the columns."""
        return reduce(either, (op(column, *other, **kwargs) for column in self.columns))


class Elsewhere(ColumnOperators):
    """A column of other rows: a comparison holds for rows whose ``key`` is among the ``keys`` of
    those for which it does."""

    def __init__(self, key: Any, keys: Any, column: Any):
        self.key, self.keys, self.column = key, keys, column

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> Any:
        """Return the condition that the comparison holds for such a row."""
        where = op(self.column, *other, **kwargs)
        return self.key.in_(self.keys.where(where).correlate(None))


def merged_into(column: Any, condition: Any) -> Any:
    """Match rows whose ``column`` is the id of a patient that fulfils the condition."""
    return column.in_(select(Patient.id).where(condition).correlate(None))


def birth_days(column: Any) -> tuple[Any, Any, Any]:
    """Return a date of birth, which may be known by month or year, and its first and last day, as
    texts. The last day of a month may be one that it lacks, which is in order before the next."""
    text, length = type_coerce(column, String), func.length(type_coerce(column, String))
    last = case((length == 4, text + "-12-31"), (length == 7, text + "-31"), else_=text)
    return text, func.substr(text + "-01-01", 1, 10), last


SUBJECTS: Any = outerjoin(
    outerjoin(
        outerjoin(
            join(Schedule, Centre, Centre.id == Schedule.centre_id),
            Practitioner,
            Practitioner.id == Schedule.practitioner_id,
        ),
        Service,
        Service.id == Schedule.service_id,
    ),
    Department,
    Department.id == Service.department_id,
)
"""Schedules with their owner and centre."""

SUBJECT_CHANGED = latest(
    Schedule.changed_at, Centre.changed_at, Practitioner.changed_at, Service.changed_at
)

_OFFERS = (
    select(OfferedService.schedule_id)
    .join(Chosen, Chosen.id == OfferedService.service_id)
    .where(Chosen.active.is_(True))
)

OFFERED_ID, OFFERED_NAME, OFFERED_CATEGORY = (
    Elsewhere(Schedule.id, _OFFERS, column) for column in (Chosen.id, Chosen.name, Chosen.category)
)
"""Columns of the services that a schedule offers."""

SCHEDULE_CHANGED = latest(
    SUBJECT_CHANGED,
    select(func.max(Chosen.changed_at))
    .join(OfferedService, OfferedService.service_id == Chosen.id)
    .where(OfferedService.schedule_id == Schedule.id)
    .correlate(Schedule)
    .scalar_subquery(),
)
"""When a schedule or a service that it offers last changed."""

BOOKED_NAME, BOOKED_CATEGORY = (
    Elsewhere(Appointment.service_id, select(Chosen.id), column)
    for column in (Chosen.name, Chosen.category)
)
"""Columns of the service that was chosen for an appointment."""

APPOINTMENTS: Any = outerjoin(
    join(Appointment, SUBJECTS, Schedule.id == Appointment.schedule_id),
    Patient,
    Patient.id == Appointment.patient_id,
)
"""Appointments with their patient and schedule."""

MET = frozenset({Status.ARRIVED, Status.FULFILLED})
"""Statuses of attended appointments, which FHIR calls encounters."""

NEWER = alias_of(Entry)
"""The correction of an entry."""

MEETING = alias_of(Appointment)
"""The attended appointment at which an entry was recorded."""

ENTRIES: Any = outerjoin(
    outerjoin(
        outerjoin(
            join(
                join(Entry, Practitioner, Practitioner.id == Entry.practitioner_id),
                Patient,
                Patient.id == Entry.patient_id,
            ),
            Centre,
            Centre.id == Entry.centre_id,
        ),
        NEWER,
        NEWER.corrects_id == Entry.id,
    ),
    MEETING,
    and_(
        MEETING.id == Entry.appointment_id,
        MEETING.patient_id == Entry.patient_id,
        MEETING.status.in_(MET),
    ),
)
"""Entries of health records with author, patient, centre, correction and appointment."""

ENTRY_CHANGED = latest(Entry.recorded_at, NEWER.recorded_at)

STANDS, CORRECTED = "stands", "corrected"
ENTRY_STANDING = case((NEWER.id.is_(None), STANDS), else_=CORRECTED)
"""Whether an entry is current, or was replaced by a correction."""

_ALLERGY, _ITS_CORRECTION = alias_of(Entry), alias_of(Entry)
CONTRADICTED = and_(
    Entry.kind == EntryKind.NO_ALLERGIES,
    select(_ALLERGY.id)
    .outerjoin(_ITS_CORRECTION, _ITS_CORRECTION.corrects_id == _ALLERGY.id)
    .where(
        _ALLERGY.patient_id == Entry.patient_id,
        _ALLERGY.kind == EntryKind.ALLERGY,
        _ALLERGY.state == AllergyState.ACTIVE,
        _ITS_CORRECTION.id.is_(None),
    )
    .correlate(Entry)
    .exists(),
)
"""Whether an allergy is recorded beside the statement that none are known, as after a merge of two
records of a patient."""

ALLERGY_STATE = case((NEWER.id.is_(None) & ~CONTRADICTED, Entry.state), else_=AllergyState.IN_ERROR)
"""The state of an allergy; what was corrected or is contradicted counts as entered in error."""

SERVICES: Any = outerjoin(
    outerjoin(Service, Department, Department.id == Service.department_id),
    Centre,
    Centre.id == func.coalesce(Department.centre_id, Service.centre_id),
)
"""Services with their department and centre, if they have them."""


def services_of(
    session: Session, ids: Collection[int]
) -> list[tuple[Service, Department | None, Centre | None]]:
    """Return services with their department and centre, in one statement."""
    query = select(Service, Department, Centre).select_from(SERVICES).where(Service.id.in_(ids))
    return [(service, department, centre) for service, department, centre in session.execute(query)]


def named_services(session: Session, conditions: Sequence[Any]) -> list[set[int]]:
    """Return the services that fulfil each of the conditions, in one statement."""
    rows = session.execute(select(Service.id, *conditions).where(or_(*conditions))).all()
    return [{row[0] for row in rows if row[at]} for at in range(1, len(conditions) + 1)]


SERVICE_CHANGED = latest(
    Service.changed_at,
    func.coalesce(Department.changed_at, Service.changed_at),
    func.coalesce(Centre.changed_at, Service.changed_at),
)

ASKS = select(ServiceQuestion.id).where(ServiceQuestion.service_id == Service.id).exists()
"""Services that ask questions."""

ASKING = func.coalesce(Appointment.service_id, Schedule.service_id)
"""The service whose questions are asked before an appointment."""

_answered = AppointmentAnswer.appointment_id == Appointment.id
ANSWERED = select(AppointmentAnswer.id).where(_answered).correlate(Appointment).exists()
"""Appointments with answers."""

_left = (
    select(ServiceQuestion.id)
    .outerjoin(
        AppointmentAnswer, and_(AppointmentAnswer.question_id == ServiceQuestion.id, _answered)
    )
    .where(
        ServiceQuestion.service_id == ASKING,
        ServiceQuestion.required,
        AppointmentAnswer.id.is_(None),
    )
    .correlate(Appointment, Schedule)
)
COMPLETE, INCOMPLETE = "complete", "incomplete"
COMPLETENESS = case((_left.exists(), INCOMPLETE), else_=COMPLETE)
"""Whether all required questions before an appointment are answered."""


_booked = alias_of(Appointment)

REFERRAL_CHANGED = latest(
    Referral.created_at,
    Referral.sent_at,
    Referral.revoked_at,
    Referral.answered_at,
    select(func.max(_booked.changed_at))
    .where(_booked.referral_id == Referral.id)
    .correlate(Referral)
    .scalar_subquery(),
)
"""When a referral last changed, also because an appointment used or released it."""

REFERRAL_AUTHORED = func.coalesce(Referral.sent_at, Referral.created_at)


HL7_CODE, SNOMED_CODE = (
    select(code).where(Profession.code == Practitioner.profession).scalar_subquery()
    for code in (Profession.hl7_code, Profession.snomed_code)
)
"""The codes of a practitioner's profession in systems of others."""


def values_of(session: Session, column: Any) -> list[str]:
    """Return the different texts in a column, sorted; one statement."""
    return sorted(text for text in session.scalars(select(column).distinct()) if text)


class OrganizationRow(NamedTuple):
    """A centre or a department; keys of centres are even, those of departments odd."""

    key: int
    parent: int | None
    parent_name: str | None
    name: str
    type: str | None
    description: str | None
    phone: str | None
    email: str | None
    business_number: str | None
    address: str | None
    suburb: str | None
    active: bool
    changed_at: Any


def centre_key(column: Any) -> Any:
    """Return the organisation key of a centre's id."""
    return column * 2


def department_key(column: Any) -> Any:
    """Return the organisation key of a department's id."""
    return column * 2 + 1


PROVIDER = case(
    (Department.id.is_not(None), department_key(Department.id)),
    else_=centre_key(Schedule.centre_id),
)
"""Organisation key of the department that gives the care, or of the centre without one."""


def _organizations() -> Any:
    no_text, no_words = cast(null(), String(300)), cast(null(), Text)
    departments = (
        select(
            department_key(Department.id).label("key"),
            centre_key(Department.centre_id).label("parent"),
            Centre.name.label("parent_name"),
            Department.name.label("name"),
            no_text.label("type"),
            Department.description.label("description"),
            Department.phone.label("phone"),
            Department.email.label("email"),
            no_text.label("business_number"),
            no_text.label("address"),
            no_text.label("suburb"),
            Department.active.label("active"),
            latest(Department.changed_at, Centre.changed_at).label("changed_at"),
            Department.name_key.label("name_key"),
            no_text.label("business_key"),
            no_text.label("address_key"),
            no_text.label("suburb_key"),
        )
        .join(Centre, Centre.id == Department.centre_id)
        .correlate(None)
    )
    centres = select(
        centre_key(Centre.id),
        cast(null(), Integer),
        no_words,
        Centre.name,
        Centre.type,
        Centre.description,
        Centre.phone,
        Centre.email,
        Centre.business_number,
        Centre.address,
        Centre.suburb,
        Centre.active,
        Centre.changed_at,
        Centre.name_key,
        Centre.business_key,
        Centre.address_key,
        Centre.suburb_key,
    )
    return union_all(departments, centres).subquery("organization")


ORGANIZATIONS = _organizations()
"""Centres and departments together."""
