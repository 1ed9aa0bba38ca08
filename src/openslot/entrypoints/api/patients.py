"""Patients and their histories, under the rule of records/access.py."""

from typing import Annotated, NoReturn
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.core.errors import NotFound
from openslot.core.fields import LongText, Name, OptionalText
from openslot.directory import queries as directory
from openslot.directory.models import Patient as PatientRow
from openslot.directory.rules import may_see_patient
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, instant, page, read_cursor
from openslot.entrypoints.api.shapes import PractitionerRef, practitioner_ref
from openslot.entrypoints.request import now, reader, settings, write
from openslot.identity.models import Role
from openslot.records import access, commands, queries
from openslot.records.details import NoteDetails, PrescriptionDetails
from openslot.records.models import Entry, EntryKind
from openslot.records.queries import Mark, Record

service = Service("patients", "Patients", "Who receives care, and what was recorded of them.")

ONE = "/api/v1/patients/<uuid:patient_id>"
HISTORY, PRESCRIPTIONS = f"{ONE}/history", f"{ONE}/prescriptions"


class Patient(Shown):
    """A patient, without any of the history."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date.")]
    email: str | None
    phone: str | None
    medicare_number: str | None
    language: str | None
    time_zone: str | None
    active: bool


class HistoryEntry(Shown):
    """A note or a prescription; nothing is ever changed, a correction names what it corrects."""

    id: UUID
    kind: EntryKind
    author: PractitionerRef | None
    centre: str | None
    appointment: UUID | None
    text: str
    medication: str | None
    dose: str | None
    recorded: AwareDatetime
    corrects: UUID | None
    corrected_by: UUID | None


class HistoryList(Listing[HistoryEntry]):
    """Some entries, the newest first."""


class HistoryQuery(Paged):
    """Which entries."""

    kind: EntryKind | None = None


class NewNote(Given):
    """What was found, said and done, perhaps at a visit."""

    text: LongText
    appointment: UUID | None = None


class NewPrescription(Given):
    """A medication, its dose, and perhaps how to take it."""

    medication: Name
    dose: Name
    text: OptionalText = None
    appointment: UUID | None = None


@service.operation("GET", ONE, scope="patients:read", answer=Patient)
def get_patient(patient_id: UUID) -> Patient:
    """Read a patient: oneself, whom one cares for, or with whom one works.

    Practitioners read those whose history they may read; to others there is nobody.
    """
    actor = bearer.actor()
    if actor.is_a(Role.PRACTITIONER):
        _may_read(patient_id)
    else:
        may_see_patient(actor, patient_id)
    return _patient(directory.patient(reader(), patient_id))


@service.operation(
    "GET", HISTORY, scope="records:read", query=HistoryQuery, answer=HistoryList
)  # fmt: skip
def get_history(patient_id: UUID, query: HistoryQuery) -> Listing[HistoryEntry]:
    """Read what was recorded of a patient, newest first.

    Every read is written down, and so is every refusal. Keys of programs read no histories.
    """
    cursor = read_cursor(query.after, instant, UUID)
    why = write(
        lambda session: access.open_history(
            session, bearer.actor(), patient_id, now=now(), access_days=_days()
        )
    )
    if why is None:
        raise NotFound
    after = Mark(*cursor) if cursor else None
    rows = queries.entries(
        reader(), patient_id, kind=query.kind, after=after, limit=query.limit + 1
    )
    return page(HistoryList, rows, query, _entry, lambda one: (one.entry.recorded_at, one.entry.id))


@service.operation(
    "POST", HISTORY, scope="records:write", body=NewNote, answer=HistoryEntry, status=201
)
def create_note(patient_id: UUID, body: NewNote) -> Answer:
    """Add a note, as a practitioner who may read the history."""
    _may_read(patient_id)

    def work(session: Session) -> Entry:
        return commands.add_note(
            session, bearer.actor(), patient_id, NoteDetails(text=body.text), now=now(),
            access_days=_days(), appointment_id=body.appointment,
        )  # fmt: skip

    return _written(write(work))


@service.operation(
    "POST", PRESCRIPTIONS, scope="records:write", body=NewPrescription, answer=HistoryEntry,
    status=201,
)  # fmt: skip
def create_prescription(patient_id: UUID, body: NewPrescription) -> Answer:
    """Add medication, as a practitioner who may read the history."""
    _may_read(patient_id)
    details = PrescriptionDetails(medication=body.medication, dose=body.dose, text=body.text)

    def work(session: Session) -> Entry:
        return commands.add_prescription(
            session, bearer.actor(), patient_id, details, now=now(), access_days=_days(),
            appointment_id=body.appointment,
        )  # fmt: skip

    return _written(write(work))


def _days() -> int:
    return settings().history_access_days


def _may_read(patient_id: UUID) -> None:
    """Go on for who may read the history; a refusal is written down."""
    actor = bearer.actor()
    if not access.may_read(reader(), actor, patient_id, now=now(), access_days=_days()):
        _refuse(patient_id)


def _refuse(patient_id: UUID) -> NoReturn:
    write(lambda session: access.note_refusal(session, bearer.actor(), patient_id, now=now()))
    raise NotFound


def _written(row: Entry) -> Answer:
    record = queries.entry(reader(), row.id)
    return Answer(_entry(record) if record else None)


def _patient(row: PatientRow) -> Patient:
    values = {name: getattr(row, name) for name in Patient.model_fields}
    return Patient.model_validate(values | {"born": row.born.isoformat() if row.born else None})


def _entry(record: Record) -> HistoryEntry:
    row = record.entry
    return HistoryEntry(
        id=row.id,
        kind=record.kind,
        author=practitioner_ref(record.author),
        centre=record.centre.name if record.centre else None,
        appointment=row.appointment_id,
        text=row.text,
        medication=row.medication,
        dose=row.dose,
        recorded=row.recorded_at,
        corrects=row.corrects_id,
        corrected_by=record.corrected_by.id if record.corrected_by else None,
    )
