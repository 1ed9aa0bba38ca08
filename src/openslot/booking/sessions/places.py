"""Places of sessions, taken and given back with the time of appointments (booking/claims.py)."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking.diaries import resource_of
from openslot.booking.errors import BadLength, NoPlacesLeft
from openslot.booking.models import Appointment, GroupSession, SessionResource
from openslot.booking.sessions import queries
from openslot.core.db import LostRace
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.schedules.availability import Span, instant_of
from openslot.schedules.diaries import Claim
from openslot.schedules.rules import Place


def join(
    work: Work, place: Place, span: Span, instead: Sequence[Appointment]
) -> tuple[Place, list[Appointment]]:
    """Take a place of the session at this time, if there is one, and return the place as one in it,
    with whom it takes, and the expired holds that lose theirs.

    What is booked ``instead`` of another place in the session keeps that. Raises NoPlacesLeft, and
    BadLength for another length than the session's.
    """
    start = instant_of(span.start)
    group = queries.at(work.session, place, start) if place.has_sessions else None
    if group is None:
        return place, []
    if group.minutes != (span.end - span.start) * 5:
        raise BadLength(field="minutes", minutes=group.minutes)
    members = tuple(resource.member for resource in group.resources)
    joined = place._replace(session_id=group.id, members=members)
    if any(other.session_id == group.id for other in instead):
        return joined, []
    if queries.take_place(work.session, group.id, start):
        return joined, []
    expired = queries.expired_in(work.session, group.id, work.now)
    if expired:
        queries.give_back(work.session, group.id, len(expired))
        if queries.take_place(work.session, group.id, start):
            return joined, expired
    if queries.at(work.session, place, start) is None:
        raise LostRace
    raise NoPlacesLeft((), schedule_id=place.schedule_id, minutes=group.minutes)


def leave(
    session: Session, appointments: Sequence[Appointment], *, stays_in: UUID | None = None
) -> list[Claim]:
    """Give back the places of appointments, and return the claims of sessions that are released
    because they became empty. Places in the session ``stays_in`` were passed on."""
    leaving = Counter(
        appointment.session_id
        for appointment in appointments
        if appointment.session_id not in (None, stays_in)
    )
    released: list[Claim] = []
    for session_id, count in leaving.items():
        if session_id is None:
            continue
        queries.give_back(session, session_id, count)
        group = session.get(GroupSession, session_id)
        if group is not None and queries.release_empty(session, session_id):
            released += queries.claims_of(group)
    return released


def resources_of(place: Place) -> list[SessionResource]:
    """Return what a session at the place claims besides its schedule and room."""
    return [resource_of(member, SessionResource) for member in place.members]


def begin(work: Work, place: Place, span: Span, *, by_staff: bool = False) -> GroupSession:
    """Add a session whose time, and that of whom it needs, was claimed: with one place taken, or
    none if staff make it."""
    busy = place.busy(span)
    group = GroupSession(
        id=new_id(),
        schedule_id=place.schedule_id,
        service_id=place.service_id,
        diary_id=place.diary_id,
        room_diary_id=place.room_id,
        resources=resources_of(place),
        starts_at=instant_of(span.start),
        ends_at=instant_of(span.end),
        busy_from=instant_of(busy.start),
        busy_until=instant_of(busy.end),
        places=place.places,
        taken=0 if by_staff else 1,
        made_by_staff=by_staff,
        released=False,
        created_at=work.now,
        created_by=work.actor.account_id,
    )
    work.session.add(group)
    work.session.flush()
    return group
