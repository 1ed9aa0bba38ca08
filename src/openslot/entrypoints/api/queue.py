"""The queue of a centre: who has arrived today, and waits or is in."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from openslot.core.clock import day_in
from openslot.desk import queries
from openslot.desk.queries import Entry
from openslot.desk.rules import Standing, check_desk
from openslot.directory import queries as directory
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Service, Shown
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule

service = Service("queue", "Queue", "Who waits at a centre.")

PATH = "/api/v1/centres/<int:centre_id>/queue"


class Waiting(Shown):
    """Somebody who has arrived."""

    number: Annotated[int | None, Field(description="The number on the screen.")]
    appointment: UUID
    schedule: int
    start: AwareDatetime
    came: AwareDatetime | None
    called: Annotated[
        AwareDatetime | None, Field(description="When they went in; null while they wait.")
    ]
    room: str | None


class Queue(Shown):
    """Those who are at a centre today, in the order in which they came."""

    items: list[Waiting]


@service.operation("GET", PATH, scope="appointments:read", rule=Rule.RELATED, answer=Queue)
def read_queue(centre_id: int) -> Queue:
    """Read who has arrived at a centre today, for its front desk, and who is in."""
    check_desk(bearer.actor(), centre_id)
    zone = ZoneInfo(directory.centre(reader(), centre_id).time_zone)
    starts, ends = day_in(now().astimezone(zone).date(), zone)
    here = [
        entry
        for entry in queries.entries(bearer.work(), centre_id, starts, ends)
        if entry.standing in (Standing.WAITING, Standing.IN_ROOM)
    ]
    here.sort(key=lambda entry: (entry.came_at or entry.starts_at, entry.id))
    return Queue(items=[_shown(entry, zone) for entry in here])


def _shown(entry: Entry, zone: ZoneInfo) -> Waiting:
    return Waiting(
        number=entry.day_number,
        appointment=entry.id,
        schedule=entry.schedule_id,
        start=entry.starts_at.astimezone(zone),
        came=entry.came_at.astimezone(zone) if entry.came_at else None,
        called=entry.called_at.astimezone(zone) if entry.called_at else None,
        room=entry.room,
    )
