"""The invented centres and departments, and the practitioners with their hours."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from openslot.core.actor import Role
from openslot.core.folding import folded
from openslot.core.work import Work
from openslot.directory import commands as directory
from openslot.directory.details import (
    CentreDetails,
    DepartmentDetails,
    PractitionerDetails,
    ProfessionDetails,
    ServiceDetails,
)
from openslot.directory.models import (
    BookableBy,
    Centre,
    CentreType,
    Gender,
    Mode,
    RoomKind,
    Service,
)
from openslot.directory.queries import centres as all_centres
from openslot.directory.queries import departments_of_all, services
from openslot.identity import commands as identity
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account
from openslot.importers.writing import USUAL_HOURS
from openslot.questions.commands import QuestionDetails, set_questions
from openslot.resources.commands import (
    GroupDetails,
    NeedDetails,
    RoomDetails,
    create_group,
    create_room,
    set_needs,
)
from openslot.schedules import commands as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import Offering, ScheduleDetails
from openslot.schedules.models import Schedule
from openslot.schedules.queries import places
from openslot.schedules.rules import parse_clock

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Part(BaseModel):
    """A part of the file; unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InventedDepartment(Part):
    """A department with its services; some ``needs`` groups of the centre's equipment, by name, or
    professions."""

    name: str
    description: str
    phone: str
    email: str
    services: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]] = {}


class InventedCentre(Part):
    """A centre; ``region`` decides its public holidays. ``equipment`` are groups of machines."""

    name: str
    type: CentreType
    suburb: str
    zone: str
    region: str
    address: str
    phone: str
    number: str
    description: str
    departments: tuple[InventedDepartment, ...] = ()
    equipment: Mapping[str, tuple[str, ...]] = {}


class InventedPractitioner(Part):
    """A practitioner; ``places`` are the names of a pattern of hours by centre, ``rooms`` those
    of the room where they see patients there."""

    name: str
    profession: str
    languages: str
    places: Mapping[str, str]
    about: str
    slot: int
    step: int | None = None
    notice: int = 0
    expertise: str | None = None
    either_place: bool = False
    gender: Gender | None = None
    rooms: Mapping[str, str] = {}


class InventedService(Part):
    """A service that practitioners of a profession offer; ``minutes`` is missing for the one that
    is as long as their slots. Times ``before`` and ``after`` are preparation and clean-up."""

    name: str
    profession: str
    minutes: int | None = None
    before: int = 0
    after: int = 0
    places: int = 1
    mode: Mode = Mode.IN_PERSON
    video_url: str | None = None
    instructions: str | None = None
    price: str | None = None
    bookable_by: BookableBy = BookableBy.PUBLIC
    questions: tuple[QuestionDetails, ...] = ()


class InventedPatient(Part):
    """A patient, who goes to centres in the time zone ``zone``."""

    name: str
    born: date
    language: str
    zone: str


class InventedNeighbours(Part):
    """Patients whom practices registered: ``count`` names of ``given`` and ``family`` names."""

    zone: str
    count: int
    given: tuple[str, ...]
    family: tuple[str, ...]


class Invented(Part):
    """The whole file; ``spots`` are the latitude and longitude of suburbs, ``open_services`` what
    patients book, ``reasons`` those of appointments, by service, profession or "service", and
    ``mothers`` the patients of midwives. ``hours`` are those of imported practitioners, by email.
    """

    professions: tuple[ProfessionDetails, ...]
    spots: Mapping[str, tuple[float, float]]
    centres: tuple[InventedCentre, ...]
    patterns: Mapping[str, Mapping[str, str]]
    practitioners: tuple[InventedPractitioner, ...]
    services: tuple[InventedService, ...]
    patients: tuple[InventedPatient, ...]
    neighbours: tuple[InventedNeighbours, ...]
    mothers: frozenset[str]
    hours: Mapping[str, str]
    open_services: frozenset[str]
    reasons: Mapping[str, tuple[str, ...]]


