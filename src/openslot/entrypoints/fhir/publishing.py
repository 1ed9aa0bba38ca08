"""Public free slots as lines of files (SMART Scheduling Links).

Only slots that anyone can book are published. Specialists are left out, as they need a referral,
and the guide excludes slots with such conditions. A schedule that offers several services is
published once for each.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from openslot.booking.cells import Board, Cell, free_board
from openslot.booking.rules import needs_referral
from openslot.core.work import Work
from openslot.directory.changes import queries as directory_changes
from openslot.directory.models import BookableBy, Centre
from openslot.entrypoints.fhir import (
    healthcare_service,
    location,
    practitioner_role,
    schedule,
    slot,
    subject,
)
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.fhir.queries import services_of
from openslot.schedules import known
from openslot.schedules.availability import DAY, EPOCH, Span, Window, bits, instant_of
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Offered, Place

SLOT = "Slot"

_REGISTRY = "http://fhir-registry.smarthealthit.org/StructureDefinition"
DEEP_LINK = f"{_REGISTRY}/booking-deep-link"
PHONE = f"{_REGISTRY}/booking-phone"

FORMAT = 4
"""Version of the lines' format; increase it when they change, so that cached copies expire."""


_POSTAL_CODES: Mapping[str, str] = {
    "AU": "[0-9]{4}",
    "IE": "[A-Z][0-9][0-9W] ?[A-Z0-9]{4}",
    "NZ": "[0-9]{4}",
}
"""Postal codes, as they end an address, by country."""


@dataclass(frozen=True, slots=True)
class File:
    """A file with resources of one kind; slots are those of ``regions`` that start on ``day``.

    Days are counted from 1 January 1970 UTC.
    """

    kind: str
    name: str
    regions: frozenset[str]
    day: int = 0

    @property
    def states(self) -> list[str]:
        """The known states of its regions, or countries without states: NSW of AU-NSW, IE of IE."""
        states = {state or country for country, state in map(_parts, self.regions)}
        return sorted(states - {""})


@dataclass(frozen=True, slots=True)
class Published:
    """A schedule that anyone can book, for one service if it offers some."""

    place: Place
    subject: Schedule

    @property
    def key(self) -> str:
        """The id of its line: that of the schedule and, if it offers several, of the service."""
        schedule_id, service_id = self.place.schedule_id, self.place.service_id
        return f"{schedule_id}-{service_id}" if self.of_several else str(schedule_id)

    @property
    def of_several(self) -> bool:
        """Return whether the schedule offers more than one service."""
        return len(self.place.services) > 1


@dataclass(frozen=True, slots=True)
class Edition:
    """The schedules that anyone can book, the services that they offer, and the version of the
    directory."""

    version: int
    known: Sequence[Published]
    services: Mapping[int, healthcare_service.Row]

    def files(self, now: datetime, days: int) -> list[File]:
        """Return all files: one of each kind, and slots by region and day, ``days`` ahead."""
        regions = sorted(set(map(_region, self.known)))
        first, last = _day_of(now), _day_of(now + timedelta(days=days))
        return [
            *(File(kind, name, frozenset(regions)) for kind, (name, _) in _DIRECTORY.items()),
            *(_slots(region, day) for day in range(first, last + 1) for region in regions),
        ]

    def file(self, name: str, now: datetime, days: int) -> File | None:
        """Return the file with this name; slots of yesterday may be in a manifest read recently."""
        files = self.files(now - timedelta(days=1), days + 1)
        return next((file for file in files if file.name == name), None)

    def free(self, work: Work, file: File) -> Board:
        """Return the free cells of a file, with two statements; none if it has no slots."""
        if file.kind != SLOT:
            return Board(Window(0, 1))
        places = [one.place for one in self.known if _region(one) in file.regions]
        # A slot may end after midnight, so the next day is needed too.
        board = free_board(work, places, Window(file.day, 2))
        return board.within([Span(file.day * DAY, (file.day + 1) * DAY)])

    def tag(self, file: File, board: Board, site: Site) -> str:
        """Return an ETag: a digest of everything that the lines depend on."""
        inputs: list[object] = [FORMAT, site.base, file.name, self.version]
        if file.kind == "Schedule":
            inputs += _todays(self.known, site)
        digest = hashlib.sha256(repr(inputs).encode())
        for (key, minutes, service_id, _), mask in sorted(board.masks.items()):
            digest.update(f"{key}/{minutes}/{service_id}/{mask:x};".encode())
        return digest.hexdigest()[:32]

    def lines(
        self, file: File, board: Board, site: Site, links: Mapping[int, str]
    ) -> Iterator[Json]:
        """Return the resources of a file; ``links`` has the booking page of each schedule."""
        if file.kind == SLOT:
            return self._free_slots(board, site, links)
        _, show = _DIRECTORY[file.kind]
        return map(_without_private_links, show(self, site))

    def changed(self, schedule: Schedule, offered: Iterable[Offered]) -> datetime:
        """Return when a schedule or one of the services that it offers last changed."""
        services = (self.services[one.service_id].service for one in offered)
        return max([subject.changed(schedule), *(service.changed_at for service in services)])

    def _free_slots(self, board: Board, site: Site, links: Mapping[int, str]) -> Iterator[Json]:
        by_key = {(one.place.schedule_id, one.place.service_id or 0): one for one in self.known}
        for (schedule_id, minutes, service_id, use), mask in board.masks.items():
            one = by_key[schedule_id, service_id]
            phone = [{"url": PHONE, "valueString": _phone(one)}] if _phone(one) else []
            chosen = f"&service={service_id}" if one.of_several else ""
            service = one.place.offered or one.subject.service
            about = slot.about(one.subject, service, site)
            about["schedule"]["reference"] = f"Schedule/{one.key}"
            for bit in bits(mask):
                cell = Cell(board.window.start + bit, schedule_id, minutes, service_id, use)
                start = f"{instant_of(cell.tick):%Y-%m-%dT%H:%M:%SZ}"
                link = {"url": DEEP_LINK, "valueUrl": f"{links[schedule_id]}?start={start}{chosen}"}
                row = slot.Row(cell, one.subject, service, about)
                yield slot.show(row, site) | {"extension": [link, *phone]}


