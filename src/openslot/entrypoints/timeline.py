"""The timeline of a health record: entries, appointments, referrals, emergencies; newest first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.core import keyset
from openslot.records import queries
from openslot.records.models import EntryKind
from openslot.records.queries import Opened, Record
from openslot.referrals import queries as referrals
from openslot.referrals.models import Referral

PAGE_SIZE = 25
_MOMENT = timedelta(microseconds=1)
"""Resolution of stored instants."""

_AT = "%Y%m%dT%H%M%S.%f"


class Kind(StrEnum):
    """A filter of the timeline."""

    ALL = ""
    NOTES = "notes"
    PRESCRIPTIONS = "prescriptions"
    ALLERGIES = "allergies"
    APPOINTMENTS = "appointments"
    REFERRALS = "referrals"
    EMERGENCIES = "emergencies"


ENTRY_KINDS: Mapping[Kind, Sequence[EntryKind]] = {
    Kind.NOTES: [EntryKind.NOTE],
    Kind.PRESCRIPTIONS: [EntryKind.PRESCRIPTION],
    Kind.ALLERGIES: queries.ABOUT_ALLERGIES,
}
"""The kinds of entries that a filter shows; others show all, or none."""

Thing = Record | Appointment | Referral | Opened
Row = tuple[datetime, UUID, Thing]
"""The instant of an item, the id of its row, and the item."""


def _entries(
    session: Session, patient_id: UUID, kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    kinds = ENTRY_KINDS.get(kind, ())
    records = queries.entries(session, patient_id, kinds=kinds, after=after, limit=limit)
    return [(record.entry.recorded_at, record.entry.id, record) for record in records]


def _appointments(
    session: Session, patient_id: UUID, _kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    appointments = queries.appointments(session, patient_id, after=after, limit=limit)
    return [(appointment.starts_at, appointment.id, appointment) for appointment in appointments]


def _referrals(
    session: Session, patient_id: UUID, _kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    """Read and sort all referrals of a patient, as there are few."""
    rows: list[Row] = [
        (referral.sent_at or referral.created_at, referral.id, referral)
        for referral in referrals.of_patient(session, patient_id)
    ]
    return keyset.sort_after(rows, lambda row: row[:2], after, reverse=True)[:limit]


def _emergencies(
    session: Session, patient_id: UUID, _kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    emergencies = queries.emergencies(session, patient_id, after=after, limit=limit)
    return [(opened.access.starts_at, opened.access.id, opened) for opened in emergencies]


class Source(NamedTuple):
    """A query for items, the filters that include it, and the name of its items."""

    read: Callable[[Session, UUID, Kind, keyset.Key | None, int], list[Row]]
    kinds: frozenset[Kind]
    what: str


SOURCES = (
    Source(_entries, frozenset({Kind.ALL, *ENTRY_KINDS}), "record"),
    Source(_appointments, frozenset({Kind.ALL, Kind.APPOINTMENTS}), "appointment"),
    Source(_referrals, frozenset({Kind.ALL, Kind.REFERRALS}), "referral"),
    Source(_emergencies, frozenset({Kind.ALL, Kind.EMERGENCIES}), "emergency"),
)
"""Sources of items; their order sorts items of the same instant."""


class Place(NamedTuple):
    """A cursor: the item after which the list continues."""

    at: datetime
    source: int
    id: UUID

    @classmethod
    def read(cls, text: str) -> "Place":
        """Parse a cursor, or raise ValueError."""
        at, source, row_id = text.split("_")
        place = cls(datetime.strptime(at, _AT).replace(tzinfo=UTC), int(source), UUID(row_id))
        if place.source not in range(len(SOURCES)):
            raise ValueError(source)
        try:
            place.key(place.source + 1)
        except OverflowError:  # no later instant can be represented
            raise ValueError(text) from None
        return place

    def key(self, source: int) -> keyset.Key:
        """Return the same place in one of the sources, as a key of its rows."""
        if source == self.source:
            return self.at, self.id
        return (self.at if source < self.source else self.at + _MOMENT,)

    def __str__(self) -> str:
        return f"{self.at.strftime(_AT)}_{self.source}_{self.id.hex}"


def place_before(at: datetime) -> Place:
    """Return a cursor from which the list starts with items of this instant."""
    return Place(at + _MOMENT, 0, UUID(int=0))


class Item(NamedTuple):
    """An item of the timeline, and the number of its source."""

    at: datetime
    source: int
    id: UUID
    thing: Thing

    @property
    def what(self) -> str:
        """Return the name of this kind of item."""
        return SOURCES[self.source].what


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of a timeline; ``older`` is the cursor of the next page."""

    items: Sequence[Item]
    older: str | None


def timeline(
    session: Session, patient_id: UUID, *, kind: Kind, after: Place | None, size: int = PAGE_SIZE
) -> Timeline:
    """Return a page of a patient's timeline, with one statement per source of the kind."""
    items = [
        Item(at, number, row_id, thing)
        for number, source in enumerate(SOURCES)
        if kind in source.kinds
        for at, row_id, thing in source.read(
            session, patient_id, kind, after.key(number) if after else None, size + 1
        )
    ]
    # The sort is stable: items of the same instant stay in the order of their sources.
    items.sort(key=lambda item: item.at, reverse=True)
    shown = items[:size]
    more = len(items) > size
    return Timeline(shown, str(Place(*shown[-1][:3])) if more else None)