def read_invented(file: Path) -> Invented:
    """Return the contents of the file."""
    return Invented.model_validate_json(file.read_bytes())


def email_of(name: str, domain: str) -> str:
    """Return an email address for an invented person."""
    local = folded(name).replace(" ", ".")
    return f"{local}@{domain}"


def open_account(work: Work, email: str, name: str, role: Role, password_hash: str) -> Account:
    """Create an account that was confirmed long ago; most were signed in to lately, a few never."""
    joined, days = work.now - timedelta(days=200), sum(email.encode()) % 40
    new = NewAccount(email, name, password_hash, role, confirmed_at=joined)
    account = identity.create_account(work, new)
    account.created_at = joined
    account.signed_in_at = work.now - timedelta(days=days) if days else None
    return account


def write_network(work: Work, invented: Invented, password_hash: str) -> None:
    """Write the professions that are added, centres with departments, then practitioners with
    accounts and schedules."""
    for profession in invented.professions:
        directory.create_profession(work, profession)
    centres = {centre.name: _write_centre(work, centre) for centre in invented.centres}
    offered: dict[str, list[Offering]] = {}
    for invented_service in invented.services:
        service = _write_service(work, invented_service)
        offering = Offering(service_id=service.id, minutes=invented_service.minutes)
        offered.setdefault(invented_service.profession, []).append(offering)
    for number, practitioner in enumerate(invented.practitioners):
        for schedule in _write_practitioner(
            work, practitioner, number, password_hash, centres, invented
        ):
            offerings = [
                one.model_copy(update={"minutes": one.minutes or practitioner.slot})
                for one in offered.get(practitioner.profession, ())
            ]
            schedules.offer_services(work, schedule.id, offerings)


def _write_service(work: Work, invented_service: InventedService) -> Service:
    details = ServiceDetails(
        name=invented_service.name,
        minutes=invented_service.minutes or 30,
        minutes_before=invented_service.before,
        minutes_after=invented_service.after,
        places=invented_service.places,
        mode=invented_service.mode,
        video_url=invented_service.video_url,
        instructions=invented_service.instructions,
        price=invented_service.price,
        bookable_by=invented_service.bookable_by,
    )
    service = directory.create_offered_service(work, None, details)
    set_questions(work, service.id, invented_service.questions)
    return service


def set_hours(work: Work, invented: Invented) -> None:
    """Give imported practitioners hours with breaks: their file names one period for each day."""
    for place in places(work.session).values():
        pattern = invented.hours.get(place.practitioner_email or "")
        if pattern:
            schedules.set_hours(work, place.schedule_id, _hours(invented.patterns[pattern]))


def put_on_map(work: Work, spots: Mapping[str, tuple[float, float]]) -> None:
    """Give every centre the position of its suburb."""
    for centre in all_centres(work.session):
        latitude, longitude = spots[centre.suburb]
        details = CentreDetails.model_validate(centre, from_attributes=True)
        details = details.model_copy(update={"latitude": latitude, "longitude": longitude})
        directory.change_centre(work, centre.id, details)


def open_to_patients(work: Work, names: frozenset[str]) -> None:
    """Let patients book the services of these names at every centre."""
    department_ids = [
        department.id for _, department in departments_of_all(work.session) if department
    ]
    for service in services(work.session, department_ids):
        if service.name in names:
            details = ServiceDetails.model_validate(service, from_attributes=True)
            details = details.model_copy(update={"bookable_by": BookableBy.PUBLIC})
            directory.change_service(work, service.id, details)


def _write_centre(work: Work, invented_centre: InventedCentre) -> Centre:
    details = CentreDetails(
        name=invented_centre.name,
        type=invented_centre.type,
        suburb=invented_centre.suburb,
        time_zone=invented_centre.zone,
        address=invented_centre.address,
        phone=invented_centre.phone,
        email=f"reception@{folded(invented_centre.name).replace(' ', '-')}.example",
        business_number=invented_centre.number,
        description=invented_centre.description,
        holiday_region=invented_centre.region,
    )
    centre = directory.create_centre(work, details)
    groups = {
        name: NeedDetails(group=_write_group(work, centre.id, name, machines))
        for name, machines in invented_centre.equipment.items()
    }
    for department in invented_centre.departments:
        _write_department(work, department, centre, groups)
    return centre


