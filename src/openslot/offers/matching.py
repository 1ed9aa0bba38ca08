"""Which free time fits whom: computed for all together, whatever their number."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import slots
from openslot.booking.models import Appointment
from openslot.booking.offered import reaches
from openslot.booking.rules import Admission, admits, needs_referral, one_a_day_key
from openslot.booking.slots import Board, Slot, slot_at
from openslot.offers import queries, search
from openslot.offers.rules import (
    Scope,
    covers,
    nearest_bits,
    rank,
    startable,
)
from openslot.offers.search import Tried, Waiter
from openslot.referrals import queries as referrals
from openslot.schedules.availability import (
    TICK,
    Span,
    bits,
    instant_of,
    mask_of,
    tick_at,
    window_over,
)
from openslot.schedules.rules import Place

ONE_DAY = timedelta(days=1)

REACH = timedelta(days=28)
"""A visit that cannot be is offered times up to so long before and after."""


@dataclass(frozen=True, slots=True)
class Market:
    """What is free, and what stands against offering it to whom."""

    places: Mapping[int, Place]
    board: Board
    keys: dict[UUID, set[str]]
    admissions: Mapping[UUID, Sequence[Admission]]

    def admission(self, place: Place, patient_id: UUID | None) -> Admission | None:
        """The referral with which the patient may see a specialist there."""
        own = self.admissions.get(patient_id, ()) if patient_id else ()
        return admitted(own, place)

    def has_visit(
        self, place: Place, patient_id: UUID | None, tick: int, besides: str | None
    ) -> bool:
        """Whether the patient sees that practitioner that day already, ``besides`` aside."""
        own = self.keys.get(patient_id) if patient_id else None
        if patient_id is None or not own:
            return False
        key = one_a_day_key(place, patient_id, instant_of(tick))
        return key is not None and key != besides and key in own


def admitted(own: Iterable[Admission], place: Place) -> Admission | None:
    """The first of a patient's referrals that leads to the place."""
    fitting = (one for one in own if admits(one, place.practitioner_id, place.expertise))
    return next(fitting, None)


def in_order(waiting: Iterable[Waiter]) -> list[Waiter]:
    """Urgent first, then who waits longest."""
    return sorted(
        waiting, key=lambda one: rank(one.entry.priority, one.entry.created_at, one.entry.id)
    )


def market_for(session: Session, waiting: Sequence[Waiter], *, now: datetime) -> Market:
    """All that decides about ``waiting``; five statements, six with specialists."""
    places = search.places_in(session, [one.scope for one in waiting])
    last = max((one.before for one in waiting), default=now)
    patients = {one.patient.id: one.patient for one in waiting if one.patient}
    window = window_over(now, max(last, now) + ONE_DAY)
    diaries = {one.diary_id for one in patients.values()}
    board = slots.board(session, places.values(), window, now=now, besides=diaries)
    specialists = any(needs_referral(place) for place in places.values())
    return Market(
        places,
        board,
        search.live_keys(session, patients, now=now),
        referrals.admissions_of(session, patients, now) if specialists else {},
    )


def starts_for(
    waiter: Waiter, market: Market, *, now: datetime, passed: Collection[tuple[UUID, int, datetime]]
) -> Iterator[Slot]:
    """The free times that fit somebody who waits and were never offered to them, each place's
    earliest first."""
    entry, board = waiter.entry, market.board
    patient = waiter.patient
    busy = [patient.diary_id] if patient else []
    within = mask_of([startable(entry.starts_from, waiter.before, now)], board.window)
    own_key = waiter.visit.one_a_day if waiter.visit else None
    for place in market.places.values():
        if not covers(waiter.scope, place) or not _is_admitted(waiter, market, place):
            continue
        for bit in bits(board.free_starts(place, entry.minutes, busy) & within):
            tick = board.window.start + bit
            start = instant_of(tick)
            if (place.schedule_id, start) in waiter.tried:
                continue
            if (entry.id, place.schedule_id, start) in passed:
                continue
            if _one_a_day(waiter) and market.has_visit(
                place, patient.id if patient else None, tick, own_key
            ):
                continue
            yield slot_at(tick, place, entry.minutes)
            break


def earliest_for(
    waiter: Waiter, market: Market, *, now: datetime, passed: Collection[tuple[UUID, int, datetime]]
) -> Slot | None:
    """The earliest of them."""
    return min(starts_for(waiter, market, now=now, passed=passed), default=None)


def _one_a_day(waiter: Waiter) -> bool:
    """A visit that is a second one that day on purpose may be so again."""
    return waiter.visit is None or waiter.visit.one_a_day is not None


def _is_admitted(waiter: Waiter, market: Market, place: Place) -> bool:
    """A visit takes its referral along to another time of the same specialist."""
    if waiter.visit is not None or not needs_referral(place):
        return True
    return market.admission(place, waiter.patient.id if waiter.patient else None) is not None


# In the place of visits


