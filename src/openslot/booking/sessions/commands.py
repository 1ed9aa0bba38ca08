"""What the care team does with whole sessions: make, move, change and cancel them, and write to
everybody in one.

Each is about the session and all its appointments in one transaction. The row of the session is
changed first: whoever would take a place waits for it, and then finds what it has become.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import claims, needs
from openslot.booking import queries as booking
from openslot.booking.commands import change_status, place_of, reschedule
from openslot.booking.errors import (
    NoSessions,
    PatientBusy,
    PlacesTaken,
    SessionExists,
    SessionHasBegun,
    SomebodyBusy,
)
from openslot.booking.events import Topic
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.moves import CLAIMING, Relation, relation_to_schedule
from openslot.booking.rules import check_session_time, may_book_others
from openslot.booking.sessions import places, queries
from openslot.core import audit, events
from openslot.core.errors import Forbidden, Invalid, NotFound
from openslot.core.fields import Details, Prose
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.schedules.rules import Place

MOST_PLACES = 500


def session_for(work: Work, session_id: UUID) -> GroupSession:
    """Return a session. Raises NotFound unless the actor gives or arranges the care there: patients
    see their own appointments, and nothing of the others."""
    group = queries.loaded(work.session, session_id)
    if group is None or group.released or _relation(work, group) is None:
        raise NotFound
    return group


def _locked(work: Work, session_id: UUID) -> GroupSession:
    """Return a session as it is now, which nobody else changes until the transaction ends."""
    queries.adopt(work.session, session_for(work, session_id).id)
    return session_for(work, session_id)


def _relation(work: Work, group: GroupSession) -> Relation | None:
    return relation_to_schedule(work.actor, group.schedule)


def roster(work: Work, session_id: UUID) -> list[Appointment]:
    """Return the appointments of a session that the actor can see, in the order of names."""
    there = booking.appointments_for(work, queries.in_session(session_id))
    return sorted(there, key=lambda one: one.patient.name if one.patient else "")


def make_session(
    work: Work,
    schedule_id: int,
    start: datetime,
    *,
    service_id: int | None = None,
    count: int | None = None,
) -> GroupSession:
    """Make a session with ``count`` places, by default as many as its service has.

    It may start at any five minutes, also outside the hours, if its time is free. Raises
    NoSessions, SessionExists, SlotTaken, NeedsTaken, Absent or CentreClosed.
    """
    place = place_of(work.session, schedule_id, service_id)
    if not may_book_others(work.actor, place):
        raise Forbidden
    if not place.has_sessions:
        raise NoSessions(field="service")
    if queries.at(work.session, place, start):
        raise SessionExists(field="start")
    span = check_session_time(place, start, work.now)
    place = place._replace(places=_checked(place.places if count is None else count))
    place = needs.choose(work, place, span, in_hours=False)
    claims.take_for_session(work, place, span)
    group = places.begin(work, place, span, by_staff=True)
    _record(work, group.id, "made")
    return session_for(work, group.id)


def change_places(work: Work, session_id: UUID, count: int) -> GroupSession:
    """Change the number of places. Raises PlacesTaken if more are taken, also by holds."""
    group = session_for(work, session_id)
    if not queries.change_places(work.session, group.id, _checked(count)):
        raise PlacesTaken(field="places")
    _record(work, group.id, "changed", places=count)
    return session_for(work, group.id)


def _checked(count: int) -> int:
    if not 1 <= count <= MOST_PLACES:
        raise Invalid("Enter a number from 1 to {most}.", field="places", most=MOST_PLACES)
    return count


def move_session(work: Work, session_id: UUID, start: datetime) -> GroupSession:
    """Move a session and everybody in it; each is told as of any move. Holds in it are released,
    and it stays when it is empty, as those do that staff made.

    All move or none. A session that needs others can "move" to the time that it has: it takes
    those who are free then, and for its patients nothing changes. Raises SomebodyBusy if one of
    them has another appointment then, and SessionHasBegun, SessionExists, SlotTaken, NeedsTaken,
    Absent or CentreClosed.
    """
    group = _locked(work, session_id)
    place = _place_of(work.session, group)
    there, stays = queries.at(work.session, place, start), start == group.starts_at
    if there is not None and not (there is group and place.needs):
        raise SessionExists(field="start")
    span = check_session_time(place, start, work.now)
    booked, own = _booked(work, group.id), queries.claims_of(group)
    place = needs.choose(work, place, span, moving=group, in_hours=False)
    claims.take_for_session(work, place, span, instead=own)
    group.resources = places.resources_of(place)
    work.session.flush()
    queries.set_time(work.session, group.id, place, span)
    try:
        for appointment in () if stays else booked:
            reschedule(work, appointment, place, span)
    except PatientBusy:
        raise SomebodyBusy(field="start") from None
    _record(work, group.id, "moved")
    return session_for(work, group.id)


def cancel_session(work: Work, session_id: UUID, *, why: str | None = None) -> None:
    """Cancel a session and everybody's appointment in it; each is told as of any cancellation.

    Raises SessionHasBegun.
    """
    group = _locked(work, session_id)
    queries.release(work.session, group.id)
    for appointment in _booked(work, group.id):
        change_status(work, appointment.id, Status.CANCELLED, why=why)
    claims.release_session(work.session, group)
    _record(work, group.id, "cancelled", has_reason=why is not None)


def _booked(work: Work, session_id: UUID) -> list[Appointment]:
    """Return the booked appointments of a session, whose holds are released. Raises SessionHasBegun
    if somebody has arrived."""
    there = booking.whole(
        work.session, queries.in_session(session_id), Appointment.status.in_(CLAIMING)
    )
    if any(one.status not in (Status.HELD, Status.BOOKED) for one in there):
        raise SessionHasBegun
    claims.expire(work, [one for one in there if one.status is Status.HELD])
    return [one for one in there if one.status is Status.BOOKED]


class Message(Details):
    """What is written to everybody in a session."""

    message: Annotated[str, Prose(2000, lines=True)]


def write_to_all(work: Work, session_id: UUID, message: Message) -> int:
    """Write to everybody who has an appointment in a session, and return their number. The audit
    log says who wrote to how many; the words may be about people, and are in the mails only."""
    group = session_for(work, session_id)
    readers = booking.appointments_for(
        work, queries.in_session(group.id), booking.to_come(work.now)
    )
    message_id = new_id()
    for appointment in readers:
        events.publish(
            work,
            Topic.MESSAGE,
            appointment=appointment.id,
            version=appointment.version,
            schedule=appointment.schedule_id,
            start=appointment.starts_at,
            end=appointment.ends_at,
            was=None,
            by=work.actor.account_id,
            message=message_id,
            words=message.message,
        )
    _record(work, group.id, "message", count=len(readers))
    return len(readers)


def _place_of(session: Session, group: GroupSession) -> Place:
    """Return the place of a session as it was made: with its own length and margins."""
    place = place_of(session, group.schedule_id, group.service_id)
    before, after = (
        int(margin.total_seconds()) // 60
        for margin in (group.starts_at - group.busy_from, group.busy_until - group.ends_at)
    )
    return place._replace(
        slot_minutes=group.minutes, places=max(group.places, 2), before=before, after=after
    )


def subject_of(session_id: UUID) -> str:
    """Return the subject of audit events on a session."""
    return f"session:{session_id}"


def _record(work: Work, session_id: UUID, action: str, **details: object) -> None:
    audit.record(work, f"session.{action}", subject_of(session_id), **details)
