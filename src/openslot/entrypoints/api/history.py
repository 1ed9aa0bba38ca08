"""Histories through the API, as one list, and who read them; records/access.py has the rule."""

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
from openslot.entrypoints.request import now, reader, settings, write
from openslot.entrypoints.rules import Rule
from openslot.entrypoints.timeline import Item, Kind, Place, timeline
from openslot.exchange import history as exports
from openslot.records import access
from openslot.records.access import Access
from openslot.records.models import EntryKind
from openslot.records.queries import Look, Opened, Record
from openslot.referrals.queries import Letter
from openslot.referrals.rules import State

service = Service("history", "Histories", "What was recorded of patients, and who read it.")

PATIENT = "/api/v1/patients/<uuid:patient_id>"
HISTORY = f"{PATIENT}/history"
READS = f"{HISTORY}/reads"

At = Annotated[AwareDatetime, Field(description="What the history is ordered by.")]


class HistoryKind(StrEnum):
    """What a history holds."""

    NOTE = "note"
    PRESCRIPTION = "prescription"
    APPOINTMENT = "appointment"
    REFERRAL = "referral"
    EMERGENCY = "emergency"


_LISTS = {
    None: Kind.ALL,
    HistoryKind.NOTE: Kind.NOTES,
    HistoryKind.PRESCRIPTION: Kind.PRESCRIPTIONS,
    HistoryKind.APPOINTMENT: Kind.APPOINTMENTS,
    HistoryKind.REFERRAL: Kind.REFERRALS,
    HistoryKind.EMERGENCY: Kind.EMERGENCIES,
}


class HistoryEntry(Shown):
    """A note or a prescription; nothing is ever changed, a correction names what it corrects."""

    id: UUID
    kind: Literal[EntryKind.NOTE, EntryKind.PRESCRIPTION]
    at: At
    author: PractitionerRef | None
    centre: str | None
    appointment: UUID | None
    text: str
    medication: str | None
    dose: str | None
    recorded: AwareDatetime
    corrects: UUID | None
    corrected_by: UUID | None


class HistoryAppointment(Shown):
    """An appointment, wherever it was or will be."""

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
    """A referral; its letter is read with `GET /api/v1/referrals/{id}` by those concerned."""

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
    """Somebody opened the history in an emergency, and why."""

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
    """Some of a history, the newest first."""


class HistoryQuery(Paged):
    """Which part of a history."""

    kind: HistoryKind | None = None


class HistoryRead(Shown):
    """Somebody looked into the history, or read a letter of it."""

    at: AwareDatetime
    what: Literal["history", "emergency-access", "referral"]
    how: Access | None
    name: str | None
    profession: str | None
    reason: str | None


class HistoryReadList(Listing[HistoryRead]):
    """Some reads, the newest first."""


@service.operation(
    "GET",
    HISTORY,
    scope="records:read",
    rule=Rule.CONFIDENTIAL,
    query=HistoryQuery,
    answer=HistoryList,
)
def get_history(patient_id: UUID, query: HistoryQuery) -> Listing[Any]:
    """Read a history, newest first: notes, medication, appointments, referrals, emergency accesses.

    Every read is written down, and so is every refusal. Keys of programs read no histories.
    """
    cursor = read_cursor(query.after, Place.read)
    why = write(
        lambda session: access.open_history(
            session, bearer.actor(), patient_id, now=now(), access_days=access_days()
        )
    )
    if why is None:
        raise NotFound
    found = timeline(
        reader(),
        patient_id,
        kind=_LISTS[query.kind],
        after=cursor[0] if cursor else None,
        size=query.limit + 1,
    )
    return page(HistoryList, found.items, query, _item, lambda item: [Place(*item[:3])])


@service.operation(
    "GET", READS, scope="records:read", rule=Rule.CONFIDENTIAL, query=Paged, answer=HistoryReadList
)
def list_reads(patient_id: UUID, query: Paged) -> Listing[HistoryRead]:
    """List who else read one's own history, or that of somebody one cares for."""
    after = read_cursor(query.after, instant, UUID)
    actor = bearer.actor()
    if actor.account_id is None or not actor.acts_for(patient_id):
        refuse(patient_id)
    rows = exports.looks(
        reader(),
        patient_id,
        besides=actor.account_id,
        after=after,
        limit=query.limit + 1,
    )
    return page(HistoryReadList, rows, query, _look, lambda one: (one.event.at, one.event.id))


def check_may_read(patient_id: UUID) -> None:
    """Go on for who may read the history; a refusal is written down."""
    actor = bearer.actor()
    if not access.may_read(reader(), actor, patient_id, now=now(), access_days=access_days()):
        refuse(patient_id)


def refuse(patient_id: UUID) -> NoReturn:
    """Write down that a history was asked for in vain, and say that there is nothing."""
    write(lambda session: access.note_refusal(session, bearer.actor(), patient_id, now=now()))
    raise NotFound


def access_days() -> int:
    """After how many days access by an appointment ends."""
    return settings().history_access_days


def _item(item: Item) -> Shown:
    match item.thing:
        case Record():
            return entry_shown(item.thing)
        case Appointment():
            return _appointment(item.thing)
        case Letter():
            return _referral(item.at, item.thing)
        case Opened():
            return _emergency(item.thing)


def entry_shown(record: Record) -> HistoryEntry:
    """A note or a prescription."""
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
        recorded=row.recorded_at,
        corrects=row.corrects_id,
        corrected_by=record.corrected_by.id if record.corrected_by else None,
    )


def _appointment(appointment: Appointment) -> HistoryAppointment:
    row, zone = appointment, appointment.zone
    return HistoryAppointment(
        id=row.id,
        at=row.starts_at,
        practitioner=practitioner_ref(appointment.practitioner),
        service=appointment.service.name if appointment.service else None,
        centre=appointment.centre.name,
        start=row.starts_at.astimezone(zone),
        end=row.ends_at.astimezone(zone),
        status=appointment.status,
        reason=row.reason,
    )


def _referral(at: datetime, letter: Letter) -> HistoryReferral:
    row = letter.referral
    return HistoryReferral(
        id=row.id,
        at=at,
        gp=practitioner_ref(letter.gp),
        practitioner=practitioner_ref(letter.addressee),
        expertise=row.expertise,
        status=letter.state(now()),
        sent=row.sent_at,
        expires=row.expires_at,
    )


def _emergency(opened: Opened) -> HistoryEmergency:
    row = opened.access
    return HistoryEmergency(
        id=row.id,
        at=row.starts_at,
        practitioner=practitioner_ref(opened.practitioner),
        reason=row.reason,
        start=row.starts_at,
        end=row.ends_at,
    )


def _look(look: Look) -> HistoryRead:
    return HistoryRead.model_validate(
        {
            "at": look.event.at,
            "what": exports.WHAT[look.event.action],
            "how": look.how,
            "name": look.name,
            "profession": look.practitioner.profession if look.practitioner else None,
            "reason": look.reason,
        }
    )
