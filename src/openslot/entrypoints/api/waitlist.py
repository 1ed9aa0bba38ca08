"""Operations on the waiting list for earlier appointments."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking.models import Priority
from openslot.core.errors import Invalid
from openslot.core.fields import Instant
from openslot.directory.details import ProfessionCode
from openslot.directory.rules import may_see_patient
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import Id, PatientRef, ServiceRef, patient_ref, service_ref
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import reader
from openslot.entrypoints.rules import Rule
from openslot.waiting_list import search, waiting
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.models import Waiting
from openslot.waiting_list.models import WaitingEntry as EntryRow

service = Service("waitlist", "Waiting list", "Wait for an earlier appointment.")

PATH = "/api/v1/waitlist"
ONE = f"{PATH}/<uuid:entry_id>"


class WaitingEntry(Shown):
    """An entry of the waiting list, for one of schedule, practitioner or profession."""

    id: UUID
    patient: PatientRef | None
    department: int | None
    appointment: Annotated[UUID | None, Field(description="The appointment that would move.")]
    schedule: int | None
    practitioner: int | None
    profession: str | None
    centres: list[int]
    service: Annotated[
        ServiceRef | None, Field(description="The service that is wanted; null for what is usual.")
    ]
    minutes: int
    start: Annotated[AwareDatetime, Field(alias="from")]
    end: Annotated[AwareDatetime, Field(alias="to")]
    priority: Priority
    status: Waiting
    created: AwareDatetime


class WaitingList(Listing[WaitingEntry]):
    """A page of waiting-list entries, newest first."""


class WaitingQuery(Paged):
    """Filters for waiting-list entries."""

    status: Waiting | None = None


class NewWaitingEntry(Given):
    """An entry to add; the start must lie at or after `from` and before `to`."""

    patient: Annotated[UUID | None, Field(description="Defaults to you.")] = None
    appointment: Annotated[
        UUID | None, Field(description="An appointment to move; its patient and length are used.")
    ] = None
    schedule: Id | None = None
    practitioner: Id | None = None
    profession: ProfessionCode | None = None
    centres: Annotated[
        tuple[Id, ...], Field(max_length=50, description="Only with `profession`; empty means any.")
    ] = ()
    service: Annotated[
        Id | None,
        Field(
            description="A service; its length there counts instead of `minutes`. Defaults to the "
            "first that each schedule offers."
        ),
    ] = None
    minutes: Annotated[int, Field(ge=5, le=1440)] = 30
    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    priority: Priority = Priority.ROUTINE


@service.operation(
    "GET", PATH, scope="care:read", rule=Rule.RELATED, query=WaitingQuery, answer=WaitingList
)
def list_waiting(query: WaitingQuery) -> Listing[WaitingEntry]:
    """List your waiting-list entries, and those at the practice or department you work for."""
    after = read_cursor(query.after, instant, UUID)
    rows = search.concerning(bearer.work(), status=query.status, after=after, limit=query.limit + 1)
    centres = search.centres_of(reader(), [row.entry.id for row in rows])
    return page(
        WaitingList,
        rows,
        query,
        lambda row: _shown(
            row.entry, patient_ref(row.patient), centres.get(row.entry.id, frozenset())
        ),
        lambda row: (row.entry.created_at, row.entry.id),
    )


@service.operation(
    "POST",
    PATH,
    scope="care:write",
    rule=Rule.RELATED,
    body=NewWaitingEntry,
    answer=WaitingEntry,
    status=201,
    may_fail=(404,),
)
def create_waiting(body: NewWaitingEntry) -> WaitingEntry:
    """Join the waiting list; a matching time is offered to you when it becomes free."""
    actor = bearer.actor()
    patient_id = None if body.appointment else body.patient or actor.patient_id
    if body.appointment and body.patient:
        raise Invalid("Send a patient or an appointment, not both.", field="patient")
    if patient_id is not None:
        may_see_patient(actor, patient_id)
    details = WaitingDetails(
        patient_id=patient_id,
        appointment_id=body.appointment,
        schedule_id=body.schedule,
        practitioner_id=body.practitioner,
        profession=body.profession,
        centre_ids=frozenset(body.centres),
        service_id=body.service,
        minutes=body.minutes,
        starts_from=body.from_,
        starts_until=body.to,
        priority=body.priority,
    )
    row = bearer.write(waiting.join, details)
    [listed] = search.entries_with(reader(), [row.id])
    return _shown(listed.entry, patient_ref(listed.patient), details.centre_ids)


@service.operation(
    "DELETE", ONE, scope="care:write", rule=Rule.RELATED, status=204, may_fail=(409,)
)
def delete_waiting(entry_id: UUID) -> None:
    """Leave the waiting list; an offered time is released."""
    bearer.write(waiting.leave, entry_id)


def _shown(row: EntryRow, patient: PatientRef | None, centres: frozenset[int]) -> WaitingEntry:
    return WaitingEntry.model_validate(
        {
            "id": row.id,
            "patient": patient,
            "department": row.department_id,
            "appointment": row.appointment_id,
            "schedule": row.schedule_id,
            "practitioner": row.practitioner_id,
            "profession": row.profession,
            "centres": sorted(centres),
            "service": service_ref(row.service, None),
            "minutes": row.minutes,
            "from": row.starts_from,
            "to": row.starts_until,
            "priority": row.priority,
            "status": row.status,
            "created": row.created_at,
        }
    )
