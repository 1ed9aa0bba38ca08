"""What anybody may know of free times: SMART Scheduling Links, as lines of several files.

Published is what anybody can book by themselves. Specialists are left out, since patients reach
them with a referral only, and the guide wants no slot that needs something else first.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from openslot.booking.cells import Board, Cell, free_board
from openslot.booking.rules import needs_referral
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Profession
from openslot.discovery.offered import Bookable, Offered
from openslot.entrypoints.fhir import (
    healthcare_service,
    location,
    practitioner_role,
    schedule,
    slot,
)
from openslot.entrypoints.fhir.elements import TERMINOLOGY, Json, Site
from openslot.schedules.availability import DAY, EPOCH, Span, Window, bits, instant_of
from openslot.schedules.models import Schedule

SLOT = "Slot"

_REGISTRY = "http://fhir-registry.smarthealthit.org/StructureDefinition"
DEEP_LINK = f"{_REGISTRY}/booking-deep-link"
PHONE = f"{_REGISTRY}/booking-phone"

FORMAT = 1
"""Rises when lines change their shape, so that no copy of the old shape passes for new."""

SERVICE_TYPES: Mapping[str, tuple[str, str]] = {
    Profession.GP: ("124", "General Practice"),
    Profession.PHYSIOTHERAPIST: ("65", "Physiotherapy"),
    Profession.PATHOLOGIST: ("159", "Pathology - General"),
    Profession.PHARMACIST: ("64", "Pharmacy"),
    Profession.RADIOGRAPHER: ("209", "Diag. Radiology /Xray /CT /Fluoroscopy"),
    Profession.NURSE: ("59", "Nursing"),
    Profession.DENTIST: ("88", "General Dental"),
    Profession.PSYCHOLOGIST: ("142", "Psychology"),
    Profession.DIETITIAN: ("53", "Dietetics"),
}
"""Professions by HL7's codes of services (code system service-type)."""


@dataclass(frozen=True, slots=True)
class File:
    """The lines of one kind of resource; slots are those of ``region`` that start on ``day``,
    counted from 1 January 1970 UTC."""

    kind: str
    name: str
    regions: frozenset[str]
    day: int = 0

    @property
    def states(self) -> list[str]:
        """Where its places are, as far as that is known: NSW of AU-NSW, IE of IE."""
        found = {state or country for country, state in map(_parts, self.regions)}
        return sorted(found - {""})


@dataclass(frozen=True, slots=True)
class Edition:
    """All that can be booked by anybody, by schedule, and the directory's version."""

    version: int
    known: Mapping[int, Bookable]

    def files(self, now: datetime, days: int) -> list[File]:
        """The files there are: one of each kind, and slots by region and day, ``days`` ahead."""
        regions = sorted({_region(one) for one in self.known.values()})
        first, last = _day_of(now), _day_of(now + timedelta(days=days))
        return [
            *(File(kind, name, frozenset(regions)) for kind, (name, _) in _DIRECTORY.items()),
            *(_slots(region, day) for day in range(first, last + 1) for region in regions),
        ]

    def file(self, name: str, now: datetime, days: int) -> File | None:
        """The file of this name; also slots of the day before, which a manifest that was read
        a moment ago may name."""
        found = self.files(now - timedelta(days=1), days + 1)
        return next((one for one in found if one.name == name), None)

    def free(self, session: Session, file: File, now: datetime) -> Board:
        """The free cells of a file; two statements, none where it holds no slots."""
        if file.kind != SLOT:
            return Board(Window(0, 1))
        places = {key: one.place for key, one in self.known.items() if _region(one) in file.regions}
        # A slot may run on past midnight: one more day shows whether it is free.
        board = free_board(session, places, Window(file.day, 2), now=now)
        return board.within([Span(file.day * DAY, (file.day + 1) * DAY)])

    def tag(self, file: File, board: Board, site: Site) -> str:
        """A digest of all that the lines are made of: the same as long as they are."""
        said: list[object] = [FORMAT, site.base, file.name, self.version]
        if file.kind == "Schedule":
            said += _todays(self.known.values(), site)
        digest = hashlib.sha256(repr(said).encode())
        for (key, minutes, _), mask in sorted(board.masks.items()):
            digest.update(f"{key}/{minutes}/{mask:x};".encode())
        return digest.hexdigest()[:32]

    def lines(
        self, file: File, board: Board, site: Site, links: Mapping[int, str]
    ) -> Iterator[Json]:
        """The resources of a file; ``links`` lead to the page where a schedule is booked."""
        if file.kind == SLOT:
            return self._free_slots(board, site, links)
        _, show = _DIRECTORY[file.kind]
        return map(_closed, show(self.known.values(), site))

    def _free_slots(self, board: Board, site: Site, links: Mapping[int, str]) -> Iterator[Json]:
        for (key, minutes, use), mask in board.masks.items():
            subject = self.known[key].subject
            phone = [{"url": PHONE, "valueString": _phone(subject)}] if _phone(subject) else []
            for bit in bits(mask):
                cell = Cell(board.window.start + bit, key, minutes, use)
                start = f"{instant_of(cell.tick):%Y-%m-%dT%H:%M:%SZ}"
                link = {"url": DEEP_LINK, "valueUrl": f"{links[key]}?start={start}"}
                yield slot.show(slot.Row(cell, subject), site) | {"extension": [link, *phone]}


