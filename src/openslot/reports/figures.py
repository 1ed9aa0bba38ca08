"""The arithmetic of reports: appointments, hours and days in, figures out. Nobody has a name
here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from heapq import nsmallest
from math import ceil, inf
from typing import NamedTuple
from zoneinfo import ZoneInfo

from openslot.booking.models import Status
from openslot.reports.rules import ONE_DAY, Group, Period
from openslot.schedules.availability import (
    Span,
    Window,
    mask_of,
    span_between,
    tick_at,
    window_over,
)
from openslot.schedules.rules import Place, open_ticks

KEPT = frozenset({Status.BOOKED, Status.ARRIVED, Status.FULFILLED, Status.NO_SHOW})
"""Appointments that took, or will take, somebody's time; what was entered in error never was
one."""

COUNTED = KEPT | {Status.CANCELLED}
NEXT = 3
"""Which free start tells the wait: single gaps that somebody left by cancelling do not count."""

MINUTES = 5
"""Minutes of a tick."""

Key = date | int | str
"""The first day of a week, the id of a centre, or a profession."""

WaitKey = tuple[str | None, int | None]
"""A profession and a centre; None for what the figures are not told apart by."""


class Offer(NamedTuple):
    """What a schedule offers, and where."""

    centre_id: int
    centre: str
    kind: str
    zone: ZoneInfo


class Booked(NamedTuple):
    """An appointment."""

    schedule_id: int
    starts: datetime
    ends: datetime
    status: str
    created: datetime


def ranked(values: Sequence[float], share: float) -> float | None:
    """The least value that at least ``share`` of them do not exceed; None of none."""
    return sorted(values)[max(1, ceil(share * len(values))) - 1] if values else None


def keys(group: Group, offers: Iterable[Offer], period: Period) -> list[Key]:
    """What the figures are told apart by, in order: also what has nothing to count."""
    if group is Group.WEEK:
        return [week.first for week in period.weeks()]
    if group is Group.CENTRE:
        named = {(offer.centre.casefold(), offer.centre_id) for offer in offers}
        return [centre_id for _, centre_id in sorted(named)]
    return sorted({offer.kind for offer in offers})


def key_of(group: Group, offer: Offer, day: date, period: Period) -> Key:
    """Where an appointment of that local day is counted."""
    if group is Group.WEEK:
        return period.week_of(day)
    return offer.centre_id if group is Group.CENTRE else offer.kind


# Appointments


@dataclass(slots=True)
class Tally:
    """Appointments counted: ``due`` are those whose time has come, ``leads`` the days between
    booking and appointment."""

    appointments: int = 0
    cancelled: int = 0
    due: int = 0
    missed: int = 0
    leads: list[int] = field(default_factory=list)

    def add(self, appointment: Booked, day: date, zone: ZoneInfo, now: datetime) -> None:
        """Count an appointment that starts on the local ``day``."""
        if appointment.status == Status.CANCELLED:
            self.cancelled += 1
            return
        self.appointments += 1
        self.due += appointment.starts <= now
        self.missed += appointment.status == Status.NO_SHOW and appointment.starts <= now
        if appointment.created <= appointment.starts:  # written down later: nobody waited for it
            self.leads.append((day - appointment.created.astimezone(zone).date()).days)

    @property
    def missed_share(self) -> float | None:
        """The part of the appointments due that nobody came to, 0 to 1; None where none was due."""
        return self.missed / self.due if self.due else None

    def lead(self, share: float) -> int | None:
        """Days before the appointment within which ``share`` of the appointments were booked."""
        found = ranked(self.leads, share)
        return None if found is None else int(found)


class Tallies(NamedTuple):
    """Appointments counted by key and all together."""

    rows: dict[Key, Tally]
    total: Tally


def tallies(
    appointments: Iterable[Booked],
    offers: Mapping[int, Offer],
    period: Period,
    group: Group,
    *,
    now: datetime,
) -> Tallies:
    """Count the appointments of ``offers`` that start within the period by their centre's
    calendar."""
    found = Tallies({key: Tally() for key in keys(group, offers.values(), period)}, Tally())
    for appointment in appointments:
        offer = offers.get(appointment.schedule_id)
        if offer is None or appointment.status not in COUNTED:
            continue
        day = appointment.starts.astimezone(offer.zone).date()
        if period.first <= day <= period.last:
            found.rows[key_of(group, offer, day, period)].add(appointment, day, offer.zone, now)
            found.total.add(appointment, day, offer.zone, now)
    return found


# Open time


class Use(NamedTuple):
    """Minutes that were open for bookings, and those of them that are booked."""

    open: int
    booked: int

    @property
    def share(self) -> float | None:
        """The booked part, 0 to 1; None where nothing was open."""
        return self.booked / self.open if self.open else None


class Uses(NamedTuple):
    """Open time by key and all together."""

    rows: dict[Key, Use]
    total: Use


class _Time:
    """Ticks by diary: somebody who may be at either of two places has their time once."""

    def __init__(self) -> None:
        self.open: defaultdict[int, int] = defaultdict(int)
        self.booked: defaultdict[int, int] = defaultdict(int)

    def add(self, diary_id: int, opened: int, booked: int) -> None:
        self.open[diary_id] |= opened
        self.booked[diary_id] |= booked

    def use(self) -> Use:
        return Use(_minutes(self.open), _minutes(self.booked))


def _minutes(masks: Mapping[int, int]) -> int:
    return MINUTES * sum(mask.bit_count() for mask in masks.values())


def window_of(period: Period) -> Window:
    """The UTC days that hold the period by the calendar of any zone."""
    starts = datetime.combine(period.first - ONE_DAY, time(), ZoneInfo("UTC"))
    ends = datetime.combine(period.last + 2 * ONE_DAY, time(), ZoneInfo("UTC"))
    return window_over(starts, ends)


def uses(
    appointments: Iterable[Booked],
    places: Mapping[int, Place],
    offers: Mapping[int, Offer],
    away: Mapping[int, int],
    period: Period,
    group: Group,
) -> Uses:
    """How much of the open time is booked.

    Open are the weekly hours as they stand now, without public holidays and without ``away``:
    by diary, the ticks of :func:`window_of` that absences and closures take. Appointments outside
    open time are not counted.
    """
    window = window_of(period)
    rows = {key: _Time() for key in keys(group, offers.values(), period)}
    total = _Time()
    taken = _taken(appointments, window)
    weeks = {zone: _weeks(period, zone, window) for zone in {one.zone for one in places.values()}}
    for schedule_id, place in places.items():
        offer = offers[schedule_id]
        opened = open_ticks(place, window) & ~away.get(place.diary_id, 0)
        opened &= ~away.get(place.closures_id, 0)
        booked = taken.get(schedule_id, 0) & opened
        for monday, week in weeks[place.zone]:
            time_ = rows[key_of(group, offer, monday, period)]
            time_.add(place.diary_id, opened & week, booked & week)
            total.add(place.diary_id, opened & week, booked & week)
    return Uses({key: time_.use() for key, time_ in rows.items()}, total.use())


def _taken(appointments: Iterable[Booked], window: Window) -> dict[int, int]:
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for appointment in appointments:
        if appointment.status in KEPT:
            spans[appointment.schedule_id].append(
                span_between(appointment.starts, appointment.ends)
            )
    return {schedule_id: mask_of(own, window) for schedule_id, own in spans.items()}


def _weeks(period: Period, zone: ZoneInfo, window: Window) -> list[tuple[date, int]]:
    """Each week's first day and its ticks, from local midnight to local midnight."""
    return [
        (
            week.first,
            mask_of(
                [Span(_midnight(week.first, zone), _midnight(week.last + ONE_DAY, zone))], window
            ),
        )
        for week in period.weeks()
    ]


