"""Proof that the diaries are right: every page rebuilt from what claims it, and compared."""

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
    """Ticks of a diary that are taken by nothing, by two appointments, or not at all."""

    kind: str
    diary_id: int
    span: Span

    @property
    def is_overlap(self) -> bool:
        """Whether no repair of pages can help."""
        return self.kind == TAKEN_TWICE

    def __str__(self) -> str:
        starts, ends = instant_of(self.span.start), instant_of(self.span.end)
        return f"diary {self.diary_id}: {starts:%Y-%m-%d %H:%M} to {ends:%H:%M} UTC {self.kind}"


TAKEN_BY_NOTHING = "is taken by nothing"
NOT_TAKEN = "is booked and not taken"
TAKEN_TWICE = "is booked twice"


def faults(database: Database) -> list[Fault]:
    """What is wrong; empty when every page holds exactly its appointments, holds and absences.

    All is read from one snapshot: what is booked meanwhile is no fault.
    """
    return database.read(_faults, snapshot=True)


def _faults(session: Session) -> list[Fault]:
    expected, found = _expected(session), diaries.all_pages(session)
    result = [_twice(one, other) for one, other in _doubles(queries.every_claim(session))]
    for key in sorted(expected.keys() | found.keys()):
        wanted, actual = expected.get(key, 0), found.get(key, 0)
        result += _page_faults(TAKEN_BY_NOTHING, key, actual & ~wanted)
        result += _page_faults(NOT_TAKEN, key, wanted & ~actual)
    return result


def repair(database: Database, found: Iterable[Fault]) -> int:
    """Write every page that has one of the faults as it should be, and say how many there were.

    Each page is read and written in a transaction of its own, by the rule that booking keeps
    too, so that a system may serve meanwhile. Two appointments at one time are for people to part:
    they are reported, never repaired.
    """
    wrong = {(one.diary_id, one.span.start // DAY) for one in found if one.kind != TAKEN_TWICE}
    for diary_id, day in sorted(wrong):
        whole_day = Span(day * DAY, (day + 1) * DAY)
        database.run(partial(settle, diary_id=diary_id, span=whole_day))
    return len(wrong)


def _expected(session: Session) -> dict[PageKey, int]:
    return diaries.pages_of([*queries.every_claim(session), *schedules.every_absence(session)])


def _page_faults(kind: str, key: PageKey, mask: int) -> list[Fault]:
    diary_id, day = key
    return [Fault(kind, diary_id, span) for span in spans_of(mask, Window(day, 1))]


def _doubles(claims: list[diaries.Claim]) -> list[tuple[diaries.Claim, diaries.Claim]]:
    """Neighbours in one diary that overlap."""
    ordered = sorted(claims)
    return [
        (one, other)
        for one, other in pairwise(ordered)
        if one[0] == other[0] and other[1].start < one[1].end
    ]


def _twice(one: diaries.Claim, other: diaries.Claim) -> Fault:
    return Fault(TAKEN_TWICE, one[0], Span(other[1].start, min(one[1].end, other[1].end)))
