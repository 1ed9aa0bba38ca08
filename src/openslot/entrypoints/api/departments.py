"""Operations on departments and their services."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from openslot.core.errors import Invalid
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import DepartmentDetails, ServiceDetails
from openslot.directory.models import BookableBy, Mode
from openslot.directory.models import Department as DepartmentRow
from openslot.directory.models import Service as ServiceRow
from openslot.entrypoints import bearer
from openslot.entrypoints.api.answers import Question, question_shown
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.api.shapes import Id, Suburb, text_of
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.questions.commands import MOST_QUESTIONS, QuestionDetails, set_questions
from openslot.questions.models import ServiceQuestion
from openslot.questions.queries import questions
from openslot.resources.commands import MOST_NEEDS, NeedDetails, set_needs
from openslot.resources.queries import Need as NeedRow
from openslot.resources.queries import needs_shown
from openslot.usecases.deactivation import deactivate_department, deactivate_service

_NOT_DETAILS = {"department_id", "centre_id", "needs", "questions"}

service = Service("departments", "Departments", "Departments of a centre and their services.")

DEPARTMENTS, SERVICES = "/api/v1/departments", "/api/v1/services"
DEPARTMENT = f"{DEPARTMENTS}/<int:department_id>"
SERVICE = f"{SERVICES}/<int:service_id>"


class Department(Shown):
    """A department."""

    id: int
    centre_id: int
    name: str
    description: str | None
    phone: str | None
    email: str | None
    picture_url: str | None
    active: bool


class DepartmentList(Listing[Department]):
    """A page of departments, sorted by name."""


class DepartmentQuery(Paged):
    """Filters for departments."""

    q: Annotated[str | None, Field(max_length=200, description="Part of the name.")] = None
    name: Annotated[str | None, Field(max_length=200)] = None
    centre: Id | None = None
    suburb: Suburb = None


class NewDepartment(DepartmentDetails):
    """A department of a centre."""

    centre_id: Id


DepartmentChange = Partial.of(DepartmentDetails, "DepartmentChange", "Changes to a department.")


class Need(Shown):
    """What a service needs besides its schedule, with its name: a room or machine, any of a group,
    or any practitioner of a profession who works at the centre then."""

    resource: int | None
    group: int | None
    group_name: str | None
    profession: str | None
    name: str


class OfferedService(Shown):
    """A service: of a department; of a centre, or of the network with neither, for schedules of
    practitioners to offer."""

    id: int
    department_id: int | None
    centre_id: int | None
    name: str
    category: str | None
    minutes: int
    minutes_before: int
    minutes_after: int
    places: int
    mode: Mode
    bookable_by: BookableBy
    notice_minutes: int | None
    horizon_days: int | None
    cancel_hours: int | None
    most_a_day: int | None
    most_ahead: int | None
    instructions: str | None
    price: str | None
    description: str | None
    phone: str | None
    email: str | None
    active: bool
    needs: list[Need]
    questions: list[Question]


class ServiceList(Listing[OfferedService]):
    """A page of services, sorted by name."""


class ServiceQuery(Paged):
    """Filters for services."""

    q: Annotated[str | None, Field(max_length=200, description="Part of the name.")] = None
    name: Annotated[str | None, Field(max_length=200)] = None
    department: Id | None = None
    centre: Id | None = None
    suburb: Suburb = None


Needs = Annotated[
    tuple[NeedDetails, ...],
    Field(
        max_length=MOST_NEEDS,
        description="What an appointment takes besides the schedule; each is served by another "
        "person, room or machine.",
    ),
]


Questions = Annotated[
    tuple[QuestionDetails, ...],
    Field(
        max_length=MOST_QUESTIONS,
        description="What patients are asked before the appointment, in order; one with an `id` "
        "changes a question that is there.",
    ),
]


class NewService(ServiceDetails):
    """A service of a department, which can be booked once it has a schedule; without one, a service
    of a centre, or of the network, for schedules of practitioners to offer."""

    department_id: Id | None = None
    centre_id: Id | None = None
    needs: Needs = ()
    questions: Questions = ()


class _Changeable(ServiceDetails):
    needs: Needs
    questions: Questions


ServiceChange = Partial.of(_Changeable, "ServiceChange", "Changes to a service.")


@service.operation(
    "GET",
    DEPARTMENTS,
    scope="directory:read",
    rule=Rule.PUBLIC,
    query=DepartmentQuery,
    answer=DepartmentList,
)
def list_departments(query: DepartmentQuery) -> Listing[Department]:
    """List departments by name."""
    conditions = text_of(query.q, query.name, DepartmentRow.name)
    if query.centre:
        conditions.append(DepartmentRow.centre_id == query.centre)
    if query.suburb:
        conditions.append(queries.in_suburb(query.suburb))
    after = read_cursor(query.after, str, int)
    rows = queries.listed(reader(), DepartmentRow, *conditions, after=after, limit=query.limit + 1)
    return page(DepartmentList, rows, query, _department, lambda row: (row.name, row.id))


@service.operation("GET", DEPARTMENT, scope="directory:read", rule=Rule.PUBLIC, answer=Department)
def get_department(department_id: int) -> Department:
    """Read a department."""
    return _department(queries.department(reader(), department_id))


@service.operation(
    "POST",
    DEPARTMENTS,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewDepartment,
    answer=Department,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new department."},
)
def create_department(body: NewDepartment) -> Answer:
    """Add a department, as an administrator of the centre."""
    details = DepartmentDetails(**body.model_dump(exclude={"centre_id"}))
    department = bearer.write(commands.create_department, body.centre_id, details)
    return Answer(_department(department), headers={"Location": f"{DEPARTMENTS}/{department.id}"})


@service.operation(
    "PATCH",
    DEPARTMENT,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=DepartmentChange,
    answer=Department,
    may_fail=(409,),
)
def change_department(department_id: int, body: Partial) -> Department:
    """Change a department, as its staff or an administrator of the centre."""

    def save(work: Work) -> DepartmentRow:
        current = queries.department(work.session, department_id)
        details = merged(DepartmentDetails, current, body)
        return commands.change_department(work, department_id, details)

    return _department(bearer.write(save))


@service.operation(
    "DELETE", DEPARTMENT, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def remove_department(department_id: int) -> None:
    """Deactivate a department; refused while its services have upcoming appointments."""
    bearer.write(deactivate_department, department_id, active=False)


@service.operation(
    "GET",
    SERVICES,
    scope="directory:read",
    rule=Rule.PUBLIC,
    query=ServiceQuery,
    answer=ServiceList,
)
def list_services(query: ServiceQuery) -> Listing[OfferedService]:
    """List services by name."""
    conditions = text_of(query.q, query.name, ServiceRow.name)
    if query.department:
        conditions.append(ServiceRow.department_id == query.department)
    if query.centre:
        conditions.append(queries.at_centre(query.centre))
    if query.suburb:
        conditions.append(queries.of_departments(queries.in_suburb(query.suburb)))
    after = read_cursor(query.after, str, int)
    rows = queries.listed(reader(), ServiceRow, *conditions, after=after, limit=query.limit + 1)
    ids = [row.id for row in rows]
    needs, asked = needs_shown(reader(), ids), questions(reader(), ids)
    return page(
        ServiceList,
        rows,
        query,
        lambda row: _shown(row, needs.get(row.id, ()), asked.get(row.id, ())),
        lambda row: (row.name, row.id),
    )


@service.operation("GET", SERVICE, scope="directory:read", rule=Rule.PUBLIC, answer=OfferedService)
def get_service(service_id: int) -> OfferedService:
    """Read a service."""
    return _service(queries.service(reader(), service_id))


@service.operation(
    "POST",
    SERVICES,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewService,
    answer=OfferedService,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new service."},
)
def create_service(body: NewService) -> Answer:
    """Add a service, as the department's staff or an administrator of the centre."""
    details = ServiceDetails(**body.model_dump(exclude=_NOT_DETAILS))
    if body.department_id is not None and body.centre_id is not None:
        raise Invalid("Send the department or the centre, not both.", field="centre_id")

    def save(work: Work) -> ServiceRow:
        if body.department_id is None:
            row = commands.create_offered_service(work, body.centre_id, details)
        else:
            row = commands.create_service(work, body.department_id, details)
        if body.needs:
            set_needs(work, row.id, body.needs)
        if body.questions:
            set_questions(work, row.id, body.questions)
        return row

    service_row = bearer.write(save)
    return Answer(_service(service_row), headers={"Location": f"{SERVICES}/{service_row.id}"})


