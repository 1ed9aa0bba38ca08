"""Operations on the dependents of a patient."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.core import keyset
from openslot.core.work import Work
from openslot.directory import dependents, queries
from openslot.directory.details import DependentDetails
from openslot.directory.models import Dependent as Link
from openslot.directory.models import Patient as PatientRow
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.cursors import BadCursor
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule

service = Service("dependents", "Dependents", "People whom a patient cares for and books for.")

PATH = "/api/v1/me/dependents"


class Dependent(Shown):
    """A person you care for; change their details with `PATCH /api/v1/patients/{id}`."""

    id: UUID
    name: str
    born: Annotated[str | None, Field(description="A date, or only its year or month.")]
    since: AwareDatetime
    invited: Annotated[
        str | None, Field(description="The email address invited to take over the record.")
    ]


class DependentList(Listing[Dependent]):
    """A page of your dependents, sorted by name."""


class NewDependent(DependentDetails):
    """A person to add as your dependent."""


@service.operation(
    "GET", PATH, scope="patients:read", rule=Rule.OWN, query=Paged, answer=DependentList
)
def list_dependents(query: Paged) -> Listing[Dependent]:
    """List your dependents."""
    everybody = queries.dependents_of(reader(), dependents.carer_in(bearer.actor()))
    key = read_cursor(query.after, UUID)
    last = [one for one in everybody if key == [one[0].id]]
    if key is not None and not last:
        raise BadCursor(field="after")
    rows = keyset.sort_after(everybody, _sort_key, _sort_key(last[0]) if last else None)
    # The cursor is in an address, so it has no name.
    return page(DependentList, rows, query, lambda one: _shown(*one), lambda one: (one[0].id,))


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
    """Add a dependent, who becomes a patient; you can book for them at once."""
    details = DependentDetails(**body.model_dump())

    def save(work: Work) -> tuple[PatientRow, Link]:
        patient = dependents.add(work, details)
        return dependents.one_of(work, patient.id)

    patient, link = bearer.write(save)
    return Answer(_shown(patient, link), headers={"Location": f"/api/v1/patients/{patient.id}"})


def _sort_key(pair: tuple[PatientRow, Link]) -> tuple[str, UUID]:
    return pair[0].name, pair[0].id


def _shown(row: PatientRow, link: Link) -> Dependent:
    return Dependent(
        id=row.id,
        name=row.name,
        born=row.born,
        since=link.since,
        invited=link.invited,
    )
