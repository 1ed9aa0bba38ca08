"""Selects of the whole directory for the search: four statements for each version of it, and one
more for every few hundred schedules."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.orm import Session, load_only

from openslot.core import keyset
from openslot.directory.models import (
    BookableBy,
    Centre,
    Department,
    Gender,
    Mode,
    Practitioner,
    Service,
)
from openslot.schedules.models import OfferedService, Schedule
from openslot.schedules.queries import bookable
from openslot.search.nearby import Site, Spot

Kind = Literal["practitioner", "centre", "department"]
EntryKey = tuple[Kind, int]

INSIDE = (BookableBy.COLLEAGUES, BookableBy.REQUEST)
"""Services that no patient books are not searched for."""

SHOWN = (
    Practitioner.name,
    Practitioner.expertise,
    Practitioner.languages,
    Practitioner.gender,
)
"""What is read of practitioners."""


class Offer(NamedTuple):
    """A service that a schedule offers to patients, or, without an id, what its own times are."""

    service_id: int | None
    name: str
    mode: Mode = Mode.IN_PERSON
    is_for_known: bool = False


PLAIN = Offer(None, "")
"""What times are that are of no service."""


class Called(NamedTuple):
    """A profession or a department's service, with other words that people say for it."""

    name: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """A schedule of an entry, with its centre and its owner.

    ``name`` and ``about`` are the practitioner and their profession, or the service and its
    department; ``said`` has other words for the profession. ``own`` is what its times are if it
    offers no ``services``, and ``usual_service`` the one whose times are asked for if a search
    names none; None is the first that the schedule offers.
    """

    schedule_id: int
    centre_id: int
    centre: str
    centre_type: str
    suburb: str
    time_zone: str
    name: str
    about: str
    said: str = ""
    expertise: str = ""
    languages: str = ""
    gender: Gender | None = None
    practitioner_id: int | None = None
    services: tuple[Offer, ...] = ()
    own: Offer = PLAIN
    usual_service: int | None = None

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Return all that can be booked there."""
        return self.services or (self.own,)

    def service_name(self, service_id: int | None) -> str:
        """Return the name of a service that the schedule offers, or an empty text."""
        return next((one.name for one in self.services if one.service_id == service_id), "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A practitioner, centre or department, with everything that the search shows of it."""

    kind: Kind
    id: int
    name: str
    subtitle: str
    said: str = ""
    places: tuple[Where, ...] = ()
    expertise: str = ""
    languages: str = ""
    gender: Gender | None = None
    address: str = ""
    suburb: str = ""
    centre: str = ""
    offers: tuple[Called, ...] = ()
    needs_referral: bool = False
    centre_id: int | None = None

    @property
    def centre_ids(self) -> frozenset[int]:
        """Return the centre that this is or belongs to, or all where a practitioner works."""
        if self.centre_id is not None:
            return frozenset({self.centre_id})
        return frozenset(place.centre_id for place in self.places)

    def place(self, schedule_id: int) -> Where:
        """Return one of the entry's schedules by its id."""
        return next(place for place in self.places if place.schedule_id == schedule_id)


