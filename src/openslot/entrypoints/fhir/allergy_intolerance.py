"""AllergyIntolerance: allergies in health records, and that none are known."""

from collections.abc import Mapping, Sequence

from openslot.entrypoints.fhir import entries
from openslot.entrypoints.fhir.codes import SNOMED
from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json, Site, own_identifier, resource
from openslot.entrypoints.fhir.entries import Row
from openslot.entrypoints.fhir.parameters import Choice, Moment
from openslot.entrypoints.fhir.queries import ALLERGY_STATE
from openslot.records.models import AllergyState, Entry, EntryKind
from openslot.records.queries import ABOUT_ALLERGIES

CLINICAL = f"{TERMINOLOGY}/allergyintolerance-clinical"
VERIFICATION = f"{TERMINOLOGY}/allergyintolerance-verification"

NONE_KNOWN = {"system": SNOMED, "code": "716186003", "display": "No known allergy"}

UNKNOWN = {"coding": [{"system": f"{TERMINOLOGY}/data-absent-reason", "code": "unknown"}]}

_CLINICAL: Mapping[str, Sequence[str]] = {
    "active": (AllergyState.ACTIVE,),
    "inactive": (),
    "resolved": (AllergyState.RESOLVED,),
}
_VERIFIED: Mapping[str, Sequence[str]] = {
    "unconfirmed": (),
    "confirmed": (AllergyState.ACTIVE, AllergyState.RESOLVED),
    "refuted": (),
    "entered-in-error": (AllergyState.IN_ERROR,),
}


def show(row: Row, _site: Site) -> Json:
    """Return the allergy; what was entered in error, corrected or is contradicted has no clinical
    status."""
    entry = row.entry
    is_valid = row.state != AllergyState.IN_ERROR
    return resource(
        "AllergyIntolerance",
        entry.id,
        row.meta,
        identifier=[own_identifier(entry.id)],
        clinicalStatus=_coded(CLINICAL, entry.state) if is_valid else None,
        verificationStatus=_coded(VERIFICATION, "confirmed" if is_valid else "entered-in-error"),
        code={"text": entry.substance}
        if entry.kind == EntryKind.ALLERGY
        else {"coding": [NONE_KNOWN], "text": "No known allergies"},
        patient=row.subject,
        encounter=row.encounter,
        recordedDate=row.recorded,
        recorder=row.writer,
        reaction=[_reaction(entry)] if entry.text or entry.severity else None,
    )


def _reaction(entry: Entry) -> Json:
    """Return the reaction; FHIR wants to read how it shows, even if only its severity is known."""
    manifestation = {"text": entry.text} if entry.text else UNKNOWN
    return {"manifestation": [manifestation], "severity": entry.severity}


def _coded(system: str, code: str | None) -> Json:
    return {"coding": [{"system": system, "code": code}]}


RESOURCE = entries.resource(
    name="AllergyIntolerance",
    about="Allergies, and that none are known, if you may read the patient's health record.",
    kinds=ABOUT_ALLERGIES,
    patient=entries.patient_at("patient"),
    show=show,
    parameters={
        "recorder": entries.by_author("The practitioner who recorded it.", "recorder"),
        "date": Moment("When it was recorded.", Entry.recorded_at),
        "clinical-status": Choice(
            "active, or resolved if the patient no longer has it.",
            ALLERGY_STATE,
            CLINICAL,
            _CLINICAL,
        ),
        "verification-status": Choice(
            "confirmed, or entered-in-error, also if it was corrected.",
            ALLERGY_STATE,
            VERIFICATION,
            _VERIFIED,
        ),
    },
)
