"""The members that serve the needs of an appointment: chosen when it is booked, entered or moved.

Of those who are free, each need takes the one with the least free time left that day, then by id,
so that what is left stays together. If another booking takes the same member meanwhile, the
transaction loses its race for the page of the diary, is run again, and finds the next.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta

from openslot.booking import claims, queries
from openslot.booking.errors import NeedsTaken
from openslot.booking.models import Appointment, GroupSession
from openslot.booking.sessions import queries as sessions
from openslot.booking.slots import nearest
from openslot.core.db import LostRace
from openslot.core.work import Work
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import (
    Span,
    Window,
    instant_of,
    mask_of,
    whole_days,
    window_over,
)
from openslot.schedules.diaries import Claim
from openslot.schedules.needs import Member, assigned
from openslot.schedules.rules import Place, open_ticks_of


def choose(
    work: Work,
    place: Place,
    span: Span,
    *,
    instead: Sequence[Appointment] = (),
    keep: Sequence[Appointment] = (),
    moving: GroupSession | None = None,
    in_hours: bool = True,
) -> Place:
    """Return the place with the members for an appointment or a session of ``span``, in one
    statement; as it is if there is a session, which has its own, with one more.

    The time of the appointments ``instead`` and of a session that is ``moving`` counts as free, and
    expired holds in the way are removed, with more statements. Members of the appointments
    ``keep``, and of the session, are preferred. Without ``in_hours`` practitioners serve outside
    their hours too. Raises NeedsTaken, and LostRace if somebody else made a session there
    meanwhile, which may have places.
    """
    if not place.needs or (moving is None and _joins(work, place, span)):
        return place
    busy, freed = place.busy(span), sessions.claims_of(moving) if moving else []
    kept = {member.diary_id for one in keep for member in one.members}
    kept |= {member.diary_id for member in moving.members} if moving else set()
    members = _free_members(work, place, busy, instead, freed, kept, in_hours=in_hours)
    if members is None:
        able = {member.diary_id for need in place.needs for member in need}
        expired = queries.expired_holds(work, able, busy)
        claims.expire(work, [hold for hold in expired if hold not in instead])
        members = _free_members(work, place, busy, instead, freed, kept, in_hours=in_hours)
    if members is None:
        if moving is None and _joins(work, place, span):
            raise LostRace
        minutes = (span.end - span.start) * 5
        free = nearest(work, place, instant_of(span.start), minutes=minutes)
        raise NeedsTaken(free, schedule_id=place.schedule_id, minutes=minutes)
    return place._replace(members=tuple(members))


def _joins(work: Work, place: Place, span: Span) -> bool:
    """Return whether there is a session that starts then."""
    if not place.has_sessions:
        return False
    return sessions.at(work.session, place, instant_of(span.start)) is not None


def as_chosen(place: Place, appointment: Appointment) -> Place:
    """Return the place with the members that an appointment has."""
    if not place.needs:
        return place
    return place._replace(members=appointment.members)


def _free_members(
    work: Work,
    place: Place,
    busy: Span,
    instead: Sequence[Appointment],
    freed: Sequence[Claim],
    kept: set[int],
    *,
    in_hours: bool,
) -> list[Member] | None:
    window, day = _day_of(place, busy)
    able = {member.diary_id: member for need in place.needs for member in need}
    left = [*queries.claims_left_by(work, instead, window), *freed]
    taken = _taken(work, able, window, left)
    wanted, own_day = mask_of([busy], window), whole_days([day], place.zone, window)
    opened = {key: open_ticks_of(member, place, window) for key, member in able.items()}
    free = {key: (opened[key] & own_day & ~taken.get(key, 0)).bit_count() for key in able}

    def is_free(member: Member) -> bool:
        key = member.diary_id
        return not wanted & (taken.get(key, 0) | (~opened[key] if in_hours else 0))

    def rank(member: Member) -> tuple[bool, bool, int, int]:
        key = member.diary_id
        is_away = bool(wanted & ~opened[key])
        return key not in kept, is_away, free[key], key

    return assigned([sorted(filter(is_free, need), key=rank) for need in place.needs])


def _day_of(place: Place, busy: Span) -> tuple[Window, date]:
    starts, ends = instant_of(busy.start), instant_of(busy.end)
    day = starts.astimezone(place.zone).date()
    midnight = datetime.combine(day, time(0), place.zone)
    last = max(ends, midnight + timedelta(days=1))
    return window_over(min(starts, midnight), last), day


def _taken(
    work: Work, diary_ids: Collection[int], window: Window, left: Sequence[Claim]
) -> dict[int, int]:
    """Return the taken time of the diaries; the claims ``left`` are free, except during an
    absence."""
    taken = diaries.taken(work.session, diary_ids, window)
    own = [claim for claim in left if claim[0] in taken]
    for diary_id, span in own:
        taken[diary_id] &= ~mask_of([span], window)
    over = Span(window.start, window.end)
    absent = schedules.absent_spans(work.session, {key for key, _ in own}, over) if own else ()
    for diary_id, span in absent:
        taken[diary_id] |= mask_of([span], window)
    return taken
