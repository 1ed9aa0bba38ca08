"""Alternatives for a time that is taken: starts that are free for the same patient."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.errors import SlotTaken
from openslot.booking.slots import nearest
from openslot.schedules.availability import Span, instant_of
from openslot.schedules.rules import Place


@contextmanager
def offering(
    session: Session,
    place: Place,
    span: Span,
    patient_id: UUID | None,
    now: datetime,
    *,
    besides: str | None = None,
) -> Iterator[None]:
    """Replace the free starts in a SlotTaken by those that are free for the patient too.

    ``besides`` is the daily key of the appointment that is being moved, whose day stays possible.
    """
    try:
        yield
    except SlotTaken as taken:
        whom = queries.for_whom(session, patient_id) if patient_id else None
        free = nearest(
            session,
            place,
            instant_of(span.start),
            now=now,
            minutes=taken.minutes,
            whom=whom.without(besides) if whom else None,
        )
        raise SlotTaken(free, schedule_id=place.schedule_id, minutes=taken.minutes) from None
