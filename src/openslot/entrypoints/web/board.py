"""Layout of a centre's day: columns of schedules or rooms, rows of 5 minutes since midnight."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.booking.rules import first_offered, is_offered
from openslot.booking.slots import free_starts
from openslot.core.clock import day_in
from openslot.core.work import Work
from openslot.desk import queries
from openslot.desk.queries import Entry
from openslot.desk.rules import DUE_WITHIN, Standing, is_at_desk, sees_reasons
from openslot.entrypoints.web.formats import clock_time
from openslot.schedules import known
from openslot.schedules import queries as schedules
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    instant_of,
    mask_of,
    span_between,
    spans_of,
    tick_at,
    window_over,
)
from openslot.schedules.known import Bookable
from openslot.schedules.models import Absence, Closure
from openslot.schedules.rules import open_ticks
from openslot.waiting_list.queries import offered_other_times

HOUR = 12
"""Ticks of an hour."""

USUAL = (9 * HOUR, 17 * HOUR)
"""Ticks that are drawn of a day on which nobody works."""

GAP = 3
"""Ticks between free starts at least; those between are offered where the gap leads."""

SHORT = 4
"""An entry of fewer ticks has room only for a name."""


class By(StrEnum):
    """What the columns are."""

    PEOPLE = "people"
    ROOMS = "rooms"


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a column from the row ``start``, ``ticks`` long: an entry, the ``group`` of a session
    with its first entry, a free start, or an absence or closure."""

    start: int
    ticks: int
    clock: str
    entry: Entry | None = None
    gap: datetime | None = None
    away: Absence | Closure | None = None
    shows_reason: bool = False
    is_offered_other: bool = False
    group: list[Entry] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Return the classes of the rows that it takes, and of how it is drawn there."""
        squeezed = " squeezed" if self.entry and self.entry.squeezed_in else ""
        return f"r{self.start} n{self.ticks}{' short' if self.ticks < SHORT else ''}{squeezed}"

    @property
    def here(self) -> int:
        """Return how many of the group have come."""
        there = (Standing.WAITING, Standing.IN_ROOM, Standing.DONE)
        return sum(entry.standing in there for entry in self.group)


@dataclass(frozen=True, slots=True)
class Column:
    """A schedule or a room, with the parts of the day when it is open."""

    key: str
    name: str
    detail: str
    schedule_id: int | None = None
    practitioner_id: int | None = None
    opened: tuple[Span, ...] = ()
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Board:
    """The day of a centre."""

    day: date
    zone: ZoneInfo
    columns: list[Column]
    entries: list[Entry]
    first: int
    last: int
    origin: datetime

    @property
    def hours(self) -> list[datetime]:
        """Return the full hours that label the rows."""
        return self.hours_of(self.first, self.last)

    def hours_of(self, first: int, last: int) -> list[datetime]:
        """Return the full hours between two rows."""
        begin = tick_at(self.origin)
        return [instant_of(begin + tick) for tick in range(first, last, HOUR)]

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.last - self.first

    @property
    def tick(self) -> int:
        """Return the height of a row in pixels: the shortest entry has 24 where that is fair."""
        shortest = min(
            (block.ticks for column in self.columns for block in column.blocks if block.entry),
            default=GAP,
        )
        return {1: 16, 2: 12}.get(shortest, 8)

    def of(self, *standings: Standing) -> list[Entry]:
        """Return the entries whose patients stand so."""
        return [entry for entry in self.entries if entry.standing in standings]

    def due(self, now: datetime) -> list[Entry]:
        """Return those who are expected now: who come soon, or are not here in time."""
        return [
            entry
            for entry in self.of(Standing.EXPECTED, Standing.LATE)
            if entry.starts_at <= now + DUE_WITHIN
        ]


def board_of(
    work: Work, centre_id: int, zone: ZoneInfo, day: date, by: By, only: frozenset[int]
) -> Board:
    """Return the board of a day in seven statements, however many work there; ``only`` are the
    schedules to show, by default all."""
    starts, ends = day_in(day, zone)
    over = span_between(starts, ends)
    entries = queries.entries(work, centre_id, starts, ends)
    here = {
        key: one
        for key, one in known.bookable(work.session).items()
        if one.place.centre_id == centre_id and is_at_desk(work.actor, one.place)
    }
    if only:
        here = {key: one for key, one in here.items() if key in only}
        entries = [entry for entry in entries if entry.schedule_id in only]
    layout = _Layout(work, zone, over, here, offered_other_times(work, starts, ends))
    if by is By.ROOMS:
        columns = layout.rooms(entries)
    else:
        closures = schedules.closures(work.session, centre_id, starts, ends)
        columns = layout.people(entries, closures)
    first, last = _drawn(columns)
    return Board(day, zone, columns, entries, first, last, starts)


def _drawn(columns: Iterable[Column]) -> tuple[int, int]:
    """Return the ticks that show all that is open or booked, in whole hours."""
    spans = [
        *(span for column in columns for span in column.opened),
        *(
            Span(block.start, block.start + block.ticks)
            for column in columns
            for block in column.blocks
            if block.entry
        ),
    ]
    first = min((span.start for span in spans), default=USUAL[0]) // HOUR * HOUR
    return first, -(-max((span.end for span in spans), default=USUAL[1]) // HOUR) * HOUR


@dataclass(frozen=True, slots=True)
class _Layout:
    work: Work
    zone: ZoneInfo
    over: Span
    here: Mapping[int, Bookable]
    offered_other: frozenset[UUID]
    clocks: dict[int, str] = field(default_factory=dict)

    def people(self, entries: Sequence[Entry], closures: Sequence[Closure]) -> list[Column]:
        """Return the columns of all who work that day, or are booked."""
        window = window_over(instant_of(self.over.start), instant_of(self.over.end))
        inside = mask_of([self.over], window)
        opened = {key: open_ticks(one.place, window) & inside for key, one in self.here.items()}
        columns = {
            key: self._column(one, opened[key], window)
            for key, one in self.here.items()
            if opened[key]
        }
        for entry in entries:
            if entry.schedule_id not in columns:
                columns[entry.schedule_id] = self._column_of(entry, opened, window)
            self._add_entry(columns[entry.schedule_id], entry)
        self._add_gaps(columns, window)
        self._add_away(columns, closures)
        for column in columns.values():
            column.blocks.sort(key=lambda block: (block.start, block.entry is None))
        return sorted(
            columns.values(), key=lambda one: (one.practitioner_id is None, one.name.casefold())
        )

    def rooms(self, entries: Iterable[Entry]) -> list[Column]:
        """Return the columns of the rooms and machines that are booked that day."""
        columns: dict[str, Column] = {}
        by_id = {entry.id: entry for entry in entries}
        own = [(entry.id, entry.room) for entry in by_id.values() if entry.room is not None]
        for key, name in {*own, *queries.machines(self.work, list(by_id))}:
            column = columns.setdefault(name, Column(name, name, ""))
            self._add_entry(column, by_id[key])
        return sorted(columns.values(), key=lambda one: one.name.casefold())

    def _column(self, one: Bookable, opened: int, window: Window) -> Column:
        subject = one.subject
        return Column(
            str(subject.id),
            subject.name,
            subject.kind,
            subject.id,
            subject.practitioner_id,
            tuple(self._relative(span) for span in spans_of(opened, window)),
        )

    def _column_of(self, entry: Entry, opened: Mapping[int, int], window: Window) -> Column:
        """Return the column of a schedule that is closed that day, or that nobody can book now."""
        one = self.here.get(entry.schedule_id)
        if one is not None:
            return self._column(one, opened[entry.schedule_id], window)
        return Column(str(entry.schedule_id), entry.with_whom, "")

    def _add_entry(self, column: Column, entry: Entry) -> None:
        """Add an entry; those of a session are one block."""
        if entry.session_id is not None:
            for block in column.blocks:
                if block.entry and block.entry.session_id == entry.session_id:
                    block.group.append(entry)
                    return
        column.blocks.append(self._of_entry(entry))

    def _of_entry(self, entry: Entry) -> Block:
        span = self._relative(span_between(entry.starts_at, entry.ends_at))
        return Block(
            span.start,
            span.end - span.start,
            self._clock(span.start),
            entry,
            shows_reason=sees_reasons(self.work.actor, entry.department_id),
            is_offered_other=entry.id in self.offered_other,
            group=[entry] if entry.session_id else [],
        )

    def _add_gaps(self, columns: Mapping[int, Column], window: Window) -> None:
        """Add the free starts of what the reader can book."""
        places = {
            key: first_offered(self.work.actor, one.place)
            for key, one in self.here.items()
            if key in columns
        }
        places = {key: place for key, place in places.items() if is_offered(self.work.actor, place)}
        masks = free_starts(self.work, places, window)
        for key, mask in masks.items():
            columns[key].blocks.extend(self._gaps(mask & mask_of([self.over], window), window))

    def _gaps(self, mask: int, window: Window) -> list[Block]:
        starts: list[int] = []
        for bit in bits(mask):
            tick = window.start + bit - self.over.start
            if not starts or tick >= starts[-1] + GAP:
                starts.append(tick)
        return [
            Block(tick, GAP, self._clock(tick), gap=instant_of(self.over.start + tick))
            for tick in starts
        ]

    def _add_away(self, columns: Mapping[int, Column], closures: Iterable[Closure]) -> None:
        """Add absences, time kept free, and closures of the centre."""
        key_of = {one.place.diary_id: key for key, one in self.here.items() if key in columns}
        starts, ends = instant_of(self.over.start), instant_of(self.over.end)
        for absence in schedules.absences_in(self.work.session, key_of, starts, ends):
            self._add_away_to(columns[key_of[absence.diary_id]], absence)
        for closure in closures:
            for column in columns.values():
                self._add_away_to(column, closure)

    def _add_away_to(self, column: Column, away: Absence | Closure) -> None:
        """Add it, between what is booked, which stays in front."""
        span = span_between(away.starts_at, away.ends_at)
        start, end = max(span.start, self.over.start), min(span.end, self.over.end)
        if start < end:
            begins = start - self.over.start
            column.blocks.append(Block(begins, end - start, self._clock(begins), away=away))

    def _relative(self, span: Span) -> Span:
        return Span(span.start - self.over.start, span.end - self.over.start)

    def _clock(self, tick: int) -> str:
        if tick not in self.clocks:
            self.clocks[tick] = str(clock_time(instant_of(self.over.start + tick), self.zone))
        return self.clocks[tick]
