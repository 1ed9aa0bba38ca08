"""Slots that can be booked now: computed for any number of diaries, never stored."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice, repeat
from operator import itemgetter
from typing import NamedTuple, TypedDict, Unpack

from openslot.booking import queries
from openslot.booking.errors import (
    NeedsPatient,
    NotForPatients,
    OnlyKnownPatients,
    OnRequest,
    ReferralRequired,
    ReferralSpent,
)
from openslot.booking.models import Appointment
from openslot.booking.queries import ForWhom
from openslot.booking.rules import (
    HERE_SINCE,
    ReferralAuthorisation,
    check_booker,
    check_booking_request,
    check_joining,
    is_addressed_to,
    is_on_request,
    may_book_others,
    needs_referral,
)
from openslot.booking.sessions import queries as sessions
from openslot.booking.sessions.queries import OpenGroup
from openslot.core.actor import Actor
from openslot.core.errors import Forbidden
from openslot.core.work import Work
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import (
    DAY,
    TICK,
    Span,
    Window,
    bits,
    mask_of,
    ones,
    starts_of_runs,
    tick_at,
    window_over,
)
from openslot.schedules.diaries import Claim
from openslot.schedules.needs import Member, assigned
from openslot.schedules.rules import (
    Place,
    bookable_span,
    open_ticks_of,
    starts_beside,
    starts_served,
    times_of,
)


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time that can be booked; both instants are in the centre's time zone. Of a session it has
    the ``places_left``, also of one that the first booking makes."""

    start: datetime
    end: datetime
    schedule_id: int
    service_id: int | None = field(default=None, compare=False)
    places_left: int | None = field(default=None, compare=False)


class Barrier(StrEnum):
    """The reason why a place cannot be booked."""

    REFERRAL = "referral"
    PATIENT = "patient"
    NOT_YOURS = "not-yours"
    SELF = "self"
    COLLEAGUES = "colleagues"
    KNOWN = "known"
    ON_REQUEST = "on-request"


@dataclass(frozen=True, slots=True)
class Booker:
    """The actor who books, the patient, and the patient's valid referrals."""

    actor: Actor
    whom: ForWhom | None = None
    authorisations: Sequence[ReferralAuthorisation] = ()

    def barrier(self, place: Place) -> Barrier | None:
        """Return why the actor cannot book the place for the patient, or None.

        The rules are those of booking, except for what is still to do: visitors can sign in, and
        the care team can choose a patient.
        """
        if self.actor.role is None:
            if not place.is_public:
                return Barrier.COLLEAGUES
            if place.is_for_known:
                return Barrier.KNOWN
            return Barrier.REFERRAL if needs_referral(place) else None
        if self.whom is None:
            return self._without_patient(place)
        try:
            self.check(place, self.whom)
        except NeedsPatient:
            return Barrier.PATIENT
        except (ReferralRequired, ReferralSpent):
            return Barrier.REFERRAL
        except NotForPatients:
            return Barrier.COLLEAGUES
        except OnlyKnownPatients:
            return Barrier.KNOWN
        except OnRequest:
            return Barrier.ON_REQUEST
        except Forbidden:
            return Barrier.NOT_YOURS
        is_self = self.whom.email and self.whom.email == place.practitioner_email
        return Barrier.SELF if is_self else None

    def check(self, place: Place, whom: ForWhom) -> None:
        """Raise why the actor may not book the place for the patient; see check_booker."""
        check_booker(
            self.actor,
            place,
            whom.patient_id,
            self.authorisation(place),
            is_known=lambda: place.known_by in whom.known,
        )

    def for_second(self) -> "Booker":
        """Return the booker for a second appointment on the same day."""
        whom = self.whom._replace(keys=frozenset()) if self.whom else None
        return replace(self, whom=whom)

    def _without_patient(self, place: Place) -> Barrier | None:
        if is_on_request(self.actor, place):
            return Barrier.ON_REQUEST
        if not may_book_others(self.actor, place):
            return Barrier.NOT_YOURS
        return Barrier.PATIENT if needs_referral(place) else None

    def authorisation(self, place: Place) -> ReferralAuthorisation | None:
        """Return the referral with which the patient would be booked there, if one is needed and
        there is one."""
        matching = (
            authorisation
            for authorisation in self.authorisations
            if is_addressed_to(authorisation, place.practitioner_id, place.expertise)
        )
        return next(matching, None)


