"""Commands that add to health records and open one in an emergency.

Nothing in a record is ever changed or deleted.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.core import audit
from openslot.core.actor import Role
from openslot.core.errors import Forbidden, Malformed, NotFound
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.records import queries
from openslot.records.access import GIVING, WRITING, may_read, subject_of
from openslot.records.details import (
    AllergyDetails,
    EmergencyDetails,
    EntryDetails,
    NoAllergiesDetails,
    NoteDetails,
    PrescriptionDetails,
)
from openslot.records.errors import (
    AllergiesKnown,
    AlreadyCorrected,
    AlreadyOpen,
    NoneKnownSince,
    NotYourAppointment,
    NotYourEntry,
)
from openslot.records.events import Topic
from openslot.records.models import AllergyState, EmergencyAccess, Entry, EntryKind
from openslot.records.queries import ABOUT_ALLERGIES, Record

ADDED = {
    EntryKind.NOTE: "noted",
    EntryKind.PRESCRIPTION: "prescribed",
    EntryKind.ALLERGY: "allergy-noted",
    EntryKind.NO_ALLERGIES: "no-allergies-noted",
}
"""The audit actions of new entries."""

DETAILS: Mapping[EntryKind, type[EntryDetails]] = {
    EntryKind.NOTE: NoteDetails,
    EntryKind.PRESCRIPTION: PrescriptionDetails,
    EntryKind.ALLERGY: AllergyDetails,
    EntryKind.NO_ALLERGIES: NoAllergiesDetails,
}
"""The details of each kind of entry."""

OWNED = ("patient_id", "practitioner_id", "kind")


def add(
    work: Work,
    patient_id: UUID,
    details: EntryDetails,
    *,
    appointment_id: UUID | None = None,
    entry_id: UUID | None = None,
) -> Entry:
    """Add an entry, at an appointment if one is given.

    What is added about allergies replaces the statement that none are known. ``entry_id`` makes
    the command safe to repeat: the entry is stored once, as it was sent first.
    Raise NotFound if the actor may not read the record, NotYourAppointment for other people's
    appointments, AllergiesKnown for the statement that there are none.
    """
    author = writer(work, patient_id)
    entry = _entry(patient_id, author, details, work.now, entry_id)
    existing = queries.entry(work.session, entry.id)
    if existing is not None:
        return _check_repeated(existing.entry, entry)
    if entry.kind in ABOUT_ALLERGIES:
        _replace_statement(work.session, entry)
    _link_appointment(work.session, entry, appointment_id)
    return _store(work, entry, ADDED[EntryKind(entry.kind)])


def correct(work: Work, entry_id: UUID, details: EntryDetails) -> Entry:
    """Add an entry that replaces an older one, at the appointment of its author; the older one
    stays.

    Raise what :func:`to_correct` raises; AllergiesKnown or NoneKnownSince if the entry would
    contradict another one about allergies.
    """
    old = to_correct(work, entry_id).entry
    entry = _entry(old.patient_id, writer(work, old.patient_id), details, work.now)
    if entry.kind != old.kind:
        raise Malformed
    if entry.practitioner_id == old.practitioner_id:
        entry.centre_id, entry.appointment_id = old.centre_id, old.appointment_id
    entry.corrects_id = old.id
    _check_consistent(work.session, entry)
    return _store(work, entry, "corrected")


def to_correct(work: Work, entry_id: UUID) -> Record:
    """Return an entry that the actor may correct in a record that they may read: one of their own,
    or anybody's about allergies.

    Raise NotFound if the actor may not read the record, NotYourEntry if they are not the author,
    and AlreadyCorrected if there is a newer entry.
    """
    record = queries.entry(work.session, entry_id)
    if record is None:
        raise NotFound
    patient_id = record.entry.patient_id
    author = writer(work, patient_id)
    if record.entry.practitioner_id != author and record.kind not in ABOUT_ALLERGIES:
        raise NotYourEntry
    if record.corrected_by is not None:
        raise AlreadyCorrected
    return record


def writer(work: Work, patient_id: UUID) -> int:
    """Return the id of the practitioner who may add to the record.

    Raise NotFound if the actor may not read it, Forbidden for patients, who only read.
    """
    access = may_read(work, patient_id)
    if access is None:
        raise NotFound
    if access not in WRITING or work.actor.practitioner_id is None:
        raise Forbidden
    return work.actor.practitioner_id


def break_glass(work: Work, patient_id: UUID, details: EmergencyDetails) -> EmergencyAccess:
    """Open a record for ``emergency_access_hours`` without an appointment.

    The patient and the administrators of the practitioner's centres are notified. Raise NotFound if
    there is no such patient, AlreadyOpen if the actor may read the record anyway.
    """
    if not work.actor.is_a(Role.PRACTITIONER) or work.actor.practitioner_id is None:
        raise Forbidden
    directory.practitioner(work.session, work.actor.practitioner_id)
    directory.patient(work.session, patient_id, inactive=True)
    if may_read(work, patient_id):
        raise AlreadyOpen
    hours = work.settings.emergency_access_hours
    emergency = EmergencyAccess(
        id=new_id(),
        patient_id=patient_id,
        practitioner_id=work.actor.practitioner_id,
        reason=details.reason,
        starts_at=work.now,
        ends_at=work.now + timedelta(hours=hours),
    )
    queries.add(work.session, emergency)
    audit.record(
        work, Topic.EMERGENCY, subject_of(patient_id), access=str(emergency.id), hours=hours
    )
    publish(work, Topic.EMERGENCY, access=emergency.id)
    return emergency


def _entry(
    patient_id: UUID,
    author: int,
    details: EntryDetails,
    now: datetime,
    entry_id: UUID | None = None,
) -> Entry:
    entry = Entry(
        id=entry_id or new_id(),
        patient_id=patient_id,
        practitioner_id=author,
        kind=next(kind for kind, form in DETAILS.items() if isinstance(details, form)),
        recorded_at=now,
    )
    for name, value in details.model_dump().items():
        setattr(entry, name, value)
    entry.text = entry.text or ""
    return entry


def _replace_statement(session: Session, entry: Entry) -> None:
    """Let a new entry about allergies replace the statement that none are known."""
    allergies = queries.allergies(session, entry.patient_id)
    if entry.kind == EntryKind.NO_ALLERGIES and allergies.known:
        raise AllergiesKnown
    if allergies.statement is not None:
        entry.corrects_id = allergies.statement.entry.id


def _check_consistent(session: Session, entry: Entry) -> None:
    """Raise AllergiesKnown or NoneKnownSince if the entry contradicts what is recorded."""
    if entry.state != AllergyState.ACTIVE:
        return
    allergies = queries.allergies(session, entry.patient_id)
    if entry.kind == EntryKind.NO_ALLERGIES and allergies.known:
        raise AllergiesKnown
    if entry.kind == EntryKind.ALLERGY and allergies.statement is not None:
        raise NoneKnownSince


def _link_appointment(session: Session, entry: Entry, appointment_id: UUID | None) -> None:
    """Link an entry to an appointment of its patient with its author, and to its centre."""
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


def _check_repeated(old: Entry, new: Entry) -> Entry:
    """Return the stored entry if its author sends it again; raise NotFound otherwise."""
    if any(getattr(old, name) != getattr(new, name) for name in OWNED):
        raise NotFound
    return old


def _store(work: Work, entry: Entry, act: str) -> Entry:
    queries.add(work.session, entry)
    audit.record(
        replace(work, now=entry.recorded_at),
        f"record.{act}",
        subject_of(entry.patient_id),
        entry=str(entry.id),
    )
    return entry
