"""Periods in which a whole centre is closed."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from openslot.booking import queries as booking
from openslot.booking.search import count_for
from openslot.core import keyset
from openslot.core.fields import Instant, Name
from openslot.directory import queries as directory
from openslot.directory.rules import may_run_centre
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.request import now, reader, write
from openslot.entrypoints.rules import Rule
from openslot.schedules import commands, queries
from openslot.schedules.models import Closure as ClosureRow

service = Service("closures", "Closures", "When a whole centre is closed.")

PATH = "/api/v1/centres/<int:centre_id>/closures"
ONE = "/api/v1/closures/<int:closure_id>"

SHOWN = timedelta(days=10 * 366)


class Closure(Shown):
    """A period in which nothing at a centre can be booked."""

    id: int
    centre: int
    start: AwareDatetime
    end: AwareDatetime
    reason: str


class EnteredClosure(Closure):
    """A new closure; appointments inside stay until somebody moves or cancels them."""

    appointments: Annotated[int, Field(description="How many appointments stand inside.")]


class ClosureList(Listing[Closure]):
    """Some closures that are not over, by start."""


class NewClosure(Given):
    """When a centre is to be closed, and why; patients read it."""

    start: Instant
    end: Instant
    reason: Name


@service.operation(
    "GET", PATH, scope="directory:read", rule=Rule.MANAGED, query=Paged, answer=ClosureList
)
def list_closures(centre_id: int, query: Paged) -> Listing[Closure]:
    """List the closures of a centre that one runs."""
    may_run_centre(bearer.actor(), centre_id)
    directory.centre(reader(), centre_id, inactive=True)
    after = read_cursor(query.after, instant, int)
    closures = queries.closures(reader(), centre_id, now(), now() + SHOWN)
    rows = keyset.sort_after(closures, _place, after)
    return page(ClosureList, rows, query, lambda row: Closure(**_shown(row)), _place)


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
    """Close a centre that one runs, for a period."""
    row = write(
        lambda session: commands.close_centre(
            session,
            bearer.actor(),
            centre_id,
            starts=body.start,
            ends=body.end,
            reason=body.reason,
            now=now(),
        )
    )
    inside = count_for(
        reader(),
        bearer.actor(),
        booking.at_centre(centre_id),
        booking.between(row.starts_at, row.ends_at),
        booking.to_come(now()),
        now=now(),
    )
    return EnteredClosure(**_shown(row), appointments=inside)


@service.operation("DELETE", ONE, scope="directory:write", rule=Rule.MANAGED, status=204)
def delete_closure(closure_id: int) -> None:
    """Take a closure back; the time can be booked again."""
    write(lambda session: commands.reopen_centre(session, bearer.actor(), closure_id, now=now()))


def _place(row: ClosureRow) -> tuple[datetime, int]:
    return row.starts_at, row.id


def _shown(row: ClosureRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "centre": row.centre_id,
        "start": row.starts_at,
        "end": row.ends_at,
        "reason": row.reason,
    }
