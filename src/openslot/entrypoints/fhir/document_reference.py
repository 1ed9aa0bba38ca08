"""DocumentReference: notes of a health record, with their text."""

from base64 import b64encode

from openslot.entrypoints.fhir import entries, histories, organization
from openslot.entrypoints.fhir.elements import Json, Site, own_identifier, reference, resource
from openslot.entrypoints.fhir.entries import Row
from openslot.entrypoints.fhir.parameters import Choice, Moment, Reference
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import CORRECTED, ENTRY_STANDING, STANDS, centre_key
from openslot.records.models import Entry, EntryKind

STATUS = "http://hl7.org/fhir/document-reference-status"
LOINC = "http://loinc.org"
PROGRESS_NOTE = {"system": LOINC, "code": "11506-3", "display": "Progress note"}
TEXT = "text/plain; charset=utf-8"


def show(row: Row, _site: Site) -> Json:
    """Return the note; one that was corrected is superseded, and the correction replaces it."""
    entry, centre = row.entry, row.centre
    text = entry.text.encode()
    return resource(
        "DocumentReference",
        entry.id,
        row.meta,
        identifier=[own_identifier(entry.id)],
        status="current" if row.stands else "superseded",
        docStatus="amended" if entry.corrects_id else "final",
        type={"coding": [PROGRESS_NOTE], "text": "Note"},
        subject=row.subject,
        date=row.recorded,
        author=[row.writer],
        custodian=reference("Organization", organization.centre_id(centre.id), centre.name)
        if centre
        else None,
        relatesTo=[
            {"code": "replaces", "target": reference("DocumentReference", entry.corrects_id)}
        ]
        if entry.corrects_id
        else None,
        content=[
            {
                "attachment": {
                    "contentType": TEXT,
                    "data": b64encode(text).decode(),
                    "size": len(text),
                    "creation": row.recorded,
                }
            }
        ],
        context={"encounter": [row.encounter]},
    )


RESOURCE = entries.resource(
    name="DocumentReference",
    about="Notes with their text, if you may read the patient's health record.",
    kinds=[EntryKind.NOTE],
    show=show,
    parameters={
        "author": entries.by_author("The author.", "author"),
        "encounter": entries.by_encounter("context", "encounter"),
        "custodian": Reference(
            "The centre of the appointment.",
            {"Organization": (centre_key(Entry.centre_id), organization.read_id)},
            path=("custodian",),
        ),
        "relatesto": Reference(
            "The note that it replaces.",
            {"DocumentReference": (Entry.corrects_id, read_uuid)},
            path=("relatesTo", "target"),
        ),
        "date": Moment("When it was recorded.", Entry.recorded_at),
        "status": Choice(
            "current, or superseded by a correction.",
            ENTRY_STANDING,
            STATUS,
            {"current": (STANDS,), "superseded": (CORRECTED,), "entered-in-error": ()},
        ),
        "type": histories.Always(
            "LOINC 11506-3; all notes have it.", Entry.id.is_not(None), system=LOINC, code="11506-3"
        ),
    },
)
