"""The busy times of a calendar that is kept elsewhere (iCalendar, RFC 5545): bytes in, ticks out.

Nothing but times and UIDs is read. Whoever wrote the calendar may mean harm, so it is read in a
process of its own: SECONDS and MOST_MEMORY hold wherever the libraries spend them, and the time
zones that a calendar defines, which the libraries keep, are never those of another one.
"""

import json
import resource
import subprocess  # nosec B404 - starts our own program only
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar

from openslot.schedules.availability import Span, Window, instant_of, span_between
from openslot.schedules.errors import Unreadable

MOST_OCCURRENCES = 50_000
"""Occurrences of one rule, also those before the window."""

SECONDS = 20
"""Processor time for one calendar; on the clock twice that, for a machine that has much to do."""

MOST_MEMORY = 512 * 1024 * 1024
"""Bytes of memory for it, of which the program takes a tenth."""

FREQUENCIES = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}
"""How often an entry may recur, with the least days of a period. More often is not followed."""

_READ = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
_DAY = timedelta(days=1)

Entry = Any
"""A component of a calendar. What its properties are depends on who wrote it."""


class Busy(NamedTuple):
    """A busy time, and the UID of its entry."""

    uid: str
    span: Span


class Found(NamedTuple):
    """The busy times of a calendar, and the number of entries that could not be read."""

    times: list[Busy]
    unread: int


def read_apart(document: bytes, zone: ZoneInfo, window: Window) -> Found:
    """Return what :func:`read` does. Raise Unreadable also if it takes too long or too much."""
    numbers = map(str, (*window, SECONDS))
    command = [sys.executable, "-P", "-m", __name__, zone.key, *numbers]
    try:
        done = subprocess.run(  # noqa: S603 # nosec B603 - our own program
            command, input=document, stdout=subprocess.PIPE, timeout=2 * SECONDS, check=True
        )
    except subprocess.SubprocessError:
        raise Unreadable("The calendar takes too long to read. Publish a shorter one.") from None
    answer = json.loads(done.stdout)
    if "problem" in answer:
        raise Unreadable(answer["problem"])
    return Found([Busy(uid, Span(*span)) for uid, span in answer["times"]], answer["unread"])


def _answer(zone: str, first: int, days: int, seconds: int) -> None:
    """Read the calendar that is the input, within the limits, and write what was found."""
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MOST_MEMORY)):
        with suppress(OSError, ValueError):  # a lower one stands, and the clock ends it in any case
            resource.setrlimit(kind, (most, most))
    try:
        found = read(sys.stdin.buffer.read(), ZoneInfo(zone), Window(first, days))
    except Unreadable as error:
        json.dump({"problem": str(error)}, sys.stdout)
    else:
        json.dump(found._asdict(), sys.stdout)


def read(document: bytes, zone: ZoneInfo, window: Window) -> Found:
    """Return the busy times of a calendar that overlap the window, rounded out to whole ticks.

    ``zone`` is that of all-day entries and of times without a zone. Entries that are cancelled or
    transparent are not busy. Raise Unreadable if it is no calendar. It has no limits of its own, so
    use :func:`read_apart`.
    """
    entries = _entries(document)
    changed = _changed(entries)
    reader, found, unread = _Reader(zone, window), Found([], 0), 0
    for entry in entries:
        uid = str(entry.get("UID", ""))
        try:
            spans = reader.spans(entry, () if _changes_one(entry) else changed[uid])
        except Exception:  # of any kind: the libraries have many for what others write
            unread += 1
            continue
        found.times.extend(Busy(uid, span) for span in spans)
    return found._replace(unread=unread)


def _entries(document: bytes) -> list[Entry]:
    try:
        parsed = Calendar.from_ical(document, multiple=True)
    except Exception:  # as above
        parsed = []
    calendars = [one for one in parsed if one.name == "VCALENDAR"]
    if not calendars:
        raise Unreadable("There is no calendar in the iCalendar format at this address.")
    parts = [part for calendar in calendars for part in calendar.subcomponents]
    for zone in parts:
        if zone.name == "VTIMEZONE" and not all(map(_is_usual, zone.subcomponents)):
            raise Unreadable("The time zones of this calendar cannot be read.")
    return [part for part in parts if part.name == "VEVENT"]


def _is_usual(period: Entry) -> bool:
    """Return whether a zone's summer or winter time begins at most once a year: its rules are
    followed for each time in the zone."""
    rules = _each(period.get("RRULE"))
    return not _broken(period) and all(rule.get("FREQ") == ["YEARLY"] for rule in rules)


def _changed(entries: Sequence[Entry]) -> dict[str, list[date]]:
    """Return the occurrences that have an entry of their own, by UID."""
    changed = defaultdict(list)
    for entry in entries:
        if _changes_one(entry) and "RECURRENCE-ID" not in _broken(entry):
            changed[str(entry.get("UID", ""))].append(entry["RECURRENCE-ID"].dt)
    return changed


def _changes_one(entry: Entry) -> bool:
    return "RECURRENCE-ID" in entry


