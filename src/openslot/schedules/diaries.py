"""Claim and release of time: the only code that writes diary pages.

Every change of a page follows one rule, whether it books, cancels, blocks, opens or repairs: read
the pages first, then the other claims on them, and write every page that the decision rests on by
compare-and-set, even if its bits stay the same. Each write raises the page's version. So if two
transactions decide on a page at once, the later one finds a version other than it read: LostRace
rolls it back whole, and Database.run retries it on the result of the first. No lock is held in
between, and a single-row compare-and-set by primary key is atomic on every engine.

What is decided about all days of a patient, such as how many appointments they have, rests on the
page of the whole diary: who counts reads its version in the same statement, and the next change of
pages writes it too.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from itertools import chain, islice
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    false,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from openslot.core.db import LostRace, fetch, read_rows, write_later, write_rows
from openslot.core.statements import Prepared
from openslot.directory.models import Diary
from openslot.schedules.availability import DAY, EPOCH, Span, Window, ones
from openslot.schedules.errors import DiaryTaken
from openslot.schedules.models import DiaryPage

PAGE_BYTES = DAY // 8

MOST_IDS_NAMED = 2000
"""Largest number of ids in one statement, since engines limit its parameters."""

FEW = 50
"""Number of ids up to which they are parameters, so that the server plans the statement once; more
are written out, since a parameter costs its driver more than the server saves."""

WHOLE = date.min.toordinal() - EPOCH.toordinal() - 1
"""The day of the page of a whole diary: the one before the first that a date can be, so nothing can
be taken in it."""

PageKey = tuple[int, int]
"""(diary id, UTC day)"""

Claim = tuple[int, Span]
"""(diary id, ticks)"""


class Page(NamedTuple):
    """A page as it was read: a mask of its taken ticks, and its version."""

    taken: int
    version: int


def taken(session: Session, diary_ids: Iterable[int], window: Window) -> dict[int, int]:
    """Return the taken ticks of each diary as a mask over ``window``, in one statement.

    For more than MOST_IDS_NAMED diaries it returns all diaries except those of patients.
    """
    return taken_and(session, diary_ids, window, _NOTHING)[0]


def taken_and(
    session: Session,
    diary_ids: Iterable[int],
    window: Window,
    asked: ColumnElement[bool],
    **given: Any,
) -> tuple[dict[int, int], bool]:
    """Return what :func:`taken` does, and whether what is ``asked`` is so, in the same statement;
    False if there are no pages. ``asked`` is a constant, with parameters for what is ``given``."""
    ids = sorted(set(diary_ids))
    if not ids:
        return {}, False
    values = {"first": window.first, "after": window.first + window.days, **given}
    pages: Sequence[Sequence[Any]]
    if len(ids) > MOST_IDS_NAMED:
        pages = read_rows(session, _taken_by_all(asked), values)
    elif len(ids) > FEW:
        pages = fetch(session, _taken_by_many(asked), values | {"ids": ids}).all()
    else:
        named = {f"diary_{at}": diary_id for at, diary_id in enumerate(ids)}
        pages = read_rows(session, _taken_by(len(ids), asked), values | named)
    buffers = {key: bytearray(window.days * PAGE_BYTES) for key in {row[0] for row in pages}}
    for diary_id, day, page, _ in pages:
        at = (day - window.first) * PAGE_BYTES
        buffers[diary_id][at : at + PAGE_BYTES] = page
    masks = {diary_id: int.from_bytes(buffer, "little") for diary_id, buffer in buffers.items()}
    return masks, bool(pages and pages[0][-1])


_PAGES = select(DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken).where(
    DiaryPage.day >= bindparam("first"), DiaryPage.day < bindparam("after")
)
_NOTHING = false()


@cache
def _taken_by_many(asked: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    ids = bindparam("ids", expanding=True, literal_execute=True, type_=Integer)
    return _PAGES.add_columns(asked).where(DiaryPage.diary_id.in_(ids))


@cache
def _taken_by_all(asked: ColumnElement[bool]) -> Prepared:
    ids = select(Diary.id).where(Diary.kind != "patient")
    return Prepared(_PAGES.add_columns(asked).where(DiaryPage.diary_id.in_(ids)))


@cache
def _taken_by(count: int, asked: ColumnElement[bool]) -> Prepared:
    named = [bindparam(f"diary_{at}", type_=Integer) for at in range(count)]
    return Prepared(_PAGES.add_columns(asked).where(DiaryPage.diary_id.in_(named)))


def change(
    session: Session,
    *,
    release: Sequence[Claim] = (),
    kept: Callable[[], Iterable[Claim]] = tuple,
    claim: Sequence[Claim] = (),
    cover: Sequence[Claim] = (),
    avoid: Sequence[Claim] = (),
    touch: Sequence[Claim] = (),
) -> None:
    """Release ``release``, then claim ``claim``, in all their pages at once.

    ``kept`` reads the other claims on the time of ``release``, which stay taken. It is called
    after the pages are read, so that the compare-and-set fails if it misses a claim. ``cover``
    is taken before ``claim``, even if it is not free: absences. ``avoid`` must be free and is not
    taken: a centre's closures. ``touch`` stays as it is, and its pages are written: what is decided
    rests on them.

    Raises DiaryTaken, with the ids of the diaries in the way, if a claimed tick is still taken
    after the release, and LostRace if a page was written since it was read. Takes one SELECT, the
    statements of ``kept``, and at most one UPDATE and one INSERT for any number of pages.
    """
    released, claimed, covered = _by_page(release), _by_page(claim), _by_page(cover)
    avoided = _by_page(avoid)
    written = released.keys() | claimed.keys() | covered.keys() | _by_page(touch).keys()
    old = _pages(session, written | avoided.keys())
    kept_ticks = _by_page(kept()) if released else {}
    new: dict[PageKey, int] = {}
    blocked = {key[0] for key, mask in avoided.items() if key in old and old[key].taken & mask}
    for key in written:
        before = old[key].taken if key in old else 0
        free = released.get(key, 0)
        remaining = before & ~free | free & kept_ticks.get(key, 0) | covered.get(key, 0)
        if remaining & claimed.get(key, 0):
            blocked.add(key[0])
        new[key] = remaining | claimed.get(key, 0)
    if blocked:
        raise DiaryTaken(frozenset(blocked))
    _compare_and_set(session, old, new)


def version_of_whole(diary_id: InstrumentedAttribute[int]) -> ScalarSelect[int]:
    """Return the version of the page of a whole diary, for the statement that counts what is in
    it; null if there is no such page yet."""
    page = select(DiaryPage.version).where(DiaryPage.diary_id == diary_id, DiaryPage.day == WHOLE)
    return page.correlate(diary_id.class_).scalar_subquery()


def rest_on_whole(session: Session, diary_id: int, version: int | None) -> None:
    """Have the next change of pages also write the page of a whole diary, whose ``version`` was
    read before or together with what is decided. Of two who count at once, the later has to count
    again."""
    pages = session.info.setdefault(_RESTS_ON, {})
    pages.setdefault((diary_id, WHOLE), _Change(version, taken=0))


def write_whole(session: Session, diary_id: int) -> None:
    """Write the page of a whole diary, so that whoever counts meanwhile counts again; one statement
    once there is such a page."""
    if not write_rows(session, _ONLY_VERSION, {"whole": diary_id}):
        write_rows(session, _INSERT, _row((diary_id, WHOLE), 0))


def all_pages(session: Session) -> dict[PageKey, int]:
    """Return every page that is not empty."""
    rows = session.execute(select(DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken))
    masks = {(diary_id, day): int.from_bytes(page, "little") for diary_id, day, page in rows}
    return {key: mask for key, mask in masks.items() if mask}


def pages_of(claims: Iterable[Claim]) -> dict[PageKey, int]:
    """Return the pages with exactly these claims."""
    return dict(_by_page(claims))


def fill(session: Session, claims: Iterable[Claim]) -> None:
    """Write the pages of a database that has none, so that exactly the claims are taken."""
    rows = (_row(key, mask) for key, mask in pages_of(claims).items())
    while some := list(islice(rows, MOST_IDS_NAMED)):
        write_rows(session, _INSERT, *some)


def _by_page(claims: Iterable[Claim]) -> dict[PageKey, int]:
    """Return the claimed ticks of each page, in one order so that no two claims deadlock."""
    pages: dict[PageKey, int] = defaultdict(int)
    for diary_id, span in sorted(claims):
        for day in range(span.start // DAY, (span.end - 1) // DAY + 1):
            low, high = max(span.start, day * DAY), min(span.end, (day + 1) * DAY)
            pages[diary_id, day] |= ones(high - low) << (low - day * DAY)
    return pages


def _pages(session: Session, keys: Collection[PageKey]) -> dict[PageKey, Page]:
    if not keys:
        return {}
    return {
        (row[0], row[1]): Page(int.from_bytes(row[2], "little"), row[3])
        for row in read_rows(session, _reading(len(keys)), _named(sorted(keys)))
    }


def _compare_and_set(
    session: Session, old: Mapping[PageKey, Page], new: Mapping[PageKey, int]
) -> None:
    session.flush()
    changes = {key: _Change(old[key].version if key in old else None, new[key]) for key in new}
    write_later(session, _write_pages, changes | session.info.pop(_RESTS_ON, {}))


_RESTS_ON = "pages of whole diaries"


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """What is taken of a page, and the version that was read, if there was one. No two are equal,
    as no two can be made in one page at once."""

    version: int | None
    taken: int


def _write_pages(session: Session, changes: Mapping[PageKey, _Change]) -> None:
    updated = sorted(key for key, change in changes.items() if change.version is not None)
    inserted = sorted(changes.keys() - set(updated))
    if updated:
        named = _named(updated)
        for at, key in enumerate(updated):
            change = changes[key]
            named |= {f"was_{at}": change.version, f"becomes_{at}": _bytes(change.taken)}
        if write_rows(session, _writing(len(updated)), named) != len(updated):
            raise LostRace
    if inserted:
        # If another transaction has inserted the page, the primary key fails and work is retried.
        write_rows(session, _INSERT, *(_row(key, changes[key].taken) for key in inserted))


_INSERT = Prepared(insert(DiaryPage), ["diary_id", "day", "taken", "version"])
_ONLY_VERSION = Prepared(
    update(DiaryPage)
    .where(DiaryPage.diary_id == bindparam("whole"), DiaryPage.day == WHOLE)
    .values(version=DiaryPage.version + 1)
)


def _named(keys: Sequence[PageKey]) -> dict[str, object]:
    """Return the parameters that name the pages in a statement about so many."""
    names = [(f"diary_{at}", f"day_{at}") for at in range(len(keys))]
    return dict(zip(chain(*names), chain(*keys), strict=True))


def _is_page(at: int) -> ColumnElement[bool]:
    """Return the condition for the page that a statement names at this place."""
    return and_(
        DiaryPage.diary_id == bindparam(f"diary_{at}"), DiaryPage.day == bindparam(f"day_{at}")
    )


# Making these statements takes longer than running them.


@lru_cache(maxsize=64)
def _reading(count: int) -> Prepared:
    columns = (DiaryPage.diary_id, DiaryPage.day, DiaryPage.taken, DiaryPage.version)
    return Prepared(select(*columns).where(or_(*map(_is_page, range(count)))))


@lru_cache(maxsize=64)
def _writing(count: int) -> Prepared:
    is_unchanged = (
        and_(_is_page(at), DiaryPage.version == bindparam(f"was_{at}")) for at in range(count)
    )
    kind = DiaryPage.taken.type
    masks = case(*((_is_page(at), bindparam(f"becomes_{at}", type_=kind)) for at in range(count)))
    changes = {DiaryPage.taken: masks, DiaryPage.version: DiaryPage.version + 1}
    return Prepared(update(DiaryPage).where(or_(*is_unchanged)).values(changes))


def _row(key: PageKey, mask: int) -> dict[str, object]:
    return {"diary_id": key[0], "day": key[1], "taken": _bytes(mask), "version": 1}


def _bytes(mask: int) -> bytes:
    return mask.to_bytes(PAGE_BYTES, "little")
