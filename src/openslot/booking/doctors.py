"""Doctors of the doctor-schedule service: a name, locations, and one week of hours.

A doctor is a practitioner with ``either_place``: the same hours at every location, and one
appointment at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking.deactivate import deactivate_schedule
from openslot.booking.queries import Condition
from openslot.core.errors import NotFound
from openslot.core.fields import Details, Name
from openslot.directory import commands as directory
from openslot.directory import queries
from openslot.directory.details import CentreDetails, PractitionerDetails
from openslot.directory.models import Centre, CentreType, Practitioner, Profession
from openslot.directory.rules import Actor
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.either_place import change_practitioner
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place, check_hours

MINUTES = 15
"""Length of an appointment with a doctor of this service."""


class DoctorDetails(Details):
    """A doctor, as a program enters it; ``hours`` apply at every location."""

    name: Name
    locations: tuple[Name, ...]
    hours: tuple[Weekly, ...]


@dataclass(frozen=True, slots=True)
class Doctor:
    """A practitioner with locations, in order of their schedules, and hours."""

    practitioner: Practitioner
    locations: tuple[Centre, ...]
    hours: tuple[Weekly, ...]


def doctors(session: Session, *, after: int = 0, limit: int | None = None) -> list[Doctor]:
    """Return the practitioners with the same hours at all locations, in order of id, in two
    statements."""
    return _doctors(
        session, Schedule.practitioner_id.is_not(None), Schedule.practitioner_id > after
    )[:limit]


def _doctors(session: Session, *of_people: Condition) -> list[Doctor]:
    people: dict[int, list[tuple[Schedule, Place]]] = {}
    places = schedule_queries.places(session, *of_people)
    for schedule in schedule_queries.subjects(session, *schedule_queries.bookable(), *of_people):
        place = places.get(schedule.id)
        if schedule.practitioner is not None and place is not None:
            people.setdefault(schedule.practitioner.id, []).append((schedule, place))
    candidates = (_doctor(pairs) for _, pairs in sorted(people.items()))
    return [doctor for doctor in candidates if doctor is not None]


def doctor(session: Session, practitioner_id: int) -> Doctor:
    """Return a doctor. Raises NotFound for a practitioner with different hours."""
    matches = _doctors(session, Schedule.practitioner_id == practitioner_id)
    if not matches:
        raise NotFound
    return matches[0]


def open_doctor(
    session: Session, actor: Actor, details: DoctorDetails, *, zone: str, now: datetime
) -> Doctor:
    """Create a doctor; unknown locations become centres in the time zone ``zone``."""
    hours = check_hours(details.hours)
    person = directory.create_practitioner(session, actor, _person(details, Profession.GP), now=now)
    for centre in _centres(session, actor, details.locations, zone, now):
        _open(session, actor, person.id, centre, hours, now)
    return doctor(session, person.id)


def change_doctor(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    details: DoctorDetails,
    *,
    zone: str,
    now: datetime,
) -> Doctor:
    """Replace the details of a doctor. Raises HasAppointments if a removed location has upcoming
    appointments."""
    before = doctor(session, practitioner_id).practitioner
    hours = check_hours(details.hours)
    person = _person(details, Profession(before.profession), before)
    change_practitioner(session, actor, practitioner_id, person, now=now)
    centres = _centres(session, actor, details.locations, zone, now)
    schedule_ids = {
        place.centre_id: place.schedule_id
        for place in schedule_queries.practitioner_places(session, practitioner_id).values()
    }
    for centre_id in schedule_ids.keys() - {centre.id for centre in centres}:
        deactivate_schedule(session, actor, schedule_ids[centre_id], active=False, now=now)
    for centre in centres:
        if centre.id in schedule_ids:
            schedules.set_active(session, actor, schedule_ids[centre.id], True, now=now)
            schedules.set_hours(session, actor, schedule_ids[centre.id], hours, now=now)
        else:
            _open(session, actor, practitioner_id, centre, hours, now)
    session.flush()
    return doctor(session, practitioner_id)


def schedule_at(session: Session, practitioner_id: int, centre_id: int) -> Place:
    """Return the bookable schedule of a doctor at a location. Raises NotFound, with the field that
    is wrong: the doctor or the location."""
    places = schedule_queries.places(session, Schedule.practitioner_id == practitioner_id)
    if not places:
        raise NotFound("There is no such doctor.", field="doctor_id")
    for place in places.values():
        if place.centre_id == centre_id:
            return place
    raise NotFound("This doctor does not work there.", field="location_id")


def _doctor(pairs: Sequence[tuple[Schedule, Place]]) -> Doctor | None:
    hours = {place.hours for _, place in pairs}
    person = pairs[0][0].practitioner
    if len(hours) != 1 or person is None:
        return None
    in_order = sorted(pairs, key=lambda pair: pair[1].schedule_id)
    return Doctor(person, tuple(schedule.centre for schedule, _ in in_order), hours.pop())


def _person(
    details: DoctorDetails, profession: Profession, before: Practitioner | None = None
) -> PractitionerDetails:
    values = (
        {name: getattr(before, name) for name in PractitionerDetails.model_fields} if before else {}
    )
    return PractitionerDetails.model_validate(
        values | {"name": details.name, "profession": profession, "either_place": True}
    )


def _centres(
    session: Session, actor: Actor, locations: Iterable[str], zone: str, now: datetime
) -> list[Centre]:
    """Return the centres at these addresses, each once, in order; create those that are missing."""
    centres: dict[int, Centre] = {}
    for address in locations:
        centre = queries.centre_by(session, queries.is_text(Centre.address, address))
        centre = centre or queries.centre_by(session, queries.is_text(Centre.name, address))
        if centre is None:
            street, _, suburb = address.rpartition(",")
            details = CentreDetails(
                name=address,
                address=address,
                suburb=(suburb.strip() if street else address)[:100],
                type=CentreType.MEDICAL_CENTRE,
                time_zone=zone,
            )
            centre = directory.create_centre(session, actor, details, now=now)
        centres[centre.id] = centre
    return list(centres.values())


def _open(
    session: Session,
    actor: Actor,
    practitioner_id: int,
    centre: Centre,
    hours: Iterable[Weekly],
    now: datetime,
) -> None:
    schedules.open_schedule(
        session,
        actor,
        centre_id=centre.id,
        practitioner_id=practitioner_id,
        details=ScheduleDetails(slot_minutes=MINUTES),
        hours=hours,
        now=now,
    )
