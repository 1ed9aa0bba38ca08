"""Everything that can be booked in the network, in memory until the directory changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.booking import slots as booking
from openslot.booking.rules import is_offered
from openslot.booking.slots import Booker, Slot
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


class Bookable(NamedTuple):
    """A schedule that can be booked, with its owner and centre."""

    place: Place
    subject: Schedule


@dataclass(slots=True)
class Offered:
    """All bookable schedules by id, read again when the version of the directory has risen."""

    _version: int = -1
    _known: Mapping[int, Bookable] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def fresh(self, session: Session) -> Mapping[int, Bookable]:
        """Return all of them, as current as ``session`` sees them; one statement without a
        change."""
        version = directory.version(session)
        with self._lock:
            if version != self._version:
                self._known = _read(session)
                self._version = version
            return self._known


def _read(session: Session) -> dict[int, Bookable]:
    subjects = {
        subject.id: subject for subject in schedules.subjects(session, *schedules.bookable())
    }
    session.expunge_all()
    return {
        key: Bookable(place, subjects[key])
        for key, place in schedules.places(session).items()
        if key in subjects
    }


def free_slots(
    work: Work,
    chosen: Iterable[Bookable],
    starts: datetime,
    ends: datetime,
    *,
    minutes: int | None,
    limit: int | None,
    booker: Booker | None = None,
) -> list[Slot]:
    """Return the free slots of the chosen schedules, the earliest first; two statements.

    With ``booker``, only those that the patient can book; without, those offered to the actor.
    """
    places = {
        bookable.place.schedule_id: bookable.place
        for bookable in chosen
        if is_offered(work.actor, bookable.place)
        and (booker is None or booker.barrier(bookable.place) is None)
    }
    return booking.slots(
        work,
        places,
        starts,
        ends,
        minutes=minutes,
        limit=limit,
        whom=booker.whom if booker else None,
    )
