"""What hours give: the starts of each period, the minutes that no appointment can use, and when a
centre is open."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple
from zoneinfo import ZoneInfo

from openslot.core.clock import day_in
from openslot.schedules.availability import (
    EPOCH,
    Span,
    Times,
    Weekly,
    Window,
    bits,
    instant_of,
    mask_of,
    span_between,
    spans_of,
    wall_clock,
    window_over,
)
from openslot.schedules.rules import Place, holiday_name, open_ticks, times_of


class Opening(NamedTuple):
    """A time that is open, its starts, the minutes that are left over, and the services that it is
    only for; in local time."""

    begins: datetime
    ends: datetime
    starts: tuple[datetime, ...]
    lost: int
    only: tuple[str, ...]


class OpenDay(NamedTuple):
    """A local date with what is open from then on, and the name of a public holiday."""

    day: date
    openings: tuple[Opening, ...]
    holiday: str | None


def preview(place: Place, first: date, days: int) -> list[OpenDay]:
    """Return the local dates from ``first`` on, as if nothing was booked."""
    return [
        OpenDay(
            day,
            tuple(sorted(one for period in place.hours for one in _on(place, period, day))),
            holiday_name(place.holiday_region, day) if place.holiday_region else None,
        )
        for day in (first + timedelta(days=ahead) for ahead in range(days))
    ]


def _on(place: Place, period: Weekly, day: date) -> list[Opening]:
    """Return the opening that begins on the day; none if the period does not, or it is a public
    holiday. A night that goes on into one is cut."""
    number = (day - EPOCH).days
    if not wall_clock(period, Window(number, 1)):
        return []
    once = Weekly(day.weekday(), period.starts, period.ends, day, day, None, period.on_holidays)
    only = [one for one in place.services if one.service_id in period.services]
    own = (only and place.offering(only[0].service_id)) or place
    window = Window(number - 1, 4)  # zones are up to 14 hours from UTC
    times = times_of(own._replace(hours=(once,)), window)
    names = tuple(one.name for one in only)
    return [_opening(own, times, span, window, names) for span in spans_of(times.opened, window)]


def _opening(
    place: Place, times: Times, span: Span, window: Window, only: tuple[str, ...]
) -> Opening:
    inside = mask_of([span], window)
    ticks = list(bits(times.starts & inside, window.start))
    used = mask_of([place.busy(Span(tick, tick + place.slot_ticks)) for tick in ticks], window)
    begins, ends, *starts = (
        instant_of(tick).astimezone(place.zone) for tick in (span.start, span.end, *ticks)
    )
    return Opening(begins, ends, tuple(starts), (inside & ~used).bit_count() * 5, only)


class OpenHours(NamedTuple):
    """A local date with the times from begin to end at which anybody is there, in local time."""

    day: date
    times: tuple[tuple[datetime, datetime], ...]


def open_hours(
    places: Collection[Place], closed: Iterable[Span], zone: ZoneInfo, first: date, days: int
) -> list[OpenHours]:
    """Return when any of the places of a centre is open, but for its closures, on each local date
    from ``first`` on."""
    dates = [first + timedelta(days=ahead) for ahead in range(days)]
    window = window_over(day_in(first, zone)[0], day_in(dates[-1], zone)[1])
    opened = reduce(or_, (open_ticks(place, window) for place in places), 0)
    opened &= ~mask_of(closed, window)
    return [
        OpenHours(
            day,
            tuple(
                (instant_of(span.start).astimezone(zone), instant_of(span.end).astimezone(zone))
                for span in spans_of(
                    opened & mask_of([span_between(*day_in(day, zone))], window), window
                )
            ),
        )
        for day in dates
    ]
