"""A town with classes: sessions in which several patients have places."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.booking.commands import BookingRequest
from openslot.booking.models import GroupSession
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.schedules.commands import ScheduleDetails, change_schedule
from town import Town, build_town
from working import work

PLACES = 3


class Classes(NamedTuple):
    """A town whose GP at the hospital offers a class of an hour, and single visits."""

    town: Town
    yoga: int
    single: int

    def request(
        self, patient: int = 0, start: datetime = MONDAY_9, service: int | None = None
    ) -> BookingRequest:
        asked = self.town.booking_request(start, patient=patient)
        return replace(asked, minutes=None, service_id=service or self.yoga)


def offer_classes(database: Database, *, patients: int = 6, places: int = PLACES) -> Classes:
    town = build_town(database, patients=patients)

    def set_up(session: Session) -> tuple[int, int]:
        yoga = factories.offered_service(
            session, None, "Antenatal class", minutes=60, minutes_after=30, places=places
        )
        single = factories.offered_service(session, None, "Visit", minutes=30)
        factories.offer(session, town.gp_at_hospital, yoga, single)
        change_schedule(
            work(session, SYSTEM, NOW), town.gp_at_hospital, ScheduleDetails(step_minutes=30)
        )
        return yoga.id, single.id

    return Classes(town, *database.run(set_up))


def groups(database: Database) -> list[GroupSession]:
    """All sessions, also released ones."""
    return database.read(
        lambda session: list(session.query(GroupSession).order_by(GroupSession.starts_at))
    )