def _broken(entry: Entry) -> set[str]:
    return {str(name).upper() for name, _ in entry.errors}


@dataclass
class _Reader:
    """Follows entries in one zone and window."""

    zone: ZoneInfo
    window: Window

    def spans(self, entry: Entry, changed: Collection[date]) -> list[Span]:
        """Return the ticks of each occurrence in the window, besides those that were changed."""
        if entry.get("STATUS", "").upper() == "CANCELLED":
            return []
        if entry.get("TRANSP", "").upper() == "TRANSPARENT":
            return []
        if _broken(entry) & _READ:
            raise ValueError
        start = _known(entry["DTSTART"]).dt
        length = _length(start, entry, self.zone)
        left_out = [*changed, *_listed(entry, "EXDATE")]
        times = [*self._recurring(entry, start, length), *self._added(entry, length)]
        zone = getattr(start, "tzinfo", None) or self.zone
        instants = {self._instant(one) for one in left_out if isinstance(one, datetime)}
        days = {one for one in left_out if not isinstance(one, datetime)}
        return [
            span_between(begin, end)
            for begin, end in times
            if begin < end
            and begin < instant_of(self.window.end)
            and end > instant_of(self.window.start)
            and begin not in instants
            and begin.astimezone(zone).date() not in days
        ]

    def _recurring(
        self, entry: Entry, start: date, length: timedelta
    ) -> Iterator[tuple[datetime, datetime]]:
        """Yield the times of the entry itself and of its rules, which count on its own clock."""
        is_timed = isinstance(start, datetime)
        zone = start.tzinfo or self.zone if isinstance(start, datetime) else self.zone
        first = datetime(*start.timetuple()[:6])  # noqa: DTZ001 - on the entry's own clock
        wall_clock = {first}
        if not _changes_one(entry):
            for rule in _each(entry.get("RRULE")):
                wall_clock.update(self._by_rule(rule, first, zone, length))
        for local in wall_clock:
            begin = local.replace(tzinfo=zone).astimezone(UTC)
            if is_timed:
                yield begin, begin + length
            else:
                yield begin, (local + length).replace(tzinfo=zone).astimezone(UTC)

    def _by_rule(
        self, rule: Any, first: datetime, zone: tzinfo, length: timedelta
    ) -> Iterator[datetime]:
        days = FREQUENCIES[rule["FREQ"][0]] * rule.get("INTERVAL", [1])[0]
        if days < 1:
            raise ValueError
        last = instant_of(self.window.end).astimezone(zone).replace(tzinfo=None)
        for until in _each(rule.pop("UNTIL", None)):
            last = min(last, _on_clock(until, zone))
        if "COUNT" not in rule and rule["FREQ"][0] in ("DAILY", "WEEKLY"):
            # Steps of whole periods to shortly before the window change nothing in it.
            opens = instant_of(self.window.start).replace(tzinfo=None) - length - 2 * _DAY
            first += days * max(0, (opens - first).days // days) * _DAY
        following = rrulestr(rule.to_ical().decode(), dtstart=first)
        for local in islice(following, MOST_OCCURRENCES):
            if local > last:
                return
            yield local

    def _added(self, entry: Entry, length: timedelta) -> Iterator[tuple[datetime, datetime]]:
        for one in _listed(entry, "RDATE"):
            begins, until = one if isinstance(one, tuple) else (one, length)
            begin = self._instant(begins)
            yield begin, begin + until if isinstance(until, timedelta) else self._instant(until)

    def _instant(self, value: date) -> datetime:
        return _instant(value, self.zone)


def _on_clock(until: date, zone: tzinfo) -> datetime:
    """Return the last moment of a rule on the clock of its entry."""
    if not isinstance(until, datetime):
        return datetime(until.year, until.month, until.day, 23, 59, 59)  # noqa: DTZ001
    return until.astimezone(zone).replace(tzinfo=None) if until.tzinfo else until


def _instant(value: date, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _length(start: date, entry: Entry, zone: ZoneInfo) -> timedelta:
    """Return how long each occurrence lasts: elapsed time, or whole days."""
    is_timed = isinstance(start, datetime)
    if "DTEND" in entry:
        end = _known(entry["DTEND"]).dt
        length = _instant(end, zone) - _instant(start, zone) if is_timed else end - start
    elif "DURATION" in entry:
        length = entry["DURATION"].dt
    else:
        length = timedelta(0) if is_timed else _DAY
    if length < timedelta(0):
        raise ValueError
    return length


def _listed(entry: Entry, name: str) -> list[Any]:
    """Return the values of a property that has several, and may be there several times."""
    return [one.dt for values in _each(entry.get(name)) for one in map(_known, values.dts)]


def _known(value: Any) -> Any:
    """Return a time; raise ValueError if it names a zone that nobody knows."""
    moment = value.dt[0] if isinstance(value.dt, tuple) else value.dt
    if "TZID" in value.params and isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError
    return value


def _each(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    _answer(sys.argv[1], *map(int, sys.argv[2:]))
