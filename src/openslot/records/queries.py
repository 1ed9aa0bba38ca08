"""Selects of health records and of access events, and the writing of rows."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import LIVE
from openslot.booking.queries import Condition
from openslot.core import keyset
from openslot.core.actor import Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.births import BirthDate
from openslot.core.db import changed
from openslot.core.encryption import encrypted_for
from openslot.core.folding import is_text, same_name
from openslot.core.tables import alias_of
from openslot.core.work import Work
from openslot.directory.details import PatientDetails
from openslot.directory.models import Centre, Dependent, Patient, Practitioner
from openslot.identity.models import Account
from openslot.records.models import AllergyState, EmergencyAccess, Entry, EntryKind, Severity
from openslot.schedules.models import Schedule

_Newer = alias_of(Entry)
_Older = alias_of(Entry)


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with everything that pages show of it, and its neighbours in a chain of
    corrections."""

    entry: Entry
    author: Practitioner
    centre: Centre | None
    corrects: Entry | None
    corrected_by: Entry | None

    @property
    def kind(self) -> EntryKind:
        """The kind of the entry."""
        return EntryKind(self.entry.kind)


@dataclass(frozen=True, slots=True)
class Opened:
    """An emergency access and its practitioner."""

    access: EmergencyAccess
    practitioner: Practitioner


@dataclass(frozen=True, slots=True)
class Look:
    """An access event: someone read a health record.

    ``practitioner`` is set if the reader was one, ``reason`` if it was an emergency access.
    """

    event: AuditEvent
    account: Account | None
    practitioner: Practitioner | None
    reason: str | None

    @property
    def name(self) -> str | None:
        """The name of the reader or program; None if the account was deleted."""
        reader = self.practitioner or self.account
        program: str | None = (self.event.details or {}).get("program")
        return reader.name if reader else program

    @property
    def how(self) -> str | None:
        """The reason: a value of :class:`openslot.records.access.Access`."""
        return (self.event.details or {}).get("how")


# Connections of practitioners and patients


def ties(
    session: Session,
    practitioner_id: int,
    patient_ids: Iterable[UUID],
    kinds: Sequence[ColumnElement[bool]],
) -> dict[UUID, list[datetime | None]]:
    """Return the ends of the last appointments and emergency accesses, by patient; one statement.

    The list of a patient has one place for each of ``kinds`` of appointments with the active
    practitioner, and then one for emergency accesses.
    """
    ids = set(patient_ids)
    active = _active(practitioner_id)
    appointments = [
        select(literal(number), Appointment.patient_id, func.max(Appointment.ends_at))
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(Appointment.patient_id.in_(ids), kind, Schedule.practitioner_id.in_(active))
        .group_by(Appointment.patient_id)
        for number, kind in enumerate(kinds)
    ]
    access_ends = (
        select(literal(len(kinds)), EmergencyAccess.patient_id, func.max(EmergencyAccess.ends_at))
        .where(EmergencyAccess.patient_id.in_(ids), EmergencyAccess.practitioner_id.in_(active))
        .group_by(EmergencyAccess.patient_id)
    )
    ends_by_patient: dict[UUID, list[datetime | None]] = {}
    rows: Any = session.execute(union_all(*appointments, access_ends))
    for number, patient_id, ends in rows:
        ends_by_patient.setdefault(patient_id, [None] * (len(kinds) + 1))[number] = ends
    return ends_by_patient