def _midnight(day: date, zone: ZoneInfo) -> int:
    return tick_at(datetime.combine(day, time(), zone))


# Waiting


class Free(NamedTuple):
    """The next free starts of a schedule, at most NEXT, in its centre's zone."""

    schedule_id: int
    diary_id: int
    starts: Sequence[datetime]


class Wait(NamedTuple):
    """Days to the third free start: with whoever has it first, and with the middle one of
    those who can be booked. None where there is none as far ahead as can be booked."""

    first: int | None
    typical: int | None
    schedules: int


class Waits(NamedTuple):
    """Waits by profession and centre, and all together."""

    rows: dict[WaitKey, Wait]
    total: Wait


def waits(
    free: Iterable[Free], offers: Mapping[int, Offer], group: Group, *, now: datetime
) -> Waits:
    """How far away the third free start is; by profession and centre when asked by week,
    since it is a figure of now."""
    found: defaultdict[WaitKey, list[Free]] = defaultdict(list)
    everything: list[Free] = []
    for one in free:
        offer = offers[one.schedule_id]
        kind = None if group is Group.CENTRE else offer.kind
        centre_id = None if group is Group.PROFESSION else offer.centre_id
        found[kind, centre_id].append(one)
        everything.append(one)
    return Waits({key: _wait(own, now) for key, own in found.items()}, _wait(everything, now))


def _wait(free: Sequence[Free], now: datetime) -> Wait:
    # At either place it is one free start, not two.
    starts = {(start, one.diary_id): start for one in free for start in one.starts}
    return Wait(
        first=_days(_third(starts.values()), now),
        typical=_middle([_days(_third(one.starts), now) for one in free]),
        schedules=len(free),
    )


def _third(starts: Iterable[datetime]) -> datetime | None:
    found = nsmallest(NEXT, starts)
    return found[-1] if len(found) == NEXT else None


def _days(start: datetime | None, now: datetime) -> int | None:
    """Calendar days from today, where the start is, to the start."""
    return (start.date() - now.astimezone(start.tzinfo).date()).days if start else None


def _middle(days: Sequence[int | None]) -> int | None:
    found = ranked([inf if one is None else one for one in days], 0.5)
    return None if found is None or found == inf else int(found)
