"""Series: appointments that are booked together by a rule, and then changed one by one or together.

Their times follow the wall clock of the centre. Each stays an appointment of its own; what they
share is ``series_id``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.booking import commands, queries
from openslot.booking.errors import (
    FirstWithReferral,
    SeriesLength,
)
from openslot.booking.events import Together, tell_together
from openslot.booking.models import Appointment
from openslot.booking.moves import check_change_time, cutoff_of
from openslot.booking.patients import queries as patients
from openslot.booking.queries import ForWhom
from openslot.booking.rules import (
    ReferralAuthorisation,
    check_upcoming,
    is_upcoming_limited,
    local_date,
    one_a_day_key,
)
from openslot.booking.slots import NEAREST, Board, board
from openslot.booking.together import naming, of_series, upcoming
from openslot.core.actor import Role
from openslot.core.work import Work
from openslot.schedules import recurrence
from openslot.schedules.availability import (
    Span,
    Window,
    as_shown,
    bits,
    instant_of,
    is_whole_tick,
    mask_of,
    tick_at,
    whole_days,
    window_over,
)
from openslot.schedules.errors import BadRule
from openslot.schedules.rules import Place, bookable_span, holiday_name, times_of

MOST = 52
"""Appointments that a series has at most."""

WEEK = timedelta(days=7)


class State(StrEnum):
    """Whether a time of a series can be booked, or why not."""

    FREE = "free"
    TAKEN = "taken"
    PATIENT_BUSY = "patient-busy"
    SAME_DAY = "same-day"
    HOLIDAY = "holiday"
    CLOSED = "closed"
    TOO_SOON = "too-soon"
    TOO_FAR = "too-far"


@dataclass(frozen=True, slots=True)
class SeriesTime:
    """A time of a series, in the zone of the centre: whether it can be booked, the public holiday
    it is on, and the nearest free starts on its day and on other days of its week."""

    start: datetime
    state: State
    holiday: str | None = None
    same_day: tuple[datetime, ...] = ()
    same_week: tuple[datetime, ...] = ()


def starts_by(rule: str, start: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the starts of a series that recurs by a rule of RFC 5545, from ``start`` on and at its
    time of the wall clock. Raises BadRule and SeriesLength."""
    first = start.astimezone(zone)
    try:
        days = recurrence.dates(rule, first.date(), most=MOST)
    except BadRule as error:
        raise BadRule(error.message, field="rule", **error.params) from None
    starts = [as_shown(first.replace(year=day.year, month=day.month, day=day.day)) for day in days]
    check_starts(starts, field="rule")
    return starts


