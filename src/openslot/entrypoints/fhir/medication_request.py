"""MedicationRequest: prescriptions in health records."""

from collections.abc import Mapping, Sequence

from openslot.entrypoints.fhir import entries, histories
from openslot.entrypoints.fhir.elements import Json, Site, own_identifier, reference, resource
from openslot.entrypoints.fhir.entries import Row
from openslot.entrypoints.fhir.parameters import Choice, Moment
from openslot.entrypoints.fhir.queries import CORRECTED, ENTRY_STANDING, STANDS
from openslot.records.models import Entry, EntryKind

STATUS = "http://hl7.org/fhir/CodeSystem/medicationrequest-status"
INTENT = "http://hl7.org/fhir/CodeSystem/medicationrequest-intent"

_VALUES: Mapping[str, Sequence[str]] = {
    "active": (STANDS,),
    "entered-in-error": (CORRECTED,),
    "on-hold": (),
    "cancelled": (),
    "completed": (),
    "stopped": (),
    "draft": (),
    "unknown": (),
}


def show(row: Row, _site: Site) -> Json:
    """Return the prescription; its end is not recorded, so it is active unless corrected."""
    entry = row.entry
    return resource(
        "MedicationRequest",
        entry.id,
        row.meta,
        identifier=[own_identifier(entry.id)],
        status="active" if row.stands else "entered-in-error",
        intent="order",
        medicationCodeableConcept={"text": entry.medication},
        subject=row.subject,
        encounter=row.encounter,
        authoredOn=row.recorded,
        requester=row.writer,
        dosageInstruction=[{"text": entry.dose, "patientInstruction": entry.text}],
        priorPrescription=reference("MedicationRequest", entry.corrects_id),
    )


RESOURCE = entries.resource(
    name="MedicationRequest",
    about="Prescriptions, if you may read the patient's health record.",
    kinds=[EntryKind.PRESCRIPTION],
    show=show,
    parameters={
        "requester": entries.by_author("The practitioner who prescribed it.", "requester"),
        "encounter": entries.by_encounter("encounter"),
        "authoredon": Moment("When it was recorded.", Entry.recorded_at),
        "status": Choice(
            "active, or entered-in-error if it was corrected.", ENTRY_STANDING, STATUS, _VALUES
        ),
        "intent": histories.Always(
            "order; all have it.", Entry.id.is_not(None), system=INTENT, code="order"
        ),
    },
)