@dataclass(frozen=True, slots=True)
class Board:
    """The taken time of some diaries over a window, read once for many questions. If it is read
    for the patient ``whom``, free time is free for that patient. ``groups`` are the sessions that
    have places left."""

    window: Window
    taken: dict[int, int]
    now: datetime
    whom: ForWhom | None = None
    groups: Sequence[OpenGroup] = ()
    _fits: dict[tuple[object, ...], int] = field(default_factory=dict)
    _bookable: dict[tuple[int, int], int] = field(default_factory=dict)

    def free_starts(
        self, place: Place, minutes: int | None = None, besides: Sequence[int] = ()
    ) -> int:
        """Return the free starts of a place as a mask over the window, for ``minutes`` or one
        slot. The diaries ``besides`` must be free too."""
        minutes = minutes or place.slot_minutes
        if minutes % place.slot_minutes or minutes > place.longest:
            return 0
        busy = 0
        for diary_id in place.blocking_ids:
            busy |= self.taken.get(diary_id, 0)
        times = times_of(place, self.window)
        before, after = place.before // 5, place.after // 5
        fits = starts_of_runs(times.opened & ~busy, before + minutes // 5 + after) << before
        fits &= starts_served(place, self.window, minutes, self._busy, self._fits)
        starts = starts_beside(place, self.taken.get(place.diary_id, 0), minutes) | times.starts
        offered = fits & starts | self._with_places(place)
        if self.whom or besides:
            offered &= starts_of_runs(~self._patient_busy(place, besides), minutes // 5)
        return offered & self._bookable_at(place)

    def places_left(self, place: Place, tick: int) -> int | None:
        """Return the number of places left in a session that starts then, or that the first booking
        would make; None for a place without sessions."""
        if not place.has_sessions:
            return None
        own = (group for group in self.groups if group.is_of(place))
        return next((group.left for group in own if group.span.start == tick), place.places)

    def _with_places(self, place: Place) -> int:
        """Return the starts of the sessions of a place that have places left."""
        if not self.groups:
            return 0
        starts = (group.span.start for group in self.groups if group.is_of(place))
        return mask_of([Span(start, start + 1) for start in starts], self.window)

    def _bookable_at(self, place: Place) -> int:
        """Return the ticks between notice and horizon, which many places have in common."""
        key = (place.notice_minutes, place.horizon_days)
        if key not in self._bookable:
            self._bookable[key] = mask_of([bookable_span(place, self.now)], self.window)
        return self._bookable[key]

    def _busy(self, member: Member) -> int:
        return self.taken.get(member.diary_id, 0)

    def serving(self, place: Place, busy: Span) -> tuple[Member, ...]:
        """Return who would serve the needs of the place in a time that is free."""
        wanted = mask_of([busy], self.window)
        able = (
            [
                member
                for member in need
                if not wanted & ~(open_ticks_of(member, place, self.window) & ~self._busy(member))
            ]
            for need in place.needs
        )
        return tuple(assigned(list(able)) or ())

    def _patient_busy(self, place: Place, besides: Sequence[int]) -> int:
        """Return the time of the patient and of the diaries besides, which need no margins."""
        busy = ~ones(self.window.days * DAY)
        for diary_id in besides:
            busy |= self.taken.get(diary_id, 0)
        if self.whom:
            busy |= self.taken.get(self.whom.diary_id, 0) | self.whom.taken_days(place, self.window)
        return busy

    def take(self, diary_ids: Iterable[int], span: Span) -> None:
        """Mark a time as taken on this board only."""
        for diary_id in diary_ids:
            self.taken[diary_id] = self.taken.get(diary_id, 0) | mask_of([span], self.window)
        self._fits.clear()


def board(
    work: Work,
    places: Iterable[Place],
    window: Window,
    *,
    besides: Iterable[int] = (),
    whom: ForWhom | None = None,
    moving: Sequence[Appointment] = (),
) -> Board:
    """Return the taken time of the places, the diaries ``besides`` and the patient, in one
    statement; one more for a patient or if a hold has expired, one more if there are sessions, and
    two more for appointments that are ``moving``, whose own time counts as free.

    Expired holds count as free, as do the patient's own holds, which a booking replaces. Time kept
    free for emergencies is free for places ``in_emergency``, with two more statements.
    """
    places = tuple(places)
    diary_ids = {diary_id for place in places for diary_id in place.read_ids} | set(besides)
    diary_ids |= {whom.diary_id} if whom else set()
    taken, has_expired = diaries.taken_and(
        work.session, diary_ids, window, queries.HAS_EXPIRED, now=work.now
    )
    if whom and len(diary_ids) > diaries.MOST_IDS_NAMED:  # then patients' diaries are left out
        taken |= diaries.taken(work.session, {whom.diary_id}, window)
    expired, absent = list[Claim](), list[Claim]()
    if whom or has_expired:
        patient_id = whom.patient_id if whom else None
        expired, absent = queries.expired_spans(work, window, patient_id=patient_id)
    if own := queries.claims_left_by(work, moving, window):
        expired += own
        absent += _absent_there(work, own)
    for diary_id, span in expired:
        if diary_id in taken:
            taken[diary_id] &= ~mask_of([span], window)
    for diary_id, span in absent:
        taken[diary_id] = taken.get(diary_id, 0) | mask_of([span], window)
    emergencies = sorted({place.diary_id for place in places if place.in_emergency})
    for first in range(0, len(emergencies), diaries.MOST_IDS_NAMED):
        ids = set(emergencies[first : first + diaries.MOST_IDS_NAMED])
        taken |= _taken_in_emergency(work, ids, window, expired)
    return Board(window, taken, work.now, whom, open_groups(work, places, window, whom))


def open_groups(
    work: Work, places: Iterable[Place], window: Window, whom: ForWhom | None = None
) -> list[OpenGroup]:
    """Return the sessions with places left, for ``whom`` if given, in one statement, or none if no
    place has sessions."""
    ids = {place.schedule_id for place in places if place.has_sessions}
    if not ids:
        return []
    over = Span(window.start, window.end)
    own = queries.replaceable_by(work, whom.patient_id) if whom else None
    return sessions.with_places(work.session, ids, over, work.now, own=own)


def _absent_there(work: Work, claims: Sequence[Claim]) -> list[Claim]:
    """Return the absences during the claims, in their diaries."""
    over = Span(min(span.start for _, span in claims), max(span.end for _, span in claims))
    return schedules.absent_spans(work.session, {diary_id for diary_id, _ in claims}, over)


def _taken_in_emergency(
    work: Work, diary_ids: set[int], window: Window, expired: Sequence[Claim]
) -> dict[int, int]:
    """Return the time of each diary that appointments, holds that are not ``expired`` and leave
    take."""
    over = Span(window.start, window.end)
    leave = schedules.absent_spans(work.session, diary_ids, over, in_emergency=True)
    taken = dict.fromkeys(diary_ids, 0)
    for diary_id, span in queries.live_claims(work.session, diary_ids, over):
        taken[diary_id] |= mask_of([span], window)
    for diary_id, span in expired:
        if diary_id in taken:
            taken[diary_id] &= ~mask_of([span], window)
    for diary_id, span in leave:
        taken[diary_id] |= mask_of([span], window)
    return taken


def free_starts(
    work: Work,
    places: Mapping[int, Place],
    window: Window,
    *,
    minutes: int | None = None,
    besides: Sequence[int] = (),
    whom: ForWhom | None = None,
    moving: Appointment | None = None,
) -> dict[int, int]:
    """Return the free starts of each place as a mask over ``window``; see :func:`board` for the
    number of statements.

    ``minutes`` is the length, by default one slot of each place. The diaries ``besides`` and the
    patient ``whom`` must be free too. The time of an appointment that is ``moving`` counts as free.
    """
    read = _wide_board(work, places, window, besides=besides, whom=whom, moving=moving)
    return _free_starts(read, places, window, minutes=minutes, besides=besides)


def _wide_board(
    work: Work,
    places: Mapping[int, Place],
    window: Window,
    *,
    besides: Sequence[int],
    whom: ForWhom | None,
    moving: Appointment | None,
) -> Board:
    """Return the board over the window and what is needed before it."""
    # What is prepared before the first start lies on the day before it.
    days_before = any(place.before for place in places.values())
    wide = Window(window.first - days_before, window.days + days_before)
    movers = (moving,) if moving else ()
    return board(work, places.values(), wide, besides=besides, whom=whom, moving=movers)


def _free_starts(
    read: Board,
    places: Mapping[int, Place],
    window: Window,
    *,
    minutes: int | None,
    besides: Sequence[int],
) -> dict[int, int]:
    return {
        key: read.free_starts(place, minutes, besides) >> (window.start - read.window.start)
        for key, place in places.items()
    }


def check_offered(work: Work, place: Place, start: datetime, minutes: int) -> Span:
    """Return the ticks of an appointment if the place offers them; what is taken is left to the
    diaries. Raises the errors of check_booking_request, or of check_joining for a session, which
    need not start where others do."""
    group = sessions.at(work.session, place, start) if place.has_sessions else None
    if group is not None:
        return check_joining(place, group, minutes, work.now)

    def is_beside() -> bool:
        if place.squeezed_in:
            return True
        begins = start - timedelta(minutes=place.before)
        ends = start + timedelta(minutes=minutes + place.after)
        window = window_over(begins - TICK, ends + TICK)
        taken = diaries.taken(work.session, {place.diary_id}, window).get(place.diary_id, 0)
        at = tick_at(start) - window.start
        return bool(starts_beside(place, taken, minutes) >> at & 1)

    return check_booking_request(place, start, minutes, work.now, is_beside=is_beside)


class Run(NamedTuple):
    """Free starts of one place that come after each other, as ticks; of a session, one, with the
    number of its places left."""

    place: Place
    ticks: list[int]
    places_left: int | None = None


SOON = timedelta(days=3)
MANY = 50
"""Of more places than these, the earliest slots are probably in the days until SOON."""


class How(TypedDict, total=False):
    """How free starts are looked for: up to ``limit``; the rest as for :func:`free_starts`."""

    minutes: int | None
    limit: int | None
    besides: Sequence[int]
    whom: ForWhom | None
    moving: Appointment | None


def slots(
    work: Work,
    places: Mapping[int, Place],
    starts: datetime,
    ends: datetime,
    **how: Unpack[How],
) -> list[Slot]:
    """Return up to ``limit`` slots that start from ``starts`` to before ``ends``, earliest
    first."""
    runs = earliest(work, places, starts, ends, **how)
    minutes = how.get("minutes")
    return [slot_at(tick, place, minutes, left) for place, ticks, left in runs for tick in ticks]


def earliest(
    work: Work,
    places: Mapping[int, Place],
    starts: datetime,
    ends: datetime,
    **how: Unpack[How],
) -> list[Run]:
    """Return what :func:`slots` does, without an object for each slot. The earliest of many places
    are looked for in the first days first."""
    limit, soon = how.get("limit"), starts + SOON
    if limit is not None and len(places) > MANY and soon < ends:
        first = earliest(work, places, starts, soon, **how)
        if sum(len(run.ticks) for run in first) == limit:
            return first
    free = free_between(work, places, starts, ends, **how)
    return [
        run
        for key, ticks in _in_turn(free.masks, limit, free.window.start)
        for run in _runs(places[key], ticks, free.board)
    ]


class Free(NamedTuple):
    """The free starts of those places that have any, as masks over a window."""

    window: Window
    masks: dict[int, int]
    board: Board

    @property
    def first_ticks(self) -> dict[int, int]:
        """Return the first free start of each place that has one."""
        before = self.window.start - 1
        return {key: before + (mask & -mask).bit_length() for key, mask in self.masks.items()}


def free_between(
    work: Work,
    places: Mapping[int, Place],
    starts: datetime,
    ends: datetime,
    **how: Unpack[How],
) -> Free:
    """Return the free starts from ``starts`` to before ``ends``; see :func:`board` for the number
    of statements."""
    # One more day, since an appointment can end after the last start, and one more tick, since
    # what is taken directly before the first can make it one.
    window = window_over(starts - TICK, ends + timedelta(days=1))
    minutes, besides = how.get("minutes"), how.get("besides", ())
    read = _wide_board(
        work, places, window, besides=besides, whom=how.get("whom"), moving=how.get("moving")
    )
    masks = _free_starts(read, places, window, minutes=minutes, besides=besides)
    within = mask_of([Span(-(-int(starts.timestamp()) // 300), tick_at(ends))], window)
    return Free(window, {key: mask & within for key, mask in masks.items() if mask & within}, read)


def _in_turn(
    masks: Mapping[int, int], limit: int | None, first_tick: int
) -> Iterator[tuple[int, list[int]]]:
    """Yield up to ``limit`` ticks, lowest first: those of a key that come after each other."""
    if len(masks) == 1:
        [(key, mask)] = masks.items()
        yield key, list(islice(bits(mask, first_tick), limit))
        return
    for key, own in groupby(soonest(masks, limit), key=itemgetter(1)):
        yield key, [first_tick + bit for bit, _ in own]


def _runs(place: Place, ticks: list[int], read: Board) -> Iterable[Run]:
    if place.has_sessions:
        return (Run(place, [tick], read.places_left(place, tick)) for tick in ticks)
    return (Run(place, ticks),)


def soonest(masks: Mapping[int, int], limit: int | None) -> Iterator[tuple[int, int]]:
    """Yield up to ``limit`` set bits with their keys, lowest first; equal bits by key."""
    firsts = [((mask & -mask).bit_length(), key) for key, mask in masks.items() if mask]
    # A key whose first bit comes after those of so many others has none among the lowest.
    keys = sorted(firsts) if limit is None else heapq.nsmallest(limit, firsts)
    streams = [zip(bits(masks[key]), repeat(key)) for _, key in keys]
    return islice(heapq.merge(*streams), limit)


def running(work: Work, places: Mapping[int, Place]) -> dict[int, Slot]:
    """Return the free slot of each place that has begun and is not half over, for somebody who is
    here now; those of sessions are left out. See :func:`slots`."""
    earlier = replace(work, now=work.now - HERE_SINCE)
    alone = {
        key: place._replace(notice_minutes=0)
        for key, place in places.items()
        if not place.has_sessions
    }
    begun = slots(earlier, alone, earlier.now, work.now + TICK)
    return {
        slot.schedule_id: slot
        for slot in begun
        if slot.end - work.now >= (slot.end - slot.start) / 2
    }


def is_free(
    work: Work, place: Place, start: datetime, *, minutes: int, whom: ForWhom | None = None
) -> bool:
    """Return whether a time can be booked at the place, in at most two statements."""
    only, ends = {place.schedule_id: place}, start + timedelta(minutes=5)
    return bool(slots(work, only, start, ends, minutes=minutes, whom=whom))


NEAREST = 3
"""Number of alternatives for a time that is taken."""


def nearest(
    work: Work, place: Place, start: datetime, *, minutes: int, whom: ForWhom | None = None
) -> list[datetime]:
    """Return the NEAREST free starts within a week of ``start``, earliest first; they are free
    for the patient ``whom`` too, if given."""
    week = timedelta(days=7)
    around = slots(
        work,
        {place.schedule_id: place},
        max(work.now, start - week),
        start + week,
        minutes=minutes,
        whom=whom,
    )
    closest = sorted(around, key=lambda slot: abs(slot.start - start))[:NEAREST]
    return sorted((slot.start for slot in closest), key=datetime.timestamp)


def slot_at(
    tick: int, place: Place, minutes: int | None = None, places_left: int | None = None
) -> Slot:
    """Return the slot that starts with ``tick``, of ``minutes`` or the place's slot length."""
    zone, seconds = place.zone, tick * 300
    return Slot(
        datetime.fromtimestamp(seconds, zone),
        datetime.fromtimestamp(seconds + (minutes or place.slot_minutes) * 60, zone),
        place.schedule_id,
        place.service_id,
        places_left,
    )
