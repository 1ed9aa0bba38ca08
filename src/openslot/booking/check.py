"""Check of the diaries: every page is rebuilt from its claims and compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.claims import settle
from openslot.core.db import Database
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import DAY, Span, Window, instant_of, spans_of
from openslot.schedules.diaries import PageKey


@dataclass(frozen=True, slots=True)
class Fault:
    """Ticks of a diary that are taken without a claim, claimed twice, or claimed and not taken."""

    kind: str
    diary_id: int
    span: Span

    @property
    def is_overlap(self) -> bool:
        """Return whether two appointments overlap, which a repair of pages cannot solve."""
        return self.kind == TAKEN_TWICE

    def __str__(self) -> str:
        starts, ends = instant_of(self.span.start), instant_of(self.span.end)
        return f"diary {self.diary_id}: {starts:%Y-%m-%d %H:%M} to {ends:%H:%M} UTC {self.kind}"


TAKEN_BY_NOTHING = "is taken by nothing"
NOT_TAKEN = "is booked and not taken"
TAKEN_TWICE = "is booked twice"


def faults(database: Database) -> list[Fault]:
    """Return all faults; none if every page has exactly its appointments, holds and absences.

    Everything is read from one snapshot, so that a booking meanwhile is not a fault.
    """
    return database.read(_faults, snapshot=True)


def _faults(session: Session) -> list[Fault]:
    expected_pages, actual_pages = _expected(session), diaries.all_pages(session)
    result = _overlaps(queries.every_claim(session))
    for key in sorted(expected_pages.keys() | actual_pages.keys()):
        expected, actual = expected_pages.get(key, 0), actual_pages.get(key, 0)
        result += _page_faults(TAKEN_BY_NOTHING, key, actual & ~expected)
        result += _page_faults(NOT_TAKEN, key, expected & ~actual)
    return result


def repair(database: Database, found: Iterable[Fault]) -> int:
    """Rewrite every page with one of the faults, and return the number of pages.

    Each page is read and written in its own transaction, by the same rule as a booking, so that
    the system can run meanwhile. Overlapping appointments are not repaired: people must move one.
    """
    wrong = {(fault.diary_id, fault.span.start // DAY) for fault in found if not fault.is_overlap}
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
