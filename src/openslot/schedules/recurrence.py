"""Recurrence of opening hours by RFC 5545: as much of it as hours need, read and expanded.

A rule is kept as a text such as ``FREQ=WEEKLY;INTERVAL=2;BYDAY=TU``. The first and the last day of
the hours are its DTSTART and UNTIL; python-dateutil knows the calendar.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from dateutil import rrule

from openslot.core.fields import FIRST_YEAR, LAST_YEAR
from openslot.schedules.errors import BadRule, NeedsFirstDay, NeverOpen

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_INTERVAL = 60
MOST_COUNT = 1000
SEARCHED_YEARS = 8
"""A rule must have a day in so many years from its first: 29 February may be that far away."""

_PART = re.compile(r"(?P<name>[A-Z]+)=(?P<value>[A-Z0-9,+-]+)", re.ASCII)
_DAY = re.compile(r"(?P<which>[+-]?[1-5])?(?P<weekday>MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


class Frequency(StrEnum):
    """How often a rule recurs, as RFC 5545 writes it."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


_FREQUENCIES = {
    Frequency.DAILY: rrule.DAILY,
    Frequency.WEEKLY: rrule.WEEKLY,
    Frequency.MONTHLY: rrule.MONTHLY,
}


class On(NamedTuple):
    """A weekday, 0 for Monday; ``which`` one of the month, -1 for the last, 0 for each."""

    weekday: int
    which: int = 0

    def __str__(self) -> str:
        return f"{self.which or ''}{WEEKDAYS[self.weekday]}"


class Rule(NamedTuple):
    """A rule in its parts; without ``on`` it recurs on the day that its first day is."""

    frequency: Frequency
    interval: int = 1
    on: tuple[On, ...] = ()
    times: int | None = None

    def __str__(self) -> str:
        parts = [f"FREQ={self.frequency}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        if self.on:
            parts.append("BYDAY=" + ",".join(map(str, self.on)))
        if self.times is not None:
            parts.append(f"COUNT={self.times}")
        return ";".join(parts)

    @property
    def needs_first(self) -> bool:
        """Return whether the days depend on the day that the rule begins with."""
        has_days = bool(self.on) or self.frequency is Frequency.DAILY
        return self.interval > 1 or self.times is not None or not has_days


class Recurrence(NamedTuple):
    """A rule as it is kept, with its first and last day; ``rule`` is None for every week.

    ``weekday`` is the one that it first falls on.
    """

    weekday: int
    rule: str | None
    first: date | None
    last: date | None


def check_rule(text: str, first: date | None, last: date | None) -> Recurrence:
    """Return the rule as it is kept, with UNTIL as its last day.

    Raises BadRule, NeedsFirstDay if its days depend on one, and NeverOpen if it has no day.
    """
    parts = _parts(text)
    until = _until(parts.pop("UNTIL", None))
    last = min((day for day in (last, until) if day), default=None)
    rule = _rule(parts)
    if rule.frequency is Frequency.WEEKLY and not rule.on and first is not None:
        rule = rule._replace(on=(On(first.weekday()),))
    if rule.needs_first and first is None:
        raise NeedsFirstDay(field="hours")
    if rule.frequency is Frequency.WEEKLY and not rule.needs_first and len(rule.on) == 1:
        return Recurrence(rule.on[0].weekday, None, first, last)
    begins = first or date(2024, 1, 1)
    horizon = begins + timedelta(days=366 * SEARCHED_YEARS)
    day = next(_days(rule, begins, min(last or horizon, horizon)), None)
    if day is None:
        raise NeverOpen(field="hours")
    return Recurrence(day.weekday(), str(rule), first, last)


def dates(text: str, first: date, *, most: int) -> list[date]:
    """Return the days of a rule that ends, with COUNT or UNTIL, from ``first`` on; of a rule that
    has more than ``most``, one more. Raises BadRule."""
    parts = _parts(text)
    until = _until(parts.pop("UNTIL", None))
    rule = _rule(parts)
    if rule.times is None and until is None:
        raise BadRule("Say when it ends: with COUNT or UNTIL.")
    horizon = first + timedelta(days=366 * SEARCHED_YEARS)
    return list(islice(_days(rule, first, min(until or horizon, horizon)), most + 1))


@lru_cache(maxsize=1024)
def read(text: str) -> Rule:
    """Return the parts of a rule. Raises BadRule."""
    return _rule(_parts(text))


@lru_cache(maxsize=4096)
def days_in(text: str, first: date | None, year: int) -> tuple[date, ...]:
    """Return the days of a year on which a rule recurs, from ``first`` on."""
    rule, january, december = read(text), date(year, 1, 1), date(year, 12, 31)
    begins = _skipped(rule, first, january) if first else january
    return tuple(day for day in _days(rule, begins, december) if day >= january)


def _skipped(rule: Rule, first: date, day: date) -> date:
    """Return from when to count a rule for its days from ``day`` on: whole intervals after
    ``first``, so that the years between need not be counted through."""
    if first >= day or rule.times is not None or not (rule.on or rule.frequency is Frequency.DAILY):
        return first
    if rule.frequency is Frequency.MONTHLY:
        months = (day.year - first.year) * 12 + day.month - first.month
        years, month = divmod(first.month - 1 + months - months % rule.interval, 12)
        return date(first.year + years, month + 1, 1)
    step = rule.interval * timedelta(days=7 if rule.frequency is Frequency.WEEKLY else 1)
    return first + (day - first) // step * step


def _days(rule: Rule, first: date, last: date) -> Iterator[date]:
    """Return the days from ``first`` to ``last``, in order; COUNT counts from ``first``."""
    weekdays = [
        rrule.weekday(on.weekday, on.which) if on.which else rrule.weekday(on.weekday)
        for on in rule.on
    ]
    instants = rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=datetime.combine(first, time(), UTC),
        interval=rule.interval,
        byweekday=weekdays or None,
        until=datetime.combine(last, time(), UTC),
        wkst=rrule.MO,
    )
    return islice((instant.date() for instant in instants), rule.times)


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        match = _PART.fullmatch(part)
        if match is None or match["name"] in parts:
            raise BadRule(field="hours")
        parts[match["name"]] = match["value"]
    return parts


