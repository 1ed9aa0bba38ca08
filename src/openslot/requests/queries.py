"""Reading requests between departments, and the SQL of how they stand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.rules import LIVE
from openslot.core import keyset
from openslot.directory.models import Centre, Department, Patient, Service
from openslot.feedback.queries import Average
from openslot.identity.models import Account
from openslot.requests.models import Kept, ServiceRequest
from openslot.requests.rules import CLOSED, OPEN, Standing, State, state

Condition = ColumnElement[bool]
"""Which requests are wanted; the functions below make them."""

Asking = aliased(Department)

STATE = case(
    (ServiceRequest.status != Kept.ACCEPTED, ServiceRequest.status),
    (Appointment.status == Status.FULFILLED, State.COMPLETED.value),
    (Appointment.status.in_(LIVE), State.ACCEPTED.value),
    else_=State.CANCELLED.value,
)
"""How a request stands, as :func:`openslot.requests.rules.state` says it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with all that a page shows of it."""

    request: ServiceRequest
    service: Service
    department: Department
    asking: Department
    centre: Centre
    patient: Patient | None
    appointment: Appointment | None
    asker: Account | None

    @property
    def zone(self) -> ZoneInfo:
        """The centre's time zone."""
        return ZoneInfo(self.centre.time_zone)

    @property
    def state(self) -> State:
        """How the request stands."""
        return state(Kept(self.request.status), self._appointment_status)

    @property
    def standing(self) -> Standing:
        """What the rules need to know."""
        return Standing(
            state=self.state,
            asking_id=self.asking.id,
            asked_id=self.department.id,
            centre_id=self.centre.id,
            appointment=self._appointment_status,
            appointment_at=self.appointment.starts_at if self.appointment else None,
        )

    @property
    def starts_at(self) -> datetime:
        """When it is booked for, proposed for, or wanted: the newest of them."""
        if self.appointment is not None:
            return self.appointment.starts_at
        proposed = self.request.proposed_at if self.state is State.PROPOSED else None
        return proposed or self.request.starts_at

    @property
    def _appointment_status(self) -> Status | None:
        return Status(self.appointment.status) if self.appointment else None


def _asked() -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    return _joined(
        select(ServiceRequest, Service, Department, Asking, Centre, Patient, Appointment, Account)
    )


def _joined(query: Any) -> Any:
    return (
        query.select_from(ServiceRequest)
        .join(Service, Service.id == ServiceRequest.service_id)
        .join(Department, Department.id == Service.department_id)
        .join(Asking, Asking.id == ServiceRequest.department_id)
        .join(Centre, Centre.id == Department.centre_id)
        .outerjoin(Patient, Patient.id == ServiceRequest.patient_id)
        .outerjoin(Appointment, Appointment.id == ServiceRequest.appointment_id)
        .outerjoin(Account, Account.id == ServiceRequest.created_by)
    )


def asked(session: Session, request_id: UUID) -> Asked | None:
    """One request; one statement."""
    row = session.execute(_asked().where(ServiceRequest.id == request_id)).first()
    return Asked(*row) if row else None


def of_appointment(session: Session, appointment_id: UUID) -> Asked | None:
    """The request that an appointment was booked for; one statement."""
    where = ServiceRequest.appointment_id == appointment_id
    row = session.execute(_asked().where(where)).first()
    return Asked(*row) if row else None


def add(session: Session, request: ServiceRequest) -> None:
    """Write a new request."""
    session.add(request)
    session.flush()


# Which


def asked_of(department_id: int) -> Condition:
    """Requests for services of a department."""
    return Service.department_id == department_id


def asked_by(department_id: int) -> Condition:
    """Requests that a department made."""
    return ServiceRequest.department_id == department_id


def concerning(department_id: int) -> Condition:
    """Requests on either side of which the department stands."""
    return or_(asked_of(department_id), asked_by(department_id))


def at_centre(centre_id: int) -> Condition:
    """Requests at a centre."""
    return Department.centre_id == centre_id


def of_service(service_id: int) -> Condition:
    """Requests for one service."""
    return ServiceRequest.service_id == service_id


def of_priority(priority: Priority) -> Condition:
    """Requests that are as urgent as this."""
    return ServiceRequest.priority == priority


