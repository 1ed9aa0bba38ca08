"""Everything that the owner of an account may see of themselves, as a JSON document.

Carers find the records of their dependents in it. docs/privacy.md describes the shape.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from openslot.booking import queries as booking
from openslot.booking.models import Appointment
from openslot.booking.queries import appointments_for
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Dependent, Patient, Practitioner
from openslot.exports import history
from openslot.feedback import queries as feedback
from openslot.identity import credentials
from openslot.identity import queries as identities
from openslot.identity.credentials import Credential
from openslot.identity.models import Account
from openslot.identity.sessions import unused_since
from openslot.questions.models import AppointmentAnswer
from openslot.questions.queries import answers
from openslot.waiting_list import search as waiting
from openslot.waiting_list.search import Listed

FORMAT = "openslot-account"
VERSION = 1
"""Raised when a field is removed or changes its meaning; new fields do not raise it."""

MOST_ENTRIES = 1000
"""The most entries of waiting lists in a document."""

Document = dict[str, Any]

_OF_PATIENTS = ("name", "born", "email", "phone", "medicare_number", "time_zone", "language")
_OF_PRACTITIONERS = (
    "name",
    "profession",
    "expertise",
    "provider_number",
    "phone",
    "email",
    "languages",
    "gender",
    "about",
)


def document(work: Work, account: Account) -> Document:
    """Return all data of the actor's own account."""
    actor = work.actor
    result: Document = {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": work.now.isoformat(),
        "account": _account(account),
        "sessions": _sessions(work, account.id),
        "identities": _kept(credentials.identities_of(work, account.id)),
        "second_steps": _kept(credentials.steps_of(work, account.id)),
        "programs": _kept(credentials.programs_of(work, account.id)),
        "favourites": [
            {"kind": one.kind, "name": one.name} for one in feedback.liked(work.session, account.id)
        ],
    }
    if actor.patient_id is not None:
        result |= _of_patient(work, actor.patient_id)
        result["dependents"] = [
            _dependent(work, patient, link)
            for patient, link in directory.dependents_of(work.session, actor.patient_id)
        ]
    elif actor.practitioner_id is not None:
        person = directory.practitioner(work.session, actor.practitioner_id, inactive=True)
        result["details"] = _values(person, _OF_PRACTITIONERS)
    return result


def patients_in(work: Work) -> list[UUID]:
    """Return the patients whose health records are in the document: the actor and dependents."""
    own = [work.actor.patient_id] if work.actor.patient_id else []
    return [*own, *sorted(work.actor.dependents)] if own else []


def _account(account: Account) -> Document:
    return {
        "name": account.name,
        "email": account.email,
        "role": account.role,
        "created_at": account.created_at.isoformat(),
        "confirmed_at": _iso(account.confirmed_at),
        "last_signed_in_at": _iso(account.signed_in_at),
        "time_zone": account.time_zone,
        "language": account.locale,
    }


def _sessions(work: Work, account_id: UUID) -> list[Document]:
    unused = unused_since(work)
    return [
        {
            "signed_in_at": one.created_at.isoformat(),
            "last_used_at": one.seen_at.isoformat(),
            "address": one.address,
            "browser": one.agent,
        }
        for one in identities.sessions_of(work, account_id, unused_since=unused)
    ]


def _kept(found: Iterable[Credential]) -> list[Document]:
    return [
        {
            "kind": one.kind,
            "name": one.agent,
            "added_at": one.made_at.isoformat(),
            "last_used_at": _iso(one.used_at),
            **({"scopes": list(one.scopes)} if one.scopes is not None else {}),
        }
        for one in found
    ]


def _of_patient(work: Work, patient_id: UUID) -> Document:
    """Return what there is of one patient; ``record`` is the document of docs/history.md."""
    whole = history.whole(work, patient_id)
    entries = waiting.entries_for(work.session, patient_ids=[patient_id], limit=MOST_ENTRIES)
    appointments = appointments_for(work, booking.of_patient(patient_id))
    answered = answers(work, appointments)
    return {
        "details": _values(whole.patient, _OF_PATIENTS),
        "appointments": [_appointment(one, answered.get(one.id, ())) for one in appointments],
        "record": history.document(whole),
        "waiting": [_entry(one) for one in entries],
        "ratings": _ratings(work, patient_id),
    }


def _dependent(work: Work, patient: Patient, link: Dependent) -> Document:
    return {"since": link.since.isoformat(), **_of_patient(work, patient.id)}


def _appointment(appointment: Appointment, given: Iterable[AppointmentAnswer]) -> Document:
    return {
        "id": str(appointment.id),
        "start": appointment.starts_at.astimezone(appointment.zone).isoformat(),
        "end": appointment.ends_at.astimezone(appointment.zone).isoformat(),
        "status": appointment.status,
        "with": appointment.with_whom,
        "service": appointment.booked_service.name if appointment.booked_service else None,
        "centre": appointment.centre.name,
        "reason": appointment.reason,
        "answers": [{"question": one.words, "answer": one.answer} for one in given],
        "booked_at": appointment.created_at.isoformat(),
    }


def _entry(listed: Listed) -> Document:
    entry = listed.entry
    return {
        "id": str(entry.id),
        "status": entry.status,
        "from": entry.starts_from.isoformat(),
        "until": entry.starts_until.isoformat(),
        "minutes": entry.minutes,
        "profession": entry.profession,
        "instead_of": str(entry.appointment_id) if entry.appointment_id else None,
        "joined_at": entry.created_at.isoformat(),
        "ended_at": _iso(entry.ended_at),
    }


def _ratings(work: Work, patient_id: UUID) -> list[Document]:
    rows = feedback.ratings_of(work.session, patient_id)
    people = directory.names(
        work.session, Practitioner, [one.practitioner_id for one in rows if one.practitioner_id]
    )
    centres = directory.names(
        work.session, Centre, [one.centre_id for one in rows if one.centre_id]
    )
    return [
        {
            "kind": "practitioner" if one.practitioner_id else "centre",
            "name": people.get(one.practitioner_id or 0) or centres.get(one.centre_id or 0),
            "stars": one.stars,
            "rated_at": one.rated_at.isoformat(),
        }
        for one in rows
    ]


def _values(row: Patient | Practitioner, names: Iterable[str]) -> Document:
    return {name: getattr(row, name) for name in names}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
