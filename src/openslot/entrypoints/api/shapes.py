"""Response models that several operations share."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache, lru_cache
from itertools import repeat
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, TypeAdapter, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from openslot.booking.slots import Booker, Run
from openslot.booking.slots import Slot as FreeSlot
from openslot.core.folding import has_words, is_text
from openslot.directory.models import (
    Centre,
    Department,
    Mode,
    Patient,
    Practitioner,
    Service,
)
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import SHOWN, Shown
from openslot.entrypoints.free_for import booker_for
from openslot.schedules.availability import instant_of
from openslot.schedules.known import Bookable
from openslot.schedules.rules import Place

Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Id of a row in the directory."""

Suburb = Annotated[
    str | None, Field(max_length=100, description="Suburb of the centre; case does not matter.")
]


ForPatient = Annotated[
    UUID | None,
    Field(
        description="Return only slots that can be booked for this patient; needs the scope "
        "`appointments:read`. Defaults to you, if you are a patient and your token has that scope. "
        "Without a patient, all free slots of the schedules are returned."
    ),
]


class PractitionerRef(Shown):
    """A reference to a practitioner."""

    id: int
    name: str
    profession: str


class CentreRef(Shown):
    """A reference to a centre."""

    id: int
    name: str
    suburb: str
    time_zone: Annotated[str, Field(description="IANA name, for example Australia/Sydney.")]


class ServiceRef(Shown):
    """A reference to a service: of a department, or one that a practitioner offers."""

    id: int
    name: str
    department: str | None
    mode: Mode


class PatientRef(Shown):
    """A reference to a patient."""

    id: UUID
    name: str


@with_config(SHOWN)
class Slot(TypedDict):
    """A slot that can be booked now, in the time zone of the centre."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime
    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None
    places_left: Annotated[
        int | None, Field(description="Places left, for a service that several patients share.")
    ]


class Alternative(Shown):
    """A free slot near one that is taken."""

    schedule: int
    start: AwareDatetime
    end: AwareDatetime


def booker(patient: UUID | None) -> Booker | None:
    """Return who searches for slots and for which patient, as :data:`ForPatient` describes.

    Raises ScopeMissing or NotFound.
    """
    if patient is not None:
        bearer.demand("appointments:read")
    reads = bearer.holds("appointments:read")
    return booker_for(bearer.work(), patient, reads_appointments=reads)


def practitioner_ref(row: Practitioner | None) -> PractitionerRef | None:
    """Return a reference to the practitioner, if there is one."""
    if row is None:
        return None
    return _practitioner(id=row.id, name=row.name, profession=row.profession)


def centre_ref(row: Centre) -> CentreRef:
    """Return a reference to the centre."""
    return _centre(id=row.id, name=row.name, suburb=row.suburb, time_zone=row.time_zone)


def service_ref(row: Service | None, department: Department | None) -> ServiceRef | None:
    """Return a reference to the service, if there is one."""
    if row is None:
        return None
    name = department.name if department else None
    return _service(id=row.id, name=row.name, department=name, mode=row.mode)


_practitioner = lru_cache(maxsize=1024)(PractitionerRef)
_centre = lru_cache(maxsize=1024)(CentreRef)
_service = lru_cache(maxsize=1024)(ServiceRef)
"""References into the directory, which many answers share."""


def patient_ref(row: Patient | None) -> PatientRef | None:
    """Return a reference to the patient, if there is one."""
    return PatientRef(id=row.id, name=row.name) if row else None


def slots_shown(free: Sequence[FreeSlot], bookable: Mapping[int, Bookable]) -> list[Slot]:
    """Return free slots in the API's shape."""

    @cache
    def about(schedule_id: int, service_id: int | None) -> _About:
        return _about(bookable[schedule_id], service_id)

    return [
        Slot(
            schedule=one.schedule_id,
            start=one.start,
            end=one.end,
            **about(one.schedule_id, one.service_id),
            places_left=one.places_left,
        )
        for one in free
    ]


def slots_written(
    free: Iterable[Run], bookable: Mapping[int, Bookable], minutes: int | None
) -> str:
    """Return free slots in the API's shape, as JSON between commas. What those of a run have in
    common is written once, and repeated between their times."""

    known: dict[tuple[int, int | None, int | None], tuple[str, str]] = {}
    written = []
    for place, ticks, left in free:
        key = (place.schedule_id, place.service_id, left)
        if key not in known:
            known[key] = _around(bookable[place.schedule_id], place.service_id, left)
        before, after = known[key]
        length, zone = minutes or place.slot_minutes, place.zone.key
        times = map(_times, ticks, repeat(length), repeat(zone))
        written.append(f"{before}{f'{after},{before}'.join(times)}{after}")
    return ",".join(written)


def _around(bookable: Bookable, service_id: int | None, left: int | None) -> tuple[str, str]:
    """Return what is before and after the times of a slot as JSON."""
    about = _about(bookable, service_id)
    slot = Slot(schedule=bookable.subject.id, start=_ANY, end=_ANY, **about, places_left=left)
    before, _, after = _SLOT.dump_json(slot).decode().partition(_ANY_TIMES)
    return before, after


_SLOT = TypeAdapter(Slot)
_ANY = instant_of(0)
_ANY_TIMES = '"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:00Z"'


@lru_cache(maxsize=8192)
def _times(tick: int, minutes: int, zone_key: str) -> str:
    """Return the start and end of a slot as JSON."""
    start = instant_of(tick)
    ends = (start, start + timedelta(minutes=minutes))
    local = (instant.astimezone(ZoneInfo(zone_key)) for instant in ends)
    return '"start":{},"end":{}'.format(*(to_json(instant).decode() for instant in local))


class _About(TypedDict):
    """What the slots of a schedule for one service have in common."""

    practitioner: PractitionerRef | None
    centre: CentreRef
    service: ServiceRef | None


def _about(bookable: Bookable, service_id: int | None) -> _About:
    place, subject = bookable
    offered = _offered_ref(place, service_id)
    return _About(
        practitioner=practitioner_ref(subject.practitioner),
        centre=centre_ref(subject.centre),
        service=offered or service_ref(subject.service, subject.department),
    )


def _offered_ref(place: Place, service_id: int | None) -> ServiceRef | None:
    """Return a reference to a service that a schedule offers."""
    return next(
        (
            ServiceRef(id=one.service_id, name=one.name, department=None, mode=one.mode)
            for one in place.services
            if one.service_id == service_id
        ),
        None,
    )


def text_of(text: str | None, name: str | None, *columns: Any) -> list[Any]:
    """Return conditions: ``text`` is part of any column, ``name`` equals the first column."""
    conditions = [has_words(text or "", *columns)]
    if name:
        conditions.append(is_text(columns[0], name))
    return conditions
