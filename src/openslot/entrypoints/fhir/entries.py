"""Entries of health records, as AllergyIntolerance, DocumentReference and MedicationRequest show
them."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.directory.models import Centre, Patient, Practitioner
from openslot.entrypoints.fhir import histories
from openslot.entrypoints.fhir.elements import Json, Site, instant, meta, reference
from openslot.entrypoints.fhir.parameters import Reference, read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import ALLERGY_STATE, ENTRIES, ENTRY_CHANGED, MEETING, NEWER
from openslot.entrypoints.fhir.resource import Parameter, Resource
from openslot.entrypoints.rules import Rule
from openslot.records.models import Entry, EntryKind


class Row(NamedTuple):
    """An entry, with the time of its correction, the appointment at which it was recorded, and the
    state of an allergy as it counts."""

    entry: Entry
    author: Practitioner
    patient: Patient
    centre: Centre | None
    corrected_at: datetime | None
    encounter_id: UUID | None
    state: str | None

    @property
    def stands(self) -> bool:
        """Return whether no correction has replaced it."""
        return self.corrected_at is None

    @property
    def meta(self) -> Json:
        """The version, which changes only when the entry is corrected."""
        return meta(self.corrected_at or self.entry.recorded_at)

    @property
    def recorded(self) -> str:
        """The time of recording, in the zone of its centre, or in UTC without one."""
        zone = ZoneInfo(self.centre.time_zone) if self.centre else None
        return instant(self.entry.recorded_at, zone)

    @property
    def subject(self) -> Json | None:
        """A reference to the patient."""
        return reference("Patient", self.patient.id, self.patient.name)

    @property
    def writer(self) -> Json | None:
        """A reference to the practitioner."""
        return reference("Practitioner", self.author.id, self.author.name)

    @property
    def encounter(self) -> Json | None:
        """A reference to the attended appointment."""
        return reference("Encounter", self.encounter_id)


def patient_at(path: str) -> Reference:
    """Return a parameter for the patient, found at ``path``."""
    return Reference("The patient.", {"Patient": (Entry.patient_id, read_uuid)}, path=(path,))


PATIENT = patient_at("subject")


def by_author(about: str, *path: str) -> Reference:
    """Return a parameter for the author, found at ``path``."""
    return Reference(about, {"Practitioner": (Entry.practitioner_id, read_number)}, path=path)


def by_encounter(*path: str) -> Reference:
    """Return a parameter for the attended appointment, found at ``path``."""
    about = "The appointment at which it was recorded."
    return Reference(about, {"Encounter": (MEETING.id, read_uuid)}, path=path)


def resource(
    name: str,
    about: str,
    kinds: Collection[EntryKind],
    show: Callable[[Row, Site], Json],
    parameters: Mapping[str, Parameter],
    patient: Reference | None = None,
) -> Resource:
    """Return a resource for some kinds of entries; actors see those of health records they may
    read.

    Their patient is the subject, unless ``patient`` says where else.
    """
    may_read = histories.seen_by(Entry.patient_id)
    return Resource(
        name=name,
        rule=Rule.CONFIDENTIAL,
        about=about,
        rows=ENTRIES,
        entities=(
            Entry,
            Practitioner,
            Patient,
            Centre,
            NEWER.recorded_at,
            MEETING.id,
            ALLERGY_STATE,
        ),
        make=Row,
        key=Entry.id,
        read_id=read_uuid,
        changed=ENTRY_CHANGED,
        show=show,
        opened=histories.opened,
        seen=lambda actor, now: Entry.kind.in_(kinds) & may_read(actor, now),
        whose=Entry.patient_id,
        parameters={
            **({"patient": patient} if patient else {"patient": PATIENT, "subject": PATIENT}),
            **parameters,
        },
    )
