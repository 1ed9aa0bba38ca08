"""Slots that can be booked now: computed for any number of diaries, never stored."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.whom import ForWhom
from openslot.schedules import diaries
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    grid,
    instant_of,
    mask_of,
    starts_of_runs,
    tick_at,
    window_over,
)
from openslot.schedules.rules import Place, bookable_span, open_ticks


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time that can be booked; both instants are in the centre's time zone."""

    start: datetime
    end: datetime
    schedule_id: int


@dataclass(frozen=True, slots=True)
class Board:
    """The taken time of some diaries over a window, read once for many questions. If it is read
    for the patient ``whom``, free time is free for that patient."""

    window: Window
    taken: dict[int, int]
    now: datetime
    whom: ForWhom | None = None

    def free_starts(
        self, place: Place, minutes: int | None = None, besides: Sequence[int] = ()
    ) -> int:
        """Return the free starts of a place as a mask over the window, for ``minutes`` or one
        slot. The diaries ``besides`` must be free too."""
        minutes = minutes or place.slot_minutes
        if minutes % place.slot_minutes or minutes > place.slot_minutes * place.max_slots:
            return 0
        busy = 0
        patient_diary = (self.whom.diary_id,) if self.whom else ()
        for diary_id in (*_diaries_of(place), *besides, *patient_diary):
            busy |= self.taken.get(diary_id, 0)
        if self.whom:
            busy |= self.whom.taken_days(place, self.window)
        free = open_ticks(place, self.window) & ~busy
        bookable = mask_of([bookable_span(place, self.now)], self.window)
        on_grid = grid(place.slot_minutes, place.zone, self.window)
        return starts_of_runs(free, minutes // 5) & on_grid & bookable

    def take(self, diary_ids: Iterable[int], span: Span) -> None:
        """Mark a time as taken on this board only."""
        for diary_id in diary_ids:
            self.taken[diary_id] = self.taken.get(diary_id, 0) | mask_of([span], self.window)


def board(
    session: Session,
    places: Iterable[Place],
    window: Window,
    *,
    now: datetime,
    besides: Iterable[int] = (),
    whom: ForWhom | None = None,
) -> Board:
    """Return the taken time of the places, the diaries ``besides`` and the patient, in two
    statements.

    Expired holds count as free, as do the patient's own holds, which a booking replaces.
    """
    diary_ids = {diary_id for place in places for diary_id in _diaries_of(place)} | set(besides)
    diary_ids |= {whom.diary_id} if whom else set()
    taken = diaries.taken(session, diary_ids, window)
    if whom and len(diary_ids) > diaries.MOST_IDS_NAMED:  # then patients' diaries are left out
        taken |= diaries.taken(session, {whom.diary_id}, window)
    expired, absent = queries.expired_spans(
        session, window, now=now, patient_id=whom.patient_id if whom else None
    )
    for diary_id, span in expired:
        if diary_id in taken:
            taken[diary_id] &= ~mask_of([span], window)
    for diary_id, span in absent:
        taken[diary_id] = taken.get(diary_id, 0) | mask_of([span], window)
    return Board(window, taken, now, whom)


def free_starts(
    session: Session,
    places: Mapping[int, Place],
    window: Window,
    *,
    now: datetime,
    minutes: int | None = None,
    besides: Sequence[int] = (),
    whom: ForWhom | None = None,
) -> dict[int, int]:
    """Return the free starts of each place as a mask over ``window``, in two statements.

    ``minutes`` is the length, by default one slot of each place. The diaries ``besides`` and the
    patient ``whom`` must be free too.
    """
    taken = board(session, places.values(), window, now=now, besides=besides, whom=whom)
    return {key: taken.free_starts(place, minutes, besides) for key, place in places.items()}


def _diaries_of(place: Place) -> tuple[int, ...]:
    return (*place.claimed_ids, place.closures_id)


def slots(
    session: Session,
    places: Mapping[int, Place],
    starts: datetime,
    ends: datetime,
    *,
    now: datetime,
    minutes: int | None = None,
    limit: int | None = None,
    besides: Sequence[int] = (),
    whom: ForWhom | None = None,
) -> list[Slot]:
    """Return up to ``limit`` slots that start from ``starts`` to before ``ends``, earliest
    first."""
    # One more day, since an appointment can end after the last start.
    window = window_over(starts, ends + timedelta(days=1))
    masks = free_starts(
        session, places, window, now=now, minutes=minutes, besides=besides, whom=whom
    )
    within = mask_of([Span(-(-int(starts.timestamp()) // 300), tick_at(ends))], window)

    def starts_of(key: int) -> Iterator[tuple[int, int]]:
        return ((window.start + bit, key) for bit in islice(bits(masks[key] & within), limit))

    in_order = heapq.merge(*map(starts_of, masks))
    return [slot_at(tick, places[key], minutes) for tick, key in islice(in_order, limit)]


def is_free(
    session: Session,
    place: Place,
    start: datetime,
    *,
    now: datetime,
    minutes: int,
    whom: ForWhom | None = None,
) -> bool:
    """Return whether a time can be booked at the place, in two statements."""
    only, ends = {place.schedule_id: place}, start + timedelta(minutes=5)
    return bool(slots(session, only, start, ends, now=now, minutes=minutes, whom=whom))


NEAREST = 3
"""Number of alternatives for a time that is taken."""


def nearest(
    session: Session,
    place: Place,
    start: datetime,
    *,
    now: datetime,
    minutes: int,
    whom: ForWhom | None = None,
) -> list[datetime]:
    """Return the NEAREST free starts within a week of ``start``, earliest first; they are free
    for the patient ``whom`` too, if given."""
    week = timedelta(days=7)
    around = slots(
        session,
        {place.schedule_id: place},
        max(now, start - week),
        start + week,
        now=now,
        minutes=minutes,
        whom=whom,
    )
    closest = sorted(around, key=lambda slot: abs(slot.start - start))[:NEAREST]
    return sorted(slot.start for slot in closest)


def slot_at(tick: int, place: Place, minutes: int | None = None) -> Slot:
    """Return the slot that starts with ``tick``, of ``minutes`` or the place's slot length."""
    start = instant_of(tick)
    end = start + timedelta(minutes=minutes or place.slot_minutes)
    return Slot(start.astimezone(place.zone), end.astimezone(place.zone), place.schedule_id)
