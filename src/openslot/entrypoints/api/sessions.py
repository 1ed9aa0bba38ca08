"""Operations on sessions: visits of several patients together."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking.models import GroupSession
from openslot.booking.sessions import commands, queries
from openslot.core.errors import Invalid
from openslot.core.fields import Instant, InstantOrDay
from openslot.core.work import Work
from openslot.entrypoints import bearer, limits
from openslot.entrypoints.api.appointment_shapes import ResourceRef, resource_refs
from openslot.entrypoints.api.appointments import Why
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.periods import TO, begin_of, end_of
from openslot.entrypoints.api.shapes import (
    CentreRef,
    Id,
    PractitionerRef,
    ServiceRef,
    centre_ref,
    practitioner_ref,
    service_ref,
)
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now
from openslot.entrypoints.rules import Rule

service = Service(
    "sessions",
    "Sessions",
    "Visits of several patients together, such as a class. Each patient has an appointment of "
    "their own, which has one of the session's places.",
)

PATH = "/api/v1/sessions"
ONE = f"{PATH}/<uuid:session_id>"

Places = Annotated[int, Field(ge=1, le=commands.MOST_PLACES)]


class Session(Shown):
    """A visit of several patients together; its appointments are those with its `session`."""

    id: UUID
    schedule: int
    service: ServiceRef | None
    practitioner: PractitionerRef | None
    centre: CentreRef
    resources: Annotated[
        list[ResourceRef], Field(description="Who and what takes part besides the schedule.")
    ]
    start: AwareDatetime
    end: AwareDatetime
    places: int
    taken: Annotated[int, Field(description="Places of appointments and holds.")]
    made_by_staff: Annotated[
        bool, Field(description="Whether it stays when nobody has a place in it.")
    ]


class SessionList(Listing[Session]):
    """A page of sessions, sorted by start."""


class SessionQuery(Paged):
    """Filters by start; a date is a day in the network's time zone."""

    from_: Annotated[InstantOrDay | None, Field(alias="from", description="Defaults to now.")] = (
        None
    )
    to: Annotated[InstantOrDay | None, Field(description=TO)] = None
    schedule: Id | None = None


class NewSession(Given):
    """A session at a time of your choice, also outside the hours, if it is free."""

    schedule: Id
    service: Annotated[
        Id | None, Field(description="A service with places; defaults to the schedule's first.")
    ] = None
    start: Instant
    places: Annotated[
        Places | None, Field(description="Defaults to as many as the service has.")
    ] = None


class SessionChange(Given):
    """Changes to a session. With `start`, all its appointments move, or none. A session that needs
    others takes those who are free at its `start`, also if that stays the same."""

    start: Instant | None = None
    places: Annotated[Places | None, Field(description="Never fewer than are taken.")] = None


class SessionCancellation(Given):
    """The reason for cancelling, which the patients read."""

    why: Why = None


class SessionReaders(Shown):
    """Number of patients who are written to."""

    patients: int


@service.operation(
    "GET",
    PATH,
    scope="appointments:read",
    rule=Rule.RELATED,
    query=SessionQuery,
    answer=SessionList,
)
def list_sessions(query: SessionQuery) -> Listing[Session]:
    """List the sessions where you give or arrange care, by start. Patients see none."""
    work = bearer.work()
    where = [
        queries.managed_by(work.actor),
        queries.starting_from(begin_of(query.from_) if query.from_ else now()),
    ]
    if query.to is not None:
        where.append(queries.starting_before(end_of(query.to)))
    if query.schedule is not None:
        where.append(queries.on_schedule(query.schedule))
    after = read_cursor(query.after, instant, UUID)
    rows = queries.page(work.session, *where, after=after, limit=query.limit + 1)
    return page(SessionList, rows, query, _shown, _key)


@service.operation(
    "POST",
    PATH,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=NewSession,
    answer=Session,
    status=201,
    may_fail=(404, 409),
    headers={"Location": "The address of the new session."},
)
def create_session(body: NewSession) -> Answer:
    """Make a session where you give or arrange care; it stays when it is empty."""
    group = bearer.write(
        commands.make_session,
        body.schedule,
        body.start,
        service_id=body.service,
        count=body.places,
    )
    return Answer(_shown(group), status=201, headers={"Location": f"{PATH}/{group.id}"})


@service.operation("GET", ONE, scope="appointments:read", rule=Rule.RELATED, answer=Session)
def get_session(session_id: UUID) -> Session:
    """Read a session where you give or arrange care."""
    return _shown(commands.session_for(bearer.work(), session_id))


@service.operation(
    "PATCH",
    ONE,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=SessionChange,
    answer=Session,
    may_fail=(409,),
)
def change_session(session_id: UUID, body: SessionChange) -> Session:
    """Move a session with all its appointments, or change the number of its places."""
    if body.start is None and body.places is None:
        raise Invalid("Send at least one change.")

    def save(work: Work) -> GroupSession:
        if body.start is not None:
            commands.move_session(work, session_id, body.start)
        if body.places is not None:
            commands.change_places(work, session_id, body.places)
        return commands.session_for(work, session_id)

    return _shown(bearer.write(save))


@service.operation(
    "POST",
    f"{ONE}/cancel",
    scope="appointments:write",
    rule=Rule.RELATED,
    body=SessionCancellation,
    status=204,
    may_fail=(409,),
)
def cancel_session(session_id: UUID, body: SessionCancellation) -> None:
    """Cancel a session and all its appointments; each patient is told."""
    bearer.write(commands.cancel_session, session_id, why=body.why)


@service.operation(
    "POST",
    f"{ONE}/messages",
    scope="appointments:write",
    rule=Rule.RELATED,
    body=commands.Message,
    answer=SessionReaders,
    status=202,
)
def write_to_session(session_id: UUID, body: commands.Message) -> SessionReaders:
    """Write to everybody who has an appointment in a session, by mail."""
    limits.message(bearer.actor())
    return SessionReaders(patients=bearer.write(commands.write_to_all, session_id, body))


def _shown(group: GroupSession) -> Session:
    schedule = group.schedule
    return Session(
        id=group.id,
        schedule=group.schedule_id,
        service=service_ref(group.chosen_service or schedule.service, schedule.department),
        practitioner=practitioner_ref(schedule.practitioner),
        centre=centre_ref(schedule.centre),
        resources=resource_refs(group.others),
        start=group.starts_at.astimezone(schedule.zone),
        end=group.ends_at.astimezone(schedule.zone),
        places=group.places,
        taken=group.taken,
        made_by_staff=group.made_by_staff,
    )


def _key(group: GroupSession) -> tuple[str, UUID]:
    return group.starts_at.isoformat(), group.id