@service.operation(
    "PATCH",
    SERVICE,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=ServiceChange,
    answer=OfferedService,
    may_fail=(409,),
)
def change_service(service_id: int, body: Partial) -> OfferedService:
    """Change a service, as the department's staff or an administrator of the centre."""

    def save(work: Work) -> ServiceRow:
        current = queries.service(work.session, service_id)
        details = merged(ServiceDetails, current, body)
        row = commands.change_service(work, service_id, details)
        if "needs" in body.model_fields_set:
            set_needs(work, service_id, getattr(body, "needs", ()))
        if "questions" in body.model_fields_set:
            set_questions(work, service_id, getattr(body, "questions", ()))
        return row

    return _service(bearer.write(save))


@service.operation(
    "DELETE", SERVICE, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def remove_service(service_id: int) -> None:
    """Deactivate a service; refused while it has upcoming appointments."""
    bearer.write(deactivate_service, service_id, active=False)


def _department(row: DepartmentRow) -> Department:
    return Department.model_validate(row, from_attributes=True)


def _service(row: ServiceRow) -> OfferedService:
    needs = needs_shown(reader(), [row.id]).get(row.id, ())
    return _shown(row, needs, questions(reader(), [row.id]).get(row.id, ()))


def _shown(
    row: ServiceRow, needs: Iterable[NeedRow], asked: Iterable[ServiceQuestion]
) -> OfferedService:
    names = OfferedService.model_fields.keys() - {"needs", "questions"}
    shown = [
        Need(
            resource=need.room_id,
            group=need.group_id,
            group_name=need.group_name,
            profession=need.profession,
            name=need.name,
        )
        for need in needs
    ]
    return OfferedService(
        **{name: getattr(row, name) for name in names},
        needs=shown,
        questions=[question_shown(one) for one in asked],
    )
