"""The slot grid for programs: free slots, and the use of the others.

A cell is one slot of a schedule's grid. Free cells are exactly the starts that slots.py finds; each
other cell in opening hours is used by an appointment, a hold or an absence. An appointment uses the
cells that it covers, or one cell of its own if it does not fit the grid. Each service that a
schedule offers has a grid of its own; free cells say which it is, the others do not.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from openslot.booking.diaries import Occupied, occupied
from openslot.booking.models import Appointment, Status
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


Key = tuple[int, int, int, int]
"""Identity of a cell: start, schedule, length and service."""


class Cell(NamedTuple):
    """A slot of a schedule's grid; cells sort by start, then schedule. ``service_id`` is 0 unless
    it is free for a service that the schedule offers."""

    tick: int
    schedule_id: int
    minutes: int
    service_id: int
    use: Use

    @property
    def key(self) -> Key:
        """Return the identity of the cell."""
        return self[:4]


@dataclass(frozen=True, slots=True)
class Board:
    """The cells of some schedules in a window: masks by schedule, length, service and use, and the
    cells of appointments."""

    window: Window
    masks: dict[tuple[int, int, int, Use], int] = field(default_factory=dict)
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

    def only(self, services: Mapping[Key, int]) -> "Board":
        """Return the cells with these keys, as they are named there: free ones for the service that
        a key stands for, and taken ones whatever the service."""
        board = Board(self.window)
        appointments = {cell[:3]: cell.use for cell in self.appointments}
        for key, service_id in services.items():
            tick, schedule_id, minutes, named = key
            is_inside = self.window.start <= tick < self.window.end
            at = 1 << (tick - self.window.start) if is_inside else 0
            for use in Use:
                own = (schedule_id, minutes, service_id if use is Use.FREE else 0, use)
                board.add((schedule_id, minutes, named, use), at & self.masks.get(own, 0))
            if key[:3] in appointments:
                board.appointments.append(Cell(*key, appointments[key[:3]]))
        return board

    def add(self, key: tuple[int, int, int, Use], mask: int) -> None:
        """Add cells of one kind."""
        self.masks[key] = self.masks.get(key, 0) | mask

    def free_for_any(self) -> dict[tuple[int, int], int]:
        """Return the starts that are free for any service, by schedule and length."""
        starts: dict[tuple[int, int], int] = {}
        for (schedule_id, minutes, _, use), mask in self.masks.items():
            if use is Use.FREE:
                starts[schedule_id, minutes] = starts.get((schedule_id, minutes), 0) | mask
        return starts

    def count(self) -> int:
        """Return the number of cells."""
        return len(self.appointments) + sum(mask.bit_count() for mask in self.masks.values())

    def page(self, limit: int, after: Key | None = None) -> list[Cell]:
        """Return the first ``limit`` cells in order, after the key ``after``."""
        past = ones(after[0] - self.window.start) if after else 0
        cells = heapq.merge(
            *(self._cells(key, mask & ~past) for key, mask in self.masks.items()),
            iter(sorted(self.appointments)),
        )
        following = (cell for cell in cells if after is None or cell.key > after)
        return list(islice(following, limit))

    def _cells(self, key: tuple[int, int, int, Use], mask: int) -> Iterator[Cell]:
        return (Cell(tick, *key) for tick in bits(mask, self.window.start))


def free_board(
    work: Work,
    places: Sequence[Place],
    window: Window,
    *,
    minutes: int | None = None,
    whom: ForWhom | None = None,
    moving: Appointment | None = None,
) -> Board:
    """Return the free cells, each place's own, in two statements; ``minutes`` and the others are
    those of free_starts."""
    masks = free_starts(
        work, dict(enumerate(places)), window, minutes=minutes, whom=whom, moving=moving
    )
    board = Board(window)
    for number, place in enumerate(places):
        length = minutes or place.slot_minutes
        board.add((place.schedule_id, length, place.service_id or 0, Use.FREE), masks[number])
    return board


def full_board(
    work: Work,
    places: Sequence[Place],
    window: Window,
    *,
    uses: frozenset[Use] = frozenset(Use),
) -> Board:
    """Return the cells with one of ``uses``, in two statements, or three if there are sessions.

    A session of a place's own service is free while it has places left.
    """
    # What is prepared before the first start lies on the day before it.
    days_before = any(place.before for place in places)
    wide = Board(Window(window.first - days_before, window.days + days_before))
    diary_ids = sorted({diary for place in places for diary in place.read_ids})
    taken = diaries.taken(work.session, diary_ids, wide.window)
    occupied_spans = occupied(work, wide.window, diary_ids, {place.schedule_id for place in places})
    by_diary = _masks_by_diary(occupied_spans, wide.window)
    appointments = _appointments(occupied_spans, places, window)
    for cell in _open_sessions(work, places, window):
        appointments[cell.schedule_id][cell.tick, cell.minutes] = cell
    for place in places:
        own = appointments.get(place.schedule_id, {})
        _add_cells(wide, place, taken, by_diary, own, work.now)
    shift, free = window.start - wide.window.start, wide.free_for_any()
    board = Board(window)
    for key, mask in wide.masks.items():
        # What one service needs may be busy while another is free.
        shown = mask & ~free.get(key[:2], 0) if key[3] is Use.BUSY else mask
        if key[3] in uses:
            board.add(key, shown >> shift)
    board.appointments.extend(
        cell for cells in appointments.values() for cell in cells.values() if cell.use in uses
    )
    return board


def _open_sessions(work: Work, places: Sequence[Place], window: Window) -> Iterator[Cell]:
    """Yield a free cell for each session that has places left and can be booked now."""
    for group in open_groups(work, places, window):
        for place in places:
            bookable = bookable_span(place, work.now)
            is_soon = bookable.start <= group.span.start < bookable.end
            if group.is_of(place) and is_soon:
                service_id = place.service_id or 0
                yield Cell(group.span.start, place.schedule_id, group.minutes, service_id, Use.FREE)


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
    """The taken time of one diary by its cause, as masks, except what is booked."""

    expired: int = 0
    held: int = 0
    absent: int = 0


def _masks_by_diary(occupied_spans: Iterable[Occupied], window: Window) -> dict[int, _Taken]:
    masks: dict[int, _Taken] = {}
    for occupant in occupied_spans:
        if occupant.status not in (None, Status.HELD):
            continue
        mask = mask_of([occupant.busy], window)
        cause = "absent" if occupant.status is None else "expired" if occupant.expired else "held"
        for diary_id in occupant.diary_ids:
            taken = masks.get(diary_id, _Taken())
            masks[diary_id] = taken._replace(**{cause: getattr(taken, cause) | mask})
    return masks


def _appointments(
    occupied_spans: Iterable[Occupied], places: Iterable[Place], window: Window
) -> dict[int, dict[tuple[int, int], Cell]]:
    """Return the cells of each schedule's own appointments by (start tick, minutes)."""
    cells: dict[int, dict[tuple[int, int], Cell]] = {}
    by_id = {place.schedule_id: place for place in places}
    for occupant in occupied_spans:
        place = by_id.get(occupant.schedule_id or 0)
        if place is None or occupant.expired:
            continue
        use = Use.TENTATIVE if occupant.status is Status.HELD else Use.BUSY
        span = occupant.span
        slot_ticks = None if occupant.service_id else place.own_slot_minutes // 5
        for tick, minutes in appointment_cells(span.start, span.end, slot_ticks):
            if window.start <= tick < window.end:
                cell = Cell(tick, place.schedule_id, minutes, 0, use)
                cells.setdefault(place.schedule_id, {})[tick, minutes] = cell
    return cells


def _add_cells(
    board: Board,
    place: Place,
    taken: Mapping[int, int],
    by_diary: Mapping[int, _Taken],
    own: Mapping[tuple[int, int], Cell],
    now: datetime,
) -> None:
    """Add the cells of a schedule to the board, except those of its own appointments."""
    window, length = board.window, place.slot_ticks
    absent, held, busy = 0, 0, 0
    for diary_id in place.blocking_ids:
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
    for use, mask in masks.items():
        service_id = place.service_id or 0 if use is Use.FREE else 0
        board.add((place.schedule_id, place.slot_minutes, service_id, use), mask)


def _busy(diary_id: int, taken: Mapping[int, int], by_diary: Mapping[int, _Taken]) -> int:
    """Return the taken time of a diary without that of expired holds."""
    causes = by_diary.get(diary_id, _Taken())
    live = causes.absent | causes.held
    return taken.get(diary_id, 0) & ~(causes.expired & ~live)


def _touching(mask: int, length: int) -> int:
    """Return the starts of periods of ``length`` ticks that overlap ``mask``."""
    touched = 0
    for step in range(length):
        touched |= mask >> step
    return touched
