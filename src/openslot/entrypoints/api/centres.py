"""Operations on centres."""

from typing import Annotated

from pydantic import Field

from openslot.core.folding import is_text
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import CentreDetails
from openslot.directory.models import Centre as CentreRow
from openslot.directory.models import CentreType
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.api.shapes import Suburb, text_of
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.usecases.deactivation import deactivate_centre

service = Service("centres", "Centres", "Hospitals, medical centres, pharmacies and laboratories.")

PATH = "/api/v1/centres"
ONE = f"{PATH}/<int:centre_id>"
LOCATION = {"Location": "The address of the new centre."}


class Centre(Shown):
    """A centre."""

    id: int
    name: str
    type: CentreType
    suburb: str
    time_zone: Annotated[str, Field(description="IANA name, for example Australia/Sydney.")]
    address: str | None
    phone: str | None
    email: str | None
    business_number: str | None
    description: str | None
    holiday_region: str | None
    picture_url: str | None
    latitude: float | None
    longitude: float | None
    active: bool


class CentreList(Listing[Centre]):
    """A page of centres, sorted by name."""


class CentreQuery(Paged):
    """Filters for centres."""

    q: Annotated[str | None, Field(max_length=200, description="Part of name or suburb.")] = None
    name: Annotated[str | None, Field(max_length=200)] = None
    suburb: Suburb = None
    type: CentreType | None = None


CentreChange = Partial.of(CentreDetails, "CentreChange", "Changes to a centre.")


@service.operation(
    "GET", PATH, scope="directory:read", rule=Rule.PUBLIC, query=CentreQuery, answer=CentreList
)
def list_centres(query: CentreQuery) -> Listing[Centre]:
    """List centres by name."""
    conditions = text_of(query.q, query.name, CentreRow.name, CentreRow.suburb)
    if query.suburb:
        conditions.append(is_text(CentreRow.suburb, query.suburb))
    if query.type:
        conditions.append(CentreRow.type == query.type)
    after = read_cursor(query.after, str, int)
    rows = queries.listed(reader(), CentreRow, *conditions, after=after, limit=query.limit + 1)
    return page(CentreList, rows, query, shown, lambda row: (row.name, row.id))


@service.operation("GET", ONE, scope="directory:read", rule=Rule.PUBLIC, answer=Centre)
def get_centre(centre_id: int) -> Centre:
    """Read a centre."""
    return shown(queries.centre(reader(), centre_id))


@service.operation(
    "POST",
    PATH,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=CentreDetails,
    answer=Centre,
    status=201,
    headers=LOCATION,
)
def create_centre(body: CentreDetails) -> Answer:
    """Add a centre, as a network administrator."""
    centre = bearer.write(commands.create_centre, body)
    return Answer(shown(centre), headers={"Location": f"{PATH}/{centre.id}"})


@service.operation(
    "PATCH",
    ONE,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=CentreChange,
    answer=Centre,
    may_fail=(409,),
)
def change_centre(centre_id: int, body: Partial) -> Centre:
    """Change a centre, as one of its administrators."""

    def save(work: Work) -> CentreRow:
        current = queries.centre(work.session, centre_id)
        return commands.change_centre(work, centre_id, merged(CentreDetails, current, body))

    return shown(bearer.write(save))


@service.operation(
    "DELETE", ONE, scope="directory:write", rule=Rule.MANAGED, status=204, may_fail=(409,)
)
def deactivate(centre_id: int) -> None:
    """Deactivate a centre; refused while it has upcoming appointments. Its records are kept."""
    bearer.write(deactivate_centre, centre_id, active=False)


def shown(row: CentreRow) -> Centre:
    """Return the centre in the API's shape."""
    return Centre.model_validate(row, from_attributes=True)
