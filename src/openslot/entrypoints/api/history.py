"""Operations that read health records; records/access.py has the access rule."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking.models import Appointment, Status
from openslot.core.errors import NotFound
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import PractitionerRef, practitioner_ref
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule
from openslot.entrypoints.timeline import Item, Kind, Place, timeline
from openslot.exports import history as exports
from openslot.exports.history import What
from openslot.records import access
from openslot.records import queries as records
from openslot.records.access import Access
from openslot.records.models import AllergyState, EntryKind, Severity
from openslot.records.queries import Look, Opened, Record
from openslot.referrals.models import Referral, State

service = Service("history", "Histories", "Health records of patients, and who read them.")

PATIENT = "/api/v1/patients/<uuid:patient_id>"
HISTORY = f"{PATIENT}/history"
READS = f"{HISTORY}/reads"

At = Annotated[AwareDatetime, Field(description="The instant by which the list is sorted.")]


class HistoryKind(StrEnum):
    """A kind of entry in a health record."""

    NOTE = "note"
    PRESCRIPTION = "prescription"
    ALLERGY = "allergy"
    APPOINTMENT = "appointment"
    REFERRAL = "referral"
    EMERGENCY = "emergency"


_LISTS = {
    None: Kind.ALL,
    HistoryKind.NOTE: Kind.NOTES,
    HistoryKind.PRESCRIPTION: Kind.PRESCRIPTIONS,
    HistoryKind.ALLERGY: Kind.ALLERGIES,
    HistoryKind.APPOINTMENT: Kind.APPOINTMENTS,
    HistoryKind.REFERRAL: Kind.REFERRALS,
    HistoryKind.EMERGENCY: Kind.EMERGENCIES,
}


class HistoryEntry(Shown):
    """A note, a prescription, an allergy, or the statement that none are known.

    The `text` of an allergy describes the reaction. A statement that none are known has the `state`
    `entered-in-error` where an allergy stands beside it, as after a merge. Entries never change;
    `corrects` and `corrected_by` link a correction to the entry it replaces.
    """

    id: UUID
    kind: Literal[EntryKind.NOTE, EntryKind.PRESCRIPTION, EntryKind.ALLERGY, EntryKind.NO_ALLERGIES]
    at: At
    author: PractitionerRef | None
    centre: str | None
    appointment: UUID | None
    text: str
    medication: str | None
    dose: str | None
    substance: str | None
    severity: Severity | None
    state: AllergyState | None
    recorded: AwareDatetime
    corrects: UUID | None
    corrected_by: UUID | None


class HistoryAppointment(Shown):
    """An appointment at any centre."""

    id: UUID
    kind: Literal["appointment"] = "appointment"
    at: At
    practitioner: PractitionerRef | None
    service: str | None
    centre: str
    start: AwareDatetime
    end: AwareDatetime
    status: Status
    reason: str | None


class HistoryReferral(Shown):
    """A referral without its text; read that with `GET /api/v1/referrals/{id}`."""

    id: UUID
    kind: Literal["referral"] = "referral"
    at: At
    gp: PractitionerRef | None
    practitioner: PractitionerRef | None
    expertise: str | None
    status: State
    sent: AwareDatetime | None
    expires: AwareDatetime | None


class HistoryEmergency(Shown):
    """An emergency access to the health record, with its reason."""

    id: UUID
    kind: Literal["emergency"] = "emergency"
    at: At
    practitioner: PractitionerRef | None
    reason: str
    start: AwareDatetime
    end: AwareDatetime


HistoryItem = Annotated[
    HistoryEntry | HistoryAppointment | HistoryReferral | HistoryEmergency,
    Field(discriminator="kind"),
]


class HistoryList(Listing[HistoryItem]):
    """A page of a health record, newest first."""


class HistoryQuery(Paged):
    """Filters for a health record."""

    kind: HistoryKind | None = None


class HistoryRead(Shown):
    """An access event: a person read the health record, or a referral in it."""

    at: AwareDatetime
    what: What
    how: Access | None
    name: str | None
    profession: str | None
    reason: str | None


class HistoryReadList(Listing[HistoryRead]):
    """A page of access events, newest first."""


@service.operation(
    "GET",
    HISTORY,
    scope="records:read",
    rule=Rule.CONFIDENTIAL,
    query=HistoryQuery,
    answer=HistoryList,
)
def get_history(patient_id: UUID, query: HistoryQuery) -> Listing[Any]:
    """Read a health record, newest first.

    It lists notes, prescriptions, allergies, appointments, referrals and emergency accesses. Every
    read and every refusal is audited. API keys cannot read health records.
    """
    cursor = read_cursor(query.after, Place.read)
    granted = bearer.write(access.open_history, patient_id)
    if granted is None:
        raise NotFound
    entries = timeline(
        reader(),
        patient_id,
        kind=_LISTS[query.kind],
        after=cursor[0] if cursor else None,
        size=query.limit + 1,
    )
    known = bool(_says_none(entries.items) and records.allergies(reader(), patient_id).known)
    return page(
        HistoryList,
        entries.items,
        query,
        lambda item: _item(item, knows_allergies=known),
        lambda item: [Place(*item[:3])],
    )


@service.operation(
    "GET", READS, scope="records:read", rule=Rule.CONFIDENTIAL, query=Paged, answer=HistoryReadList
)
def list_reads(patient_id: UUID, query: Paged) -> Listing[HistoryRead]:
    """List who else read your health record, or that of your dependent."""
    after = read_cursor(query.after, instant, UUID)
    actor = bearer.actor()
    if actor.account_id is None or not actor.acts_for(patient_id):
        refuse(patient_id)
    rows = exports.looks(
        reader(), patient_id, besides=actor.account_id, after=after, limit=query.limit + 1
    )
    return page(HistoryReadList, rows, query, _read, lambda row: (row.event.at, row.event.id))


def check_may_read(patient_id: UUID) -> None:
    """Raise NotFound unless the caller may read the health record; a refusal is audited."""
    if not access.may_read(bearer.work(), patient_id):
        refuse(patient_id)


def refuse(patient_id: UUID) -> NoReturn:
    """Audit a refused read of a health record, and raise NotFound."""
    bearer.write(access.note_refusal, patient_id)
    raise NotFound


def _says_none(items: Sequence[Item]) -> bool:
    """Return whether one of the items says that no allergies are known."""
    return any(_is_none_known(item.thing) for item in items)


def _is_none_known(thing: object) -> bool:
    return isinstance(thing, Record) and thing.kind is EntryKind.NO_ALLERGIES


def _item(item: Item, *, knows_allergies: bool) -> Shown:
    match item.thing:
        case Record():
            shown = entry_shown(item.thing)
            if knows_allergies and _is_none_known(item.thing):
                return shown.model_copy(update={"state": AllergyState.IN_ERROR})
            return shown
        case Appointment():
            return _appointment(item.thing)
        case Referral():
            return _referral(item.at, item.thing)
        case Opened():
            return _emergency(item.thing)


def entry_shown(record: Record) -> HistoryEntry:
    """Return an entry in the API's shape."""
    row = record.entry
    return HistoryEntry(
        id=row.id,
        kind=record.kind,
        at=row.recorded_at,
        author=practitioner_ref(record.author),
        centre=record.centre.name if record.centre else None,
        appointment=row.appointment_id,
        text=row.text,
        medication=row.medication,
        dose=row.dose,
        substance=row.substance,
        severity=Severity(row.severity) if row.severity else None,
        state=AllergyState(row.state) if row.state else None,
        recorded=row.recorded_at,
        corrects=row.corrects_id,
        corrected_by=record.corrected_by.id if record.corrected_by else None,
    )


