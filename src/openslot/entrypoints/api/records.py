"""Operations that add to health records: notes, prescriptions, allergies, corrections, emergency
access."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.core.actor import Role
from openslot.core.errors import Forbidden, NotFound
from openslot.core.fields import Birth, Line, LongText, Name, OptionalLongText, Text
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.api.history import (
    HISTORY,
    PATIENT,
    HistoryEntry,
    check_may_read,
    entry_shown,
    refuse,
)
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.failures import checked
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.records import commands, finding, queries
from openslot.records.commands import DETAILS
from openslot.records.details import (
    AllergyDetails,
    EmergencyDetails,
    EntryDetails,
    NoAllergiesDetails,
    NoteDetails,
    PrescriptionDetails,
)
from openslot.records.models import AllergyState, EntryKind, Severity

service = Service("records", "Records", "What practitioners add to health records.")

ALLERGIES, NO_ALLERGIES = f"{PATIENT}/allergies", f"{PATIENT}/no-allergies"
PRESCRIPTIONS, EMERGENCY = f"{PATIENT}/prescriptions", f"{PATIENT}/emergency-accesses"
CORRECTIONS = f"{HISTORY}/<uuid:entry_id>/corrections"


class NewNote(Given):
    """A note, with the appointment that it is about, if any."""

    text: LongText
    appointment: UUID | None = None


class NewPrescription(Given):
    """A medication, its dose, and instructions if needed."""

    medication: Name
    dose: Name
    text: OptionalLongText = None
    appointment: UUID | None = None


class NewAllergy(Given):
    """A substance; the reaction and its severity, if they are known."""

    substance: Name
    reaction: OptionalLongText = None
    severity: Severity | None = None
    appointment: UUID | None = None


class NewNoAllergies(Given):
    """The appointment at which the patient was asked, if any."""

    appointment: UUID | None = None


class Correction(Given):
    """A complete note, prescription or allergy that replaces an entry.

    The `text` of an allergy describes the reaction. Its `state` says if the allergy is there; a
    statement that none are known is taken back as `entered-in-error`.
    """

    text: OptionalLongText = None
    medication: Name | None = None
    dose: Name | None = None
    substance: Name | None = None
    severity: Severity | None = None
    state: AllergyState | None = None


class NewEmergencyAccess(Given):
    """The reason for emergency access; the name and one other detail confirm the patient."""

    name: Name
    born: Birth | None = None
    identifier: Annotated[
        Line | None, Field(description="Medicare number, phone number or email address, whole.")
    ] = None
    reason: Text


class EmergencyAccess(Shown):
    """An emergency access, and the period in which it is valid."""

    id: UUID
    reason: str
    start: AwareDatetime
    end: AwareDatetime


@service.operation(
    "POST",
    HISTORY,
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=NewNote,
    answer=HistoryEntry,
    status=201,
)
def create_note(patient_id: UUID, body: NewNote) -> Answer:
    """Add a note, as a practitioner who may read the health record."""
    details = NoteDetails(text=body.text)
    return _added(patient_id, details, body.appointment)


@service.operation(
    "POST",
    PRESCRIPTIONS,
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=NewPrescription,
    answer=HistoryEntry,
    status=201,
)
def create_prescription(patient_id: UUID, body: NewPrescription) -> Answer:
    """Add a prescription, as a practitioner who may read the health record."""
    details = PrescriptionDetails(medication=body.medication, dose=body.dose, text=body.text)
    return _added(patient_id, details, body.appointment)


@service.operation(
    "POST",
    ALLERGIES,
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=NewAllergy,
    answer=HistoryEntry,
    status=201,
)
def create_allergy(patient_id: UUID, body: NewAllergy) -> Answer:
    """Add an allergy, as a practitioner who may read the health record."""
    details = AllergyDetails(substance=body.substance, text=body.reaction, severity=body.severity)
    return _added(patient_id, details, body.appointment)


@service.operation(
    "POST",
    NO_ALLERGIES,
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=NewNoAllergies,
    answer=HistoryEntry,
    status=201,
)
def create_no_allergies(patient_id: UUID, body: NewNoAllergies) -> Answer:
    """State that the patient has no known allergies.

    Refused if allergies are recorded. The next allergy replaces the statement.
    """
    return _added(patient_id, NoAllergiesDetails(), body.appointment)


@service.operation(
    "POST",
    CORRECTIONS,
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=Correction,
    answer=HistoryEntry,
    status=201,
)
def correct_entry(patient_id: UUID, entry_id: UUID, body: Correction) -> Answer:
    """Correct your own entry, or anybody's about allergies, with a new one that replaces it."""
    check_may_read(patient_id)

    def save(work: Work) -> UUID:
        old = commands.to_correct(work, entry_id)
        if old.entry.patient_id != patient_id:
            raise NotFound
        details = _corrected(old.kind, body)
        return commands.correct(work, entry_id, details).id

    return _written(bearer.write(save))


@service.operation(
    "POST",
    EMERGENCY,
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=NewEmergencyAccess,
    answer=EmergencyAccess,
    status=201,
    fresh=True,
)
def open_in_emergency(patient_id: UUID, body: NewEmergencyAccess) -> EmergencyAccess:
    """Open a health record in an emergency, as a practitioner without an appointment.

    The patient is notified, with the reason. Without the right full name, and the right date of
    birth or identifier, the answer is 404.
    """
    actor = bearer.actor()
    if not actor.is_a(Role.PRACTITIONER):
        raise Forbidden
    details = checked(EmergencyDetails.model_validate, {"reason": body.reason})
    matches = bearer.write(finding.look_up, body.name, born=body.born, identifier=body.identifier)
    if patient_id not in {patient.id for patient in matches}:
        refuse(patient_id)
    row = bearer.write(commands.break_glass, patient_id, details)
    return EmergencyAccess(id=row.id, reason=row.reason, start=row.starts_at, end=row.ends_at)


def _added(patient_id: UUID, details: EntryDetails, appointment: UUID | None) -> Answer:
    check_may_read(patient_id)
    return _written(
        bearer.write(
            lambda work: commands.add(work, patient_id, details, appointment_id=appointment).id
        )
    )


def _written(entry_id: UUID) -> Answer:
    record = queries.entry(reader(), entry_id)
    return Answer(entry_shown(record) if record else None)


def _corrected(kind: EntryKind, body: Correction) -> EntryDetails:
    """Return the sent fields as details of the kind of entry that is corrected."""
    sent = body.model_dump(exclude_unset=True)
    return checked(DETAILS[kind].model_validate, sent)
