"""Operations that merge duplicate records of patients."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.directory import queries
from openslot.directory.merges.queries import merges_of
from openslot.directory.models import PatientMerge
from openslot.directory.rules import may_run_network
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.usecases import merging

service = Service("merges", "Merges", "Duplicate records of patients that are merged into one.")

PATH = "/api/v1/patients/<uuid:patient_id>/merges"
ONE = "/api/v1/merges/<uuid:merge_id>"


class Merge(Shown):
    """A merge of a duplicate into a patient."""

    id: UUID
    patient_id: UUID
    duplicate_id: UUID
    merged: AwareDatetime
    undone: AwareDatetime | None


class MergeList(Shown):
    """The merges of a patient, the newest first."""

    items: list[Merge]


class NewMerge(Given):
    """The duplicate to merge into the patient."""

    duplicate_id: UUID
    end_access: Annotated[
        bool,
        Field(
            description="If both have an account or a carer, that of the duplicate loses access. "
            "Without it the answer is `both-managed`."
        ),
    ] = False


@service.operation("GET", PATH, scope="patients:read", rule=Rule.MANAGED, answer=MergeList)
def list_merges(patient_id: UUID) -> MergeList:
    """List the merges of or into a patient; for administrators of the network."""
    may_run_network(bearer.actor())
    queries.patient(reader(), patient_id, inactive=True)
    return MergeList(items=[_shown(row) for row in merges_of(reader(), patient_id)])


@service.operation(
    "POST",
    PATH,
    scope="patients:write",
    rule=Rule.MANAGED,
    body=NewMerge,
    answer=Merge,
    status=201,
    may_fail=(409,),
    fresh=True,
)
def create_merge(patient_id: UUID, body: NewMerge) -> Merge:
    """Merge a duplicate into the patient; for administrators of the network.

    Everything of the duplicate moves, and it becomes inactive. If both have appointments at the
    same time, the answer is `both-busy` and nothing changes.
    """
    return _shown(
        bearer.write(merging.merge, patient_id, body.duplicate_id, end_access=body.end_access)
    )


@service.operation(
    "DELETE",
    ONE,
    scope="patients:write",
    rule=Rule.MANAGED,
    answer=Merge,
    may_fail=(409,),
    fresh=True,
)
def undo_merge(merge_id: UUID) -> Merge:
    """Undo a merge; for administrators of the network.

    What was moved goes back as it is now. What was added since stays with the patient.
    """
    return _shown(bearer.write(merging.unmerge, merge_id))


def _shown(row: PatientMerge) -> Merge:
    values: dict[str, Any] = {
        name: getattr(row, name) for name in ("id", "patient_id", "duplicate_id")
    }
    return Merge(**values, merged=row.merged_at, undone=row.undone_at)
