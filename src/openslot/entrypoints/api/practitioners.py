"""Operations on practitioners."""

from typing import Annotated

from pydantic import Field

from openslot.core.folding import is_text
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import PractitionerDetails, ProfessionCode
from openslot.directory.models import Gender
from openslot.directory.models import Practitioner as PractitionerRow
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.api.shapes import Id, Suburb, text_of
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.schedules.either_place import change_practitioner as change_with_hours
from openslot.schedules.queries import works_at, works_in
from openslot.usecases.deactivation import deactivate_practitioner

service = Service("practitioners", "Practitioners", "People who give care.")

PATH = "/api/v1/practitioners"
ONE = f"{PATH}/<int:practitioner_id>"


class Practitioner(Shown):
    """A practitioner."""

    id: int
    name: str
    profession: str
    expertise: str | None
    provider_number: str | None
    phone: str | None
    email: str | None
    languages: Annotated[str, Field(description="Names, separated by commas.")]
    gender: Gender | None
    about: str | None
    either_place: Annotated[
        bool, Field(description="Works at any of their centres at any of their hours.")
    ]
    active: bool


class PractitionerList(Listing[Practitioner]):
    """A page of practitioners, sorted by name."""


class PractitionerQuery(Paged):
    """Filters for practitioners."""

    q: Annotated[str | None, Field(max_length=200, description="Part of name or expertise.")] = None
    name: Annotated[str | None, Field(max_length=200)] = None
    profession: ProfessionCode | None = None
    expertise: Annotated[str | None, Field(max_length=100)] = None
    centre: Id | None = None
    suburb: Suburb = None


PractitionerChange = Partial.of(
    PractitionerDetails, "PractitionerChange", "Changes to a practitioner."
)


@service.operation(
    "GET",
    PATH,
    scope="directory:read",
    rule=Rule.PUBLIC,
    query=PractitionerQuery,
    answer=PractitionerList,
)
def list_practitioners(query: PractitionerQuery) -> Listing[Practitioner]:
    """List practitioners by name."""
    conditions = text_of(query.q, query.name, PractitionerRow.name, PractitionerRow.expertise)
    if query.profession:
        conditions.append(PractitionerRow.profession == query.profession)
    if query.expertise:
        conditions.append(is_text(PractitionerRow.expertise, query.expertise))
    if query.centre:
        conditions.append(works_at(query.centre))
    if query.suburb:
        conditions.append(works_in(query.suburb))
    after = read_cursor(query.after, str, int)
    rows = queries.listed(
        reader(), PractitionerRow, *conditions, after=after, limit=query.limit + 1
    )
    if query.profession and not rows:
        queries.profession_called(reader(), query.profession)
    return page(PractitionerList, rows, query, _shown, lambda row: (row.name, row.id))


@service.operation("GET", ONE, scope="directory:read", rule=Rule.PUBLIC, answer=Practitioner)
def get_practitioner(practitioner_id: int) -> Practitioner:
    """Read a practitioner."""
    return _shown(queries.practitioner(reader(), practitioner_id))


@service.operation(
    "POST",
    PATH,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=PractitionerDetails,
    answer=Practitioner,
    status=201,
    headers={"Location": "The address of the new practitioner."},
)
def create_practitioner(body: PractitionerDetails) -> Answer:
    """Add a practitioner, as an administrator; they can be booked once they have a schedule."""
    practitioner = bearer.write(commands.create_practitioner, body)
    return Answer(_shown(practitioner), headers={"Location": f"{PATH}/{practitioner.id}"})


@service.operation(
    "PATCH",
    ONE,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=PractitionerChange,
    answer=Practitioner,
    may_fail=(409,),
)
def change_practitioner(practitioner_id: int, body: Partial) -> Practitioner:
    """Change a practitioner.

    Practitioners change their own telephone, email, languages, gender and description. Everything
    else is changed by an administrator of the network, or of all their centres.
    """

    def save(work: Work) -> PractitionerRow:
        current = queries.practitioner(work.session, practitioner_id)
        details = merged(PractitionerDetails, current, body)
        return change_with_hours(work, practitioner_id, details)

    return _shown(bearer.write(save))


@service.operation(
    "DELETE", ONE, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def remove_practitioner(practitioner_id: int) -> None:
    """Deactivate a practitioner; refused while they have upcoming appointments."""
    bearer.write(deactivate_practitioner, practitioner_id, active=False)


def _shown(row: PractitionerRow) -> Practitioner:
    values = {name: getattr(row, name) for name in Practitioner.model_fields}
    return Practitioner.model_validate(values)
