"""Itineraries: appointments of different services, in order and with gaps, found as masks.

From the last step back, each step keeps the starts after which the rest can follow. So whatever is
chosen first, the rest is known to fit, and the search goes forward without trying in vain; only
steps that exclude each other (the same practitioner on one day) are tried one after the other.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import reduce
from itertools import islice
from operator import or_
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.booking.slots import Slot, slot_at
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    instant_of,
    ones,
    starts_of_runs,
    whole_days,
)
from openslot.schedules.rules import Place

MOST_STEPS = 6
MOST_TRIED = 20_000
"""Picks that a search tries at most, where steps exclude each other."""


class Unit(StrEnum):
    """What a gap is counted in: minutes, or days of the calendar."""

    MINUTES = "minutes"
    DAYS = "days"


class Gap(NamedTuple):
    """The time between the end of a step and the start of the next, at least and at most. Days are
    counted from the day of the step: 0 is the same day, 1 the next."""

    least: int = 0
    most: int = 0
    unit: Unit = Unit.MINUTES


@dataclass(frozen=True, slots=True)
class Option:
    """A place where a step can be: its free starts as a mask over the window, the minutes that it
    takes, and the referral that it uses up, if it does."""

    place: Place
    starts: int
    minutes: int
    referral_id: UUID | None = None

    @property
    def ticks(self) -> int:
        """Return the length in ticks."""
        return self.minutes // 5


class Pick(NamedTuple):
    """A step at a place, from a tick of the window on."""

    at: int
    option: Option


def plans(
    steps: Sequence[Sequence[Option]], gaps: Sequence[Gap], window: Window, *, limit: int
) -> list[list[Slot]]:
    """Return up to ``limit`` plans, each with another first start and as early as it can go on, the
    earliest first. ``gaps`` are those between the steps."""
    search = _Search(steps, gaps, window)
    return [
        [slot_at(window.start + one.at, one.option.place, one.option.minutes) for one in plan]
        for plan in islice(search.plans(), limit)
    ]


class _Search:
    def __init__(
        self, steps: Sequence[Sequence[Option]], gaps: Sequence[Gap], window: Window
    ) -> None:
        self.steps, self.gaps, self.window, self.tried = steps, gaps, window, 0
        self.feasible: list[list[int]] = [[] for _ in steps]
        rest = 0
        for number in reversed(range(len(steps))):
            kinds = {(option.place.zone, option.ticks) for option in steps[number]}
            is_last = number == len(steps) - 1
            fits = {kind: ~0 if is_last else self._before(number, *kind, rest) for kind in kinds}
            self.feasible[number] = [
                option.starts & fits[option.place.zone, option.ticks] for option in steps[number]
            ]
            rest = reduce(or_, self.feasible[number], 0)

    def plans(self) -> Iterator[list[Pick]]:
        """Yield a plan for each first start, in order."""
        last = -1
        for pick in self._picks(0, ~0):
            if pick.at != last and (plan := self._completed([pick])):
                last = pick.at
                yield plan

    def _completed(self, begun: list[Pick]) -> list[Pick] | None:
        """Return the plan with the earliest further steps, or None."""
        if len(begun) == len(self.steps):
            return begun
        for pick in self._picks(len(begun), self._after(len(begun) - 1, begun[-1])):
            self.tried += 1
            if self.tried > MOST_TRIED:
                return None
            if any(self._exclude(one, pick) for one in begun):
                continue
            if plan := self._completed([*begun, pick]):
                return plan
        return None

    def _picks(self, number: int, allowed: int) -> Iterator[Pick]:
        """Yield the picks of a step that can be completed, by start and then by option."""
        options = self.steps[number]

        def of(index: int) -> Iterator[tuple[int, int]]:
            return ((bit, index) for bit in bits(self.feasible[number][index] & allowed))

        in_order = heapq.merge(*map(of, range(len(options))))
        return (Pick(bit, options[index]) for bit, index in in_order)

    def _before(self, number: int, zone: ZoneInfo, ticks: int, rest: int) -> int:
        """Return the starts of a step of ``ticks`` after which one of ``rest`` can follow."""
        gap = self.gaps[number]
        if gap.unit is Unit.MINUTES:
            return _any_of(rest >> ticks + gap.least // 5, (gap.most - gap.least) // 5 + 1)
        mask = 0
        while rest:
            lowest = rest & -rest
            day = self._date(lowest.bit_length() - 1, zone)
            own = whole_days([day], zone, self.window) | lowest
            latest = (rest & own).bit_length() - 1
            before = [day - timedelta(days=count) for count in range(gap.least, gap.most + 1)]
            mask |= whole_days(before, zone, self.window) & ones(max(0, latest - ticks + 1))
            rest &= ~own
        return mask

    def _after(self, number: int, pick: Pick) -> int:
        """Return the time in which the next step can start."""
        gap, ends = self.gaps[number], pick.at + pick.option.ticks
        if gap.unit is Unit.MINUTES:
            return ones((gap.most - gap.least) // 5 + 1) << ends + gap.least // 5
        day = self._day(pick)
        days = [day + timedelta(days=count) for count in range(gap.least, gap.most + 1)]
        return whole_days(days, pick.option.place.zone, self.window) >> ends << ends

    def _exclude(self, one: Pick, other: Pick) -> bool:
        """Return whether two steps cannot both be: they use one referral up, are on one day with
        one practitioner, or take the time of the same people or room."""
        mine, others = one.option, other.option
        if mine.referral_id is not None and mine.referral_id == others.referral_id:
            return True
        practitioner = mine.place.practitioner_id
        if practitioner is not None and practitioner == others.place.practitioner_id:
            return self._day(one) == self._day(other) or _overlap(one, other)
        shared = _taken_there(mine.place) & _taken_there(others.place)
        return bool(shared) and _overlap(one, other)

    def _day(self, pick: Pick) -> date:
        return self._date(pick.at, pick.option.place.zone)

    def _date(self, bit: int, zone: ZoneInfo) -> date:
        return instant_of(self.window.start + bit).astimezone(zone).date()


def _taken_there(place: Place) -> set[int]:
    """Return the diaries that an appointment takes there, whoever else serves it."""
    alone = (need[0].diary_id for need in place.needs if len(need) == 1)
    return {*place.claimed_ids, *alone}


def _overlap(one: Pick, other: Pick) -> bool:
    first, second = (
        pick.option.place.busy(Span(pick.at, pick.at + pick.option.ticks)) for pick in (one, other)
    )
    return first.start < second.end and second.start < first.end


def _any_of(mask: int, count: int) -> int:
    """Return the bits from which on one of ``count`` bits is set."""
    return ~starts_of_runs(~mask, count)
