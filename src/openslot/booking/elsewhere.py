"""Calendars that practitioners keep elsewhere, whose busy times cannot be booked here.

A worker reads each from time to time: it takes what to read (:func:`reading_of`), reads without a
transaction, and keeps what it found (:func:`keep`) or why there is nothing (:func:`miss`). What
overlaps a booked appointment changes nothing about it: it needs a decision, as in any absence.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from openslot.booking import claims, queries, search
from openslot.booking.absences import may_block, may_see_absences
from openslot.booking.offered import release_holds
from openslot.core import audit, outbox
from openslot.core.db import remove
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.schedules import queries as schedules
from openslot.schedules.availability import (
    DAY,
    Span,
    Window,
    instant_of,
    mask_of,
    span_between,
    spans_of,
    window_over,
)
from openslot.schedules.elsewhere import Busy
from openslot.schedules.errors import Unreadable
from openslot.schedules.models import Absence, AbsenceKind, CalendarElsewhere

TOPIC = "calendar"
"""The outbox topic of calendars to read."""

EVERY = timedelta(minutes=10)
LONGEST_REST = timedelta(hours=6)
"""The longest pause for a calendar that cannot be read."""

WHOLE_EVERY = timedelta(hours=12)
"""How often a calendar is read even if it is unchanged: what recurs reaches ever further."""

FURTHEST = timedelta(days=366)
MOST_PERIODS = 5000
PAGES_AT_ONCE = 28
"""Days whose pages one statement writes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read: a calendar as it is known, and for which time."""

    practitioner_id: int
    url: str
    etag: str | None
    modified: str | None
    tried_at: datetime | None
    zone: ZoneInfo
    window: Window


@dataclass(frozen=True, slots=True)
class News:
    """What a calendar has now, and how its server calls this version."""

    times: Sequence[Busy]
    unread: int
    etag: str | None
    modified: str | None


def calendar_of(work: Work, practitioner_id: int) -> CalendarElsewhere | None:
    """Return the calendar that a practitioner keeps elsewhere, for whom may see their absences."""
    may_see_absences(work, practitioner_id)
    return work.session.get(CalendarElsewhere, practitioner_id)


def set_address(work: Work, practitioner_id: int, url: str) -> CalendarElsewhere:
    """Have a calendar read from now on, instead of the one before, whose times stay until then.

    The caller has checked where the address leads, which takes no transaction.
    """
    may_block(work, practitioner_id)
    _lock(work, practitioner_id)
    calendar = work.session.get(CalendarElsewhere, practitioner_id)
    if calendar is None:
        calendar = CalendarElsewhere(practitioner_id=practitioner_id)
        work.session.add(calendar)
    calendar.url = url
    calendar.etag = calendar.modified = calendar.problem = None
    calendar.read_at = calendar.whole_at = calendar.tried_at = None
    calendar.misses = calendar.unread = 0
    _queue(work, calendar)
    _record(work, practitioner_id, "set")
    return calendar


def remove_address(work: Work, practitioner_id: int) -> None:
    """Forget a calendar and all its times, if there is one."""
    may_block(work, practitioner_id)
    _lock(work, practitioner_id)
    calendar = work.session.get(CalendarElsewhere, practitioner_id)
    if calendar is None:
        return
    remove(work.session, calendar)
    person = directory.practitioner(work.session, practitioner_id, inactive=True)
    rows = schedules.elsewhere_from(work.session, person.diary_id, None)
    if rows:
        _replace(work, person.diary_id, rows, 0, window_over(rows[0].starts_at, rows[0].ends_at))
    _record(work, practitioner_id, "removed")


def queue_due(work: Work, *, limit: int) -> int:
    """Have up to ``limit`` calendars read whose time has come; return how many."""
    calendars = schedules.calendars_due(work.session, work.now, limit)
    for calendar in calendars:
        _queue(work, calendar)
    return len(calendars)


def _queue(work: Work, calendar: CalendarElsewhere) -> None:
    """Have a calendar read. If the reading gets lost, the next one is not."""
    outbox.send(work, f"{TOPIC}:{calendar.practitioner_id}", {})
    calendar.next_at = work.now + max(EVERY, outbox.LEASE)


def reading_of(work: Work, practitioner_id: int) -> Reading | None:
    """Return what to read for a practitioner now, or None if there is nothing any more."""
    calendar = work.session.get(CalendarElsewhere, practitioner_id)
    if calendar is None:
        return None
    places = schedules.practitioner_places(work.session, practitioner_id).values()
    ahead = max((timedelta(days=place.horizon_days) for place in places), default=FURTHEST)
    is_known = calendar.whole_at is not None and calendar.whole_at > work.now - WHOLE_EVERY
    return Reading(
        practitioner_id,
        calendar.url,
        calendar.etag if is_known else None,
        calendar.modified if is_known else None,
        calendar.tried_at,
        schedules.zone_of(places, work.settings.time_zone),
        window_over(work.now, work.now + min(ahead, FURTHEST) + WHOLE_EVERY),
    )


def keep(work: Work, reading: Reading, news: News | None) -> None:
    """Have exactly the times that were found blocked; with None, the calendar is unchanged.

    Entries that are appointments of this network are left out: the practitioner's own calendar
    shows them, and may be part of the one that was read. Raises Unreadable for too many times.
    """
    calendar = _current(work, reading)
    if calendar is None:
        return
    if news is not None:
        person = directory.practitioner(work.session, reading.practitioner_id, inactive=True)
        ours = search.ours(work.session, {one.uid for one in news.times})
        spans = (one.span for one in news.times if one.uid not in ours)
        wanted = mask_of(spans, reading.window)
        if sum(1 for _ in spans_of(wanted, reading.window)) > MOST_PERIODS:
            raise Unreadable("The calendar has more than {most} busy times.", most=MOST_PERIODS)
        since = instant_of(reading.window.start)
        rows = schedules.elsewhere_from(work.session, person.diary_id, since)
        if _replace(work, person.diary_id, rows, wanted, reading.window):
            _record(work, reading.practitioner_id, "changed")
        calendar.whole_at, calendar.unread = work.now, news.unread
        calendar.etag, calendar.modified = news.etag, news.modified
    calendar.read_at, calendar.misses, calendar.problem = work.now, 0, None
    calendar.next_at = work.now + EVERY


def miss(work: Work, reading: Reading, problem: str) -> None:
    """Note why a calendar could not be read; its times stay, and the pauses grow."""
    calendar = _current(work, reading)
    if calendar is not None:
        calendar.misses += 1
        calendar.problem = problem[:200]
        calendar.next_at = work.now + min(EVERY * 2 ** min(calendar.misses, 10), LONGEST_REST)


def _current(work: Work, reading: Reading) -> CalendarElsewhere | None:
    """Return the calendar, unless it was given up, replaced or read by another since."""
    _lock(work, reading.practitioner_id)
    calendar = work.session.get(CalendarElsewhere, reading.practitioner_id)
    if calendar is None or (calendar.url, calendar.tried_at) != (reading.url, reading.tried_at):
        return None
    calendar.tried_at = work.now
    return calendar


def _lock(work: Work, practitioner_id: int) -> None:
    """Have nobody else change a calendar or its times, as two would undo each other's."""
    lock(work.session, f"calendar of practitioner {practitioner_id}")


