"""A town whose hospital offers an ultrasound, which needs a machine and a radiographer."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from beginnings import once
from factories import MONDAY_9, NOW
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment
from openslot.booking.slots import slots
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory.models import Practitioner, Room, RoomKind
from openslot.resources.commands import (
    GroupDetails,
    NeedDetails,
    RoomDetails,
    create_group,
    create_room,
    set_needs,
)
from openslot.schedules import known
from openslot.schedules.availability import Weekly
from openslot.schedules.rules import Place
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

MORNINGS = tuple(Weekly(day, 9 * 60, 12 * 60) for day in range(5))


class Imaging(NamedTuple):
    """The ids of the service, of both machines and their group, and of both radiographers: one
    works all day, the other in the mornings."""

    town: Town
    ultrasound: int
    machines: tuple[int, int]
    group: int
    all_day: int
    mornings: int

    def request(
        self, start: datetime = MONDAY_9, patient: int = 0, schedule: int | None = None
    ) -> BookingRequest:
        """An ultrasound with the GP, unless told otherwise."""
        return BookingRequest(
            schedule_id=schedule or self.town.gp_at_hospital,
            start=start,
            minutes=None,
            patient_id=self.town.patients[patient],
            service_id=self.ultrasound,
        )


def build_imaging(database: Database, *, patients: int = 4, machines: int = 2) -> Imaging:
    """Found the town with its ultrasound, which GP and physiotherapist offer beside another
    service."""
    town = build_town(database, patients=patients)
    return once(
        database,
        ("imaging", patients, machines),
        lambda: database.run(lambda session: _build(session, town, machines)),
    )


def _build(session: Session, town: Town, count: int) -> Imaging:
    def radiographer(name: str, hours: tuple[Weekly, ...]) -> int:
        person = factories.practitioner(session, name, "Radiographer").id
        factories.schedule(session, town.hospital, practitioner_id=person, hours=hours)
        return person

    unit = work(session, SYSTEM, NOW)
    machines = [
        create_room(
            unit, town.hospital, RoomDetails(name=f"Ultrasound {number}", kind=RoomKind.DEVICE)
        ).id
        for number in range(1, count + 1)
    ]
    group = create_group(
        unit, town.hospital, GroupDetails(name="Ultrasound machines", resources=tuple(machines))
    )
    talk = factories.offered_service(session, town.hospital, "Consultation")
    ultrasound = factories.offered_service(session, town.hospital, "Ultrasound")
    all_day = radiographer("Rita Röntgen", factories.WEEKDAYS)
    mornings = radiographer("Raj Rao", MORNINGS)
    for schedule in (town.gp_at_hospital, town.physio_at_hospital):
        factories.offer(session, schedule, talk, ultrasound)
    need(session, ultrasound.id, group=group.id)
    need(session, ultrasound.id, group=group.id, profession="Radiographer")
    return Imaging(town, ultrasound.id, (machines[0], machines[-1]), group.id, all_day, mornings)


def need(session: Session, service_id: int, *groups: int, **needs: object) -> None:
    """Let a service need groups, and whatever else is given, each once."""
    wanted = [NeedDetails(group=key) for key in groups]
    wanted += [NeedDetails.model_validate({name: value}) for name, value in needs.items()]
    set_needs(work(session, SYSTEM, NOW), service_id, wanted)


def place_in(session: Session, imaging: Imaging, schedule: int | None = None) -> Place:
    """The ultrasound at a schedule."""
    found = known.bookable(session)[schedule or imaging.town.gp_at_hospital].place
    place = found.offering(imaging.ultrasound)
    assert place is not None
    return place


def starts(
    database: Database, imaging: Imaging, day: datetime = MONDAY_9, now: datetime = NOW
) -> list[str]:
    """The free starts of an ultrasound with the GP on a day."""

    def find(session: Session) -> list[str]:
        only = {1: place_in(session, imaging)}
        free = slots(work(session, SYSTEM, now), only, day, day + timedelta(hours=14))
        return [f"{slot.start:%H:%M}" for slot in free]

    return database.read(find)


def book(database: Database, wanted: BookingRequest, now: datetime = NOW) -> Appointment:
    """Book it, as the system."""
    return database.run(lambda session: usecases.book(work(session, SYSTEM, now), wanted))


def taking_part(database: Database, appointment_id: UUID) -> list[str]:
    """The names of who and what takes part in an appointment."""
    return database.read(
        lambda session: [
            one.row.name for one in session.get_one(Appointment, appointment_id).resources
        ]
    )


def diary_of(session: Session, kind: type[Practitioner] | type[Room], key: int) -> int:
    """The diary of a practitioner, room or machine."""
    return session.get_one(kind, key).diary_id
