"""The matching of free times with waiting patients, computed for all of them at once."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from openslot.booking import slots
from openslot.booking.models import Appointment
from openslot.booking.offered import reaches
from openslot.booking.patients.queries import known_to
from openslot.booking.rules import (
    ReferralAuthorisation,
    is_addressed_to,
    needs_referral,
    one_a_day_key,
    place_for,
)
from openslot.booking.slots import Board, Slot, slot_at
from openslot.core.work import Work
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
from openslot.schedules.rules import KnownBy, Place
from openslot.waiting_list import queries, search
from openslot.waiting_list.rules import Scope, covers, nearest_bits, rank, startable
from openslot.waiting_list.search import Tried, Waiter

ONE_DAY = timedelta(days=1)

REACH = timedelta(days=28)
"""The time before and after a displaced appointment in which other times are suggested."""


@dataclass(frozen=True, slots=True)
class Market:
    """Free times, and what decides who may be offered them."""

    places: Mapping[int, Place]
    board: Board
    keys: dict[UUID, set[str]]
    authorisations: Mapping[UUID, Sequence[ReferralAuthorisation]]
    known: Mapping[UUID, Collection[KnownBy]]

    def authorisation(self, place: Place, patient_id: UUID | None) -> ReferralAuthorisation | None:
        """Return the patient's referral for a specialist, or None."""
        authorisations = self.authorisations.get(patient_id, ()) if patient_id else ()
        return admitted(authorisations, place)

    def has_appointment(
        self, place: Place, patient_id: UUID | None, tick: int, besides: str | None
    ) -> bool:
        """Return True if the patient sees this practitioner that day already.

        The daily key ``besides``, of the appointment that would move, does not count.
        """
        daily_keys = self.keys.get(patient_id) if patient_id else None
        if patient_id is None or not daily_keys:
            return False
        key = one_a_day_key(place, patient_id, instant_of(tick))
        return key is not None and key != besides and key in daily_keys


def admitted(own: Iterable[ReferralAuthorisation], place: Place) -> ReferralAuthorisation | None:
    """Return the first referral that is addressed to the practitioner of a schedule, or None."""
    addressed = (
        authorisation
        for authorisation in own
        if is_addressed_to(authorisation, place.practitioner_id, place.expertise)
    )
    return next(addressed, None)


def in_order(waiting: Iterable[Waiter]) -> list[Waiter]:
    """Sort urgent entries first, then by waiting time, the longest first."""
    return sorted(
        waiting,
        key=lambda waiter: rank(waiter.entry.priority, waiter.entry.created_at, waiter.entry.id),
    )


def market_for(work: Work, waiting: Sequence[Waiter]) -> Market:
    """Return everything that decides what ``waiting`` can be offered.

    Takes five statements, one more if any place needs a referral, and one if any is for known
    patients.
    """
    places = search.places_in(work.session, [waiter.scope for waiter in waiting])
    suited = {
        suited
        for waiter in waiting
        for place in places.values()
        if (suited := waiter.suited(place))
    }
    last = max((waiter.before for waiter in waiting), default=work.now)
    patients = {waiter.patient.id: waiter.patient for waiter in waiting if waiter.patient}
    window = window_over(work.now, max(last, work.now) + ONE_DAY)
    diaries = {patient.diary_id for patient in patients.values()}
    board = slots.board(work, suited, window, besides=diaries)
    with_referral = any(needs_referral(place) for place in suited)
    for_known = any(place.is_for_known for place in suited)
    return Market(
        places,
        board,
        search.live_keys(work, patients),
        referrals.authorisations_of(work, patients) if with_referral else {},
        known_to(work.session, patients) if for_known else {},
    )