def edition(session: Session) -> Edition:
    """Return what is published now; three statements while the directory does not change."""
    # The version is read first: lines may be newer than it, but never older.
    version = directory_changes.version(session)
    public = [
        Published(place, bookable.subject)
        for bookable in known.bookable(session).values()
        for place in bookable.place.for_each()
        if place.bookable_by is BookableBy.PUBLIC and not needs_referral(place)
    ]
    offered = {one.place.service_id for one in public if one.place.service_id is not None}
    rows = services_of(session, offered) if offered else ()
    return Edition(version, public, {row[0].id: healthcare_service.Row(*row) for row in rows})


def _region(one: Published) -> str:
    """Return the holiday region of the centre, or an empty text if it is unknown."""
    return one.subject.centre.holiday_region or ""


def _parts(region: str) -> tuple[str, str]:
    """Return country and state: AU and NSW of AU-NSW."""
    country, _, state = region.partition("-")
    return country, state


def _slots(region: str, day: int) -> File:
    written = (EPOCH + timedelta(days=day)).isoformat()
    name = "-".join(part for part in ("slots", region, written) if part)
    return File(SLOT, f"{name}.ndjson", frozenset({region}), day)


def _day_of(at: datetime) -> int:
    return int(at.timestamp()) // 86_400


def _todays(published: Iterable[Published], site: Site) -> list[tuple[str, date]]:
    """Return today's date in each time zone, on which the horizon of schedules depends."""
    zones = {one.place.zone for one in published}
    return sorted((zone.key, site.now.astimezone(zone).date()) for zone in zones)


def _phone(one: Published) -> str | None:
    """Return the phone number for bookings."""
    service, department = one.subject.service, one.subject.department
    own = (service and service.phone) or (department and department.phone)
    return own or one.subject.centre.phone


def _locations(edition: Edition, site: Site) -> Iterator[Json]:
    centres = {one.subject.centre.id: one.subject.centre for one in edition.known}
    return (location_of(centre, site) for centre in centres.values())


def location_of(centre: Centre, site: Site) -> Json:
    """Return the centre with state, country and postal code, as far as they are known."""
    shown = location.show(centre, site)
    country, state = _parts(centre.holiday_region or "")
    postal_code = _postal_code(centre.address, country)
    region = {"state": state, "country": country, "postalCode": postal_code}
    shown["address"] |= {name: value for name, value in region.items() if value}
    return shown


def _postal_code(address: str | None, country: str) -> str | None:
    """Return the postal code at the end of an address, for countries whose form is known."""
    shape = _POSTAL_CODES.get(country)
    found = re.search(rf"(?:^|[\s,])({shape})$", (address or "").strip()) if shape else None
    return found[1] if found else None


def _roles(edition: Edition, site: Site) -> Iterator[Json]:
    of_people = {one.subject.id: one for one in edition.known if one.subject.practitioner}
    for one in of_people.values():
        offered = [each for each in one.place.services if each.service_id in edition.services]
        changed = edition.changed(one.subject, offered)
        row = practitioner_role.Row(one.subject, changed, one.place.hours, offered)
        yield practitioner_role.show(row, site)


def _services(edition: Edition, site: Site) -> Iterator[Json]:
    own = {
        one.subject.service.id: healthcare_service.Row(
            one.subject.service, one.subject.department, one.subject.centre
        )
        for one in edition.known
        if one.subject.service is not None
    }
    for row in {**own, **edition.services}.values():
        yield healthcare_service.show(row, site)


def _schedules(edition: Edition, site: Site) -> Iterator[Json]:
    for one in edition.known:
        offered = [one.place.offered] if one.place.offered else []
        row = schedule.Row(one.subject, edition.changed(one.subject, offered), offered)
        shown = schedule.show(row, site)
        shown |= {"id": one.key, "actor": _actors(shown["actor"], one.subject.name)}
        yield shown


def _actors(shown: Iterable[Json], name: str) -> list[Json]:
    """Return the published actors with names; Location first, as some clients read only that."""
    actors = [{"display": name, **actor} for actor in shown if actor["type"] in _DIRECTORY]
    return sorted(actors, key=lambda actor: str(actor["type"]) != "Location")


_DIRECTORY: Mapping[str, tuple[str, Callable[[Edition, Site], Iterator[Json]]]] = {
    "Location": ("locations.ndjson", _locations),
    "PractitionerRole": ("practitioner-roles.ndjson", _roles),
    "HealthcareService": ("healthcare-services.ndjson", _services),
    "Schedule": ("schedules.ndjson", _schedules),
}
"""The file of each kind but slots, and the function that makes its resources."""


def _without_private_links(value: Any) -> Any:
    """Return the value without references to resources that are not published; names stay."""
    if isinstance(value, list):
        return [_without_private_links(part) for part in value]
    if not isinstance(value, dict):
        return value
    kind = str(value.get("reference", "")).partition("/")[0]
    is_private = bool(kind) and kind not in _DIRECTORY
    return {
        name: _without_private_links(part)
        for name, part in value.items()
        if not (is_private and name == "reference")
    }
