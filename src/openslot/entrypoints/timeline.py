"""A history as one list, newest first: what was recorded, appointments, referrals, emergencies."""

from collections.abc import Callable, Sequence
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
from openslot.referrals.queries import Letter

PAGE_SIZE = 25
_MOMENT = timedelta(microseconds=1)
"""Instants are kept no finer than this."""

_AT = "%Y%m%dT%H%M%S.%f"


class Kind(StrEnum):
    """What the list can be sifted by."""

    ALL = ""
    NOTES = "notes"
    PRESCRIPTIONS = "prescriptions"
    APPOINTMENTS = "appointments"
    REFERRALS = "referrals"
    EMERGENCIES = "emergencies"


Thing = Record | Appointment | Letter | Opened
Row = tuple[datetime, UUID, Thing]
"""When it was, the id of its row, and what it is."""


def _entries(
    session: Session, patient_id: UUID, kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    only = {Kind.NOTES: EntryKind.NOTE, Kind.PRESCRIPTIONS: EntryKind.PRESCRIPTION}.get(kind)
    found = queries.entries(session, patient_id, kind=only, after=after, limit=limit)
    return [(one.entry.recorded_at, one.entry.id, one) for one in found]


def _appointments(
    session: Session, patient_id: UUID, _kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    found = queries.appointments(session, patient_id, after=after, limit=limit)
    return [(one.starts_at, one.id, one) for one in found]


def _referrals(
    session: Session, patient_id: UUID, _kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    """Patients have few of them, so all are read, and put in order here."""
    letters = referrals.of_patient(session, patient_id)
    rows: list[Row] = [
        (one.referral.sent_at or one.referral.created_at, one.referral.id, one) for one in letters
    ]
    return keyset.sort_after(rows, lambda row: row[:2], after, reverse=True)[:limit]


def _emergencies(
    session: Session, patient_id: UUID, _kind: Kind, after: keyset.Key | None, limit: int
) -> list[Row]:
    found = queries.emergencies(session, patient_id, after=after, limit=limit)
    return [(one.access.starts_at, one.access.id, one) for one in found]


class Source(NamedTuple):
    """Where items come from, in which kinds of list, and what they are."""

    read: Callable[[Session, UUID, Kind, keyset.Key | None, int], list[Row]]
    kinds: frozenset[Kind]
    what: str


SOURCES = (
    Source(_entries, frozenset({Kind.ALL, Kind.NOTES, Kind.PRESCRIPTIONS}), "record"),
    Source(_appointments, frozenset({Kind.ALL, Kind.APPOINTMENTS}), "appointment"),
    Source(_referrals, frozenset({Kind.ALL, Kind.REFERRALS}), "referral"),
    Source(_emergencies, frozenset({Kind.ALL, Kind.EMERGENCIES}), "emergency"),
)
"""Of what bears the same instant, the first comes first."""


class Place(NamedTuple):
    """The item after which a list goes on."""

    at: datetime
    source: int
    id: UUID

    @classmethod
    def read(cls, text: str) -> "Place":
        """The place that somebody was told of; ValueError for what is none."""
        at, source, row_id = text.split("_")
        place = cls(datetime.strptime(at, _AT).replace(tzinfo=UTC), int(source), UUID(row_id))
        if place.source not in range(len(SOURCES)):
            raise ValueError(source)
        try:
            place.key(place.source + 1)
        except OverflowError:  # at the end of time there is no moment later
            raise ValueError(text) from None
        return place

    def key(self, source: int) -> keyset.Key:
        """Return the same place in one of the sources, as a key of its rows."""
        if source == self.source:
            return self.at, self.id
        return (self.at if source < self.source else self.at + _MOMENT,)

    def __str__(self) -> str:
        return f"{self.at.strftime(_AT)}_{self.source}_{self.id.hex}"


def place_before(at: datetime) -> str:
    """The place from which a list begins with what bears this instant."""
    return str(Place(at + _MOMENT, 0, UUID(int=0)))


class Item(NamedTuple):
    """One thing of a history, and the source that it is from."""

    at: datetime
    source: int
    id: UUID
    thing: Thing

    @property
    def what(self) -> str:
        """What it is, as its source says."""
        return SOURCES[self.source].what


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of a history; ``older`` is the place from which the next one begins."""

    items: Sequence[Item]
    older: str | None


def timeline(
    session: Session, patient_id: UUID, *, kind: Kind, after: Place | None, size: int = PAGE_SIZE
) -> Timeline:
    """A page of a patient's history; one statement for each source of the kind."""
    found = [
        Item(at, number, row_id, thing)
        for number, source in enumerate(SOURCES)
        if kind in source.kinds
        for at, row_id, thing in source.read(
            session, patient_id, kind, after.key(number) if after else None, size + 1
        )
    ]
    # Sorting keeps the order of what bears the same instant: by source, then as it was read.
    found.sort(key=lambda item: item.at, reverse=True)
    shown = found[:size]
    more = len(found) > size
    return Timeline(shown, str(Place(*shown[-1][:3])) if more else None)
