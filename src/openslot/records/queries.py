"""Reading histories, who read them, and the rows that their commands write."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from openslot.booking import queries as booking
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import LIVE
from openslot.core import keyset
from openslot.core.audit import AuditEvent
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient, Practitioner
from openslot.identity.models import Account
from openslot.records.models import EmergencyAccess, Entry, EntryKind
from openslot.schedules.models import Schedule

_Newer = aliased(Entry)
_Older = aliased(Entry)


@dataclass(frozen=True, slots=True)
class Record:
    """An entry with all that a page shows of it, and the entries before and after it in a
    chain of corrections."""

    entry: Entry
    author: Practitioner
    centre: Centre | None
    corrects: Entry | None
    corrected_by: Entry | None

    @property
    def kind(self) -> EntryKind:
        """What it is."""
        return EntryKind(self.entry.kind)


@dataclass(frozen=True, slots=True)
class Opened:
    """An emergency access, and whose it was."""

    access: EmergencyAccess
    practitioner: Practitioner


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody read a history: ``practitioner`` where it was one, ``reason`` where they opened
    it in an emergency."""

    event: AuditEvent
    account: Account | None
    practitioner: Practitioner | None
    reason: str | None

    @property
    def name(self) -> str | None:
        """Who it was; None for an account that is gone."""
        known = self.practitioner or self.account
        return known.name if known else None

    @property
    def how(self) -> str | None:
        """Why they could: a value of :class:`openslot.records.access.Access`."""
        return (self.event.details or {}).get("how")


# Who is tied to whom


def ties(
    session: Session,
    practitioner_id: int,
    patient_ids: Iterable[UUID],
    kinds: Sequence[ColumnElement[bool]],
) -> dict[UUID, list[datetime | None]]:
    """When the last appointment of each kind, and then when the last emergency access, of an active
    practitioner ends, by patient; one statement."""
    wanted = set(patient_ids)
    active = _active(practitioner_id)
    seen = [
        select(literal(number), Appointment.patient_id, func.max(Appointment.ends_at))
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(Appointment.patient_id.in_(wanted), kind, Schedule.practitioner_id.in_(active))
        .group_by(Appointment.patient_id)
        for number, kind in enumerate(kinds)
    ]
    opened = (
        select(literal(len(kinds)), EmergencyAccess.patient_id, func.max(EmergencyAccess.ends_at))
        .where(EmergencyAccess.patient_id.in_(wanted), EmergencyAccess.practitioner_id.in_(active))
        .group_by(EmergencyAccess.patient_id)
    )
    found: dict[UUID, list[datetime | None]] = {}
    rows: Any = session.execute(union_all(*seen, opened))
    for number, patient_id, ends in rows:
        found.setdefault(patient_id, [None] * (len(kinds) + 1))[number] = ends
    return found


def tied_to(
    patient: Any,
    practitioner_id: int,
    opens: ColumnElement[bool],
    *,
    since: datetime | None,
    now: datetime,
) -> ColumnElement[bool]:
    """Whether an active practitioner is tied to the patient in a column: by an appointment that
    ``opens`` the record and ends after ``since``, if that is given, or by an emergency access that
    runs."""
    active = _active(practitioner_id)
    seen = (
        select(Appointment.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(Appointment.patient_id.is_not(None), opens, Schedule.practitioner_id.in_(active))
    )
    if since is not None:
        seen = seen.where(Appointment.ends_at > since)
    opened = select(EmergencyAccess.patient_id).where(
        EmergencyAccess.practitioner_id.in_(active), EmergencyAccess.ends_at > now
    )
    return or_(patient.in_(seen.correlate(None)), patient.in_(opened.correlate(None)))


def _active(practitioner_id: int) -> Any:
    return (
        select(Practitioner.id)
        .where(Practitioner.id == practitioner_id, Practitioner.active.is_(True))
        .correlate(None)
    )


def patients_of(
    session: Session,
    practitioner_id: int,
    *,
    now: datetime,
    text: str = "",
    born: date | None = None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Patient], int]:
    """A page of the patients who have, had or were to have an appointment with a practitioner, by
    name, whose name, e-mail, phone or number holds ``text``; two statements."""
    own = seen_by(practitioner_id, now=now)
    return directory.patients(session, own, text=text, born=born, limit=limit, offset=offset)