def next_week_from(start: datetime, now: datetime) -> datetime:
    """Return the first time after ``now`` that is whole weeks after ``start``, by its clock."""
    weeks = max(1, (now - start) // WEEK + 1)
    return as_shown(start + weeks * WEEK)


def check_starts(starts: Sequence[datetime], *, field: str = "starts") -> None:
    """Raise SeriesLength unless the times are those of a series."""
    is_each_once = len({start.timestamp() for start in starts}) == len(starts)
    if not (2 <= len(starts) <= MOST and is_each_once):
        raise SeriesLength(field=field, most=MOST)


def check_covers(authorisation: ReferralAuthorisation | None) -> None:
    """Raise FirstWithReferral for a referral that covers no follow-ups yet."""
    if authorisation is not None and authorisation.referral_id is not None:
        raise FirstWithReferral(field="referral")


def check_limits(work: Work, place: Place, patient_id: UUID, adding: int) -> None:
    """Raise TooManyInSeries if a patient or carer would book more than is for one person."""
    if work.actor.is_a(Role.PATIENT) and is_upcoming_limited(place, work.settings):
        _, _, upcoming = patients.patient_with_number(
            work.session, patient_id, None, place=place, now=work.now
        )
        check_upcoming(place, upcoming, settings=work.settings, adding=adding)


# What is free


def look(
    work: Work,
    place: Place,
    starts: Sequence[datetime],
    minutes: int,
    *,
    whom: ForWhom | None,
    moving: Sequence[Appointment] = (),
) -> list[SeriesTime]:
    """Return which of the times of a series are free, with the nearest others for those that are
    not, in the statements of one :func:`board`. The time of appointments ``moving`` is free."""
    near = [start for start in starts if _is_bookable(place, start, work.now)] or [work.now]
    window = window_over(min(near) - 2 * WEEK, max(near) + 2 * WEEK)
    taken = board(work, [place], window, whom=whom, moving=moving)
    search = _Search(place, minutes, taken)
    for start in starts:
        search.keep(start)
    return [search.time_at(start) for start in starts]


def _is_bookable(place: Place, start: datetime, now: datetime) -> bool:
    bookable = bookable_span(place, now)
    return bookable.start <= tick_at(start) < bookable.end


class _Search:
    """The free starts of a place, less those that the series takes itself."""

    def __init__(self, place: Place, minutes: int, taken: Board):
        self.place, self.minutes, self.window = place, minutes, taken.window
        self.whom, self.now = taken.whom, taken.now
        self.free = taken.free_starts(place, minutes)
        self.for_others = replace(taken, whom=None).free_starts(place, minutes)
        self.offered = times_of(place, self.window)
        self.kept: set[int] = set()
        self.days = self.whom.taken_days(place, self.window) if self.whom else 0

    def keep(self, start: datetime) -> None:
        """Take a time for the series, if it is free."""
        tick = tick_at(start)
        if is_whole_tick(start) and _has(self.free, tick, self.window):
            self.kept.add(tick)
            length = (self.place.before + self.minutes + self.place.after) // 5
            self.free &= ~mask_of([Span(tick - length + 1, tick + length)], self.window)
            if self.whom and one_a_day_key(self.place, self.whom.patient_id, start):
                day = whole_days([local_date(self.place, start)], self.place.zone, self.window)
                self.days |= day
                self.free &= ~day

    def time_at(self, start: datetime) -> SeriesTime:
        """Return whether a time is free, and what is free instead."""
        local, state = start.astimezone(self.place.zone), self._state(start)
        day = local.date()
        monday = day - timedelta(days=day.weekday())
        others = [monday + timedelta(days=count) for count in range(7)]
        others.remove(day)
        return SeriesTime(
            local,
            state,
            self._holiday(day) if state is State.HOLIDAY else None,
            self._nearest([day], start),
            self._nearest(others, start),
        )

    def _state(self, start: datetime) -> State:
        tick, bookable = tick_at(start), bookable_span(self.place, self.now)
        if tick in self.kept and is_whole_tick(start):
            return State.FREE
        if tick < bookable.start:
            return State.TOO_SOON
        if tick >= bookable.end:
            return State.TOO_FAR
        if not (is_whole_tick(start) and _has(self.offered.starts, tick, self.window)):
            return State.HOLIDAY if self._holiday(local_date(self.place, start)) else State.CLOSED
        if not _has(self.for_others, tick, self.window):
            return State.TAKEN
        is_own_day = _has(self.days, tick, self.window)
        return State.SAME_DAY if is_own_day else State.PATIENT_BUSY

    def _holiday(self, day: date) -> str | None:
        region = self.place.holiday_region
        return holiday_name(region, day) if region else None

    def _nearest(self, days: Sequence[date], start: datetime) -> tuple[datetime, ...]:
        """Return the NEAREST free starts on these days, earliest first."""
        on_days = self.free & whole_days(days, self.place.zone, self.window)
        ticks = sorted(
            bits(on_days, self.window.start),
            key=lambda tick: abs(tick - tick_at(start)),
        )[:NEAREST]
        return tuple(instant_of(tick).astimezone(self.place.zone) for tick in sorted(ticks))


def _has(mask: int, tick: int, window: Window) -> bool:
    return tick >= window.start and bool(mask >> (tick - window.start) & 1)


# What is moved


@dataclass(frozen=True, slots=True)
class Moved:
    """Appointments of a series with the times that they would move to."""

    appointments: Sequence[Appointment]
    times: Sequence[SeriesTime]

    @property
    def is_free(self) -> bool:
        """Return whether all of them can move."""
        return all(one.state is State.FREE for one in self.times)


def preview_move(work: Work, series_id: UUID, start: datetime, *, since: UUID | None) -> Moved:
    """Return to which times the upcoming appointments of a series would move if the first of them
    moved to ``start``."""
    left = upcoming(work, of_series(series_id), since)
    patient_id = left[0].patient_id
    whom = queries.for_whom(work, patient_id) if patient_id else None
    for one in left:
        relation = commands.appointment_for(work, one.id)[1]
        cutoff = cutoff_of(one.booked_service, work.settings)
        check_change_time(relation, one, now=work.now, cutoff=cutoff)
        whom = whom and whom.without(one.one_a_day)
    pairs = zip(left, _shifted(left, start), strict=True)
    times: list[SeriesTime] = []
    # One that was moved by itself may be elsewhere, or longer, than the others.
    for (schedule_id, minutes), group in groupby(pairs, lambda pair: _where(pair[0])):
        some = list(group)
        place = commands.place_to_move(work.session, some[0][0], schedule_id)
        starts = [to for _, to in some]
        times += look(work, place, starts, minutes, whom=whom, moving=left)
    return Moved(left, times)


def _where(appointment: Appointment) -> tuple[int, int]:
    return appointment.schedule_id, appointment.minutes


def move(
    work: Work, series_id: UUID, start: datetime, *, since: UUID | None = None
) -> list[Appointment]:
    """Move the first of the upcoming appointments to ``start``, and the others by the same days and
    time of the wall clock; all or nothing. Raises the errors of moving one."""
    left = upcoming(work, of_series(series_id), since)
    pairs = list(enumerate(zip(left, _shifted(left, start), strict=True)))
    together = work.all_together()
    # Each moves into time that the one before it has left.
    for number, (one, to) in reversed(pairs) if start > left[0].starts_at else pairs:
        with naming(number):
            commands.move(together, one.id, to)
    tell_together(work, Together.MOVED, left)
    return left


def _shifted(appointments: Sequence[Appointment], start: datetime) -> list[datetime]:
    """Return new starts: each moves as the first does, by the wall clock of its centre."""
    zone = appointments[0].zone
    local = [one.starts_at.astimezone(zone).replace(tzinfo=None) for one in appointments]
    to = start.astimezone(zone)
    shift = to.replace(tzinfo=None) - local[0]
    return [as_shown((one + shift).replace(tzinfo=zone, fold=to.fold)) for one in local]