# The times


def _replace(
    work: Work, diary_id: int, rows: Sequence[Absence], wanted: int, window: Window
) -> bool:
    """Have the times of the mask blocked instead of those of the rows, and write only what changes;
    return whether anything did. ``window`` begins where the mask does."""
    latest = max([instant_of(window.end), *(row.ends_at for row in rows)])
    window = window_over(instant_of(window.start), latest)
    before = mask_of((_ticks(row) for row in rows), window)
    _rewrite(work, diary_id, rows, list(spans_of(wanted, window)), window)
    work.session.flush()
    added = wanted & ~before
    for stretch in _stretches(before ^ wanted, window):
        claims.settle(work.session, diary_id, stretch)
        # After the pages: a concurrent offer is either found here or fails on its page.
        offered = queries.offered_in(work.session, diary_id, stretch)
        inside = [
            one
            for one in offered
            if added & mask_of([span_between(one.busy_from, one.busy_until)], window)
        ]
        release_holds(work, inside)
    return before != wanted


def _rewrite(
    work: Work, diary_id: int, rows: Sequence[Absence], spans: Sequence[Span], window: Window
) -> None:
    """Make the rows those of the spans, both in order. A row that overlaps a new span becomes it,
    so that the decisions about appointments inside stay."""
    known = {_inside(row, window) for row in rows}
    left = deque(row for row in rows if _inside(row, window) not in set(spans))
    for span in spans:
        if span in known:
            continue
        while left and _ticks(left[0]).end <= span.start:
            remove(work.session, left.popleft())
        if left and _ticks(left[0]).start < span.end:
            row = left.popleft()
        else:
            row = Absence(
                id=new_id(), diary_id=diary_id, kind=AbsenceKind.ELSEWHERE, created_at=work.now
            )
            work.session.add(row)
        row.starts_at, row.ends_at = instant_of(span.start), instant_of(span.end)
    for row in left:
        remove(work.session, row)


def _ticks(row: Absence) -> Span:
    return span_between(row.starts_at, row.ends_at)


def _inside(row: Absence, window: Window) -> Span:
    """Return the ticks of a row from the beginning of the window on: what is over stays."""
    span = _ticks(row)
    return Span(max(span.start, window.start), span.end)


def _stretches(mask: int, window: Window) -> Iterator[Span]:
    """Yield the days of the mask, those in a row together up to PAGES_AT_ONCE."""
    days = {
        day
        for span in spans_of(mask, window)
        for day in range(span.start // DAY, (span.end - 1) // DAY + 1)
    }
    for first in sorted(days):
        if first in days:
            after = first
            while after in days and after < first + PAGES_AT_ONCE:
                days.remove(after)
                after += 1
            yield Span(first * DAY, after * DAY)


def _record(work: Work, practitioner_id: int, action: str) -> None:
    audit.record(work, f"calendar.{action}", f"practitioner:{practitioner_id}")