def _appointment(appointment: Appointment) -> HistoryAppointment:
    zone = appointment.zone
    return HistoryAppointment(
        id=appointment.id,
        at=appointment.starts_at,
        practitioner=practitioner_ref(appointment.practitioner),
        service=appointment.booked_service.name if appointment.booked_service else None,
        centre=appointment.centre.name,
        start=appointment.starts_at.astimezone(zone),
        end=appointment.ends_at.astimezone(zone),
        status=appointment.status,
        reason=appointment.reason,
    )


def _referral(at: datetime, referral: Referral) -> HistoryReferral:
    return HistoryReferral(
        id=referral.id,
        at=at,
        gp=practitioner_ref(referral.gp),
        practitioner=practitioner_ref(referral.addressee),
        expertise=referral.expertise,
        status=referral.state_at(now()),
        sent=referral.sent_at,
        expires=referral.expires_at,
    )


def _emergency(emergency: Opened) -> HistoryEmergency:
    row = emergency.access
    return HistoryEmergency(
        id=row.id,
        at=row.starts_at,
        practitioner=practitioner_ref(emergency.practitioner),
        reason=row.reason,
        start=row.starts_at,
        end=row.ends_at,
    )


def _read(access_event: Look) -> HistoryRead:
    return HistoryRead.model_validate(
        {
            "at": access_event.event.at,
            "what": exports.WHAT[access_event.event.action],
            "how": access_event.how,
            "name": access_event.name,
            "profession": access_event.practitioner.profession
            if access_event.practitioner
            else None,
            "reason": access_event.reason,
        }
    )