def edition(session: Session, offered: Offered) -> Edition:
    """What is published now; two statements while the directory stays as it is."""
    # The version first: lines may be newer than it says, never older.
    version = directory.version(session)
    known = offered.fresh(session)
    return Edition(
        version, {key: one for key, one in known.items() if not needs_referral(one.place)}
    )


def _region(one: Bookable) -> str:
    """Where it is, as the calendar of public holidays names it; empty where that is unknown."""
    return one.subject.centre.holiday_region or ""


def _parts(region: str) -> tuple[str, str]:
    """Country and state: AU and NSW of AU-NSW."""
    country, _, state = region.partition("-")
    return country, state


def _slots(region: str, day: int) -> File:
    written = (EPOCH + timedelta(days=day)).isoformat()
    name = "-".join(part for part in ("slots", region, written) if part)
    return File(SLOT, f"{name}.ndjson", frozenset({region}), day)


def _day_of(at: datetime) -> int:
    return int(at.timestamp()) // 86_400


def _todays(known: Iterable[Bookable], site: Site) -> list[tuple[str, date]]:
    """Today's date in each time zone: schedules say from when on they can be booked."""
    zones = {one.place.zone for one in known}
    return sorted((zone.key, site.now.astimezone(zone).date()) for zone in zones)


def _phone(subject: Schedule) -> str | None:
    """Whom to call to book."""
    service, department = subject.service, subject.department
    own = (service and service.phone) or (department and department.phone)
    return own or subject.centre.phone


def _locations(known: Iterable[Bookable], site: Site) -> Iterator[Json]:
    centres: dict[int, Centre] = {one.subject.centre.id: one.subject.centre for one in known}
    for centre in centres.values():
        shown = location.show(centre, site)
        country, state = _parts(centre.holiday_region or "")
        where = {"state": state, "country": country}
        shown["address"] |= {name: value for name, value in where.items() if value}
        yield shown


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
        shown["serviceType"] = shown.get("serviceType") or _profession(subject, site)
        yield shown


def _actors(shown: Iterable[Json], name: str) -> list[Json]:
    """Those that are published, each by name; the place first, since some read only that."""
    named = [{"display": name, **one} for one in shown if one["type"] in _DIRECTORY]
    return sorted(named, key=lambda one: str(one["type"]) != "Location")


def _profession(subject: Schedule, site: Site) -> list[Json]:
    """What a practitioner offers, by HL7's code where there is one, and by ours."""
    profession = subject.practitioner.profession if subject.practitioner else ""
    own = site.concept("specialty", profession)
    if own is None or profession not in SERVICE_TYPES:
        return [own] if own else []
    code, display = SERVICE_TYPES[profession]
    coding = {"system": f"{TERMINOLOGY}/service-type", "code": code, "display": display}
    return [own | {"coding": [coding, *own["coding"]]}]


_DIRECTORY: Mapping[str, tuple[str, Callable[[Iterable[Bookable], Site], Iterator[Json]]]] = {
    "Location": ("locations.ndjson", _locations),
    "PractitionerRole": ("practitioner-roles.ndjson", _roles),
    "HealthcareService": ("healthcare-services.ndjson", _services),
    "Schedule": ("schedules.ndjson", _schedules),
}
"""Each kind but slots: its file, and how its lines are made."""


def _closed(value: Any) -> Any:
    """The value without references to what is not published; of that only the name stays."""
    if isinstance(value, list):
        return [_closed(part) for part in value]
    if not isinstance(value, dict):
        return value
    kind = str(value.get("reference", "")).partition("/")[0]
    leads_out = bool(kind) and kind not in _DIRECTORY
    return {
        name: _closed(part)
        for name, part in value.items()
        if not (leads_out and name == "reference")
    }
