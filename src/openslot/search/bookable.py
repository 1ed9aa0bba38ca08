"""Free slots of schedules that were chosen for a search."""

from collections.abc import Iterable
from datetime import datetime

from openslot.booking.rules import is_offered
from openslot.booking.slots import Booker, Run, earliest
from openslot.core.work import Work
from openslot.schedules.known import Bookable


def free_runs(
    work: Work,
    chosen: Iterable[Bookable],
    starts: datetime,
    ends: datetime,
    *,
    minutes: int | None,
    limit: int | None,
    booker: Booker | None = None,
) -> list[Run]:
    """Return the free starts of the chosen schedules, the earliest first; at most two
    statements.

    With ``booker``, only those that the patient can book; without, those offered to the actor.
    """
    places = {
        bookable.place.schedule_id: bookable.place
        for bookable in chosen
        if is_offered(work.actor, bookable.place)
        and (booker is None or booker.barrier(bookable.place) is None)
    }
    return earliest(
        work,
        places,
        starts,
        ends,
        minutes=minutes,
        limit=limit,
        whom=booker.whom if booker else None,
    )