def _write_group(work: Work, centre_id: int, name: str, machines: Iterable[str]) -> int:
    rooms = [
        create_room(work, centre_id, RoomDetails(name=machine, kind=RoomKind.DEVICE))
        for machine in machines
    ]
    details = GroupDetails(name=name, resources=tuple(room.id for room in rooms))
    return create_group(work, centre_id, details).id


def _write_department(
    work: Work,
    invented_department: InventedDepartment,
    centre: Centre,
    groups: Mapping[str, NeedDetails],
) -> None:
    details = DepartmentDetails(
        name=invented_department.name,
        description=invented_department.description,
        phone=invented_department.phone,
        email=invented_department.email,
    )
    department = directory.create_department(work, centre.id, details)
    for name in invented_department.services:
        values = ServiceDetails(name=name, bookable_by=BookableBy.REQUEST)
        service = directory.create_service(work, department.id, values)
        schedules.open_schedule(
            work,
            centre_id=centre.id,
            service_id=service.id,
            details=ScheduleDetails(),
            hours=USUAL_HOURS,
        )
        needs = [
            groups.get(one) or NeedDetails(profession=one)
            for one in invented_department.needs.get(name, ())
        ]
        if needs:
            set_needs(work, service.id, needs)


def _write_practitioner(
    work: Work,
    invented_practitioner: InventedPractitioner,
    number: int,
    password_hash: str,
    centres: Mapping[str, Centre],
    invented: Invented,
) -> list[Schedule]:
    """Write a practitioner with an account, and return the schedules."""
    email = email_of(invented_practitioner.name, "example.org")
    account = open_account(
        work, email, invented_practitioner.name, Role.PRACTITIONER, password_hash
    )
    details = PractitionerDetails(
        name=invented_practitioner.name,
        profession=invented_practitioner.profession,
        expertise=invented_practitioner.expertise,
        provider_number=f"DEMO{number:04}",
        phone=f"02 7010 {1000 + number}",
        email=email,
        languages=invented_practitioner.languages,
        gender=invented_practitioner.gender,
        about=invented_practitioner.about,
        either_place=invented_practitioner.either_place,
    )
    practitioner = directory.create_practitioner(work, details, account_id=account.id)
    return [
        schedules.open_schedule(
            work,
            centre_id=centres[centre].id,
            practitioner_id=practitioner.id,
            details=ScheduleDetails(
                slot_minutes=invented_practitioner.slot,
                step_minutes=invented_practitioner.step,
                notice_minutes=invented_practitioner.notice,
                room=invented_practitioner.rooms.get(centre),
            ),
            hours=_hours(invented.patterns[pattern]),
        )
        for centre, pattern in invented_practitioner.places.items()
    ]


def _hours(pattern: Mapping[str, str]) -> Iterator[Weekly]:
    """Yield ``{"Mon-Fri": "08:30-12:30 13:30-17:30"}`` as periods; days can also be a rule, as in
    ``{"FREQ=MONTHLY;BYDAY=1SA": "09:00-12:00"}``."""
    for days, periods in pattern.items():
        for period in periods.split():
            starts, ends = map(parse_clock, period.split("-"))
            if days.startswith("FREQ="):
                yield Weekly(0, starts, ends, rule=days)
            else:
                yield from (Weekly(day, starts, ends) for day in _days(days))


def _days(text: str) -> Iterator[int]:
    """Yield the weekdays of ``Mon-Fri`` or ``Tue Thu``."""
    for part in text.split():
        first, _, last = part.partition("-")
        yield from range(_DAYS.index(first), _DAYS.index(last or first) + 1)
