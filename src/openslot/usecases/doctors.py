"""Doctors of the doctor-schedule service: a name, locations, and one week of hours.

A doctor is a practitioner with ``either_place``: the same hours at every location, and one
appointment at a time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.core.errors import NotFound
from openslot.core.fields import Details, Name
from openslot.core.folding import is_text
from openslot.core.work import Work
from openslot.directory import commands as directory
from openslot.directory import queries
from openslot.directory.details import CentreDetails, PractitionerDetails
from openslot.directory.models import Centre, CentreType, Practitioner
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.either_place import change_practitioner
from openslot.schedules.models import Schedule, StartsFrom
from openslot.schedules.rules import Place, check_hours
from openslot.usecases.deactivation import deactivate_schedule

MINUTES = 15
"""Length of an appointment with a doctor of this service, and the least with any other."""
PROFESSION = "GP"


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


def doctors(session: Session, *, after: int, limit: int) -> tuple[list[Doctor], list[int] | None]:
    """Return the doctors among the next ``limit`` practitioners after an id, in three statements,
    and the last of these ids if there are more.

    Doctors are those with the same weekly hours at all locations, in order of id.
    """
    ids = schedule_queries.bookable_people(session, after=after, limit=limit + 1)
    found = _doctors(session, Schedule.practitioner_id.in_(ids[:limit])) if ids else []
    return found, [ids[limit - 1]] if len(ids) > limit else None


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


def open_doctor(work: Work, details: DoctorDetails, *, zone: str) -> Doctor:
    """Create a doctor; unknown locations become centres in the time zone ``zone``."""
    hours = check_hours(details.hours)
    person = directory.create_practitioner(work, _person(details, PROFESSION))
    for centre in _centres(work, details.locations, zone):
        _open(work, person.id, centre, hours)
    return doctor(work.session, person.id)


def change_doctor(work: Work, practitioner_id: int, details: DoctorDetails, *, zone: str) -> Doctor:
    """Replace the details of a doctor. Raises HasAppointments if a removed location has upcoming
    appointments."""
    before = doctor(work.session, practitioner_id).practitioner
    hours = check_hours(details.hours)
    person = _person(details, before.profession, before)
    change_practitioner(work, practitioner_id, person)
    centres = _centres(work, details.locations, zone)
    schedule_ids = {
        place.centre_id: place.schedule_id
        for place in schedule_queries.practitioner_places(work.session, practitioner_id).values()
    }
    for centre_id in schedule_ids.keys() - {centre.id for centre in centres}:
        deactivate_schedule(work, schedule_ids[centre_id], active=False)
    for centre in centres:
        if centre.id in schedule_ids:
            schedules.set_active(work, schedule_ids[centre.id], True)
            schedules.set_hours(work, schedule_ids[centre.id], hours)
        else:
            _open(work, practitioner_id, centre, hours)
    work.session.flush()
    return doctor(work.session, practitioner_id)


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


def minutes_at(place: Place) -> int:
    """Return the length of an appointment: the shortest of the schedule, from MINUTES on."""
    return -(-MINUTES // place.slot_minutes) * place.slot_minutes


def _doctor(pairs: Sequence[tuple[Schedule, Place]]) -> Doctor | None:
    hours = {place.hours for _, place in pairs}
    person = pairs[0][0].practitioner
    if (
        len(hours) != 1
        or person is None
        or any(period.rule or period.services for period in pairs[0][1].hours)
    ):
        return None
    in_order = sorted(pairs, key=lambda pair: pair[1].schedule_id)
    return Doctor(person, tuple(schedule.centre for schedule, _ in in_order), hours.pop())


def _person(
    details: DoctorDetails, profession: str, before: Practitioner | None = None
) -> PractitionerDetails:
    values = (
        {name: getattr(before, name) for name in PractitionerDetails.model_fields} if before else {}
    )
    return PractitionerDetails.model_validate(
        values | {"name": details.name, "profession": profession, "either_place": True}
    )


def _centres(work: Work, locations: Iterable[str], zone: str) -> list[Centre]:
    """Return the centres at these addresses, each once, in order; create those that are missing."""
    centres: dict[int, Centre] = {}
    for address in locations:
        centre = queries.centre_by(work.session, is_text(Centre.address, address))
        centre = centre or queries.centre_by(work.session, is_text(Centre.name, address))
        if centre is None:
            street, _, suburb = address.rpartition(",")
            details = CentreDetails(
                name=address,
                address=address,
                suburb=(suburb.strip() if street else address)[:100],
                type=CentreType.MEDICAL_CENTRE,
                time_zone=zone,
            )
            centre = directory.create_centre(work, details)
        centres[centre.id] = centre
    return list(centres.values())


def _open(work: Work, practitioner_id: int, centre: Centre, hours: Iterable[Weekly]) -> None:
    schedules.open_schedule(
        work,
        centre_id=centre.id,
        practitioner_id=practitioner_id,
        details=ScheduleDetails(slot_minutes=MINUTES, starts_from=StartsFrom.MIDNIGHT),
        hours=hours,
    )