def entries(session: Session) -> Iterator[Entry]:
    """Yield everything active, by kind and name."""
    practitioners: dict[int, Entry] = {}
    centres: dict[int, Entry] = {}
    departments: dict[int, Entry] = {}
    active = select(Centre).where(Centre.active.is_(True)).order_by(Centre.name)
    by_id = {centre.id: centre for centre in session.scalars(active)}
    for centre in by_id.values():
        centres[centre.id] = Entry(
            "centre",
            centre.id,
            centre.name,
            centre.type,
            address=centre.address or "",
            suburb=centre.suburb,
            centre_id=centre.id,
        )
    for department, centre in session.execute(
        select(Department, Centre)
        .join(Centre, Centre.id == Department.centre_id)
        .where(Department.active.is_(True), Centre.active.is_(True))
        .order_by(Department.name)
    ):
        departments[department.id] = Entry(
            "department",
            department.id,
            department.name,
            centre.name,
            suburb=centre.suburb,
            centre=centre.name,
            centre_id=centre.id,
        )
    offered = _offered(session)
    found: list[tuple[Where, Entry | int]] = []
    for schedule_id, centre_id, practitioner, service, department in _schedules(session):
        centre = by_id[centre_id]
        place = Where(
            schedule_id,
            centre.id,
            centre.name,
            centre.type,
            centre.suburb,
            centre.time_zone,
            name=practitioner.name if practitioner else service.name,
            about=practitioner.profession_name if practitioner else department.name,
            said=practitioner.profession_row.said if practitioner else "",
            expertise=(practitioner.expertise if practitioner else None) or "",
            languages=practitioner.languages if practitioner else "",
            gender=practitioner.gender if practitioner else None,
            practitioner_id=practitioner.id if practitioner else None,
            services=tuple(offered[schedule_id]),
            own=_offer(None, service) if service else PLAIN,
        )
        found.append((place, _practitioner(practitioner) if practitioner else department.id))
    for place, owner in sorted(found, key=_order):
        if isinstance(owner, int):
            _extend(centres, place.centre_id, place)
            _extend(departments, owner, place, Called(place.name))
            continue
        practitioners.setdefault(owner.id, owner)
        _extend(practitioners, owner.id, place)
        _extend(centres, place.centre_id, place, Called(place.about, place.said))
    yield from practitioners.values()
    yield from centres.values()
    yield from departments.values()


def _schedules(session: Session) -> Iterator[Row[int, int, Practitioner, Service, Department]]:
    """Yield what can be booked, some at a time: all of ten thousand would take 30 MB meanwhile."""
    query = (
        select(Schedule.id, Schedule.centre_id, Practitioner, Service, Department)
        .join(Centre, Centre.id == Schedule.centre_id)
        .outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .outerjoin(Department, Department.id == Service.department_id)
        .where(*bookable())
        .options(load_only(*SHOWN))
    )
    after: keyset.Key | None = None
    while rows := session.execute(keyset.page(query, [Schedule.id], after, keyset.AT_ONCE)).all():
        yield from rows
        after = [rows[-1].id]


def _order(found: tuple[Where, Entry | int]) -> tuple[bool, str, int]:
    """Practitioners come first, by name, and then services."""
    place, _ = found
    return place.practitioner_id is None, place.name, place.schedule_id


def sites(session: Session) -> Iterator[Site]:
    """Yield where each active centre is."""
    query = select(
        Centre.id, Centre.suburb, Centre.address, Centre.latitude, Centre.longitude
    ).where(Centre.active.is_(True))
    for centre_id, suburb, address, latitude, longitude in session.execute(query):
        spot = None if latitude is None or longitude is None else Spot(latitude, longitude)
        yield Site(centre_id, suburb, address or "", spot)


def _offered(session: Session) -> defaultdict[int, list[Offer]]:
    """Return what each schedule offers to patients, in its order."""
    query = (
        select(OfferedService.schedule_id, Service)
        .join(Service)
        .where(Service.active.is_(True), Service.bookable_by.not_in(INSIDE))
        .order_by(OfferedService.schedule_id, OfferedService.position)
    )
    offered: defaultdict[int, list[Offer]] = defaultdict(list)
    for schedule_id, service in session.execute(query):
        offered[schedule_id].append(_offer(service.id, service))
    return offered


def _offer(service_id: int | None, service: Service) -> Offer:
    is_for_known = service.bookable_by is BookableBy.KNOWN
    return Offer(service_id, service.name, service.mode, is_for_known)


def _practitioner(practitioner: Practitioner) -> Entry:
    return Entry(
        "practitioner",
        practitioner.id,
        practitioner.name,
        practitioner.profession_name,
        said=practitioner.profession_row.said,
        expertise=practitioner.expertise or "",
        languages=practitioner.languages,
        gender=practitioner.gender,
        needs_referral=practitioner.needs_referral,
    )


def _extend(entries: dict[int, Entry], key: int, place: Where, offer: Called | None = None) -> None:
    """Add a schedule, and what it offers, to an entry."""
    entry = entries[key]
    offers = entry.offers if offer is None or offer in entry.offers else (*entry.offers, offer)
    entries[key] = replace(entry, places=(*entry.places, place), offers=offers)
