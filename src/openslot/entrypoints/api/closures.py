"""Operations on closures of a centre."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from openslot.booking import queries as booking
from openslot.booking.queries import count_for
from openslot.core import keyset
from openslot.core.fields import Instant, Name
from openslot.directory import queries as directory
from openslot.directory.rules import may_run_centre
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule
from openslot.schedules import commands, queries
from openslot.schedules.models import Closure as ClosureRow

service = Service("closures", "Closures", "Periods in which a whole centre is closed.")

PATH = "/api/v1/centres/<int:centre_id>/closures"
ONE = "/api/v1/closures/<int:closure_id>"

SHOWN = timedelta(days=10 * 366)


class Closure(Shown):
    """A period in which a centre is closed and cannot be booked."""

    id: int
    centre: int
    start: AwareDatetime
    end: AwareDatetime
    reason: str


class EnteredClosure(Closure):
    """A new closure; appointments during it stay booked until they are moved or cancelled."""

    appointments: Annotated[int, Field(description="Number of appointments during the closure.")]


class ClosureList(Listing[Closure]):
    """A page of current and future closures, sorted by start."""


class NewClosure(Given):
    """A period in which to close a centre; patients see the reason."""

    start: Instant
    end: Instant
    reason: Name


@service.operation(
    "GET", PATH, scope="directory:read", rule=Rule.MANAGED, query=Paged, answer=ClosureList
)
def list_closures(centre_id: int, query: Paged) -> Listing[Closure]:
    """List the closures of a centre that you manage."""
    may_run_centre(bearer.actor(), centre_id)
    directory.centre(reader(), centre_id, inactive=True)
    after = read_cursor(query.after, instant, int)
    closures = queries.closures(reader(), centre_id, now(), now() + SHOWN)
    rows = keyset.sort_after(closures, _sort_key, after)
    return page(ClosureList, rows, query, lambda row: Closure(**_shown(row)), _sort_key)


@service.operation(
    "POST",
    PATH,
    scope="directory:write",
    rule=Rule.MANAGED,
    body=NewClosure,
    answer=EnteredClosure,
    status=201,
)
def create_closure(centre_id: int, body: NewClosure) -> EnteredClosure:
    """Close a centre that you manage for a period."""
    row = bearer.write(
        commands.close_centre, centre_id, starts=body.start, ends=body.end, reason=body.reason
    )
    appointments = count_for(
        bearer.work(),
        booking.at_centre(centre_id),
        booking.between(row.starts_at, row.ends_at),
        booking.to_come(now()),
    )
    return EnteredClosure(**_shown(row), appointments=appointments)


@service.operation("DELETE", ONE, scope="directory:write", rule=Rule.MANAGED, status=204)
def delete_closure(closure_id: int) -> None:
    """Remove a closure, so that its time can be booked again."""
    bearer.write(commands.reopen_centre, closure_id)


def _sort_key(row: ClosureRow) -> tuple[datetime, int]:
    return row.starts_at, row.id


def _shown(row: ClosureRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "centre": row.centre_id,
        "start": row.starts_at,
        "end": row.ends_at,
        "reason": row.reason,
    }
