"""The slot grid for programs: free slots, and the use of the others.

A cell is one slot of a schedule's grid. Free cells are exactly the starts that slots.py finds; each
other cell in opening hours is used by an appointment, a hold or an absence. An appointment uses the
cells that it covers, or one cell of its own if it does not fit the grid.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from openslot.booking.diaries import Occupied, occupied
from openslot.booking.models import Status
from openslot.booking.queries import ForWhom
from openslot.booking.slots import free_starts, open_groups
from openslot.core.work import Work
from openslot.schedules import diaries
from openslot.schedules.availability import Span, Window, bits, mask_of, ones, starts_of_runs
from openslot.schedules.rules import (
    Place,
    bookable_span,
    starts_beside,
    starts_served,
    times_of,
)


class Use(StrEnum):
    """The use of a cell, in the codes of FHIR."""

    FREE = "free"
    TENTATIVE = "busy-tentative"
    BUSY = "busy"
    UNAVAILABLE = "busy-unavailable"


class Cell(NamedTuple):
    """A slot of a schedule's grid; cells sort by start, then schedule."""

    tick: int
    schedule_id: int
    minutes: int
    use: Use

    @property
    def key(self) -> tuple[int, int, int]:
        """Return the identity of the cell: start, schedule and length."""
        return self[:3]


