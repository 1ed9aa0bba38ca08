"""Layout of a practitioner's days in the calendar: rows of 5 minutes, columns of days."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from openslot.booking.diaries import Part
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.slots import Slot
from openslot.schedules.availability import instant_of, spans_of, whole_days, window_over
from openslot.schedules.models import Absence
from openslot.schedules.rules import Place, open_ticks

DAY_MINUTES = 24 * 60
USUAL = (9 * 60, 17 * 60)
"""Minutes of the day that are drawn in a week without hours or appointments."""

SHORT = 20
"""Appointments shorter than this, in minutes, have room only for the name."""


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a day; ``start`` and ``end`` are minutes after midnight.

    What overlaps because something was squeezed in is drawn side by side: each in a ``lane``,
    counted from 1; 0 is the whole width.
    """

    start: int
    end: int
    appointment: Appointment | None = None
    absence: Absence | None = None
    part: Part | None = None
    group: GroupSession | None = None
    gap: Slot | None = None
    lane: int = 0

    @property
    def minutes(self) -> int:
        """Length in minutes, as drawn."""
        return self.end - self.start

    @property
    def is_booked(self) -> bool:
        """True for an appointment or a session."""
        return self.appointment is not None or self.group is not None

    def overlaps(self, other: "Block") -> bool:
        """Return whether both are drawn at some time."""
        return self.start < other.end and other.start < self.end

    @property
    def is_short(self) -> bool:
        """True if there is room only for a name."""
        return self.minutes < SHORT


@dataclass(frozen=True, slots=True)
class AgendaDay:
    """A day with its open hours, appointments, absences, and parts in those of others."""

    date: date
    centres: tuple[str, ...]
    open_parts: tuple[Block, ...]
    blocks: tuple[Block, ...]

    @property
    def appointments(self) -> int:
        """Number of appointments; those of a session count as one."""
        return sum(1 for block in self.blocks if block.is_booked)

    @property
    def lanes(self) -> int:
        """Number of lanes that are side by side."""
        return max((block.lane for block in self.blocks), default=0)

    @property
    def is_used(self) -> bool:
        """True if there is anything to draw."""
        return bool(self.open_parts or self.blocks)


