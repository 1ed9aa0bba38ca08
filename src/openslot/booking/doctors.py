"""Doctors as the doctor-schedule service knows them: a name, places, and one week of hours.

A doctor is a practitioner who works at either place: the same hours at every location, and one
appointment at a time. Everything else here sees them like anybody.
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
"""How long an appointment to a doctor of this service takes."""


class DoctorDetails(Details):
    """A doctor as a program enters it; ``hours`` hold at every location."""

    name: Name
    locations: tuple[Name, ...]
    hours: tuple[Weekly, ...]


@dataclass(frozen=True, slots=True)
class Doctor:
    """A practitioner with the locations in order of their schedules, and their hours."""

    practitioner: Practitioner
    locations: tuple[Centre, ...]
    hours: tuple[Weekly, ...]


def doctors(session: Session, *, after: int = 0, limit: int | None = None) -> list[Doctor]:
    """Those whose hours are the same wherever they work, by id; two statements."""
    return _doctors(
        session, Schedule.practitioner_id.is_not(None), Schedule.practitioner_id > after
    )[:limit]


def _doctors(session: Session, *of_people: Condition) -> list[Doctor]:
    people: dict[int, list[tuple[Schedule, Place]]] = {}
    places = schedule_queries.places(session, *of_people)
    for subject in schedule_queries.subjects(session, *schedule_queries.bookable(), *of_people):
        place = places.get(subject.id)
        if subject.practitioner is not None and place is not None:
            people.setdefault(subject.practitioner.id, []).append((subject, place))
    found = (_doctor(pairs) for _, pairs in sorted(people.items()))
    return [one for one in found if one is not None]


def doctor(session: Session, practitioner_id: int) -> Doctor:
    """One of them; NotFound for who is none."""
    found = _doctors(session, Schedule.practitioner_id == practitioner_id)
    if not found:
        raise NotFound
    return found[0]


def open_doctor(
    session: Session, actor: Actor, details: DoctorDetails, *, zone: str, now: datetime
) -> Doctor:
    """A new doctor; locations that are not known yet become centres in ``zone``."""
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
    """Put new details in the place of the old. HasAppointments where a location goes that has
    appointments to come."""
    known = doctor(session, practitioner_id)
    hours = check_hours(details.hours)
    person = _person(details, Profession(known.practitioner.profession), known.practitioner)
    change_practitioner(session, actor, practitioner_id, person, now=now)
    wanted = _centres(session, actor, details.locations, zone, now)
    own = {
        place.centre_id: place.schedule_id
        for place in schedule_queries.practitioner_places(session, practitioner_id).values()
    }
    for centre_id in own.keys() - {centre.id for centre in wanted}:
        deactivate_schedule(session, actor, own[centre_id], active=False, now=now)
    for centre in wanted:
        if centre.id in own:
            schedules.set_active(session, actor, own[centre.id], True, now=now)
            schedules.set_hours(session, actor, own[centre.id], hours, now=now)
        else:
            _open(session, actor, practitioner_id, centre, hours, now)
    session.flush()
    return doctor(session, practitioner_id)


def schedule_at(session: Session, practitioner_id: int, centre_id: int) -> Place:
    """Where a doctor's appointments at a location are booked; NotFound, which names the one of the
    two that is to blame, where nobody is such a doctor or they do not work there."""
    found = schedule_queries.places(session, Schedule.practitioner_id == practitioner_id)
    if not found:
        raise NotFound("There is no such doctor.", field="doctor_id")
    for place in found.values():
        if place.centre_id == centre_id:
            return place
    raise NotFound("This doctor does not work there.", field="location_id")


def _doctor(pairs: Sequence[tuple[Schedule, Place]]) -> Doctor | None:
    hours = {place.hours for _, place in pairs}
    person = pairs[0][0].practitioner
    if len(hours) != 1 or person is None:
        return None
    in_order = sorted(pairs, key=lambda pair: pair[1].schedule_id)
    return Doctor(person, tuple(subject.centre for subject, _ in in_order), hours.pop())


def _person(
    details: DoctorDetails, profession: Profession, known: Practitioner | None = None
) -> PractitionerDetails:
    values = (
        {name: getattr(known, name) for name in PractitionerDetails.model_fields} if known else {}
    )
    return PractitionerDetails.model_validate(
        values | {"name": details.name, "profession": profession, "either_place": True}
    )


def _centres(
    session: Session, actor: Actor, locations: Iterable[str], zone: str, now: datetime
) -> list[Centre]:
    """The centres at these addresses, each once, in order."""
    found: dict[int, Centre] = {}
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
        found[centre.id] = centre
    return list(found.values())


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