@dataclass(frozen=True, slots=True)
class Board:
    """The cells of some schedules in a window: masks by schedule, length and use, and the cells
    of appointments."""

    window: Window
    masks: dict[tuple[int, int, Use], int] = field(default_factory=dict)
    appointments: list[Cell] = field(default_factory=list)

    def within(self, spans: Iterable[Span]) -> "Board":
        """Return the cells that start in one of ``spans``."""
        inside = mask_of(spans, self.window)
        return Board(
            self.window,
            {key: mask & inside for key, mask in self.masks.items()},
            [
                cell
                for cell in self.appointments
                if inside >> max(0, cell.tick - self.window.start) & 1
            ],
        )

    def ending(self, spans: Sequence[Span]) -> "Board":
        """Return the cells that end in one of the spans: from its start to before its end."""

        def inside(minutes: int) -> int:
            starts = [Span(span.start - minutes // 5, span.end - minutes // 5) for span in spans]
            return mask_of(starts, self.window)

        return Board(
            self.window,
            {key: mask & inside(key[1]) for key, mask in self.masks.items()},
            [
                cell
                for cell in self.appointments
                if any(span.start <= cell.tick + cell.minutes // 5 < span.end for span in spans)
            ],
        )

    def only(self, keys: Collection[tuple[int, int, int]]) -> "Board":
        """Return the cells among ``keys``."""
        masks: dict[tuple[int, int], int] = {}
        for tick, schedule_id, minutes in keys:
            if self.window.start <= tick < self.window.end:
                mask = 1 << (tick - self.window.start)
                masks[schedule_id, minutes] = masks.get((schedule_id, minutes), 0) | mask
        return Board(
            self.window,
            {key: mask & masks.get(key[:2], 0) for key, mask in self.masks.items()},
            [cell for cell in self.appointments if cell.key in keys],
        )

    def count(self) -> int:
        """Return the number of cells."""
        return len(self.appointments) + sum(mask.bit_count() for mask in self.masks.values())

    def page(self, limit: int, after: tuple[int, int, int] | None = None) -> list[Cell]:
        """Return the first ``limit`` cells in order, after the key ``after``."""
        past = ones(after[0] - self.window.start) if after else 0
        cells = heapq.merge(
            *(self._cells(key, mask & ~past) for key, mask in self.masks.items()),
            iter(sorted(self.appointments)),
        )
        following = (cell for cell in cells if after is None or cell.key > after)
        return list(islice(following, limit))

    def _cells(self, key: tuple[int, int, Use], mask: int) -> Iterator[Cell]:
        schedule_id, minutes, use = key
        return (Cell(self.window.start + bit, schedule_id, minutes, use) for bit in bits(mask))


def free_board(
    work: Work, places: Mapping[int, Place], window: Window, *, whom: ForWhom | None = None
) -> Board:
    """Return the free cells, free for the patient ``whom`` if given, in two statements."""
    masks = free_starts(work, places, window, whom=whom)
    return Board(
        window, {(key, places[key].slot_minutes, Use.FREE): mask for key, mask in masks.items()}
    )


def full_board(
    work: Work,
    places: Mapping[int, Place],
    window: Window,
    *,
    uses: frozenset[Use] = frozenset(Use),
) -> Board:
    """Return the cells with one of ``uses``, in two statements, or three if there are sessions.

    A session of a place's own service is free while it has places left.
    """
    diary_ids = sorted({diary for place in places.values() for diary in place.read_ids})
    taken = diaries.taken(work.session, diary_ids, window)
    occupied_spans = occupied(work, window, diary_ids)
    by_diary = _masks_by_diary(occupied_spans, window)
    board = Board(window)
    appointments = _appointments(occupied_spans, places, window)
    for group in open_groups(work, places.values(), window):
        place = places[group.schedule_id]
        bookable = bookable_span(place, work.now)
        if group.is_of(place) and bookable.start <= group.span.start < bookable.end:
            cell = Cell(group.span.start, place.schedule_id, group.minutes, Use.FREE)
            appointments[place.schedule_id][cell.tick, cell.minutes] = cell
    for place in places.values():
        own = appointments.get(place.schedule_id, {})
        _add_cells(board, place, taken, by_diary, own, work.now, uses)
    board.appointments.extend(
        cell for cells in appointments.values() for cell in cells.values() if cell.use in uses
    )
    return board


def appointment_cells(starts: int, ends: int, slot_ticks: int | None) -> Iterator[tuple[int, int]]:
    """Yield (start tick, minutes) of an appointment's cells: one per slot of its schedule from its
    start on, or one for all of it if its length is not a multiple of the slot, or is that of a
    service, for which there is no ``slot_ticks``."""
    if slot_ticks is None or (ends - starts) % slot_ticks:
        yield starts, (ends - starts) * 5
        return
    for tick in range(starts, ends, slot_ticks):
        yield tick, slot_ticks * 5


class _Taken(NamedTuple):
    """The taken time of one diary by its cause, as masks."""

    expired: int = 0
    held: int = 0
    absent: int = 0
    booked: int = 0


def _masks_by_diary(occupied_spans: Iterable[Occupied], window: Window) -> dict[int, _Taken]:
    masks: dict[int, _Taken] = {}
    for occupant in occupied_spans:
        mask = mask_of([occupant.busy], window)
        cause = (
            "absent"
            if occupant.status is None
            else "expired"
            if occupant.expired
            else "held"
            if occupant.status is Status.HELD
            else "booked"
        )
        for diary_id in occupant.diary_ids:
            taken = masks.get(diary_id, _Taken())
            masks[diary_id] = taken._replace(**{cause: getattr(taken, cause) | mask})
    return masks


def _appointments(
    occupied_spans: Iterable[Occupied], places: Mapping[int, Place], window: Window
) -> dict[int, dict[tuple[int, int], Cell]]:
    """Return the cells of each schedule's own appointments by (start tick, minutes)."""
    cells: dict[int, dict[tuple[int, int], Cell]] = {}
    for occupant in occupied_spans:
        place = places.get(occupant.schedule_id or 0)
        if place is None or occupant.expired:
            continue
        use = Use.TENTATIVE if occupant.status is Status.HELD else Use.BUSY
        span = occupant.span
        slot_ticks = None if occupant.service_id else place.own_slot_minutes // 5
        for tick, minutes in appointment_cells(span.start, span.end, slot_ticks):
            if window.start <= tick < window.end:
                cell = Cell(tick, place.schedule_id, minutes, use)
                cells.setdefault(place.schedule_id, {})[tick, minutes] = cell
    return cells


def _add_cells(
    board: Board,
    place: Place,
    taken: Mapping[int, int],
    by_diary: Mapping[int, _Taken],
    own: Mapping[tuple[int, int], Cell],
    now: datetime,
    uses: frozenset[Use],
) -> None:
    """Add the cells of a schedule to the board, except those of its own appointments."""
    window, length = board.window, place.slot_ticks
    absent, held, busy = 0, 0, 0
    for diary_id in (*place.claimed_ids, place.closures_id):
        causes = by_diary.get(diary_id, _Taken())
        absent, held = absent | causes.absent, held | causes.held
        busy |= _busy(diary_id, taken, by_diary)
    booked = mask_of([Span(tick, tick + minutes // 5) for tick, minutes in own], window)
    opened, starts = times_of(place, window)
    own_diary = taken.get(place.diary_id, 0) & busy
    also = starts_beside(place, own_diary, place.slot_minutes)
    before, after = place.before // 5, place.after // 5
    free = starts_of_runs(opened & ~busy, before + length + after) << before & (starts | also)
    served = starts_served(
        place, window, place.slot_minutes, lambda one: _busy(one.diary_id, taken, by_diary)
    )
    cells = starts_of_runs(opened, length) & starts & ~_touching(booked, length)
    away = cells & _touching(absent, length)
    tentative = cells & _touching(held, length) & ~away
    masks = {
        Use.FREE: free & served & mask_of([bookable_span(place, now)], window),
        Use.UNAVAILABLE: away,
        Use.TENTATIVE: tentative,
        Use.BUSY: cells & (_touching(busy, length) | ~served) & ~away & ~tentative,
    }
    for use in uses:
        board.masks[place.schedule_id, place.slot_minutes, use] = masks[use]


def _busy(diary_id: int, taken: Mapping[int, int], by_diary: Mapping[int, _Taken]) -> int:
    """Return the taken time of a diary without that of expired holds."""
    causes = by_diary.get(diary_id, _Taken())
    live = causes.absent | causes.held | causes.booked
    return taken.get(diary_id, 0) & ~(causes.expired & ~live)


def _touching(mask: int, length: int) -> int:
    """Return the starts of periods of ``length`` ticks that overlap ``mask``."""
    touched = 0
    for step in range(length):
        touched |= mask >> step
    return touched
