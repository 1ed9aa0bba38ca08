"""Claim and release: the only code that writes diary pages.

One rule holds for whatever writes a page, whether it books, cancels, blocks, opens or repairs:
read the pages first, then what else claims them, and write by compare-and-set every page that
was decided upon, also one whose bits stay as they are. Each write raises the page's version. So
of two transactions that decide upon one page at once, the later finds another version than it
read: LostRace rolls it back whole, and Database.run tries it again on what the first left. No
lock is held while the program thinks, and a single-row compare-and-set by primary key holds on
every engine.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, insert, or_, select, update
from sqlalchemy.orm import Session

from openslot.core.db import LostRace, changed
from openslot.directory.models import Diary
from openslot.schedules.availability import DAY, Span, Window, ones
from openslot.schedules.errors import DiaryTaken
from openslot.schedules.models import DiaryPage

PAGE_BYTES = DAY // 8

MOST_IDS_NAMED = 2000
"""Engines limit the parameters of a statement; above this, all but patients are read."""

PageKey = tuple[int, int]
"""(diary id, UTC day)"""

Claim = tuple[int, Span]
"""(diary id, ticks)"""


class Page(NamedTuple):
    """A page as it was read: its ticks as a mask, and its version."""

    taken: int
    version: int


def taken(session: Session, diary_ids: Iterable[int], window: Window) -> dict[int, int]:
    """The taken ticks of each diary as a mask over ``window``; one statement.

    Of very many diaries it may return others too, but never those of patients.
    """
    wanted = set(diary_ids)
    among = (
        DiaryPage.diary_id.in_(wanted)
        if len(wanted) <= MOST_IDS_NAMED
        else DiaryPage.diary_id.in_(select(Diary.id).where(Diary.kind != "patient"))
    )
    rows = session.execute(
        select(DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken).where(
            among,
            DiaryPage.day >= window.first,
            DiaryPage.day < window.first + window.days,
        )
    )
    buffers: dict[int, bytearray] = {}
    for diary_id, day, page in rows:
        buffer = buffers.setdefault(diary_id, bytearray(window.days * PAGE_BYTES))
        at = (day - window.first) * PAGE_BYTES
        buffer[at : at + PAGE_BYTES] = page
    return {diary_id: int.from_bytes(buffer, "little") for diary_id, buffer in buffers.items()}


def change(
    session: Session,
    *,
    release: Sequence[Claim] = (),
    kept: Callable[[], Iterable[Claim]] = tuple,
    claim: Sequence[Claim] = (),
    cover: Sequence[Claim] = (),
    avoid: Sequence[Claim] = (),
) -> None:
    """Give back ``release``, then take ``claim``, in all their pages at once.

    ``kept`` reads what else claims the time of ``release`` and keeps it taken; it is called
    after the pages are read, so that whatever it misses makes the compare-and-set fail.
    ``cover`` is taken whether or not it is free, and before ``claim``: absences. ``avoid`` must
    be free and is not taken: a centre's closures.

    Raises DiaryTaken, naming the diaries in the way, where a wanted tick stays taken after the
    release; LostRace where a page was written since it was read. One SELECT, the statements of
    ``kept``, and at most one UPDATE and one INSERT, whatever the number of pages.
    """
    freed, wanted, covered = _by_page(release), _by_page(claim), _by_page(cover)
    shunned = _by_page(avoid)
    written = freed.keys() | wanted.keys() | covered.keys()
    old = _pages(session, written | shunned.keys())
    keeping = _by_page(kept()) if freed else {}
    new: dict[PageKey, int] = {}
    blocked = {key[0] for key, mask in shunned.items() if key in old and old[key].taken & mask}
    for key in written:
        before = old[key].taken if key in old else 0
        free = freed.get(key, 0)
        left = before & ~free | free & keeping.get(key, 0) | covered.get(key, 0)
        if left & wanted.get(key, 0):
            blocked.add(key[0])
        new[key] = left | wanted.get(key, 0)
    if blocked:
        raise DiaryTaken(frozenset(blocked))
    _compare_and_set(session, old, new)


def all_pages(session: Session) -> dict[PageKey, int]:
    """Every page that is not empty."""
    rows = session.execute(select(DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken))
    masks = {(diary_id, day): int.from_bytes(page, "little") for diary_id, day, page in rows}
    return {key: mask for key, mask in masks.items() if mask}


def pages_of(claims: Iterable[Claim]) -> dict[PageKey, int]:
    """The pages that hold exactly ``claims``."""
    return dict(_by_page(claims))


def _by_page(claims: Iterable[Claim]) -> dict[PageKey, int]:
    """The ticks wanted of each page, pages in one order for everybody."""
    pages: dict[PageKey, int] = defaultdict(int)
    for diary_id, span in sorted(claims):
        for day in range(span.start // DAY, (span.end - 1) // DAY + 1):
            low, high = max(span.start, day * DAY), min(span.end, (day + 1) * DAY)
            pages[diary_id, day] |= ones(high - low) << (low - day * DAY)
    return pages


def _is_page(key: PageKey) -> ColumnElement[bool]:
    return and_(DiaryPage.diary_id == key[0], DiaryPage.day == key[1])


def _pages(session: Session, keys: Collection[PageKey]) -> dict[PageKey, Page]:
    if not keys:
        return {}
    found = session.execute(
        select(DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken, DiaryPage.version).where(
            or_(*(_is_page(key) for key in sorted(keys)))
        )
    )
    return {
        (diary_id, day): Page(int.from_bytes(page, "little"), version)
        for diary_id, day, page, version in found
    }


def _compare_and_set(
    session: Session, old: Mapping[PageKey, Page], new: Mapping[PageKey, int]
) -> None:
    known = sorted(new.keys() & old.keys())
    fresh = sorted(new.keys() - old.keys())
    if known:
        as_read = (and_(_is_page(key), DiaryPage.version == old[key].version) for key in known)
        masks = case(*((_is_page(key), _bytes(new[key])) for key in known))
        setting = update(DiaryPage).where(or_(*as_read))
        raised = setting.values(taken=masks, version=DiaryPage.version + 1)
        if changed(session, raised) != len(known):
            raise LostRace
    if fresh:
        # A page that another transaction made meanwhile breaks the primary key: tried again.
        session.execute(insert(DiaryPage), [_row(key, new[key]) for key in fresh])


def _row(key: PageKey, mask: int) -> dict[str, object]:
    return {"diary_id": key[0], "day": key[1], "taken": _bytes(mask), "version": 1}


def _bytes(mask: int) -> bytes:
    return mask.to_bytes(PAGE_BYTES, "little")
