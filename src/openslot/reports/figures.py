"""The arithmetic of reports, from appointments, hours and days to figures. No names are
involved."""

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
"""Appointments with these statuses took up time, or will."""

COUNTED = KEPT | {Status.CANCELLED}
NEXT = 3
"""The free start that measures the wait, so that single gaps after cancellations do not count."""

MINUTES = 5
"""The minutes of a tick."""

Key = date | int | str
"""The first day of a week, the id of a centre, or a profession."""

WaitKey = tuple[str | None, int | None]
"""A profession and a centre; None if the figures are not split by it."""


class Offer(NamedTuple):
    """The centre and the kind of care of a schedule, with its name if it is a profession."""

    centre_id: int
    centre: str
    kind: str
    kind_name: str
    zone: ZoneInfo


class Booked(NamedTuple):
    """An appointment."""

    schedule_id: int
    starts: datetime
    ends: datetime
    status: str
    created: datetime


def ranked(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least ``share`` of all do not exceed, or None if there
    are none."""
    return sorted(values)[max(1, ceil(share * len(values))) - 1] if values else None


def keys(group: Group, offers: Iterable[Offer], period: Period) -> list[Key]:
    """Return the keys of the figures in order, those without anything to count included."""
    if group is Group.WEEK:
        return [week.first for week in period.weeks()]
    if group is Group.CENTRE:
        named = {(offer.centre.casefold(), offer.centre_id) for offer in offers}
        return [centre_id for _, centre_id in sorted(named)]
    return sorted({offer.kind for offer in offers})


def key_of(group: Group, offer: Offer, day: date, period: Period) -> Key:
    """Return the key under which an appointment on that local day is counted."""
    if group is Group.WEEK:
        return period.week_of(day)
    return offer.centre_id if group is Group.CENTRE else offer.kind


# Appointments


@dataclass(slots=True)
class Tally:
    """Counted appointments.

    ``due`` are those whose start has passed, ``leads`` the days from booking to appointment.
    """

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
        if appointment.created <= appointment.starts:  # nobody waited if it was entered afterwards
            self.leads.append((day - appointment.created.astimezone(zone).date()).days)

    @property
    def missed_share(self) -> float | None:
        """The share of due appointments that were missed, 0 to 1; None if none was due."""
        return self.missed / self.due if self.due else None

    def lead(self, share: float) -> int | None:
        """Return the days ahead within which ``share`` of the appointments were booked, or None."""
        days = ranked(self.leads, share)
        return None if days is None else int(days)


class Tallies(NamedTuple):
    """Counted appointments by key and in total."""

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
    """Count the appointments on ``offers`` that start in the period of their centre's calendar."""
    counted = Tallies({key: Tally() for key in keys(group, offers.values(), period)}, Tally())
    for appointment in appointments:
        offer = offers.get(appointment.schedule_id)
        if offer is None or appointment.status not in COUNTED:
            continue
        day = appointment.starts.astimezone(offer.zone).date()
        if period.first <= day <= period.last:
            counted.rows[key_of(group, offer, day, period)].add(appointment, day, offer.zone, now)
            counted.total.add(appointment, day, offer.zone, now)
    return counted


# Open time


class Use(NamedTuple):
    """Minutes open for booking, and the booked minutes among them."""

    open: int
    booked: int

    @property
    def share(self) -> float | None:
        """The booked share, 0 to 1; None if nothing was open."""
        return self.booked / self.open if self.open else None


class Uses(NamedTuple):
    """Open time by key and in total."""

    rows: dict[Key, Use]
    total: Use


class _Time:
    """Ticks by diary, so a practitioner with two schedules at the same time counts once."""

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
    """Return the UTC days that cover the period in any time zone."""
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
    *,
    window: Window,
) -> Uses:
    """Return how much of the open time is booked.

    Open time is the current weekly hours without public holidays and without ``away``: the ticks of
    the window that absences and closures take, by diary. The window is that of a period in which
    ``period`` lies, from :func:`window_of`. Appointments outside open time are not counted.
    """
    rows = {key: _Time() for key in keys(group, offers.values(), period)}
    total = _Time()
    taken = _taken(appointments, window)
    weeks = {
        zone: _weeks(period, zone, window) for zone in {place.zone for place in places.values()}
    }
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
    return {
        schedule_id: mask_of(schedule_spans, window)
        for schedule_id, schedule_spans in spans.items()
    }


def _weeks(period: Period, zone: ZoneInfo, window: Window) -> list[tuple[date, int]]:
    """Return each week's first day and its ticks, from local midnight to local midnight."""
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
    """The next free starts of a schedule, at most NEXT, in its centre's time zone."""

    schedule_id: int
    diary_id: int
    starts: Sequence[datetime]


class Wait(NamedTuple):
    """Days to the third free start: the shortest wait, and the median of all schedules.

    None if there is no such start in the time that can be booked.
    """

    first: int | None
    typical: int | None
    schedules: int


class Waits(NamedTuple):
    """Waiting times by profession and centre, and in total."""

    rows: dict[WaitKey, Wait]
    total: Wait


def waits(
    free: Iterable[Free], offers: Mapping[int, Offer], group: Group, *, now: datetime
) -> Waits:
    """Return the days to the third free start.

    It is a figure of the present, so grouping by week gives it by profession and centre.
    """
    by_key: defaultdict[WaitKey, list[Free]] = defaultdict(list)
    all_free: list[Free] = []
    for schedule_starts in free:
        offer = offers[schedule_starts.schedule_id]
        kind = None if group is Group.CENTRE else offer.kind
        centre_id = None if group is Group.PROFESSION else offer.centre_id
        by_key[kind, centre_id].append(schedule_starts)
        all_free.append(schedule_starts)
    return Waits(
        {key: _wait(same_key, now) for key, same_key in by_key.items()}, _wait(all_free, now)
    )


def _wait(free: Sequence[Free], now: datetime) -> Wait:
    """Return the wait for some schedules; a start in one diary counts once, at whichever centre."""
    starts = {(start, schedule.diary_id): start for schedule in free for start in schedule.starts}
    return Wait(
        first=_days(_third(starts.values()), now),
        typical=_median([_days(_third(schedule.starts), now) for schedule in free]),
        schedules=len(free),
    )


def _third(starts: Iterable[datetime]) -> datetime | None:
    earliest = nsmallest(NEXT, starts)
    return earliest[-1] if len(earliest) == NEXT else None


def _days(start: datetime | None, now: datetime) -> int | None:
    """Return the calendar days from today to the start, in the start's time zone."""
    return (start.date() - now.astimezone(start.tzinfo).date()).days if start else None


def _median(days: Sequence[int | None]) -> int | None:
    median = ranked([inf if count is None else count for count in days], 0.5)
    return None if median is None or median == inf else int(median)
