"""Public free slots as lines of files (SMART Scheduling Links).

Only slots that anyone can book are published. Specialists are left out, as they need a referral,
and the guide excludes slots with such conditions.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from openslot.booking.cells import Board, Cell, free_board
from openslot.booking.rules import needs_referral
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Centre
from openslot.entrypoints.fhir import (
    healthcare_service,
    location,
    practitioner_role,
    schedule,
    slot,
)
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.schedules import known
from openslot.schedules.availability import DAY, EPOCH, Span, Window, bits, instant_of
from openslot.schedules.known import Bookable
from openslot.schedules.models import Schedule

SLOT = "Slot"

_REGISTRY = "http://fhir-registry.smarthealthit.org/StructureDefinition"
DEEP_LINK = f"{_REGISTRY}/booking-deep-link"
PHONE = f"{_REGISTRY}/booking-phone"

FORMAT = 3
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
class Edition:
    """The schedules that anyone can book, and the version of the directory."""

    version: int
    known: Mapping[int, Bookable]

    def files(self, now: datetime, days: int) -> list[File]:
        """Return all files: one of each kind, and slots by region and day, ``days`` ahead."""
        regions = sorted({_region(bookable) for bookable in self.known.values()})
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
        places = {
            schedule_id: bookable.place
            for schedule_id, bookable in self.known.items()
            if _region(bookable) in file.regions
        }
        # A slot may end after midnight, so the next day is needed too.
        board = free_board(work, places, Window(file.day, 2))
        return board.within([Span(file.day * DAY, (file.day + 1) * DAY)])

    def tag(self, file: File, board: Board, site: Site) -> str:
        """Return an ETag: a digest of everything that the lines depend on."""
        inputs: list[object] = [FORMAT, site.base, file.name, self.version]
        if file.kind == "Schedule":
            inputs += _todays(self.known.values(), site)
        digest = hashlib.sha256(repr(inputs).encode())
        for (key, minutes, _), mask in sorted(board.masks.items()):
            digest.update(f"{key}/{minutes}/{mask:x};".encode())
        return digest.hexdigest()[:32]

    def lines(
        self, file: File, board: Board, site: Site, links: Mapping[int, str]
    ) -> Iterator[Json]:
        """Return the resources of a file; ``links`` has the booking page of each schedule."""
        if file.kind == SLOT:
            return self._free_slots(board, site, links)
        _, show = _DIRECTORY[file.kind]
        return map(_without_private_links, show(self.known.values(), site))

    def _free_slots(self, board: Board, site: Site, links: Mapping[int, str]) -> Iterator[Json]:
        for (key, minutes, use), mask in board.masks.items():
            subject = self.known[key].subject
            phone = [{"url": PHONE, "valueString": _phone(subject)}] if _phone(subject) else []
            for bit in bits(mask):
                cell = Cell(board.window.start + bit, key, minutes, use)
                start = f"{instant_of(cell.tick):%Y-%m-%dT%H:%M:%SZ}"
                link = {"url": DEEP_LINK, "valueUrl": f"{links[key]}?start={start}"}
                yield slot.show(slot.Row(cell, subject), site) | {"extension": [link, *phone]}


def edition(session: Session) -> Edition:
    """Return what is published now; two statements while the directory does not change."""
    # The version is read first: lines may be newer than it, but never older.
    version = directory.version(session)
    public = {
        schedule_id: bookable
        for schedule_id, bookable in known.bookable(session).items()
        if bookable.place.is_public and not needs_referral(bookable.place)
    }
    return Edition(version, public)


def _region(bookable: Bookable) -> str:
    """Return the holiday region of the centre, or an empty text if it is unknown."""
    return bookable.subject.centre.holiday_region or ""


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


def _todays(known: Iterable[Bookable], site: Site) -> list[tuple[str, date]]:
    """Return today's date in each time zone, on which the horizon of schedules depends."""
    zones = {bookable.place.zone for bookable in known}
    return sorted((zone.key, site.now.astimezone(zone).date()) for zone in zones)


def _phone(subject: Schedule) -> str | None:
    """Return the phone number for bookings."""
    service, department = subject.service, subject.department
    own = (service and service.phone) or (department and department.phone)
    return own or subject.centre.phone


def _locations(known: Iterable[Bookable], site: Site) -> Iterator[Json]:
    centres: dict[int, Centre] = {
        bookable.subject.centre.id: bookable.subject.centre for bookable in known
    }
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


def _roles(known: Iterable[Bookable], site: Site) -> Iterator[Json]:
    for place, subject in known:
        if subject.practitioner is not None:
            yield practitioner_role.show(practitioner_role.Row(subject, place.hours), site)


def _services(known: Iterable[Bookable], site: Site) -> Iterator[Json]:
    for _, subject in known:
        if subject.service is not None and subject.department is not None:
            row = healthcare_service.Row(subject.service, subject.department, subject.centre)
            yield healthcare_service.show(row, site)


def _schedules(known: Iterable[Bookable], site: Site) -> Iterator[Json]:
    for _, subject in known:
        shown = schedule.show(subject, site)
        shown["actor"] = _actors(shown["actor"], subject.name)
        yield shown


def _actors(shown: Iterable[Json], name: str) -> list[Json]:
    """Return the published actors with names; Location first, as some clients read only that."""
    actors = [{"display": name, **actor} for actor in shown if actor["type"] in _DIRECTORY]
    return sorted(actors, key=lambda actor: str(actor["type"]) != "Location")


_DIRECTORY: Mapping[str, tuple[str, Callable[[Iterable[Bookable], Site], Iterator[Json]]]] = {
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
