"""A patient's whole history, to take along: gathered, and as a document for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import keyset
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient, Practitioner
from openslot.records import queries
from openslot.records.access import READ, subject_of
from openslot.records.events import Topic
from openslot.records.queries import Look, Opened, Record
from openslot.referrals import commands as referring
from openslot.referrals import queries as referrals
from openslot.referrals.queries import Letter

FORMAT = "openslot-history"
VERSION = 1
"""Rises when a field changes its meaning or goes; new fields may come without it."""

LETTER_READ = "referral.read"
WHAT = {READ: "history", Topic.EMERGENCY.value: "emergency-access", LETTER_READ: "referral"}
"""What somebody did to a history or to a letter of it, by the audit's word."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class History:
    """All that there is of a patient, each list newest first."""

    patient: Patient
    records: Sequence[Record]
    appointments: Sequence[Appointment]
    letters: Sequence[Letter]
    emergencies: Sequence[Opened]
    looks: Sequence[Look]
    now: datetime


def whole(session: Session, patient_id: UUID, *, now: datetime) -> History:
    """Everything in a history; a constant number of statements."""
    letters = referrals.of_patient(session, patient_id)
    return History(
        patient=directory.patient(session, patient_id),
        records=queries.entries(session, patient_id),
        appointments=queries.appointments(session, patient_id),
        letters=letters,
        emergencies=queries.emergencies(session, patient_id),
        looks=_looks(session, patient_id, letters),
        now=now,
    )


def looks(
    session: Session, patient_id: UUID, *, besides: UUID, after: keyset.Key | None, limit: int
) -> list[Look]:
    """Who but the account ``besides`` looked into a history, newest first; three statements."""
    letters = referrals.of_patient(session, patient_id)
    return _looks(session, patient_id, letters, besides=besides, after=after, limit=limit)


def _looks(
    session: Session, patient_id: UUID, letters: Sequence[Letter], **more: Any
) -> list[Look]:
    subjects = [subject_of(patient_id), *(referring.subject_of(one.referral.id) for one in letters)]
    return queries.reads_of(session, subjects, list(WHAT), **more)


# As a document


def document(history: History) -> Document:
    """The history as JSON; docs/history.md describes every field.

    Instants bear the offset of the centre where it was, and its zone beside them; where there
    was no centre they are in UTC.
    """
    patient = history.patient
    return {
        "format": FORMAT,
        "version": VERSION,
        "created": _at(history.now, None),
        "patient": {
            "id": str(patient.id),
            "name": patient.name,
            "born": patient.born.isoformat() if patient.born else None,
            "medicare_number": patient.medicare_number,
        },
        "entries": [_entry(one) for one in history.records],
        "appointments": [_appointment(one) for one in history.appointments],
        "referrals": [_referral(one, history.now) for one in history.letters],
        "emergency_accesses": [_emergency(one) for one in history.emergencies],
        "reads": [_look(one) for one in history.looks],
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
        "corrects": _id(entry.corrects_id),
        "corrected_by": _id(record.corrected_by.id if record.corrected_by else None),
    }


def _appointment(appointment: Appointment) -> Document:
    one = appointment
    return {
        "id": str(one.id),
        "status": one.status,
        **_when(appointment.centre, start=one.starts_at, end=one.ends_at),
        "centre": _centre(appointment.centre),
        "practitioner": _person(appointment.practitioner),
        "service": appointment.service.name if appointment.service else None,
        "department": appointment.department.name if appointment.department else None,
        "reason": one.reason,
        "referral": _id(one.referral_id),
    }


def _referral(letter: Letter, now: datetime) -> Document:
    one = letter.referral
    answer = {"text": one.answer, "at": _at(one.answered_at, None)} if one.answer else None
    return {
        "id": str(one.id),
        "status": letter.state(now).value,
        "sent": _at(one.sent_at, None),
        "expires": _at(one.expires_at, None),
        "revoked": _at(one.revoked_at, None),
        "author": _person(letter.gp),
        "to": _person(letter.addressee),
        "to_expertise": one.expertise,
        "letter": one.letter,
        "answer": answer,
        "appointment": _id(_appointment_id(letter.appointment)),
    }


def _appointment_id(appointment: Appointment | None) -> UUID | None:
    return appointment.id if appointment else None


def _emergency(opened: Opened) -> Document:
    return {
        "id": str(opened.access.id),
        "practitioner": _person(opened.practitioner),
        "reason": opened.access.reason,
        "from": _at(opened.access.starts_at, None),
        "until": _at(opened.access.ends_at, None),
    }


def _look(look: Look) -> Document:
    return {
        "at": _at(look.event.at, None),
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
    return {**{name: _at(at, zone) for name, at in instants.items()}, "time_zone": zone or "UTC"}


def _at(at: datetime | None, zone: str | None) -> str | None:
    return at.astimezone(ZoneInfo(zone) if zone else UTC).isoformat() if at else None


def _id(row_id: UUID | None) -> str | None:
    return str(row_id) if row_id else None
