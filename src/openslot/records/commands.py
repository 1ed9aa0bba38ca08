"""Adding to histories, and opening one in an emergency. Nothing is ever changed or deleted."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.core import audit
from openslot.core.errors import Forbidden, Malformed, NotFound
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.directory import queries as directory
from openslot.directory.rules import Actor
from openslot.identity.models import Role
from openslot.records import queries
from openslot.records.access import GIVING, WRITING, may_read, subject_of
from openslot.records.details import EmergencyDetails, NoteDetails, PrescriptionDetails
from openslot.records.errors import AlreadyCorrected, AlreadyOpen, NotYourAppointment, NotYourEntry
from openslot.records.events import Topic
from openslot.records.models import EmergencyAccess, Entry, EntryKind
from openslot.records.queries import Record

Written = NoteDetails | PrescriptionDetails

ADDED = {EntryKind.NOTE: "noted", EntryKind.PRESCRIPTION: "prescribed"}
"""What the audit calls it."""

OWNED = ("patient_id", "practitioner_id", "kind")


def add(
    session: Session,
    actor: Actor,
    patient_id: UUID,
    details: Written,
    *,
    now: datetime,
    access_days: int,
    appointment_id: UUID | None = None,
    entry_id: UUID | None = None,
) -> Entry:
    """Record what a practitioner found, said and did, or medication; at an appointment if one is
    named.

    ``entry_id`` is what the entry is to be called: sent twice it is kept once, as it was first.
    NotFound for who may not read the history, NotYourAppointment for an appointment of anybody
    else.
    """
    author = writer(session, actor, patient_id, now=now, access_days=access_days)
    entry = _entry(patient_id, author, details, now, entry_id)
    known = queries.entry(session, entry.id)
    if known is not None:
        return _same(known.entry, entry)
    _at_appointment(session, entry, appointment_id)
    return _kept(session, actor, entry, ADDED[EntryKind(entry.kind)])


def correct(
    session: Session,
    actor: Actor,
    entry_id: UUID,
    details: Written,
    *,
    now: datetime,
    access_days: int,
) -> Entry:
    """A new entry that stands in the place of an older one, which stays as it is.

    It belongs to the same appointment. Raises what :func:`to_correct` raises.
    """
    old = to_correct(session, actor, entry_id, now=now, access_days=access_days).entry
    entry = _entry(old.patient_id, old.practitioner_id, details, now)
    if entry.kind != old.kind:
        raise Malformed
    entry.centre_id, entry.appointment_id = old.centre_id, old.appointment_id
    entry.corrects_id = old.id
    return _kept(session, actor, entry, "corrected")


def to_correct(
    session: Session, actor: Actor, entry_id: UUID, *, now: datetime, access_days: int
) -> Record:
    """The entry, for its author and while they may read the history.

    NotFound for strangers, NotYourEntry for others who may read it, AlreadyCorrected where a
    newer entry stands in its place.
    """
    record = queries.entry(session, entry_id)
    if record is None:
        raise NotFound
    patient_id = record.entry.patient_id
    author = writer(session, actor, patient_id, now=now, access_days=access_days)
    if record.entry.practitioner_id != author:
        raise NotYourEntry
    if record.corrected_by is not None:
        raise AlreadyCorrected
    return record


def writer(
    session: Session, actor: Actor, patient_id: UUID, *, now: datetime, access_days: int
) -> int:
    """The practitioner who may add to the history.

    NotFound for who may not read it, Forbidden for patients, who only read.
    """
    access = may_read(session, actor, patient_id, now=now, access_days=access_days)
    if access is None:
        raise NotFound
    if access not in WRITING or actor.practitioner_id is None:
        raise Forbidden
    return actor.practitioner_id


def break_glass(
    session: Session,
    actor: Actor,
    patient_id: UUID,
    details: EmergencyDetails,
    *,
    now: datetime,
    hours: int,
    access_days: int,
) -> EmergencyAccess:
    """Open a history without an appointment for ``hours``; the patient is told, and who runs the
    centres of the practitioner.

    NotFound for a patient who is not there, AlreadyOpen for who may read the history anyway.
    """
    if not actor.is_a(Role.PRACTITIONER) or actor.practitioner_id is None:
        raise Forbidden
    directory.practitioner(session, actor.practitioner_id)
    directory.patient(session, patient_id, inactive=True)
    if may_read(session, actor, patient_id, now=now, access_days=access_days):
        raise AlreadyOpen
    opened = EmergencyAccess(
        id=new_id(),
        patient_id=patient_id,
        practitioner_id=actor.practitioner_id,
        reason=details.reason,
        starts_at=now,
        ends_at=now + timedelta(hours=hours),
    )
    queries.add(session, opened)
    audit.record(
        session,
        Topic.EMERGENCY,
        subject_of(patient_id),
        by=actor.origin,
        now=now,
        access=str(opened.id),
        hours=hours,
    )
    publish(session, Topic.EMERGENCY, access=opened.id, now=now)
    return opened


def _entry(
    patient_id: UUID, author: int, details: Written, now: datetime, entry_id: UUID | None = None
) -> Entry:
    entry = Entry(
        id=entry_id or new_id(),
        patient_id=patient_id,
        practitioner_id=author,
        kind=EntryKind.NOTE,
        text=details.text or "",
        recorded_at=now,
    )
    if isinstance(details, PrescriptionDetails):
        entry.kind = EntryKind.PRESCRIPTION
        entry.medication, entry.dose = details.medication, details.dose
    return entry


def _at_appointment(session: Session, entry: Entry, appointment_id: UUID | None) -> None:
    """Tie an entry to an appointment of its patient with its author, and to the centre of that."""
    if appointment_id is None:
        return
    appointment = booking.appointment(session, appointment_id)
    if (
        appointment is None
        or appointment.patient_id != entry.patient_id
        or appointment.schedule.practitioner_id != entry.practitioner_id
        or appointment.status not in GIVING
    ):
        raise NotYourAppointment(field="appointment_id")
    entry.appointment_id, entry.centre_id = appointment_id, appointment.centre.id


def _same(old: Entry, new: Entry) -> Entry:
    """What is kept under the name already, if its author has sent it again."""
    if any(getattr(old, name) != getattr(new, name) for name in OWNED):
        raise NotFound
    return old


def _kept(session: Session, actor: Actor, entry: Entry, act: str) -> Entry:
    queries.add(session, entry)
    audit.record(
        session,
        f"record.{act}",
        subject_of(entry.patient_id),
        by=actor.origin,
        now=entry.recorded_at,
        entry=str(entry.id),
    )
    return entry