@dataclass(frozen=True, slots=True)
class Agenda:
    """Days, and the hours of the clock that cover everything on them."""

    days: tuple[AgendaDay, ...]
    first: int
    last: int

    @property
    def rows(self) -> int:
        """Number of rows of 5 minutes."""
        return (self.last - self.first) // 5

    @property
    def hours(self) -> list[time]:
        """Full hours that label the rows."""
        return [time(minute // 60) for minute in range(self.first, self.last, 60)]

    @property
    def starts(self) -> list[int]:
        """All start minutes in use, for the style block."""
        return sorted({block.start for block in self._all()})

    @property
    def lengths(self) -> list[int]:
        """All lengths in use, for the style block."""
        return sorted({block.minutes for block in self._all()})

    @property
    def lanes(self) -> int:
        """Most lanes of a day."""
        return max((day.lanes for day in self.days), default=0)

    def row(self, minute: int) -> int:
        """Return the grid row where a minute of the day begins."""
        return (minute - self.first) // 5 + 1

    def _all(self) -> Iterable[Block]:
        return (block for day in self.days for block in (*day.open_parts, *day.blocks))


def agenda(
    days: Sequence[date],
    zone: ZoneInfo,
    places: Iterable[tuple[Place, str]],
    appointments: Sequence[Appointment],
    absences: Sequence[Absence],
    parts: Sequence[Part] = (),
    groups: Sequence[GroupSession] = (),
    gaps: Sequence[Slot] = (),
) -> Agenda:
    """Lay out ``days`` in the wall-clock time of ``zone``.

    ``parts`` are what the practitioner takes part in for others, ``places`` their schedules with
    the names of the centres. Each session of ``groups`` is drawn once, in the place of its
    appointments. Of the free ``gaps``, those that follow each other are drawn.
    """
    listed = list(places)
    drawn_once = {group.id for group in groups}
    single = [one for one in appointments if one.session_id not in drawn_once]
    apart = _apart(gaps)
    drawn = [_day(day, zone, listed, single, absences, parts, groups, apart) for day in days]
    fixed = [
        block
        for day in drawn
        for block in (*day.open_parts, *(block for block in day.blocks if not block.absence))
    ]
    first = min((block.start for block in fixed), default=USUAL[0]) // 60 * 60
    last = -(-max((block.end for block in fixed), default=USUAL[1]) // 60) * 60
    shown_days = tuple(_clipped(day, first, last) for day in drawn)
    return Agenda(shown_days, first, last)


def current_appointment(appointments: Sequence[Appointment], now: datetime) -> Appointment | None:
    """Return the appointment whose patient has arrived, else the one that is due now."""
    arrived = [appointment for appointment in appointments if appointment.status is Status.ARRIVED]
    due = [
        appointment
        for appointment in appointments
        if appointment.status is Status.BOOKED
        and appointment.starts_at <= now < appointment.ends_at
    ]
    return next(iter(arrived + due), None)


def _day(
    day: date,
    zone: ZoneInfo,
    places: Sequence[tuple[Place, str]],
    appointments: Sequence[Appointment],
    absences: Sequence[Absence],
    parts: Sequence[Part],
    groups: Sequence[GroupSession],
    gaps: Sequence[Slot],
) -> AgendaDay:
    open_parts, centres = _open_parts(day, zone, places)
    blocks = [
        Block(
            *_minutes(day, zone, appointment.starts_at, appointment.ends_at),
            appointment=appointment,
        )
        for appointment in appointments
        if appointment.starts_at.astimezone(zone).date() == day
    ]
    for part in parts:
        start, end = _minutes(day, zone, part.starts_at, part.ends_at)
        if start < end:
            blocks.append(Block(start, end, part=part))
    blocks += [
        Block(*_minutes(day, zone, group.starts_at, group.ends_at), group=group)
        for group in groups
        if group.starts_at.astimezone(zone).date() == day
    ]
    blocks += [
        Block(*_minutes(day, zone, gap.start, gap.end), gap=gap)
        for gap in gaps
        if gap.start.astimezone(zone).date() == day
    ]
    for absence in absences:
        start, end = _minutes(day, zone, absence.starts_at, absence.ends_at)
        if start < end:
            blocks.append(Block(start, end, absence=absence))
    blocks.sort(key=lambda block: (block.start, not block.is_booked))
    return AgendaDay(day, centres, open_parts, tuple(_in_lanes(blocks)))


def _apart(gaps: Sequence[Slot]) -> list[Slot]:
    """Return the free times that do not overlap one before them; what is between is offered where
    a gap leads."""
    apart: list[Slot] = []
    for gap in gaps:
        if not apart or gap.start >= apart[-1].end:
            apart.append(gap)
    return apart


def _in_lanes(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks, in lanes where appointments or sessions overlap."""
    laid: list[Block] = []
    for block in blocks:
        beside = [one for one in blocks if one is not block and one.is_booked]
        if not block.is_booked or not any(map(block.overlaps, beside)):
            laid.append(block)
            continue
        used = {one.lane for one in laid if block.overlaps(one)}
        laid.append(replace(block, lane=min(set(range(1, len(used) + 2)) - used)))
    return laid


def _open_parts(
    day: date, zone: ZoneInfo, places: Sequence[tuple[Place, str]]
) -> tuple[tuple[Block, ...], tuple[str, ...]]:
    """Return the combined open hours of all schedules, and the names of the open centres."""
    begins = datetime.combine(day, time(0), zone)
    window = window_over(begins, begins + timedelta(days=1, hours=2))
    own = whole_days([day], zone, window)
    open_, names = 0, []
    for place, name in places:
        open_here = open_ticks(place, window) & own
        if open_here and name not in names:
            names.append(name)
        open_ |= open_here
    parts = [
        Block(*_minutes(day, zone, instant_of(span.start), instant_of(span.end)))
        for span in spans_of(open_, window)
    ]
    return tuple(parts), tuple(names)


def _minutes(day: date, zone: ZoneInfo, starts: datetime, ends: datetime) -> tuple[int, int]:
    """Return the part of the day that a period takes, in minutes of the wall clock."""
    return _minute_of(day, starts.astimezone(zone)), _minute_of(day, ends.astimezone(zone))


def _minute_of(day: date, at: datetime) -> int:
    if at.date() < day:
        return 0
    if at.date() > day:
        return DAY_MINUTES
    return at.hour * 60 + at.minute


def _clipped(day: AgendaDay, first: int, last: int) -> AgendaDay:
    """Return the day with its absences cut to the drawn hours."""
    blocks = [
        replace(block, start=max(block.start, first), end=min(block.end, last))
        for block in day.blocks
    ]
    return AgendaDay(
        day.date, day.centres, day.open_parts, tuple(block for block in blocks if block.minutes > 0)
    )
