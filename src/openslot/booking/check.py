"""Proof that the diaries are right: every page rebuilt from what claims it, and compared."""

from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, Window, instant_of, spans_of
from openslot.schedules.diaries import PageKey


@dataclass(frozen=True, slots=True)
class Fault:
    """Ticks of a diary that are taken by nothing, by two visits, or not at all."""

    kind: str
    diary_id: int
    span: Span

    def __str__(self) -> str:
        starts, ends = instant_of(self.span.start), instant_of(self.span.end)
        return f"diary {self.diary_id}: {starts:%Y-%m-%d %H:%M} to {ends:%H:%M} UTC {self.kind}"


TAKEN_BY_NOTHING = "is taken by nothing"
NOT_TAKEN = "is booked and not taken"
TAKEN_TWICE = "is booked twice"


def faults(session: Session) -> list[Fault]:
    """What is wrong; empty when every page holds exactly its visits, holds and absences."""
    expected, found = _expected(session), diaries.all_pages(session)
    result = [_twice(one, other) for one, other in _doubles(queries.every_claim(session))]
    for key in sorted(expected.keys() | found.keys()):
        wanted, actual = expected.get(key, 0), found.get(key, 0)
        result += _page_faults(TAKEN_BY_NOTHING, key, actual & ~wanted)
        result += _page_faults(NOT_TAKEN, key, wanted & ~actual)
    return result


def repair(session: Session) -> int:
    """Write every wrong page as it should be, and say how many there were.

    Two visits at one time are for people to part: they are reported, never repaired.
    """
    expected, found = _expected(session), diaries.all_pages(session)
    wrong: dict[int, dict[int, int]] = {}
    for diary_id, day in expected.keys() | found.keys():
        key = (diary_id, day)
        if expected.get(key, 0) != found.get(key, 0):
            wrong.setdefault(diary_id, {})[day] = expected.get(key, 0)
    for diary_id, days in wrong.items():
        diaries.overwrite(session, diary_id, days)
    return sum(len(days) for days in wrong.values())


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
