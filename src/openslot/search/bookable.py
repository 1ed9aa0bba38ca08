"""Free slots of schedules that were chosen for a search."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from openslot.booking.rules import is_offered
from openslot.booking.slots import MANY, Booker, How, Run, earliest, free_between
from openslot.core.work import Work
from openslot.schedules.availability import instant_of, tick_at
from openslot.schedules.known import Bookable
from openslot.schedules.openings import openings
from openslot.schedules.rules import Place
from openslot.search.soonest import Candidate, free_first
from openslot.search.times import NEVER


def free_runs(
    work: Work,
    chosen: Mapping[int, Bookable],
    starts: datetime,
    ends: datetime,
    *,
    minutes: int | None,
    limit: int | None,
    booker: Booker | None = None,
    among: Mapping[int, Bookable] | None = None,
) -> list[Run]:
    """Return the free starts of the chosen schedules, the earliest first; at most two
    statements.

    With ``booker``, only those that the patient can book; without, those offered to the actor. With
    ``among``, all schedules that can be booked, the times of many are not all read (soonest.py).
    """

    def is_for_booker(place: Place) -> bool:
        can_book = booker is None or booker.barrier(place) is None
        return can_book and is_offered(work.actor, place)

    how = How(minutes=minutes, limit=limit, whom=booker.whom if booker else None)
    least = MANY if limit is None else max(limit, MANY)
    if among is None or limit is None or len(chosen) <= least or starts > work.now:
        offered = (one.place for one in chosen.values() if is_for_booker(one.place))
        places = {place.schedule_id: place for place in offered}
        return earliest(work, places, starts, ends, **how)

    def first_ticks(some: Sequence[Place], before: int) -> list[int]:
        by_id = {place.schedule_id: place for place in some}
        ticks = free_between(work, by_id, starts, instant_of(before), **how).first_ticks
        return [ticks.get(place.schedule_id, NEVER) for place in some]

    opens = openings(work.session, among, work.now)
    candidates = (
        Candidate(opens.ticks[key], key, place)
        for key in opens.in_order
        if key in chosen and is_for_booker(place := chosen[key].place)
    )
    first = free_first(candidates, limit, first_ticks, ends=tick_at(ends))
    places = {place.schedule_id: place for place in first}
    return earliest(work, places, starts, ends, **how)