def starts_for(
    waiter: Waiter, market: Market, *, now: datetime, passed: Collection[tuple[UUID, int, datetime]]
) -> Iterator[Slot]:
    """Yield the earliest slot of each schedule that fits and was not offered before."""
    entry, board = waiter.entry, market.board
    patient = waiter.patient
    busy = [patient.diary_id] if patient else []
    within = mask_of([startable(entry.starts_from, waiter.before, now)], board.window)
    own_key = waiter.appointment.one_a_day if waiter.appointment else None
    for covered in market.places.values():
        place = waiter.suited(covered) if covers(waiter.scope, covered) else None
        if place is None or not _may_have(waiter, market, place):
            continue
        minutes = waiter.minutes_at(place)
        for bit in bits(board.free_starts(place, minutes, busy) & within):
            tick = board.window.start + bit
            start = instant_of(tick)
            if (place.schedule_id, start) in waiter.tried:
                continue
            if (entry.id, place.schedule_id, start) in passed:
                continue
            if _counts_daily_limit(waiter) and market.has_appointment(
                place, patient.id if patient else None, tick, own_key
            ):
                continue
            yield slot_at(tick, place, minutes)
            break


def earliest_for(
    waiter: Waiter, market: Market, *, now: datetime, passed: Collection[tuple[UUID, int, datetime]]
) -> Slot | None:
    """Return the earliest slot that fits, or None."""
    return min(starts_for(waiter, market, now=now, passed=passed), default=None)


def _counts_daily_limit(waiter: Waiter) -> bool:
    """Return False for an appointment that was deliberately booked as a second one that day."""
    return waiter.appointment is None or waiter.appointment.one_a_day is not None


def _may_have(waiter: Waiter, market: Market, place: Place) -> bool:
    """Return True if the patient has the referral that is needed, and is known where only known
    patients can book.

    An appointment takes its referral along to another time with the same specialist.
    """
    if waiter.appointment is not None:
        return True
    patient_id = waiter.patient.id if waiter.patient else None
    known = market.known.get(patient_id, ()) if patient_id else ()
    if place.is_for_known and place.known_by not in known:
        return False
    return not needs_referral(place) or market.authorisation(place, patient_id) is not None


# New times for displaced appointments


def nearest_for(
    work: Work,
    appointments: Sequence[Appointment],
    away: Sequence[tuple[int, Span]],
    *,
    count: int = 1,
) -> dict[UUID, list[Slot]]:
    """Return the ``count`` nearest slots for each appointment, by appointment id.

    Slots with the same practitioner at the same centre come first, then at their other centres; if
    there are none, slots of colleagues in the profession at the same centre. All are within REACH,
    and none was offered for the appointment before. No two appointments get the same first slot.
    ``away`` is time in diaries that is about to be blocked.

    Takes at most six statements, however many appointments there are.
    """
    if not appointments:
        return {}
    places = search.places_in(
        work.session, [scope for appointment in appointments for scope in _scopes_of(appointment)]
    )
    first, last = appointments[0].starts_at, appointments[-1].starts_at
    window = window_over(max(work.now, first - REACH), last + REACH + ONE_DAY)
    patients = {
        appointment.patient.id: appointment.patient
        for appointment in appointments
        if appointment.patient
    }
    busy = {patient.diary_id for patient in patients.values()}
    board = slots.board(work, _suited(appointments, places.values()), window, besides=busy)
    for diary_id, span in away:
        board.take([diary_id], span)
    market = Market(places, board, search.live_keys(work, patients), {}, {})
    offered_before = queries.offered_before(
        work.session, [appointment.id for appointment in appointments]
    )
    slots_by_id: dict[UUID, list[Slot]] = {}
    for appointment in appointments:
        tried = offered_before.get(appointment.id, set())
        start = appointment.starts_at
        within = startable(start - REACH, start + REACH, work.now)
        nearest_slots = _nearest_by_preference(appointment, market, within, tried, count)
        slots_by_id[appointment.id] = nearest_slots
        if nearest_slots:
            _reserve(market, nearest_slots[0], appointment)
    return slots_by_id


def exactly(work: Work, appointment: Appointment, schedule_id: int, start: datetime) -> Slot | None:
    """Return the slot at exactly this start for an appointment if it may be offered, else None.

    Takes four statements.
    """
    places = search.places_in(work.session, [Scope(schedule_id, None, None, frozenset())])
    patients = [appointment.patient] if appointment.patient else []
    window = window_over(start, start + ONE_DAY)
    busy = [patient.diary_id for patient in patients]
    board = slots.board(work, _suited([appointment], places.values()), window, besides=busy)
    keys = search.live_keys(work, [patient.id for patient in patients])
    market = Market(places, board, keys, {}, {})
    within = startable(start, start + TICK, work.now)
    fitting_slots = (
        slot
        for place in places.values()
        if reaches(appointment, place)
        for slot in _free_by_distance(appointment, place, market, within, start)
    )
    return next(fitting_slots, None)


