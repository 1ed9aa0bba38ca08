"""Those whom a patient cares for."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.core import keyset
from openslot.core.errors import Forbidden
from openslot.directory import dependents, queries
from openslot.directory.details import DependentDetails
from openslot.directory.models import Dependent as Link
from openslot.directory.models import Patient as PatientRow
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule

service = Service("dependents", "Dependents", "Those whom a patient cares for.")

PATH = "/api/v1/me/dependents"


class Dependent(Shown):
    """Somebody whom one cares for; `PATCH /api/v1/patients/{id}` changes their details."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date.")]
    since: AwareDatetime
    invited: Annotated[
        str | None, Field(description="The address that may take the record over, if one may.")
    ]


class DependentList(Listing[Dependent]):
    """Some of those whom one cares for, by name."""


class NewDependent(DependentDetails):
    """Somebody whom one cares for from now on."""


@service.operation(
    "GET", PATH, scope="patients:read", rule=Rule.OWN, query=Paged, answer=DependentList
)
def list_dependents(query: Paged) -> Listing[Dependent]:
    """List those whom one cares for."""
    after = read_cursor(query.after, str, UUID)
    rows = keyset.sort_after(queries.dependents_of(reader(), _own_id()), _place, after)
    return page(DependentList, rows, query, lambda one: _shown(*one), _place)


@service.operation(
    "POST",
    PATH,
    scope="patients:write",
    rule=Rule.OWN,
    body=NewDependent,
    answer=Dependent,
    status=201,
    headers={"Location": "The address of the new patient."},
)
def create_dependent(body: NewDependent) -> Answer:
    """Add somebody whom one cares for, as a patient; one can book for them at once."""
    details = DependentDetails(**body.model_dump())

    def work(session: Session) -> tuple[PatientRow, Link]:
        made = dependents.add(session, bearer.actor(), details, now=now())
        return dependents.one_of(session, bearer.actor(), made.id)

    made, link = write(work)
    return Answer(_shown(made, link), headers={"Location": f"/api/v1/patients/{made.id}"})


def _own_id() -> UUID:
    patient_id = bearer.actor().patient_id
    if patient_id is None:
        raise Forbidden
    return patient_id


def _place(one: tuple[PatientRow, Link]) -> tuple[str, UUID]:
    return one[0].name, one[0].id


def _shown(row: PatientRow, link: Link) -> Dependent:
    return Dependent(
        id=row.id,
        name=row.name,
        born=row.born.isoformat() if row.born else None,
        since=link.since,
        invited=link.invited,
    )
