"""What departments of a centre ask of each other, and what is answered."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.booking.models import Priority
from openslot.core.errors import Forbidden, Invalid
from openslot.core.fields import Instant, Name, OptionalText
from openslot.directory.models import Department
from openslot.directory.rules import Actor
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import Id, PatientRef, ServiceRef, patient_ref, service_ref
from openslot.entrypoints.api.versions import etag, sent_version
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.identity.models import Role
from openslot.requests import commands, queries
from openslot.requests.commands import own_department, request_for
from openslot.requests.details import ProposalDetails, ReasonDetails, RequestDetails
from openslot.requests.models import ServiceRequest
from openslot.requests.queries import Asked
from openslot.requests.rules import Act, Part, State, acts_now, part_in

service = Service("requests", "Requests", "What departments ask of each other.")

PATH = "/api/v1/requests"
ONE = f"{PATH}/<uuid:request_id>"
ETAG = {"ETag": "The version of the request; send it as If-Match to change only that."}

Minutes = Annotated[int, Field(ge=5, le=1440, multiple_of=5)]


class DepartmentRef(Shown):
    """A department in few words."""

    id: int
    name: str


class Side(StrEnum):
    """On which side of a request one's department stands."""

    ASKED = "asked"
    ASKING = "asking"


class Request(Shown):
    """A service that one department wants of another, for a task or a patient."""

    id: UUID
    service: ServiceRef | None
    asking: DepartmentRef
    asked: DepartmentRef
    patient: PatientRef | None
    task: str
    description: str | None
    priority: Priority
    start: Annotated[AwareDatetime, Field(description="When it is booked for, or wanted.")]
    minutes: int
    proposed: Annotated[AwareDatetime | None, Field(description="Another time, if one is.")]
    answer: str | None
    status: State
    appointment: Annotated[UUID | None, Field(description="The appointment, once it is accepted.")]
    stars: int | None
    part: Annotated[Part, Field(description="What one is to it oneself.")]
    acts: Annotated[list[Act], Field(description="What one may do with it now.")]
    version: int
    created: AwareDatetime
    changed: AwareDatetime


class RequestList(Listing[Request]):
    """Some requests, the newest first."""


class RequestQuery(Paged):
    """Which of the requests that one's department, centre or network has to do with."""

    side: Annotated[Side | None, Field(description="For who works for a department.")] = None
    status: tuple[State, ...] = ()
    service: Id | None = None
    priority: Priority | None = None


class NewRequest(RequestDetails):
    """What another department is asked for, and when; a free time of the service."""

    service: Id
    start: Instant
    minutes: Minutes
    patient: UUID | None = None


class RequestChange(Given):
    """What is to change of a request; another time is asked for anew."""

    task: Name | None = None
    description: OptionalText = None
    priority: Priority | None = None
    start: Instant | None = None
    minutes: Minutes | None = None


class Proposal(ProposalDetails):
    """Another time that is free, and a word about it."""

    start: Instant


class Refusal(ReasonDetails):
    """Why not."""


class Consultation(Given):
    """How good it was."""

    stars: Annotated[int, Field(ge=1, le=5)]


@service.operation(
    "GET", PATH, scope="requests:read", rule=Rule.RELATED, query=RequestQuery, answer=RequestList
)
def list_requests(query: RequestQuery) -> Listing[Request]:
    """List the requests to and from one's department, or of what one runs, the newest first."""
    where = [*_within(bearer.actor(), query.side)]
    if query.status:
        where.append(queries.standing_as(query.status))
    if query.service:
        where.append(queries.of_service(query.service))
    if query.priority:
        where.append(queries.of_priority(query.priority))
    after = read_cursor(query.after, instant, UUID)
    rows = queries.newest(reader(), *where, after=after, limit=query.limit + 1)
    return page(
        RequestList,
        rows,
        query,
        _listed,
        lambda one: (one.request.created_at, one.request.id),
    )


@service.operation(
    "GET", ONE, scope="requests:read", rule=Rule.RELATED, answer=Request, headers=ETAG
)
def get_request(request_id: UUID) -> Answer:
    """Read a request that one has a part in."""
    return _answer(request_id)


@service.operation(
    "POST",
    PATH,
    scope="requests:write",
    rule=Rule.RELATED,
    body=NewRequest,
    answer=Request,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new request.", **ETAG},
)
def create_request(body: NewRequest) -> Answer:
    """Ask another department of one's centre, at a time that is free.

    The time is not kept: it is booked when the other department accepts.
    """
    details = RequestDetails(task=body.task, description=body.description, priority=body.priority)
    made = write(
        lambda session: (
            commands.make(
                session,
                bearer.actor(),
                body.service,
                details,
                start=body.start,
                minutes=body.minutes,
                patient_id=body.patient,
                now=now(),
            ).id
        )
    )
    return _answer(made, status=201)


@service.operation(
    "PATCH",
    ONE,
    scope="requests:write",
    rule=Rule.RELATED,
    body=RequestChange,
    answer=Request,
    may_fail=(409,),
    headers=ETAG,
    if_match=True,
)
def amend_request(request_id: UUID, body: RequestChange) -> Answer:
    """Change what was asked for; a new time of an accepted request moves its appointment."""
    sent, version = body.model_dump(exclude_unset=True), _sent_version(request_id)
    if not sent:
        raise Invalid("Name what is to change.")
    when = {name: sent.pop(name, None) for name in ("start", "minutes")}

    def work(session: Session) -> ServiceRequest:
        known, _ = request_for(session, bearer.actor(), request_id)
        kept = {name: getattr(known.request, name) for name in RequestDetails.model_fields}
        named = {name: value for name, value in sent.items() if value or name == "description"}
        return commands.amend(
            session,
            bearer.actor(),
            request_id,
            RequestDetails.model_validate(kept | named),
            **when,
            now=now(),
            version=version,
        )

    write(work)
    return _answer(request_id)