def seen_by(practitioner_id: int, *, now: datetime) -> ColumnElement[bool]:
    """Patients who have, had or were to have an appointment with a practitioner; one that the
    practitioner made alone counts from its day on, and not once it was cancelled or missed."""
    kept = or_(Appointment.status != Status.HELD, Appointment.held_until > now)
    opens = or_(
        Appointment.opens_record_at.is_(None),
        (Appointment.opens_record_at <= now) & Appointment.status.in_(LIVE | {Status.FULFILLED}),
    )
    own = (
        select(Appointment.patient_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(
            Schedule.practitioner_id == practitioner_id,
            Appointment.status != Status.EXPIRED,
            kept,
            opens,
        )
    )
    return Patient.id.in_(own)


def exactly(session: Session, name: str, born: date) -> list[Patient]:
    """The active patients who bear this whole name, in any case, and were born that day; one
    statement."""
    query = select(Patient).where(Patient.born == born, Patient.active.is_(True))
    wanted = _plain(name)
    return [
        one for one in session.scalars(query.order_by(Patient.id)) if _plain(one.name) == wanted
    ]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


# What a history holds


def entries(
    session: Session,
    patient_id: UUID,
    *,
    kind: EntryKind | None = None,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Record]:
    """What was recorded of a patient, newest first; one statement."""
    query = _records().where(Entry.patient_id == patient_id)
    if kind is not None:
        query = query.where(Entry.kind == kind)
    newest = (Entry.recorded_at.desc(), Entry.id.desc())
    return [Record(*row) for row in session.execute(keyset.page(query, newest, after, limit))]


def entry(session: Session, entry_id: UUID) -> Record | None:
    """One entry; one statement."""
    row = session.execute(_records().where(Entry.id == entry_id)).first()
    return Record(*row) if row else None


def of_appointment(session: Session, appointment_id: UUID) -> list[Record]:
    """What was recorded at an appointment, oldest first; one statement."""
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
    session: Session,
    patient_id: UUID,
    *,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Appointment]:
    """A patient's appointments at all centres, the latest first, but for what was entered in error;
    one statement."""
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
    """The appointments of these statuses of a patient with a practitioner that began before
    ``until``, the latest first; one statement."""
    return booking.appointments(
        session,
        booking.of_patient(patient_id),
        booking.of_practitioner(practitioner_id),
        Appointment.status.in_(statuses),
        Appointment.starts_at < until,
        newest_first=True,
        limit=limit,
    )


def self_made(
    session: Session, patient_id: UUID, practitioner_id: int, *, now: datetime
) -> Appointment | None:
    """The first appointment to come of a patient that the practitioner made alone and that opens
    nothing yet; one statement."""
    found = booking.appointments(
        session,
        booking.of_patient(patient_id),
        booking.of_practitioner(practitioner_id),
        Appointment.status.in_(LIVE),
        Appointment.opens_record_at > now,
        limit=1,
    )
    return next(iter(found), None)


def emergencies(
    session: Session,
    patient_id: UUID,
    *,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Opened]:
    """The emergency accesses to a history, newest first; one statement."""
    query = (
        select(EmergencyAccess, Practitioner)
        .join(Practitioner, Practitioner.id == EmergencyAccess.practitioner_id)
        .where(EmergencyAccess.patient_id == patient_id)
    )
    newest = (EmergencyAccess.starts_at.desc(), EmergencyAccess.id.desc())
    return [Opened(*row) for row in session.execute(keyset.page(query, newest, after, limit))]


# Who read it


def reads_of(
    session: Session,
    subjects: Collection[str],
    actions: Collection[str],
    *,
    besides: UUID | None = None,
    after: keyset.Key | None = None,
    limit: int | None = None,
) -> list[Look]:
    """Who did any of these acts to the subjects, newest first, but for the account
    ``besides``; two statements."""
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


def has_done(
    session: Session, account_id: UUID | None, action: str, subject: str, *, since: datetime
) -> bool:
    """Whether an account has done this to the subject since then; one statement."""
    query = select(AuditEvent.id).where(
        AuditEvent.subject == subject,
        AuditEvent.action == action,
        AuditEvent.account_id == account_id,
        AuditEvent.at > since,
    )
    return session.scalar(query.limit(1)) is not None


def _reasons(session: Session, events: Sequence[AuditEvent]) -> dict[UUID | None, str]:
    """Why emergency accesses were needed, by their id."""
    wanted = {one for event in events if (one := _access_id(event))}
    query = select(EmergencyAccess.id, EmergencyAccess.reason)
    return {row[0]: row[1] for row in session.execute(query.where(EmergencyAccess.id.in_(wanted)))}


def _access_id(event: AuditEvent) -> UUID | None:
    named = (event.details or {}).get("access")
    return UUID(named) if named else None


# Writing


def add(session: Session, row: Entry | EmergencyAccess) -> None:
    """Keep an entry or an emergency access for good."""
    session.add(row)
    session.flush()
