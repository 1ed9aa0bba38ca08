"""What DocumentReference and MedicationRequest share: an entry of a history with what it shows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.directory.models import Centre, Patient, Practitioner
from openslot.entrypoints.fhir import histories
from openslot.entrypoints.fhir.elements import Json, Site, instant, meta, reference
from openslot.entrypoints.fhir.parameters import Reference, read_number
from openslot.entrypoints.fhir.patient import read_uuid
from openslot.entrypoints.fhir.queries import ENTRIES, ENTRY_CHANGED, MEETING, NEWER
from openslot.entrypoints.fhir.resource import Parameter, Resource
from openslot.entrypoints.rules import Rule
from openslot.records.models import Entry, EntryKind


class Row(NamedTuple):
    """An entry, when another one took its place, and the appointment that it was recorded at."""

    entry: Entry
    author: Practitioner
    patient: Patient
    centre: Centre | None
    corrected_at: datetime | None
    encounter_id: UUID | None

    @property
    def stands(self) -> bool:
        """Whether no newer entry stands in its place."""
        return self.corrected_at is None

    @property
    def meta(self) -> Json:
        """Versions: it changes once, when it is corrected."""
        return meta(self.corrected_at or self.entry.recorded_at)

    @property
    def recorded(self) -> str:
        """When it was recorded, on the clock of its centre if it has one, else in UTC."""
        zone = ZoneInfo(self.centre.time_zone) if self.centre else None
        return instant(self.entry.recorded_at, zone)

    @property
    def subject(self) -> Json | None:
        """The patient."""
        return reference("Patient", self.patient.id, self.patient.name)

    @property
    def writer(self) -> Json | None:
        """The practitioner."""
        return reference("Practitioner", self.author.id, self.author.name)

    @property
    def encounter(self) -> Json | None:
        """The appointment."""
        return reference("Encounter", self.encounter_id)


PATIENT = Reference("The patient.", {"Patient": (Entry.patient_id, read_uuid)}, path=("subject",))


def by_author(about: str, *path: str) -> Reference:
    """Who wrote it."""
    return Reference(about, {"Practitioner": (Entry.practitioner_id, read_number)}, path=path)


def by_encounter(*path: str) -> Reference:
    """At which appointment."""
    about = "The appointment that it was recorded at."
    return Reference(about, {"Encounter": (MEETING.id, read_uuid)}, path=path)


def resource(
    name: str,
    about: str,
    kind: EntryKind,
    show: Callable[[Row, Site], Json],
    parameters: Mapping[str, Parameter],
) -> Resource:
    """The entries of a kind as a resource, of which an actor sees those of histories that they
    may read."""
    may_read = histories.seen_by(Entry.patient_id)
    return Resource(
        name=name,
        rule=Rule.CONFIDENTIAL,
        about=about,
        rows=ENTRIES,
        entities=(Entry, Practitioner, Patient, Centre, NEWER.recorded_at, MEETING.id),
        make=Row,
        key=Entry.id,
        read_id=read_uuid,
        changed=ENTRY_CHANGED,
        show=show,
        opened=histories.opened,
        seen=lambda actor, now: (Entry.kind == kind) & may_read(actor, now),
        whose=Entry.patient_id,
        parameters={"patient": PATIENT, "subject": PATIENT, **parameters},
    )