def standing_as(states: Iterable[State]) -> Condition:
    """Requests that stand in one of these ways."""
    wanted = set(states)
    kept = {Kept(one) for one in wanted if one is not State.COMPLETED}
    if wanted & {State.COMPLETED, State.CANCELLED}:
        kept.add(Kept.ACCEPTED)
    # What rows say by themselves is found by index; STATE decides.
    return and_(ServiceRequest.status.in_(kept), STATE.in_(wanted))


def is_open() -> Condition:
    """Requests with which somebody has still something to do."""
    return standing_as(OPEN)


# Lists


def page(
    session: Session, *where: Condition, first: State, limit: int, offset: int = 0
) -> list[Asked]:
    """Open requests: urgent first, of these what stands as ``first``, accepted ones last, and
    the longest waiting before others; one statement."""
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


def closed(session: Session, *where: Condition, limit: int, offset: int = 0) -> list[Asked]:
    """Closed requests, those changed last first; one statement."""
    order = (ServiceRequest.changed_at.desc(), ServiceRequest.id)
    return _page(session, (*where, standing_as(CLOSED)), order, limit, offset)


def _page(
    session: Session, where: Sequence[Condition], order: Sequence[Any], limit: int, offset: int
) -> list[Asked]:
    query = _asked().where(*where).order_by(*order).limit(limit).offset(offset)
    return [Asked(*row) for row in session.execute(query)]


def newest(
    session: Session,
    *where: Condition,
    after: keyset.Key | None = None,
    limit: int,
) -> list[Asked]:
    """Return the newest requests first, from after the instant and id ``after``; one statement."""
    order = (ServiceRequest.created_at.desc(), ServiceRequest.id.desc())
    query = keyset.page(_asked().where(*where), order, after, limit)
    return [Asked(*row) for row in session.execute(query)]


def count(session: Session, *where: Condition) -> int:
    """How many requests fit; one statement."""
    return session.scalar(_joined(select(func.count())).where(*where)) or 0


class Figures(NamedTuple):
    """What waits in a department: requests for it to answer by urgency, since when the oldest
    of them waits, and how many open ones it has asked for."""

    urgent: int
    routine: int
    oldest: datetime | None
    outgoing: int
    proposed: int

    @property
    def to_answer(self) -> int:
        """How many requests wait for the department's answer."""
        return self.urgent + self.routine


def figures(session: Session, department_id: int) -> Figures:
    """What waits in a department; one statement."""
    incoming, outgoing = asked_of(department_id), asked_by(department_id)
    return _figures(session, incoming, outgoing, concerning(department_id))


def figures_at(session: Session, centre_id: int | None) -> Figures:
    """What waits in all departments of a centre, or of the network; one statement."""
    scope = true() if centre_id is None else at_centre(centre_id)
    return _figures(session, true(), true(), scope)


def _figures(
    session: Session, incoming: Condition, outgoing: Condition, scope: Condition
) -> Figures:
    waits = and_(incoming, ServiceRequest.status == Kept.NEW)
    urgent = ServiceRequest.priority == Priority.URGENT
    query = _joined(
        select(
            _number(and_(waits, urgent)),
            _number(and_(waits, ~urgent)),
            func.min(case((waits, ServiceRequest.created_at))),
            _number(outgoing),
            _number(and_(outgoing, ServiceRequest.status == Kept.PROPOSED)),
        )
    ).where(scope, is_open())
    return Figures(*session.execute(query).one())


def _number(condition: Condition) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


class Offered(NamedTuple):
    """A service that requests are filtered by."""

    id: int
    name: str
    department: str


def services_in(session: Session, *where: Condition) -> list[Offered]:
    """The services that the requests which fit are for, by name; one statement."""
    query = _joined(select(Service.id, Service.name, Department.name)).where(*where).distinct()
    return sorted((Offered(*row) for row in session.execute(query)), key=lambda one: one.name)


def consultations(session: Session, department_ids: Sequence[int]) -> dict[int, Average]:
    """What other departments gave for finished consultations, on average, by the department
    that was rated; one statement."""
    query = (
        select(Service.department_id, func.avg(ServiceRequest.stars), func.count())
        .join(ServiceRequest, ServiceRequest.service_id == Service.id)
        .where(Service.department_id.in_(department_ids), ServiceRequest.stars.is_not(None))
        .group_by(Service.department_id)
    )
    return {row[0]: Average(float(row[1]), row[2]) for row in session.execute(query)}
