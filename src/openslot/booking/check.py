"""Check of the diaries: every page is rebuilt from its claims and compared, and the taken places of
every session are counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.claims import settle
from openslot.booking.sessions import queries as sessions
from openslot.core.db import Database
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import DAY, Span, Window, instant_of, span_between, spans_of
from openslot.schedules.diaries import PageKey


@dataclass(frozen=True, slots=True)
class Fault:
    """Ticks of a diary that are taken without a claim, claimed twice, or claimed and not taken, or
    the time of a session whose taken places are wrong."""

    kind: str
    diary_id: int
    span: Span
    session_id: UUID | None = None

    @property
    def is_overlap(self) -> bool:
        """Return whether two appointments overlap, which a repair of pages cannot solve."""
        return self.kind == TAKEN_TWICE

    @property
    def is_of_page(self) -> bool:
        """Return whether rewriting the page of the diary solves it."""
        return self.kind in (TAKEN_BY_NOTHING, NOT_TAKEN)

    def __str__(self) -> str:
        starts, ends = instant_of(self.span.start), instant_of(self.span.end)
        return f"diary {self.diary_id}: {starts:%Y-%m-%d %H:%M} to {ends:%H:%M} UTC {self.kind}"


TAKEN_BY_NOTHING = "is taken by nothing"
NOT_TAKEN = "is booked and not taken"
TAKEN_TWICE = "is booked twice"
MISCOUNTED = "is a session with {count} places taken, and says {taken}"


def faults(database: Database) -> list[Fault]:
    """Return all faults; none if every page has exactly its appointments, holds and absences.

    Everything is read from one snapshot, so that a booking meanwhile is not a fault.
    """
    return database.read(faults_in, snapshot=True)


def faults_in(session: Session) -> list[Fault]:
    """Return the faults that a transaction sees."""
    expected_pages, actual_pages = _expected(session), diaries.all_pages(session)
    result = _overlaps(queries.every_claim(session))
    for key in sorted(expected_pages.keys() | actual_pages.keys()):
        expected, actual = expected_pages.get(key, 0), actual_pages.get(key, 0)
        result += _page_faults(TAKEN_BY_NOTHING, key, actual & ~expected)
        result += _page_faults(NOT_TAKEN, key, expected & ~actual)
    return result + [
        Fault(
            MISCOUNTED.format(taken=group.taken, count=count),
            group.diary_id,
            span_between(group.starts_at, group.ends_at),
            group.id,
        )
        for group, count in sessions.miscounted(session)
    ]


def repair(database: Database, found: Iterable[Fault]) -> int:
    """Rewrite every page with one of the faults, and return the number of pages; count the places
    of sessions again.

    Each page is read and written in its own transaction, by the same rule as a booking, so that
    the system can run meanwhile. Overlapping appointments are not repaired: people must move one.
    """
    faulty = tuple(found)
    for session_id in {fault.session_id for fault in faulty if fault.session_id}:
        database.run(partial(sessions.recount, session_id=session_id))
    wrong = {(fault.diary_id, fault.span.start // DAY) for fault in faulty if fault.is_of_page}
    for diary_id, day in sorted(wrong):
        whole_day = Span(day * DAY, (day + 1) * DAY)
        database.run(partial(settle, diary_id=diary_id, span=whole_day))
    return len(wrong)


def _expected(session: Session) -> dict[PageKey, int]:
    return diaries.pages_of([*queries.every_claim(session), *schedules.every_absence(session)])


def _page_faults(kind: str, key: PageKey, mask: int) -> list[Fault]:
    diary_id, day = key
    return [Fault(kind, diary_id, span) for span in spans_of(mask, Window(day, 1))]


def _overlaps(claims: list[diaries.Claim]) -> list[Fault]:
    """Return a fault for each two neighbouring claims of one diary that overlap."""
    return [
        Fault(TAKEN_TWICE, diary_id, Span(later.start, min(earlier.end, later.end)))
        for (diary_id, earlier), (later_id, later) in pairwise(sorted(claims))
        if diary_id == later_id and later.start < earlier.end
    ]
