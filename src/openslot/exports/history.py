"""A patient's whole health record for download: the contents, and a JSON document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import keyset
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.merges import queries as merges
from openslot.directory.models import Centre, Patient, Practitioner
from openslot.records import queries
from openslot.records.access import READ, subject_of
from openslot.records.events import Topic
from openslot.records.finding import DETAILS_READ
from openslot.records.queries import Look, Opened, Record
from openslot.records.shown import SHOWN
from openslot.referrals import commands as referring
from openslot.referrals import queries as referrals
from openslot.referrals.models import Referral

FORMAT = "openslot-history"
VERSION = 1
"""Raised when a field is removed or changes its meaning; new fields do not raise it."""

REFERRAL_READ = "referral.read"
MERGED = "patient.merged"


class What(StrEnum):
    """What somebody did with a health record, its referrals, or the details and appointments of the
    patient, in the words of documents."""

    HISTORY = "history"
    DETAILS = "details"
    EMERGENCY = "emergency-access"
    REFERRAL = "referral"
    MERGE = "merge"


WHAT: Mapping[str, What] = {
    READ: What.HISTORY,
    Topic.EMERGENCY.value: What.EMERGENCY,
    REFERRAL_READ: What.REFERRAL,
    DETAILS_READ: What.DETAILS,
    SHOWN: What.DETAILS,
    MERGED: What.MERGE,
}
"""The word for each audit action."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """Everything about a patient, each list with the newest first."""

    patient: Patient
    records: Sequence[Record]
    appointments: Sequence[Appointment]
    referrals: Sequence[Referral]
    emergencies: Sequence[Opened]
    looks: Sequence[Look]
    now: datetime


def whole(work: Work, patient_id: UUID) -> History:
    """Return everything in a health record; a constant number of statements."""
    found = referrals.of_patient(work.session, patient_id)
    return History(
        patient=directory.patient(work.session, patient_id),
        records=queries.entries(work.session, patient_id),
        appointments=queries.appointments(work.session, patient_id),
        referrals=found,
        emergencies=queries.emergencies(work.session, patient_id),
        looks=_looks(work.session, patient_id, found),
        now=work.now,
    )


def looks(
    session: Session, patient_id: UUID, *, besides: UUID, after: keyset.Key | None, limit: int
) -> list[Look]:
    """Return the access events of a record, the newest first; four statements.

    Those of the duplicates that were merged into it are among them.

    Those of the account ``besides`` are left out.
    """
    found = referrals.of_patient(session, patient_id)
    return _looks(session, patient_id, found, besides=besides, after=after, limit=limit)


def _looks(
    session: Session, patient_id: UUID, found: Sequence[Referral], **more: Any
) -> list[Look]:
    duplicates = merges.duplicates_of(session, patient_id)
    subjects = [
        *(subject_of(one) for one in (patient_id, *duplicates)),
        *(referring.subject_of(referral.id) for referral in found),
    ]
    return queries.reads_of(session, subjects, list(WHAT), **more)


# As a document


def document(history: History) -> Document:
    """Return the health record as JSON; docs/history.md describes every field.

    Instants have the offset of their centre, with its time zone in a field of its own; without a
    centre they are in UTC.
    """
    patient = history.patient
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": _iso(history.now, None),
        "patient": {
            "id": str(patient.id),
            "name": patient.name,
            "born": patient.born,
            "medicare_number": patient.medicare_number,
        },
        "entries": [_entry(record) for record in history.records],
        "appointments": [_appointment(appointment) for appointment in history.appointments],
        "referrals": [_referral(referral, history.now) for referral in history.referrals],
        "emergency_accesses": [_emergency(opened) for opened in history.emergencies],
        "reads": [_access_event(look) for look in history.looks],
    }


def _entry(record: Record) -> Document:
    entry = record.entry
    return {
        "id": str(entry.id),
        "kind": entry.kind,
        **_when(record.centre, recorded=entry.recorded_at),
        "author": _person(record.author),
        "centre": _centre(record.centre),
        "appointment": _id(entry.appointment_id),
        "text": entry.text,
        "medication": entry.medication,
        "dose": entry.dose,
        "substance": entry.substance,
        "severity": entry.severity,
        "state": entry.state,
        "corrects": _id(entry.corrects_id),
        "corrected_by": _id(record.corrected_by.id if record.corrected_by else None),
    }


def _appointment(appointment: Appointment) -> Document:
    return {
        "id": str(appointment.id),
        "status": appointment.status,
        **_when(appointment.centre, start=appointment.starts_at, end=appointment.ends_at),
        "centre": _centre(appointment.centre),
        "practitioner": _person(appointment.practitioner),
        "service": appointment.booked_service.name if appointment.booked_service else None,
        "department": appointment.department.name if appointment.department else None,
        "reason": appointment.reason,
        "referral": _id(appointment.referral_id),
    }


def _referral(referral: Referral, now: datetime) -> Document:
    answer = (
        {"text": referral.answer, "at": _iso(referral.answered_at, None)}
        if referral.answer
        else None
    )
    return {
        "id": str(referral.id),
        "status": referral.state_at(now).value,
        "sent": _iso(referral.sent_at, None),
        "expires": _iso(referral.expires_at, None),
        "revoked": _iso(referral.revoked_at, None),
        "author": _person(referral.gp),
        "to": _person(referral.addressee),
        "to_expertise": referral.expertise,
        "letter": referral.letter,
        "answer": answer,
        "appointment": _id(referral.appointment.id if referral.appointment else None),
    }


def _emergency(opened: Opened) -> Document:
    return {
        "id": str(opened.access.id),
        "practitioner": _person(opened.practitioner),
        "reason": opened.access.reason,
        "from": _iso(opened.access.starts_at, None),
        "until": _iso(opened.access.ends_at, None),
    }


def _access_event(look: Look) -> Document:
    return {
        "at": _iso(look.event.at, None),
        "what": WHAT[look.event.action],
        "how": look.how,
        "name": look.name,
        "profession": look.practitioner.profession if look.practitioner else None,
        "reason": look.reason,
    }


def _person(person: Practitioner | None) -> Document | None:
    return {"name": person.name, "profession": person.profession} if person else None


def _centre(centre: Centre | None) -> Document | None:
    return {"name": centre.name, "suburb": centre.suburb} if centre else None


def _when(centre: Centre | None, **instants: datetime) -> Document:
    zone = centre.time_zone if centre else None
    return {**{name: _iso(at, zone) for name, at in instants.items()}, "time_zone": zone or "UTC"}


def _iso(at: datetime | None, zone: str | None) -> str | None:
    return at.astimezone(ZoneInfo(zone) if zone else UTC).isoformat() if at else None


def _id(row_id: UUID | None) -> str | None:
    return str(row_id) if row_id else None
