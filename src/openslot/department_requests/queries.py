"""Selects of requests between departments."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, contains_eager

from openslot.booking.models import Appointment, Priority
from openslot.core import keyset
from openslot.core.tables import alias_of
from openslot.department_requests.models import Kept, ServiceRequest, State
from openslot.department_requests.rules import CLOSED, OPEN
from openslot.directory.models import Centre, Department, Patient, Service
from openslot.feedback.queries import Average
from openslot.identity.models import Account

Condition = ColumnElement[bool]
"""A filter on requests; the functions below create them."""

_Requesting = alias_of(Department)
_service = contains_eager(ServiceRequest.service)
LOADED = (
    _service.contains_eager(Service.department).contains_eager(Department.centre),
    contains_eager(ServiceRequest.requesting_department.of_type(_Requesting)),
    contains_eager(ServiceRequest.patient),
    contains_eager(ServiceRequest.appointment),
    contains_eager(ServiceRequest.requested_by),
)
"""Options that load all that a page or a message shows of a request, for a select that joins these
tables."""


def _requests() -> Select[ServiceRequest]:
    requests: Select[ServiceRequest] = _joined(select(ServiceRequest)).options(*LOADED)
    return requests


def _joined(query: Any) -> Any:
    return (
        query.select_from(ServiceRequest)
        .join(Service, Service.id == ServiceRequest.service_id)
        .join(Department, Department.id == Service.department_id)
        .join(_Requesting, _Requesting.id == ServiceRequest.department_id)
        .join(Centre, Centre.id == Department.centre_id)
        .outerjoin(Patient, Patient.id == ServiceRequest.patient_id)
        .outerjoin(Appointment, Appointment.id == ServiceRequest.appointment_id)
        .outerjoin(Account, Account.id == ServiceRequest.created_by)
    )


def request(session: Session, request_id: UUID) -> ServiceRequest | None:
    """Return a request, or None, in one statement."""
    return session.scalar(_requests().where(ServiceRequest.id == request_id))


def remove_texts(session: Session, patient_id: UUID) -> None:
    """Remove what departments wrote about a patient, for good."""
    about = select(ServiceRequest).where(ServiceRequest.patient_id == patient_id)
    for request in session.scalars(about):
        request.task, request.description, request.answer = "–", None, None


def of_appointment(session: Session, appointment_id: UUID) -> ServiceRequest | None:
    """Return the request that an appointment was booked for, or None, in one statement."""
    return session.scalar(_requests().where(ServiceRequest.appointment_id == appointment_id))


def add(session: Session, request: ServiceRequest) -> None:
    """Store a new request."""
    session.add(request)
    session.flush()


# Filters


def asked_of(department_id: int) -> Condition:
    """Match requests for the services of a department."""
    return Service.department_id == department_id


def asked_by(department_id: int) -> Condition:
    """Match requests that a department made."""
    return ServiceRequest.department_id == department_id


def concerning(department_id: int) -> Condition:
    """Match requests that a department made or received."""
    return or_(asked_of(department_id), asked_by(department_id))


def at_centre(centre_id: int) -> Condition:
    """Match requests at a centre."""
    return Department.centre_id == centre_id


def of_service(service_id: int) -> Condition:
    """Match requests for one service."""
    return ServiceRequest.service_id == service_id


def of_priority(priority: Priority) -> Condition:
    """Match requests with this priority."""
    return ServiceRequest.priority == priority


def standing_as(states: Iterable[State]) -> Condition:
    """Match requests in one of these states."""
    wanted_states = set(states)
    stored = {Kept(wanted) for wanted in wanted_states if wanted is not State.COMPLETED}
    if wanted_states & {State.COMPLETED, State.CANCELLED}:
        stored.add(Kept.ACCEPTED)
    # The stored status can use an index; the state decides.
    return and_(ServiceRequest.status.in_(stored), ServiceRequest.state.in_(wanted_states))


def is_open() -> Condition:
    """Match requests that still need something done."""
    return standing_as(OPEN)


# Lists


def page(
    session: Session, *where: Condition, first: State, limit: int, offset: int = 0
) -> list[ServiceRequest]:
    """Return open requests; one statement.

    Urgent requests come first. Within a priority, status ``first`` comes first and accepted last,
    and then the oldest first.
    """
    order = (
        case((ServiceRequest.priority == Priority.URGENT, 0), else_=1),
        case(
            (ServiceRequest.status == first, 0),
            (ServiceRequest.status == Kept.ACCEPTED, 2),
            else_=1,
        ),
        ServiceRequest.created_at,
        ServiceRequest.id,
    )
    return _page(session, where, order, limit, offset)


def closed(
    session: Session, *where: Condition, limit: int, offset: int = 0
) -> list[ServiceRequest]:
    """Return closed requests, the last changed first; one statement."""
    order = (ServiceRequest.changed_at.desc(), ServiceRequest.id)
    return _page(session, (*where, standing_as(CLOSED)), order, limit, offset)


def _page(
    session: Session, where: Sequence[Condition], order: Sequence[Any], limit: int, offset: int
) -> list[ServiceRequest]:
    query = _requests().where(*where).order_by(*order).limit(limit).offset(offset)
    return list(session.scalars(query))


def newest(
    session: Session, *where: Condition, after: keyset.Key | None = None, limit: int
) -> list[ServiceRequest]:
    """Return requests, the newest first; one statement.

    ``after`` is the creation time and id of the last request of the page before.
    """
    order = (ServiceRequest.created_at.desc(), ServiceRequest.id.desc())
    query = keyset.page(_requests().where(*where), order, after, limit)
    return list(session.scalars(query))


def count(session: Session, *where: Condition) -> int:
    """Return the number of requests that match; one statement."""
    return session.scalar(_joined(select(func.count())).where(*where)) or 0


class Figures(NamedTuple):
    """Counts of open requests in a department: to answer by priority, and made by it.

    ``oldest`` is since when the oldest request has been waiting for an answer.
    """

    urgent: int
    routine: int
    oldest: datetime | None
    outgoing: int
    proposed: int

    @property
    def to_answer(self) -> int:
        """The number of requests that need the department's answer."""
        return self.urgent + self.routine


