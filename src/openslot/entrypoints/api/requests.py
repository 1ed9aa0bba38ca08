"""Operations on requests between departments of a centre."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking.models import Priority
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden, Invalid
from openslot.core.fields import Instant, Name, OptionalText
from openslot.core.work import Work
from openslot.department_requests import commands, queries
from openslot.department_requests.commands import own_department, request_for
from openslot.department_requests.details import ProposalDetails, ReasonDetails, RequestDetails
from openslot.department_requests.models import ServiceRequest, State
from openslot.department_requests.rules import Action, Relation, actions_now, relation_to
from openslot.directory.models import Department
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import Id, PatientRef, ServiceRef, patient_ref, service_ref
from openslot.entrypoints.api.versions import etag, sent_version
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule

service = Service(
    "requests", "Requests", "Requests from one department for the service of another."
)

PATH = "/api/v1/requests"
ONE = f"{PATH}/<uuid:request_id>"
ETAG = {"ETag": "The version of the request. Send it as If-Match to change only that version."}

Minutes = Annotated[int, Field(ge=5, le=1440, multiple_of=5)]


class DepartmentRef(Shown):
    """A reference to a department."""

    id: int
    name: str


class Side(StrEnum):
    """The side of a request that your department is on."""

    ASKED = "asked"
    ASKING = "asking"


class Request(Shown):
    """A request by one department for a service of another, for a task or a patient."""

    id: UUID
    service: ServiceRef | None
    asking: DepartmentRef
    asked: DepartmentRef
    patient: PatientRef | None
    task: str
    description: str | None
    priority: Priority
    start: Annotated[AwareDatetime, Field(description="The booked or requested time.")]
    minutes: int
    proposed: Annotated[
        AwareDatetime | None, Field(description="The other time that was proposed.")
    ]
    answer: str | None
    status: State
    appointment: Annotated[UUID | None, Field(description="The appointment, once accepted.")]
    stars: int | None
    relation: Annotated[Relation, Field(description="Your relation to the request.")]
    actions: Annotated[list[Action], Field(description="The actions that you may take now.")]
    version: int
    created: AwareDatetime
    changed: AwareDatetime


class RequestList(Listing[Request]):
    """A page of requests, newest first."""


class RequestQuery(Paged):
    """Filters for requests."""

    side: Annotated[Side | None, Field(description="Only for staff of a department.")] = None
    status: tuple[State, ...] = ()
    service: Id | None = None
    priority: Priority | None = None


class NewRequest(RequestDetails):
    """A request for a service of another department, at a free time."""

    service: Id
    start: Instant
    minutes: Minutes
    patient: UUID | None = None


class RequestChange(Given):
    """Changes to a request; a new time has to be accepted again."""

    task: Name | None = None
    description: OptionalText = None
    priority: Priority | None = None
    start: Instant | None = None
    minutes: Minutes | None = None


class Proposal(ProposalDetails):
    """Another free time, and a message about it."""

    start: Instant


class Refusal(ReasonDetails):
    """The reason for declining."""


class Consultation(Given):
    """A rating of a completed consultation."""

    stars: Annotated[int, Field(ge=1, le=5)]


@service.operation(
    "GET", PATH, scope="requests:read", rule=Rule.RELATED, query=RequestQuery, answer=RequestList
)
def list_requests(query: RequestQuery) -> Listing[Request]:
    """List requests, newest first: those of your department, or of what you manage."""
    where = [*_within(bearer.actor(), query.side)]
    if query.status:
        where.append(queries.standing_as(query.status))
    if query.service:
        where.append(queries.of_service(query.service))
    if query.priority:
        where.append(queries.of_priority(query.priority))
    after = read_cursor(query.after, instant, UUID)
    rows = queries.newest(reader(), *where, after=after, limit=query.limit + 1)
    return page(RequestList, rows, query, _listed, lambda row: (row.created_at, row.id))


@service.operation(
    "GET", ONE, scope="requests:read", rule=Rule.RELATED, answer=Request, headers=ETAG
)
def get_request(request_id: UUID) -> Answer:
    """Read one of your requests."""
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
    """Request a service from another department of your centre, at a free time.

    The time is not held. It is booked when the other department accepts.
    """
    details = RequestDetails(task=body.task, description=body.description, priority=body.priority)
    request_id = bearer.write(
        lambda work: (
            commands.make(
                work,
                body.service,
                details,
                start=body.start,
                minutes=body.minutes,
                patient_id=body.patient,
            ).id
        )
    )
    return _answer(request_id, status=201)


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
    """Change a request; a new time for an accepted request moves its appointment."""
    sent, version = body.model_dump(exclude_unset=True), _sent_version(request_id)
    if not sent:
        raise Invalid("Send at least one change.")
    when = {name: sent.pop(name, None) for name in ("start", "minutes")}

    def save(work: Work) -> ServiceRequest:
        service_request, _ = request_for(work, request_id)
        current = {name: getattr(service_request, name) for name in RequestDetails.model_fields}
        changes = {name: value for name, value in sent.items() if value or name == "description"}
        return commands.amend(
            work,
            request_id,
            RequestDetails.model_validate(current | changes),
            **when,
            version=version,
        )

    bearer.write(save)
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
    """Accept a request, as the department that received it; its time is booked."""
    return _run(commands.accept, request_id)


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
    """Propose another time, as the department that received the request."""
    return _run(commands.propose, request_id, start=body.start, answer=body.answer)


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
    """Agree to the proposed time; it is booked."""
    return _run(commands.agree, request_id)


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
    """Decline a request, with a reason."""
    return _run(commands.decline, request_id, answer=body.answer)


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
    """Cancel a request, also one that was accepted; its appointment is cancelled too."""
    return _run(commands.cancel, request_id)


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
    """Mark the consultation as completed."""
    return _run(commands.complete, request_id)


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
    """Rate a completed consultation, as the department that made the request."""
    bearer.write(commands.rate, request_id, body.stars)
    return _answer(request_id)


def _run(command: Callable[..., ServiceRequest], request_id: UUID, **arguments: object) -> Answer:
    """Run a command on the version in If-Match, and return the changed request."""
    bearer.write(command, request_id, **arguments, version=_sent_version(request_id))
    return _answer(request_id)


def _sent_version(request_id: UUID) -> int | None:
    return sent_version(lambda: request_for(bearer.work(), request_id)[0].version)


def _within(actor: Actor, side: Side | None) -> list[queries.Condition]:
    """Return the conditions for requests of the actor's department, centre or network.

    Raises NoDepartment or Forbidden.
    """
    if actor.is_a(Role.STAFF):
        own = own_department(bearer.work()).id
        sides = {Side.ASKED: queries.asked_of, Side.ASKING: queries.asked_by}
        return [sides[side](own) if side else queries.concerning(own)]
    if not actor.is_a(Role.CENTRE_ADMIN, Role.NETWORK_ADMIN):
        raise Forbidden
    if side is not None:
        raise Invalid("Only staff of a department can choose a side.", field="side")
    return [queries.at_centre(actor.centre_id)] if actor.centre_id is not None else []


def _answer(request_id: UUID, *, status: int = 200) -> Answer:
    service_request, relation = request_for(bearer.work(), request_id)
    headers = {"ETag": etag(service_request.version)}
    if status == 201:
        headers["Location"] = f"{PATH}/{request_id}"
    return Answer(_shown(service_request, relation), status=status, headers=headers)


def _listed(row: ServiceRequest) -> Request:
    return _shown(row, relation_to(bearer.actor(), row) or Relation.OVERSEER)


def _ref(row: Department) -> DepartmentRef:
    return DepartmentRef(id=row.id, name=row.name)


def _shown(row: ServiceRequest, relation: Relation) -> Request:
    zone = row.zone
    start = row.appointment.starts_at if row.appointment else row.starts_at
    return Request(
        id=row.id,
        service=service_ref(row.service, row.department),
        asking=_ref(row.requesting_department),
        asked=_ref(row.department),
        patient=patient_ref(row.patient),
        task=row.task,
        description=row.description,
        priority=Priority(row.priority),
        start=start.astimezone(zone),
        minutes=row.minutes,
        proposed=row.proposed_at.astimezone(zone) if row.proposed_at else None,
        answer=row.answer,
        status=row.state,
        appointment=row.appointment_id,
        stars=row.stars,
        relation=relation,
        actions=sorted(actions_now(row, relation, now=now())),
        version=row.version,
        created=row.created_at,
        changed=row.changed_at,
    )
