"""Appointments that were booked together, of a series or an itinerary: what is left of them, and
cancelling all of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from openslot.booking import commands, queries
from openslot.booking.errors import NothingUpcoming
from openslot.booking.events import Together, tell_together
from openslot.booking.models import Appointment, Status
from openslot.booking.queries import Condition
from openslot.core.errors import DomainError, NotFound
from openslot.core.work import Work


def of_series(series_id: UUID) -> Condition:
    """Return the condition for the appointments of a series."""
    return Appointment.series_id == series_id


def of_itinerary(itinerary_id: UUID) -> Condition:
    """Return the condition for the steps of an itinerary."""
    return Appointment.itinerary_id == itinerary_id


def members(work: Work, together: Condition) -> list[Appointment]:
    """Return those of the appointments that the actor can see, by start. Raises NotFound if there
    are none."""
    found = queries.appointments_for(work, together)
    if not found:
        raise NotFound
    return found


def upcoming(work: Work, together: Condition, since: UUID | None = None) -> list[Appointment]:
    """Return the booked appointments that are still to come, from the one that is named on. Raises
    NotFound, and NothingUpcoming if there are none."""
    found = members(work, together)
    first = next((one for one in found if since in (None, one.id)), None)
    if first is None:
        raise NotFound
    left = [
        one
        for one in found
        if one.starts_at >= first.starts_at
        and one.starts_at > work.now
        and one.status is Status.BOOKED
    ]
    if not left:
        raise NothingUpcoming
    return left


def cancel(
    work: Work, together: Condition, *, since: UUID | None = None, why: str | None = None
) -> list[Appointment]:
    """Cancel all that is still to come, or from one appointment on, or nothing. Raises the errors
    of cancelling one."""
    left, unit = upcoming(work, together, since), work.all_together()
    for number, one in enumerate(left):
        with naming(number):
            commands.change_status(unit, one.id, Status.CANCELLED, why=why)
    tell_together(work, Together.CANCELLED, left)
    return left


@contextmanager
def naming(number: int, *, field: str = "starts") -> Iterator[None]:
    """Have a refusal say which of several appointments it is about."""
    try:
        yield
    except DomainError as error:
        if error.field in (None, "start"):
            error.field = f"{field}.{number}"
        raise