def tied_to(
    patient: Any,
    practitioner_id: int,
    opens: ColumnElement[bool],
    *,
    since: datetime | None,
    now: datetime,
) -> ColumnElement[bool]:
    """Match rows whose patient is connected with an active practitioner.

    There is an appointment that ``opens`` the record and ends after ``since``, if that is given, or
    a current emergency access. ``patient`` is the column of the patient's id.
    """
    active = _active(practitioner_id)
    by_appointment = (
        select(Appointment.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(Appointment.patient_id.is_not(None), opens, Schedule.practitioner_id.in_(active))
    )
    if since is not None:
        by_appointment = by_appointment.where(Appointment.ends_at > since)
    by_emergency = select(EmergencyAccess.patient_id).where(
        EmergencyAccess.practitioner_id.in_(active), EmergencyAccess.ends_at > now
    )
    return or_(
        patient.in_(by_appointment.correlate(None)), patient.in_(by_emergency.correlate(None))
    )


def _active(practitioner_id: int) -> Any:
    return (
        select(Practitioner.id)
        .where(Practitioner.id == practitioner_id, Practitioner.active.is_(True))
        .correlate(None)
    )


def seen_by(practitioner_id: int, *, now: datetime) -> ColumnElement[bool]:
    """Match patients who have, had or were to have an appointment with a practitioner.

    One that the practitioner booked alone counts from its day on, unless it was cancelled or
    missed.
    """
    not_expired = or_(Appointment.status != Status.HELD, Appointment.held_until > now)
    opens = or_(
        Appointment.opens_record_at.is_(None),
        (Appointment.opens_record_at <= now) & Appointment.status.in_(LIVE | {Status.FULFILLED}),
    )
    patient_ids = (
        select(Appointment.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(
            Schedule.practitioner_id == practitioner_id,
            Appointment.status != Status.EXPIRED,
            not_expired,
            opens,
        )
    )
    return Patient.id.in_(patient_ids)


def anybody() -> ColumnElement[bool]:
    """Match every patient."""
    return true()


def seen_at(centre_ids: Collection[int], *, now: datetime) -> ColumnElement[bool]:
    """Match patients who have, had or were to have an appointment at one of the centres."""
    return Patient.id.in_(_patients_at(centre_ids, now))


def is_seen_at(work: Work, centre_ids: Collection[int], patient_id: UUID) -> bool:
    """Return True for one of these patients; one statement."""
    query = _patients_at(centre_ids, work.now).where(Appointment.patient_id == patient_id)
    return work.session.scalar(query.limit(1)) is not None


def _patients_at(centre_ids: Collection[int], now: datetime) -> Any:
    not_expired = or_(Appointment.status != Status.HELD, Appointment.held_until > now)
    return (
        select(Appointment.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(
            Schedule.centre_id.in_(centre_ids),
            Appointment.patient_id.is_not(None),
            Appointment.status != Status.EXPIRED,
            not_expired,
        )
    )


def patients_after(
    session: Session, account_id: UUID | None, action: str, *, since: datetime
) -> list[UUID]:
    """Return the patients to whom an account did this after ``since``; one statement."""
    query = select(AuditEvent.subject).where(
        AuditEvent.account_id == account_id, AuditEvent.action == action, AuditEvent.at > since
    )
    return [UUID(subject.removeprefix("patient:")) for subject in session.scalars(query)]


def exactly(
    session: Session, name: str, *, born: BirthDate | None = None, identifier: str | None = None
) -> list[Patient]:
    """Return the active patients with exactly this name, however it is written, and this date of
    birth or, as ``identifier``, Medicare number, phone number or email address; one statement.

    Nobody has a name alone: without a second detail there are none.
    """
    if born is None and not identifier:
        return []
    conditions = [Patient.born == born] if born else []
    if identifier:
        columns = (Patient.medicare_number, Patient.phone, Patient.email)
        conditions.append(or_(*(is_text(column, identifier) for column in columns)))
    query = select(Patient).where(Patient.active.is_(True), *conditions)
    patients = session.scalars(query.order_by(Patient.id))
    return [patient for patient in patients if same_name(patient.name, name)]


MOST_ALIKE = 200


def resembling(session: Session, details: PatientDetails) -> Sequence[Patient]:
    """Return active patients with the same name, number, date of birth, phone number or email
    address, at most MOST_ALIKE; one statement."""
    conditions = [
        is_text(column, text)
        for column, text in (
            (Patient.name, details.name),
            (Patient.medicare_number, details.medicare_number),
            (Patient.phone, details.phone),
            (Patient.email, details.email),
        )
        if text
    ]
    if details.born:
        conditions.append(Patient.born.in_([details.born, details.born[:7], details.born[:4]]))
    query = select(Patient).where(Patient.active.is_(True), or_(*conditions))
    return session.scalars(query.order_by(Patient.id).limit(MOST_ALIKE)).all()


# Entries


def entries(
    session: Session,
    patient_id: UUID,
    *,
    kinds: Collection[EntryKind] = (),
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Record]:
    """Return a patient's entries of some kinds, or of all, the newest first; one statement."""
    query = _records().where(Entry.patient_id == patient_id)
    if kinds:
        query = query.where(Entry.kind.in_(kinds))
    newest = (Entry.recorded_at.desc(), Entry.id.desc())
    return [Record(*row) for row in session.execute(keyset.page(query, newest, after, limit))]


ABOUT_ALLERGIES = (EntryKind.ALLERGY, EntryKind.NO_ALLERGIES)


@dataclass(frozen=True, slots=True)
class Allergies:
    """What a health record says about allergies.

    ``known`` are those that the patient has, the severest first, ``statement`` says that there are
    none. Both are empty if nobody recorded anything. A statement counts until anything about an
    allergy is recorded.
    """

    known: Sequence[Record]
    statement: Record | None


def allergies(session: Session, patient_id: UUID) -> Allergies:
    """Return what is known about a patient's allergies; one statement."""
    valid = [
        record
        for record in entries(session, patient_id, kinds=ABOUT_ALLERGIES)
        if record.corrected_by is None
    ]
    known = [
        record
        for record in valid
        if record.kind is EntryKind.ALLERGY and record.entry.state == AllergyState.ACTIVE
    ]
    last = next(iter(valid), None)
    says_none = last and last.kind is EntryKind.NO_ALLERGIES and not known
    return Allergies(
        known=sorted(known, key=lambda record: -_SEVERITIES.index(record.entry.severity)),
        statement=last if last and says_none and last.entry.state == AllergyState.ACTIVE else None,
    )


_SEVERITIES = (None, *Severity)


def entry(session: Session, entry_id: UUID) -> Record | None:
    """Return one entry, or None; one statement."""
    row = session.execute(_records().where(Entry.id == entry_id)).first()
    return Record(*row) if row else None


def of_appointment(session: Session, appointment_id: UUID) -> list[Record]:
    """Return the entries made at an appointment, the oldest first; one statement."""
    query = _records().where(Entry.appointment_id == appointment_id)
    query = query.order_by(Entry.recorded_at, Entry.id)
    return [Record(*row) for row in session.execute(query)]


def _records() -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    return (
        select(Entry, Practitioner, Centre, _Older, _Newer)
        .join(Practitioner, Practitioner.id == Entry.practitioner_id)
        .outerjoin(Centre, Centre.id == Entry.centre_id)
        .outerjoin(_Older, _Older.id == Entry.corrects_id)
        .outerjoin(_Newer, _Newer.corrects_id == Entry.id)
    )


def appointments(
    session: Session, patient_id: UUID, *, after: keyset.Key | None = None, limit: int | None = None
) -> list[Appointment]:
    """Return a patient's appointments at all centres, the latest first; one statement.

    Those entered in error are left out.
    """
    where = (booking.of_patient(patient_id), Appointment.status != Status.ENTERED_IN_ERROR)
    return booking.appointments(session, *where, newest_first=True, after=after, limit=limit)


def appointments_with(
    session: Session,
    patient_id: UUID,
    practitioner_id: int,
    statuses: Collection[Status],
    *,
    until: datetime,
    limit: int,
) -> list[Appointment]:
    """Return a patient's appointments with a practitioner, the latest first; one statement.

    They have one of ``statuses`` and began before ``until``.
    """
    return booking.appointments(
        session,
        booking.of_patient(patient_id),
        booking.of_practitioner(practitioner_id),
        Appointment.status.in_(statuses),
        Appointment.starts_at < until,
        newest_first=True,
        limit=limit,
    )


def self_made(work: Work, patient_id: UUID, practitioner_id: int) -> Appointment | None:
    """Return the next self-booked appointment that gives no access yet, or None; one statement."""
    upcoming = booking.appointments(
        work.session,
        booking.of_patient(patient_id),
        booking.of_practitioner(practitioner_id),
        Appointment.status.in_(LIVE),
        Appointment.opens_record_at > work.now,
        limit=1,
    )
    return next(iter(upcoming), None)


def emergencies(
    session: Session, patient_id: UUID, *, after: keyset.Key | None = None, limit: int | None = None
) -> list[Opened]:
    """Return the emergency accesses to a record, the newest first; one statement."""
    query = (
        select(EmergencyAccess, Practitioner)
        .join(Practitioner, Practitioner.id == EmergencyAccess.practitioner_id)
        .where(EmergencyAccess.patient_id == patient_id)
    )
    newest = (EmergencyAccess.starts_at.desc(), EmergencyAccess.id.desc())
    return [Opened(*row) for row in session.execute(keyset.page(query, newest, after, limit))]


@dataclass(frozen=True, slots=True)
class Reviewable:
    """An emergency access as administrators see it; ``reviewer`` is None until it is signed, or if
    that account was deleted."""

    access: EmergencyAccess
    practitioner: Practitioner
    patient: Patient
    reviewer: Account | None


def reviewed_by(actor: Actor) -> Condition:
    """Match the emergency accesses that an administrator reviews: those of practitioners who have
    a schedule at their centre, or all for the network; never their own."""
    others = or_(Practitioner.account_id.is_(None), Practitioner.account_id != actor.account_id)
    if actor.is_a(Role.NETWORK_ADMIN):
        return others
    here = select(Schedule.practitioner_id).where(
        Schedule.centre_id == actor.centre_id, Schedule.practitioner_id.is_not(None)
    )
    return and_(others, EmergencyAccess.practitioner_id.in_(here))


def reviewable(
    session: Session,
    *where: Condition,
    is_signed: bool | None = None,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Reviewable]:
    """Return emergency accesses with whom they concern, the newest first; one statement."""
    query = (
        select(EmergencyAccess, Practitioner, Patient, Account)
        .join(Practitioner, Practitioner.id == EmergencyAccess.practitioner_id)
        .join(Patient, Patient.id == EmergencyAccess.patient_id)
        .outerjoin(Account, Account.id == EmergencyAccess.reviewed_by)
        .where(*where)
    )
    if is_signed is not None:
        query = query.where(EmergencyAccess.reviewed_at.is_not(None) == is_signed)
    newest = (EmergencyAccess.starts_at.desc(), EmergencyAccess.id.desc())
    return [Reviewable(*row) for row in session.execute(keyset.page(query, newest, after, limit))]


def count_unsigned(session: Session, *where: Condition) -> int:
    """Return the number of emergency accesses that nobody has signed; one statement."""
    query = (
        select(func.count())
        .select_from(EmergencyAccess)
        .join(Practitioner, Practitioner.id == EmergencyAccess.practitioner_id)
        .where(EmergencyAccess.reviewed_at.is_(None), *where)
    )
    return session.scalar(query) or 0


def opened_before(instant: datetime) -> Condition:
    """Match emergency accesses that began before ``instant``."""
    return EmergencyAccess.starts_at < instant


def sign(session: Session, access_id: UUID, **values: Any) -> bool:
    """Store a review, and return False if there is one already; one statement."""
    unsigned = (EmergencyAccess.id == access_id, EmergencyAccess.reviewed_at.is_(None))
    values["remark"] = encrypted_for(session, EmergencyAccess.remark, values["remark"], access_id)
    return bool(changed(session, update(EmergencyAccess).where(*unsigned).values(**values)))


# Access events


def reads_of(
    session: Session,
    subjects: Collection[str],
    actions: Collection[str],
    *,
    besides: UUID | None = None,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Look]:
    """Return the audit events with these subjects and actions, the newest first; two statements.

    Those of the account ``besides`` are left out.
    """
    query = (
        select(AuditEvent, Account, Practitioner)
        .outerjoin(Account, Account.id == AuditEvent.account_id)
        .outerjoin(Practitioner, Practitioner.account_id == AuditEvent.account_id)
        .where(AuditEvent.subject.in_(subjects), AuditEvent.action.in_(actions))
    )
    if besides is not None:
        others = or_(AuditEvent.account_id.is_(None), AuditEvent.account_id != besides)
        query = query.where(others)
    newest = (AuditEvent.at.desc(), AuditEvent.id.desc())
    rows = session.execute(keyset.page(query, newest, after, limit)).all()
    reasons = _reasons(session, [row[0] for row in rows])
    return [Look(*row, reasons.get(_access_id(row[0]))) for row in rows]


def times_done(
    session: Session, account_id: UUID | None, action: str, subject: str, *, since: datetime
) -> int:
    """Return how often an account did this to the subject after ``since``; one statement."""
    query = select(func.count()).where(
        AuditEvent.subject == subject,
        AuditEvent.action == action,
        AuditEvent.account_id == account_id,
        AuditEvent.at > since,
    )
    return session.scalar(query) or 0


def has_done(
    session: Session, account_id: UUID | None, action: str, subject: str, *, since: datetime
) -> bool:
    """Return True if an account did this to the subject after ``since``; one statement."""
    query = select(AuditEvent.id).where(
        AuditEvent.subject == subject,
        AuditEvent.action == action,
        AuditEvent.account_id == account_id,
        AuditEvent.at > since,
    )
    return session.scalar(query.limit(1)) is not None


def _reasons(session: Session, events: Sequence[AuditEvent]) -> dict[UUID | None, str]:
    """Return the reasons of emergency accesses by their id."""
    access_ids = {access_id for event in events if (access_id := _access_id(event))}
    query = select(EmergencyAccess.id, EmergencyAccess.reason)
    return {
        row[0]: row[1] for row in session.execute(query.where(EmergencyAccess.id.in_(access_ids)))
    }


def _access_id(event: AuditEvent) -> UUID | None:
    access_id = (event.details or {}).get("access")
    return UUID(access_id) if access_id else None


# Writing


def add(session: Session, row: Entry | EmergencyAccess) -> None:
    """Store an entry or an emergency access."""
    session.add(row)
    session.flush()


# Removing


def remove_record(session: Session, patient_id: UUID) -> int:
    """Delete the entries and emergency accesses of a patient, and return the number of entries."""
    own = Entry.patient_id == patient_id
    # An entry cannot be deleted before the one that corrects it.
    changed(session, update(Entry).where(own).values(corrects_id=None))
    changed(session, delete(EmergencyAccess).where(EmergencyAccess.patient_id == patient_id))
    return changed(session, delete(Entry).where(own))


def out_of_date(
    *, before: datetime, adults_born_before: str, first_seen_before: datetime
) -> ColumnElement[bool]:
    """Match patients whose last appointment and entry are from before ``before``.

    Those whose birth is known were born in a year before ``adults_born_before``; others were
    registered before ``first_seen_before``, since they may have been newborn then.
    """
    recent = (
        select(Appointment.patient_id).where(
            Appointment.ends_at >= before, Appointment.patient_id.is_not(None)
        ),
        select(Entry.patient_id).where(Entry.recorded_at >= before),
    )
    is_grown = or_(
        func.substr(Patient.born, 1, 4) < adults_born_before,
        and_(Patient.born.is_(None), Patient.created_at < first_seen_before),
    )
    is_old = Patient.created_at < before
    return and_(is_old, is_grown, *(Patient.id.not_in(query) for query in recent))


def due_patients(
    session: Session, due: ColumnElement[bool], *, after: UUID | None = None, limit: int
) -> Sequence[Patient]:
    """Return patients who are due and have something left to remove, by id after ``after``."""
    has_entries = select(Entry.id).where(Entry.patient_id == Patient.id).exists()
    opened = select(EmergencyAccess.id).where(EmergencyAccess.patient_id == Patient.id).exists()
    can_be_erased = and_(
        Patient.erased_at.is_(None),
        Patient.merged_into.is_(None),
        Patient.account_id.is_(None),
        Patient.active.is_(True),
        Patient.id.not_in(select(Dependent.patient_id)),
        Patient.id.not_in(select(Dependent.carer_id)),
    )
    query = select(Patient).where(due, or_(has_entries, opened, can_be_erased))
    if after is not None:
        query = query.where(Patient.id > after)
    return session.scalars(query.order_by(Patient.id).limit(limit)).all()


def count_due(session: Session, due: ColumnElement[bool]) -> int:
    """Return the number of health records that are due to be removed."""
    has_entries = select(Entry.id).where(Entry.patient_id == Patient.id).exists()
    return session.scalar(select(func.count()).select_from(Patient).where(due, has_entries)) or 0