def _rule(parts: dict[str, str]) -> Rule:
    if not parts.keys() <= {"FREQ", "INTERVAL", "BYDAY", "COUNT"}:
        raise BadRule(field="hours")
    try:
        frequency = Frequency(parts["FREQ"])
    except (KeyError, ValueError):
        raise BadRule(field="hours") from None
    count = parts.get("COUNT")
    return Rule(
        frequency,
        _number(parts.get("INTERVAL", "1"), MOST_INTERVAL),
        _on(parts.get("BYDAY"), frequency),
        None if count is None else _number(count, MOST_COUNT),
    )


def _on(text: str | None, frequency: Frequency) -> tuple[On, ...]:
    if text is None:
        return ()
    days = set()
    for part in text.split(","):
        match = _DAY.fullmatch(part)
        if match is None or (match["which"] and frequency is not Frequency.MONTHLY):
            raise BadRule(field="hours")
        days.add(On(WEEKDAYS.index(match["weekday"]), int(match["which"] or 0)))
    return tuple(sorted(days))


def _number(text: str, most: int) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise BadRule(
            "Write INTERVAL as a number up to {interval}, and COUNT as one up to {count}.",
            field="hours",
            interval=MOST_INTERVAL,
            count=MOST_COUNT,
        )
    return int(text)


def _until(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        until = date.fromisoformat(text) if re.fullmatch(r"\d{8}", text, re.ASCII) else None
    except ValueError:
        until = None
    if until and FIRST_YEAR <= until.year <= LAST_YEAR:
        return until
    raise BadRule("Write UNTIL as a date, for example UNTIL=20261231.", field="hours")
