"""The whole day as programs see it: free starts, and what takes the others.

A cell is one slot of a schedule's grid. Free cells are exactly the starts that slots.py finds; of
the others in opening hours it is said whether an appointment, a hold or an absence takes them. An
appointment takes the cells that it covers, and one of its own where it does not lie on the grid.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.booking.models import Status
from openslot.booking.search import Occupied, occupied
from openslot.booking.slots import free_starts
from openslot.booking.whom import ForWhom
from openslot.schedules import diaries
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    grid,
    mask_of,
    ones,
    starts_of_runs,
)
from openslot.schedules.rules import Place, bookable_span, open_ticks


class Use(StrEnum):
    """What is with a cell; the words are FHIR's."""

    FREE = "free"
    TENTATIVE = "busy-tentative"
    BUSY = "busy"
    UNAVAILABLE = "busy-unavailable"


class Cell(NamedTuple):
    """A start and a length; cells are in order of start, then schedule."""

    tick: int
    schedule_id: int
    minutes: int
    use: Use

    @property
    def key(self) -> tuple[int, int, int]:
        """What tells cells apart."""
        return self[:3]


@dataclass(frozen=True, slots=True)
class Board:
    """The cells of some schedules in a window: masks by length, schedule and use, and the cells
    of appointments."""

    window: Window
    masks: dict[tuple[int, int, Use], int] = field(default_factory=dict)
    appointments: list[Cell] = field(default_factory=list)

    def within(self, spans: Iterable[Span]) -> "Board":
        """The cells that start in one of ``spans``."""
        inside = mask_of(spans, self.window)
        return Board(
            self.window,
            {key: mask & inside for key, mask in self.masks.items()},
            [
                one
                for one in self.appointments
                if inside >> max(0, one.tick - self.window.start) & 1
            ],
        )

    def only(self, keys: Collection[tuple[int, int, int]]) -> "Board":
        """The cells among ``keys``."""
        wanted: dict[tuple[int, int], int] = {}
        for tick, schedule_id, minutes in keys:
            if self.window.start <= tick < self.window.end:
                mask = 1 << (tick - self.window.start)
                wanted[schedule_id, minutes] = wanted.get((schedule_id, minutes), 0) | mask
        return Board(
            self.window,
            {key: mask & wanted.get(key[:2], 0) for key, mask in self.masks.items()},
            [one for one in self.appointments if one.key in keys],
        )

    def count(self) -> int:
        """How many there are."""
        return len(self.appointments) + sum(mask.bit_count() for mask in self.masks.values())

    def page(self, limit: int, after: tuple[int, int, int] | None = None) -> list[Cell]:
        """The first cells in order, or those behind ``after``."""
        past = ones(after[0] - self.window.start) if after else 0
        rows = heapq.merge(
            *(self._cells(key, mask & ~past) for key, mask in self.masks.items()),
            iter(sorted(self.appointments)),
        )
        wanted = (one for one in rows if after is None or one.key > after)
        return list(islice(wanted, limit))

    def _cells(self, key: tuple[int, int, Use], mask: int) -> Iterator[Cell]:
        schedule_id, minutes, use = key
        return (Cell(self.window.start + bit, schedule_id, minutes, use) for bit in bits(mask))


def free_board(
    session: Session,
    places: Mapping[int, Place],
    window: Window,
    *,
    now: datetime,
    whom: ForWhom | None = None,
) -> Board:
    """Only the free cells, for a patient those that are free for them; two statements."""
    masks = free_starts(session, places, window, now=now, whom=whom)
    return Board(
        window, {(key, places[key].slot_minutes, Use.FREE): mask for key, mask in masks.items()}
    )


def full_board(
    session: Session,
    places: Mapping[int, Place],
    window: Window,
    *,
    now: datetime,
    uses: frozenset[Use] = frozenset(Use),
) -> Board:
    """The cells with one of ``uses``; two statements."""
    diary_ids = sorted({diary for place in places.values() for diary in _diaries(place)})
    taken = diaries.taken(session, diary_ids, window)
    found = occupied(session, window, diary_ids, now=now)
    by_diary = _masks_by_diary(found, window)
    board = Board(window)
    own = _appointments(found, places, window)
    for place in places.values():
        _lay(board, place, taken, by_diary, own.get(place.schedule_id, {}), now, uses)
    board.appointments.extend(
        one for cells in own.values() for one in cells.values() if one.use in uses
    )
    return board