def _suited(appointments: Sequence[Appointment], places: Iterable[Place]) -> Iterator[Place]:
    """Yield the places as each appointment finds them, each once: with what its service needs."""
    for place in places:
        found = (place_for(one, place) for one in appointments)
        yield from {place, *(suited for suited in found if suited)}


def _scopes_of(appointment: Appointment) -> tuple[Scope, ...]:
    """Return the scopes that cover every schedule that :func:`reaches` allows."""
    practitioner = appointment.practitioner
    if practitioner is None:
        return (Scope(appointment.schedule.id, None, None, frozenset()),)
    colleagues = Scope(None, None, practitioner.profession, frozenset({appointment.centre.id}))
    return Scope(None, practitioner.id, None, frozenset()), colleagues


def _nearest_by_preference(
    appointment: Appointment, market: Market, within: Span, tried: Collection[Tried], count: int
) -> list[Slot]:
    """Return the nearest slots with the same practitioner, preferably at the same centre.

    If there are none, return the nearest slots with colleagues.
    """
    in_reach = [place for place in market.places.values() if reaches(appointment, place)]
    own_places = [
        place for place in in_reach if place.practitioner_id == appointment.schedule.practitioner_id
    ]
    same_place = [place for place in own_places if place.centre_id == appointment.centre.id]
    nearest_slots = _nearest_of(appointment, same_place, market, within, tried, count)
    elsewhere = [place for place in own_places if place not in same_place]
    nearest_slots += _nearest_of(
        appointment, elsewhere, market, within, tried, count - len(nearest_slots)
    )
    others = [place for place in in_reach if place not in own_places]
    return nearest_slots or _nearest_of(appointment, others, market, within, tried, count)


def _nearest_of(
    appointment: Appointment,
    group: Sequence[Place],
    market: Market,
    within: Span,
    tried: Collection[Tried],
    count: int,
) -> list[Slot]:
    """Return the ``count`` slots of some schedules that are nearest to an appointment."""
    start = appointment.starts_at
    candidates: list[Slot] = []
    for place in group:
        near = _free_by_distance(appointment, place, market, within, start)
        new = (slot for slot in near if (slot.schedule_id, slot.start.astimezone(UTC)) not in tried)
        candidates.extend(islice(new, count))
    return sorted(candidates, key=lambda slot: (abs(slot.start - start), slot))[:count]


def _free_by_distance(
    appointment: Appointment, place: Place, market: Market, within: Span, wanted: datetime
) -> Iterator[Slot]:
    """Yield the free slots of a schedule for an appointment, the nearest to ``wanted`` first."""
    board, minutes, daily_key = market.board, appointment.minutes, appointment.one_a_day
    suited = place_for(appointment, place)
    if suited is None:
        return
    busy = [appointment.patient.diary_id] if appointment.patient else []
    free = board.free_starts(suited, minutes, busy) & mask_of([within], board.window)
    for bit in nearest_bits(free, tick_at(wanted) - board.window.start):
        tick = board.window.start + bit
        if daily_key and market.has_appointment(place, appointment.patient_id, tick, daily_key):
            continue
        yield slot_at(tick, place, minutes)


def _reserve(market: Market, slot: Slot, appointment: Appointment) -> None:
    """Mark a slot as taken, so that no other appointment is suggested the same time; others can be
    suggested the same session."""
    place = market.places[slot.schedule_id]
    start = tick_at(slot.start)
    span = Span(start, start + appointment.minutes // 5)
    busy = (appointment.patient.diary_id,) if appointment.patient else ()
    suited = place_for(appointment, place) or place
    if not suited.has_sessions:
        members = market.board.serving(suited, suited.busy(span))
        market.board.take(suited._replace(members=members).claimed_ids, suited.busy(span))
    market.board.take(busy, span)
    if appointment.patient and appointment.one_a_day:
        key = one_a_day_key(place, appointment.patient.id, slot.start)
        market.keys.setdefault(appointment.patient.id, set()).update({key} if key else ())