def nearest_for(
    session: Session,
    visits: Sequence[Appointment],
    away: Sequence[tuple[int, Span]],
    *,
    now: datetime,
    count: int = 1,
) -> dict[UUID, list[Slot]]:
    """For each visit the ``count`` free times nearest to it, the first of each its own: no two
    visits share it. Six statements, whatever the number of visits.

    First come those of the same practitioner at the same centre within REACH, then at other
    centres, then, if there are none, others of the profession at the same centre; never what
    was offered instead of the visit before. ``away`` is time of diaries that is about to be
    blocked.
    """
    if not visits:
        return {}
    places = search.places_in(session, [one for visit in visits for one in _scopes_of(visit)])
    first, last = visits[0].starts_at, visits[-1].starts_at
    window = window_over(max(now, first - REACH), last + REACH + ONE_DAY)
    patients = {one.patient.id: one.patient for one in visits if one.patient}
    busy = {one.diary_id for one in patients.values()}
    board = slots.board(session, places.values(), window, now=now, besides=busy)
    for diary_id, span in away:
        board.take([diary_id], span)
    market = Market(places, board, search.live_keys(session, patients, now=now), {})
    before = queries.offered_before(session, [one.id for one in visits])
    found: dict[UUID, list[Slot]] = {}
    for visit in visits:
        tried = before.get(visit.id, set())
        start = visit.starts_at
        within = startable(start - REACH, start + REACH, now)
        own = _nearest(visit, market, within, tried, count)
        found[visit.id] = own
        if own:
            _reserve(market, own[0], visit)
    return found


def exactly(
    session: Session, visit: Appointment, schedule_id: int, start: datetime, *, now: datetime
) -> Slot | None:
    """That very time for a visit, if it is free and may be offered; four statements."""
    places = search.places_in(session, [Scope(schedule_id, None, None, frozenset())])
    patients = [visit.patient] if visit.patient else []
    window = window_over(start, start + ONE_DAY)
    busy = [one.diary_id for one in patients]
    board = slots.board(session, places.values(), window, now=now, besides=busy)
    keys = search.live_keys(session, [one.id for one in patients], now=now)
    market = Market(places, board, keys, {})
    within = startable(start, start + TICK, now)
    found = (
        slot
        for place in places.values()
        if reaches(visit, place)
        for slot in _near(visit, place, market, within, start)
    )
    return next(found, None)


def _scopes_of(visit: Appointment) -> tuple[Scope, ...]:
    """Where to look for what :func:`reaches` allows."""
    person = visit.practitioner
    if person is None:
        return (Scope(visit.schedule.id, None, None, frozenset()),)
    colleagues = Scope(None, None, person.profession, frozenset({visit.centre.id}))
    return Scope(None, person.id, None, frozenset()), colleagues


def _nearest(
    visit: Appointment, market: Market, within: Span, tried: Collection[Tried], count: int
) -> list[Slot]:
    """The nearest times with the same practitioner, those at the same centre first; with others
    where there are none."""
    in_reach = [place for place in market.places.values() if reaches(visit, place)]
    own = [place for place in in_reach if place.practitioner_id == visit.schedule.practitioner_id]
    same_place = [place for place in own if place.centre_id == visit.centre.id]
    found = _nearest_of(visit, same_place, market, within, tried, count)
    elsewhere = [place for place in own if place not in same_place]
    found += _nearest_of(visit, elsewhere, market, within, tried, count - len(found))
    others = [place for place in in_reach if place not in own]
    return found or _nearest_of(visit, others, market, within, tried, count)


def _nearest_of(
    visit: Appointment,
    group: Sequence[Place],
    market: Market,
    within: Span,
    tried: Collection[Tried],
    count: int,
) -> list[Slot]:
    """The ``count`` times of some places that are nearest to a visit."""
    start = visit.starts_at
    found: list[Slot] = []
    for place in group:
        near = _near(visit, place, market, within, start)
        new = (slot for slot in near if (slot.schedule_id, slot.start) not in tried)
        found.extend(islice(new, count))
    return sorted(found, key=lambda slot: (abs(slot.start - start), slot))[:count]


def _near(
    visit: Appointment, place: Place, market: Market, within: Span, wanted: datetime
) -> Iterator[Slot]:
    """The free times of a place for a visit, the nearest to ``wanted`` first."""
    one, board, minutes = visit, market.board, visit.minutes
    busy = [visit.patient.diary_id] if visit.patient else []
    free = board.free_starts(place, minutes, busy) & mask_of([within], board.window)
    for bit in nearest_bits(free, tick_at(wanted) - board.window.start):
        tick = board.window.start + bit
        if not (one.one_a_day and market.has_visit(place, one.patient_id, tick, one.one_a_day)):
            yield slot_at(tick, place, minutes)


def _reserve(market: Market, slot: Slot, visit: Appointment) -> None:
    """From now on this time is somebody's."""
    place = market.places[slot.schedule_id]
    start = tick_at(slot.start)
    span = Span(start, start + visit.minutes // 5)
    busy = (visit.patient.diary_id,) if visit.patient else ()
    market.board.take((*place.claimed_ids, *busy), span)
    if visit.patient and visit.one_a_day:
        key = one_a_day_key(place, visit.patient.id, slot.start)
        market.keys.setdefault(visit.patient.id, set()).update({key} if key else ())