def appointment_cells(starts: int, ends: int, slot_ticks: int) -> Iterator[tuple[int, int]]:
    """(start, minutes) of the cells of an appointment: those of the grid that it covers from its
    start on, or the appointment as a whole where it is no multiple of them."""
    if (ends - starts) % slot_ticks:
        yield starts, (ends - starts) * 5
        return
    for tick in range(starts, ends, slot_ticks):
        yield tick, slot_ticks * 5


class _Taken(NamedTuple):
    """What takes the time of one diary."""

    expired: int = 0
    held: int = 0
    absent: int = 0
    booked: int = 0


def _diaries(place: Place) -> tuple[int, ...]:
    return (*place.claimed_ids, place.closures_id)


def _masks_by_diary(found: Iterable[Occupied], window: Window) -> dict[int, _Taken]:
    masks: dict[int, _Taken] = {}
    for one in found:
        mask = mask_of([one.span], window)
        name = (
            "absent"
            if one.status is None
            else "expired"
            if one.expired
            else "held"
            if one.status is Status.HELD
            else "booked"
        )
        for diary_id in one.diary_ids:
            known = masks.get(diary_id, _Taken())
            masks[diary_id] = known._replace(**{name: getattr(known, name) | mask})
    return masks


def _appointments(
    found: Iterable[Occupied], places: Mapping[int, Place], window: Window
) -> dict[int, dict[tuple[int, int], Cell]]:
    """The cells that the schedules' own appointments take."""
    cells: dict[int, dict[tuple[int, int], Cell]] = {}
    for one in found:
        place = places.get(one.schedule_id or 0)
        if place is None or one.expired:
            continue
        use = Use.TENTATIVE if one.status is Status.HELD else Use.BUSY
        for tick, minutes in appointment_cells(one.span.start, one.span.end, place.slot_ticks):
            if window.start <= tick < window.end:
                cell = Cell(tick, place.schedule_id, minutes, use)
                cells.setdefault(place.schedule_id, {})[tick, minutes] = cell
    return cells


def _lay(
    board: Board,
    place: Place,
    taken: Mapping[int, int],
    by_diary: Mapping[int, _Taken],
    own: Mapping[tuple[int, int], Cell],
    now: datetime,
    uses: frozenset[Use],
) -> None:
    """Put the cells of a place on the board, but for those of its own appointments."""
    window, length = board.window, place.slot_ticks
    known = [by_diary.get(diary, _Taken()) for diary in _diaries(place)]
    absent, held, busy = 0, 0, 0
    for diary_id, one in zip(_diaries(place), known, strict=True):
        absent, held = absent | one.absent, held | one.held
        kept = one.absent | one.held | one.booked
        busy |= taken.get(diary_id, 0) & ~(one.expired & ~kept)
    booked = mask_of([Span(tick, tick + minutes // 5) for tick, minutes in own], window)
    opened = open_ticks(place, window)
    starts = grid(place.slot_minutes, place.zone, window)
    free = starts_of_runs(opened & ~busy, length) & starts
    cells = starts_of_runs(opened, length) & starts & ~_touching(booked, length)
    away = cells & _touching(absent, length)
    tentative = cells & _touching(held, length) & ~away
    masks = {
        Use.FREE: free & mask_of([bookable_span(place, now)], window),
        Use.UNAVAILABLE: away,
        Use.TENTATIVE: tentative,
        Use.BUSY: cells & _touching(busy, length) & ~away & ~tentative,
    }
    for use in uses:
        board.masks[place.schedule_id, place.slot_minutes, use] = masks[use]


def _touching(mask: int, length: int) -> int:
    """The starts of which any of ``length`` ticks is in ``mask``."""
    touched = 0
    for step in range(length):
        touched |= mask >> step
    return touched