@service.operation(
    "POST",
    f"{ONE}/accept",
    scope="requests:write",
    rule=Rule.RELATED,
    answer=Request,
    headers=ETAG,
    if_match=True,
)
def accept_request(request_id: UUID) -> Answer:
    """Book the wanted time, as the department that is asked."""
    return _done(commands.accept, request_id)


@service.operation(
    "POST",
    f"{ONE}/propose",
    scope="requests:write",
    rule=Rule.RELATED,
    body=Proposal,
    answer=Request,
    headers=ETAG,
    if_match=True,
)
def propose_time(request_id: UUID, body: Proposal) -> Answer:
    """Propose another time, as the department that is asked."""
    return _done(commands.propose, request_id, start=body.start, answer=body.answer)


@service.operation(
    "POST",
    f"{ONE}/agree",
    scope="requests:write",
    rule=Rule.RELATED,
    answer=Request,
    headers=ETAG,
    if_match=True,
)
def agree(request_id: UUID) -> Answer:
    """Take the time that was proposed: it is booked."""
    return _done(commands.agree, request_id)


@service.operation(
    "POST",
    f"{ONE}/decline",
    scope="requests:write",
    rule=Rule.RELATED,
    body=Refusal,
    answer=Request,
    headers=ETAG,
    if_match=True,
)
def decline_request(request_id: UUID, body: Refusal) -> Answer:
    """Say no, and why."""
    return _done(commands.decline, request_id, answer=body.answer)


@service.operation(
    "POST",
    f"{ONE}/cancel",
    scope="requests:write",
    rule=Rule.RELATED,
    answer=Request,
    headers=ETAG,
    if_match=True,
)
def cancel_request(request_id: UUID) -> Answer:
    """Take the request back, or what was promised; its appointment is cancelled too."""
    return _done(commands.cancel, request_id)


@service.operation(
    "POST",
    f"{ONE}/complete",
    scope="requests:write",
    rule=Rule.RELATED,
    answer=Request,
    headers=ETAG,
    if_match=True,
)
def complete_request(request_id: UUID) -> Answer:
    """The consultation took place."""
    return _done(commands.complete, request_id)


@service.operation(
    "PUT",
    f"{ONE}/rating",
    scope="requests:write",
    rule=Rule.RELATED,
    body=Consultation,
    answer=Request,
    may_fail=(409,),
    headers=ETAG,
)
def rate_consultation(request_id: UUID, body: Consultation) -> Answer:
    """Give a completed consultation stars, as the department that asked."""
    actor = bearer.actor()
    write(lambda session: commands.rate(session, actor, request_id, body.stars, now=now()))
    return _answer(request_id)


def _done(act: Callable[..., ServiceRequest], request_id: UUID, **given: object) -> Answer:
    """The request after one of the commands, for the version that If-Match names."""
    actor, version = bearer.actor(), _sent_version(request_id)
    write(lambda session: act(session, actor, request_id, **given, now=now(), version=version))
    return _answer(request_id)


def _sent_version(request_id: UUID) -> int | None:
    """The version of the request that If-Match demands."""
    return sent_version(
        lambda: request_for(reader(), bearer.actor(), request_id)[0].request.version
    )


def _within(actor: Actor, side: Side | None) -> list[queries.Condition]:
    """What the actor's department, centre or network has to do with; NoDepartment, Forbidden."""
    if actor.is_a(Role.STAFF):
        own = own_department(reader(), actor).id
        sides = {Side.ASKED: queries.asked_of, Side.ASKING: queries.asked_by}
        return [sides[side](own) if side else queries.concerning(own)]
    if not actor.is_a(Role.CENTRE_ADMIN, Role.NETWORK_ADMIN):
        raise Forbidden
    if side is not None:
        raise Invalid("Only who works for a department has a side.", field="side")
    return [queries.at_centre(actor.centre_id)] if actor.centre_id is not None else []


def _answer(request_id: UUID, *, status: int = 200) -> Answer:
    found, part = request_for(reader(), bearer.actor(), request_id)
    headers = {"ETag": etag(found.request.version)}
    if status == 201:
        headers["Location"] = f"{PATH}/{request_id}"
    return Answer(_shown(found, part), status=status, headers=headers)


def _listed(one: Asked) -> Request:
    return _shown(one, part_in(bearer.actor(), one.standing) or Part.OVERSEER)


def _ref(row: Department) -> DepartmentRef:
    return DepartmentRef(id=row.id, name=row.name)


def _shown(one: Asked, part: Part) -> Request:
    row, zone = one.request, one.zone
    return Request(
        id=row.id,
        service=service_ref(one.service, one.department),
        asking=_ref(one.asking),
        asked=_ref(one.department),
        patient=patient_ref(one.patient),
        task=row.task,
        description=row.description,
        priority=Priority(row.priority),
        start=(one.appointment.starts_at if one.appointment else row.starts_at).astimezone(zone),
        minutes=row.minutes,
        proposed=row.proposed_at.astimezone(zone) if row.proposed_at else None,
        answer=row.answer,
        status=one.state,
        appointment=row.appointment_id,
        stars=row.stars,
        part=part,
        acts=sorted(acts_now(one.standing, part, now=now())),
        version=row.version,
        created=row.created_at,
        changed=row.changed_at,
    )
