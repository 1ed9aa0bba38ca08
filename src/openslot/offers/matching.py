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
from openslot.booking.rules import (
    ReferralAuthorisation,
    is_addressed_to,
    needs_referral,
    one_a_day_key,
)
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
"""An appointment that cannot be is offered times up to so long before and after."""


@dataclass(frozen=True, slots=True)
class Market:
    """What is free, and what stands against offering it to whom."""

    places: Mapping[int, Place]
    board: Board
    keys: dict[UUID, set[str]]
    authorisations: Mapping[UUID, Sequence[ReferralAuthorisation]]

    def authorisation(self, place: Place, patient_id: UUID | None) -> ReferralAuthorisation | None:
        """The referral with which the patient may see a specialist there."""
        own = self.authorisations.get(patient_id, ()) if patient_id else ()
        return admitted(own, place)

    def has_appointment(
        self, place: Place, patient_id: UUID | None, tick: int, besides: str | None
    ) -> bool:
        """Whether the patient sees that practitioner that day already, ``besides`` aside."""
        own = self.keys.get(patient_id) if patient_id else None
        if patient_id is None or not own:
            return False
        key = one_a_day_key(place, patient_id, instant_of(tick))
        return key is not None and key != besides and key in own


def admitted(own: Iterable[ReferralAuthorisation], place: Place) -> ReferralAuthorisation | None:
    """The first of a patient's referrals that leads to the place."""
    fitting = (one for one in own if is_addressed_to(one, place.practitioner_id, place.expertise))
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
        referrals.authorisations_of(session, patients, now) if specialists else {},
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
    own_key = waiter.appointment.one_a_day if waiter.appointment else None
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
            if _one_a_day(waiter) and market.has_appointment(
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
    """An appointment that is a second one that day on purpose may be so again."""
    return waiter.appointment is None or waiter.appointment.one_a_day is not None


def _is_admitted(waiter: Waiter, market: Market, place: Place) -> bool:
    """An appointment takes its referral along to another time of the same specialist."""
    if waiter.appointment is not None or not needs_referral(place):
        return True
    return market.authorisation(place, waiter.patient.id if waiter.patient else None) is not None


# In the place of appointments


def nearest_for(
    session: Session,
    appointments: Sequence[Appointment],
    away: Sequence[tuple[int, Span]],
    *,
    now: datetime,
    count: int = 1,
) -> dict[UUID, list[Slot]]:
    """For each appointment the ``count`` free times nearest to it, the first of each its own: no
    two appointments share it. Six statements, whatever the number of appointments.

    First come those of the same practitioner at the same centre within REACH, then at other
    centres, then, if there are none, others of the profession at the same centre; never what was
    offered instead of the appointment before. ``away`` is time of diaries that is about to be
    blocked.
    """
    if not appointments:
        return {}
    places = search.places_in(
        session, [one for appointment in appointments for one in _scopes_of(appointment)]
    )
    first, last = appointments[0].starts_at, appointments[-1].starts_at
    window = window_over(max(now, first - REACH), last + REACH + ONE_DAY)
    patients = {one.patient.id: one.patient for one in appointments if one.patient}
    busy = {one.diary_id for one in patients.values()}
    board = slots.board(session, places.values(), window, now=now, besides=busy)
    for diary_id, span in away:
        board.take([diary_id], span)
    market = Market(places, board, search.live_keys(session, patients, now=now), {})
    before = queries.offered_before(session, [one.id for one in appointments])
    found: dict[UUID, list[Slot]] = {}
    for appointment in appointments:
        tried = before.get(appointment.id, set())
        start = appointment.starts_at
        within = startable(start - REACH, start + REACH, now)
        own = _nearest(appointment, market, within, tried, count)
        found[appointment.id] = own
        if own:
            _reserve(market, own[0], appointment)
    return found


def exactly(
    session: Session, appointment: Appointment, schedule_id: int, start: datetime, *, now: datetime
) -> Slot | None:
    """That very time for an appointment, if it is free and may be offered; four statements."""
    places = search.places_in(session, [Scope(schedule_id, None, None, frozenset())])
    patients = [appointment.patient] if appointment.patient else []
    window = window_over(start, start + ONE_DAY)
    busy = [one.diary_id for one in patients]
    board = slots.board(session, places.values(), window, now=now, besides=busy)
    keys = search.live_keys(session, [one.id for one in patients], now=now)
    market = Market(places, board, keys, {})
    within = startable(start, start + TICK, now)
    found = (
        slot
        for place in places.values()
        if reaches(appointment, place)
        for slot in _near(appointment, place, market, within, start)
    )
    return next(found, None)


def _scopes_of(appointment: Appointment) -> tuple[Scope, ...]:
    """Where to look for what :func:`reaches` allows."""
    person = appointment.practitioner
    if person is None:
        return (Scope(appointment.schedule.id, None, None, frozenset()),)
    colleagues = Scope(None, None, person.profession, frozenset({appointment.centre.id}))
    return Scope(None, person.id, None, frozenset()), colleagues


def _nearest(
    appointment: Appointment, market: Market, within: Span, tried: Collection[Tried], count: int
) -> list[Slot]:
    """The nearest times with the same practitioner, those at the same centre first; with others
    where there are none."""
    in_reach = [place for place in market.places.values() if reaches(appointment, place)]
    own = [
        place for place in in_reach if place.practitioner_id == appointment.schedule.practitioner_id
    ]
    same_place = [place for place in own if place.centre_id == appointment.centre.id]
    found = _nearest_of(appointment, same_place, market, within, tried, count)
    elsewhere = [place for place in own if place not in same_place]
    found += _nearest_of(appointment, elsewhere, market, within, tried, count - len(found))
    others = [place for place in in_reach if place not in own]
    return found or _nearest_of(appointment, others, market, within, tried, count)


def _nearest_of(
    appointment: Appointment,
    group: Sequence[Place],
    market: Market,
    within: Span,
    tried: Collection[Tried],
    count: int,
) -> list[Slot]:
    """The ``count`` times of some places that are nearest to an appointment."""
    start = appointment.starts_at
    found: list[Slot] = []
    for place in group:
        near = _near(appointment, place, market, within, start)
        new = (slot for slot in near if (slot.schedule_id, slot.start) not in tried)
        found.extend(islice(new, count))
    return sorted(found, key=lambda slot: (abs(slot.start - start), slot))[:count]


def _near(
    appointment: Appointment, place: Place, market: Market, within: Span, wanted: datetime
) -> Iterator[Slot]:
    """The free times of a place for an appointment, the nearest to ``wanted`` first."""
    one, board, minutes = appointment, market.board, appointment.minutes
    busy = [appointment.patient.diary_id] if appointment.patient else []
    free = board.free_starts(place, minutes, busy) & mask_of([within], board.window)
    for bit in nearest_bits(free, tick_at(wanted) - board.window.start):
        tick = board.window.start + bit
        if not (
            one.one_a_day and market.has_appointment(place, one.patient_id, tick, one.one_a_day)
        ):
            yield slot_at(tick, place, minutes)


def _reserve(market: Market, slot: Slot, appointment: Appointment) -> None:
    """From now on this time is somebody's."""
    place = market.places[slot.schedule_id]
    start = tick_at(slot.start)
    span = Span(start, start + appointment.minutes // 5)
    busy = (appointment.patient.diary_id,) if appointment.patient else ()
    market.board.take((*place.claimed_ids, *busy), span)
    if appointment.patient and appointment.one_a_day:
        key = one_a_day_key(place, appointment.patient.id, slot.start)
        market.keys.setdefault(appointment.patient.id, set()).update({key} if key else ())