def figures(session: Session, department_id: int) -> Figures:
    """Return the counts for a department; one statement."""
    incoming, outgoing = asked_of(department_id), asked_by(department_id)
    return _figures(session, incoming, outgoing, concerning(department_id))


def figures_at(session: Session, centre_id: int | None) -> Figures:
    """Return the counts for a centre, or for the network; one statement."""
    scope = true() if centre_id is None else at_centre(centre_id)
    return _figures(session, true(), true(), scope)


def _figures(
    session: Session, incoming: Condition, outgoing: Condition, scope: Condition
) -> Figures:
    unanswered = and_(incoming, ServiceRequest.status == Kept.NEW)
    urgent = ServiceRequest.priority == Priority.URGENT
    query = _joined(
        select(
            _count_if(and_(unanswered, urgent)),
            _count_if(and_(unanswered, ~urgent)),
            func.min(case((unanswered, ServiceRequest.created_at))),
            _count_if(outgoing),
            _count_if(and_(outgoing, ServiceRequest.status == Kept.PROPOSED)),
        )
    ).where(scope, is_open())
    return Figures(*session.execute(query).one())


def _count_if(condition: Condition) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


class Offered(NamedTuple):
    """A service in the filter of a list of requests."""

    id: int
    name: str
    department: str


def services_in(session: Session, *where: Condition) -> list[Offered]:
    """Return the services of the requests that match, by name; one statement."""
    query = _joined(select(Service.id, Service.name, Department.name)).where(*where).distinct()
    services = (Offered(*row) for row in session.execute(query))
    return sorted(services, key=lambda service: service.name)


def consultations(session: Session, department_ids: Sequence[int]) -> dict[int, Average]:
    """Return the average rating of consultations by the rated department; one statement."""
    query = (
        select(Service.department_id, func.avg(ServiceRequest.stars), func.count())
        .join(ServiceRequest, ServiceRequest.service_id == Service.id)
        .where(Service.department_id.in_(department_ids), ServiceRequest.stars.is_not(None))
        .group_by(Service.department_id)
    )
    return {row[0]: Average(float(row[1]), row[2]) for row in session.execute(query)}
