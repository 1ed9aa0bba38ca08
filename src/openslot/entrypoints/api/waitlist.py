"""The waiting list: who is offered an earlier time when one comes free."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.booking.models import Priority
from openslot.core.errors import Invalid
from openslot.core.fields import Instant
from openslot.directory.models import Profession
from openslot.directory.rules import may_see_patient
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import Id, PatientRef, patient_ref
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.offers import search, waiting
from openslot.offers.details import WaitingDetails
from openslot.offers.models import Waiting
from openslot.offers.models import WaitingEntry as EntryRow

service = Service("waitlist", "Waiting list", "Wait for an earlier time.")

PATH = "/api/v1/waitlist"
ONE = f"{PATH}/<uuid:entry_id>"


class WaitingEntry(Shown):
    """Somebody waits: exactly one of schedule, practitioner and profession says for what."""

    id: UUID
    patient: PatientRef | None
    department: int | None
    appointment: Annotated[UUID | None, Field(description="The appointment that it would replace.")]
    schedule: int | None
    practitioner: int | None
    profession: Profession | None
    centres: list[int]
    minutes: int
    start: Annotated[AwareDatetime, Field(alias="from")]
    end: Annotated[AwareDatetime, Field(alias="to")]
    priority: Priority
    status: Waiting
    created: AwareDatetime


class WaitingList(Listing[WaitingEntry]):
    """Some entries, the newest first."""


class WaitingQuery(Paged):
    """Which entries."""

    status: Waiting | None = None


class NewWaitingEntry(Given):
    """Whom, for what, and from when until before when."""

    patient: Annotated[UUID | None, Field(description="By default oneself.")] = None
    appointment: Annotated[
        UUID | None, Field(description="An appointment to replace; its patient and length count.")
    ] = None
    schedule: Id | None = None
    practitioner: Id | None = None
    profession: Profession | None = None
    centres: Annotated[
        tuple[Id, ...], Field(max_length=50, description="With a profession; none means any.")
    ] = ()
    minutes: Annotated[int, Field(ge=5, le=1440)] = 30
    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    priority: Priority = Priority.ROUTINE


@service.operation(
    "GET", PATH, scope="care:read", rule=Rule.RELATED, query=WaitingQuery, answer=WaitingList
)
def list_waiting(query: WaitingQuery) -> Listing[WaitingEntry]:
    """List what one waits for, with what became of it, and who waits for what at one's place."""
    after = read_cursor(query.after, instant, UUID)
    rows = search.concerning(
        reader(), bearer.actor(), status=query.status, after=after, limit=query.limit + 1
    )
    centres = search.centres_of(reader(), [one.entry.id for one in rows])
    return page(
        WaitingList,
        rows,
        query,
        lambda one: _shown(
            one.entry, patient_ref(one.patient), centres.get(one.entry.id, frozenset())
        ),
        lambda one: (one.entry.created_at, one.entry.id),
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
    """Wait for an earlier time; whoever waits is offered it when it comes free."""
    actor = bearer.actor()
    patient_id = None if body.appointment else body.patient or actor.patient_id
    if body.appointment and body.patient:
        raise Invalid("Name a patient or an appointment, not both.", field="patient")
    if patient_id is not None:
        may_see_patient(actor, patient_id)
    details = WaitingDetails(
        patient_id=patient_id,
        appointment_id=body.appointment,
        schedule_id=body.schedule,
        practitioner_id=body.practitioner,
        profession=body.profession,
        centre_ids=frozenset(body.centres),
        minutes=body.minutes,
        starts_from=body.from_,
        starts_until=body.to,
        priority=body.priority,
    )
    row = write(lambda session: waiting.join(session, actor, details, now=now()))
    [listed] = search.entries_with(reader(), [row.id])
    return _shown(listed.entry, patient_ref(listed.patient), details.centre_ids)


@service.operation(
    "DELETE", ONE, scope="care:write", rule=Rule.RELATED, status=204, may_fail=(409,)
)
def delete_waiting(entry_id: UUID) -> None:
    """Wait no longer; a time that is offered is let go."""
    write(lambda session: waiting.leave(session, bearer.actor(), entry_id, now=now()))


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
            "minutes": row.minutes,
            "from": row.starts_from,
            "to": row.starts_until,
            "priority": row.priority,
            "status": row.status,
            "created": row.created_at,
        }
    )
